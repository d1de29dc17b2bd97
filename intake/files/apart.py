"""Files of strangers are taken apart by a process of their own, which has no key, little memory and little time.

A file is small and may ask for much. Whatever its reader makes of it, what it may cost is bounded by the kernel, and
what is left of it comes here as plain JSON. A server, `python -m intake.files`, keeps the readers loaded and forks for
each file, because to start an interpreter takes longer than to read most files. Its environment is nothing but paths,
and it ends with the process that started it.

Of each file there are two processes: one reads, and one waits for it, ends it when nobody listens any more, and says
what became of it.
"""

import atexit
import json
import os
import pickle
import resource
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from cases.errors import CaseError, Code
from intake.applications import InputRefused, Problem
from intake.files.columns import HeadingsRefused, Layout
from intake.files.rows import Finding, Record, Special
from intake.files.sheets import LAST_ROW
from intake.files.tables import Records, Table, open_here
from intake.remedies import REPORTED

AT_ONCE: Final = 200
"""Rows that come together."""
_LENGTH: Final = struct.Struct("!I")
_LARGEST_QUESTION: Final = 64 * 1024
_MIB: Final = 1024 * 1024
_LIMITS_REACHED: Final = frozenset({signal.SIGXCPU, signal.SIGKILL, signal.SIGABRT})
"""By what a reader ends that takes too long or too much: Rust aborts where it is given no memory."""


class Limits(NamedTuple):
    """What the reader of one file may take."""

    memory: int
    """Bytes of its address space, beyond those that the server has."""
    seconds: int
    """Of processor time."""

    @classmethod
    def of(cls, size: int, most: int | None) -> "Limits":
        """The limits of a file of so many bytes and of as many rows: some ten times what such files take."""
        return cls(256 * _MIB + 1024 * (LAST_ROW if most is None else most), 10 + 2 * size // _MIB)


class Spent(NamedTuple):
    """What the reader of a file took."""

    seconds: float
    """Of processor time."""
    peak: int
    """Bytes of memory, those of the server among them."""


class _Question(NamedTuple):
    """What the server is asked: to read a file, which comes with it, and to answer on a socket that does too."""

    table: Table
    layout: Layout
    most: int | None
    limits: Limits


# --- here -------------------------------------------------------------------------------------------------------------


class _Gone(CaseError):
    """Whoever waits for the reader has ended, and the server too."""


class Apart:
    """A table that another process reads. Raises as `open_register`, for the file and at its rows."""

    def __init__(self, answers: socket.socket) -> None:
        self._socket = answers
        self._stream = answers.makefile("rb")
        self.spent: Spent | None = None
        """Known when the file was read to its end, or refused."""
        self._fraction = 0.0
        try:
            opened = self._next()
        except BaseException:
            self.close()
            raise
        self.findings = tuple(map(_found, opened["findings"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reading, wherever it is."""
        self._stream.close()
        self._socket.close()

    @property
    def fraction(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self._fraction

    def __iter__(self) -> Iterator[Record]:
        while (answer := self._next()) and "rows" in answer:
            self._fraction = answer["fraction"]
            yield from map(from_row, answer["rows"])

    def _next(self) -> Mapping[str, Any]:
        """The next answer that is no refusal, or what the reader took where it has ended."""
        answer = self._read()
        if "code" in answer or "problems" in answer:
            self.spent = Spent(*self._read()["spent"])
            raise _refusal(answer)
        if "spent" in answer:
            self.spent = Spent(*answer["spent"])
        return answer

    def _read(self) -> dict[str, Any]:
        head = self._stream.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise _Gone(Code.FILE_UNREADABLE)
        (length,) = _LENGTH.unpack(head)
        try:
            answer: dict[str, Any] = json.loads(self._stream.read(length))
        except ValueError:
            # It was ended in the middle of what it said, at its limits or for want of memory.
            raise CaseError(Code.FILE_TOO_LARGE) from None
        return answer


def open_apart(table: Table, layout: Layout, *, most: int | None = None, limits: Limits | None = None) -> Apart:
    """Open a table of any layout in another process. Raises as `open_register`; FILE_TOO_LARGE at its limits."""
    try:
        file = os.open(table.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise CaseError(Code.FILE_UNREADABLE) from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise CaseError(Code.FILE_UNREADABLE)
        question = pickle.dumps(_Question(table, layout, most, limits or Limits.of(status.st_size, most)))
        try:
            return _asked(question, file)
        except _Gone:
            # The server was killed, with all that belongs to it; it may not have ended yet.
            _SERVER.close()
            return _asked(question, file)
    finally:
        os.close(file)


def _asked(question: bytes, file: int) -> Apart:
    ours, theirs = socket.socketpair()
    with theirs:
        _SERVER.ask(question, [file, theirs.fileno()])
    return Apart(ours)


def from_row(row: list[Any]) -> Record:
    """A record as it was before `as_row`."""
    number, cells, findings, specials = row
    for column, special in specials.items():
        cells[column] = Special(special)
    return Record(number, cells, tuple(map(_found, findings)))


def _found(finding: list[Any]) -> Finding:
    row, column, code, refused = finding
    return Finding(row, column, REPORTED[code], refused)


def _refusal(answer: Mapping[str, Any]) -> CaseError | InputRefused:
    if "code" in answer:
        return CaseError(Code(answer["code"]), answer["field"])
    problems = [Problem(field, Code(code)) for field, code in answer["problems"]]
    return (
        InputRefused(problems) if answer["row"] is None else HeadingsRefused(problems, answer["row"], answer["missing"])
    )


class _Server:
    """The server of this process, started when it is first asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: bytes, files: list[int]) -> None:
        """Send a question and the files that belong to it; to a new server where the one before has ended."""
        with self._lock:
            try:
                socket.send_fds(self._socket(), [question], files)
            except OSError:
                self._close()
                socket.send_fds(self._socket(), [question], files)

    def _socket(self) -> socket.socket:
        if self._asking is None:
            self._asking, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                # S603: the program is the one that runs. What it might say quotes what it reads.
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", "intake.files", str(theirs.fileno())],
                    env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath},
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        return self._asking

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._asking is not None:
            self._asking.close()
            self._asking = None
        if self._process is not None:
            self._process.wait()
            self._process = None


_SERVER: Final = _Server()
atexit.register(_SERVER.close)


# --- there ------------------------------------------------------------------------------------------------------------


def serve(asked: socket.socket) -> None:
    """Answer questions, each in a process of its own, until nobody can ask any more."""
    # Whoever asks is told by a terminal that it is to end, and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody waits for those who wait for readers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        raw, files, _, _ = socket.recv_fds(asked, _LARGEST_QUESTION, 2)
        if not raw:
            return
        if not os.fork():
            asked.close()
            _end(_watch, raw, files)
        for each in files:
            os.close(each)


def _end(do: Any, *arguments: Any) -> None:
    """Do the one thing that this process is for, and nothing that its parent was to do at its own end."""
    try:
        do(*arguments)
        os._exit(0)
    finally:
        os._exit(1)


def _watch(raw: bytes, files: list[int]) -> None:
    """Have a file read by a further process, and say at its end what became of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The server's own question; nothing of the file is in it.
    question: _Question = pickle.loads(raw)  # noqa: S301
    answers = socket.socket(fileno=files[1])
    reader = os.fork()
    if not reader:
        _end(_read_file, question, files[0], answers)
    ended = select.poll()
    ended.register(os.pidfd_open(reader), select.POLLIN)
    ended.register(answers, select.POLLHUP)
    ended.poll()
    # Either it has ended, or whoever asked has.
    os.kill(reader, signal.SIGKILL)
    _, status, used = os.wait4(reader, 0)
    with suppress(OSError):
        if os.WIFSIGNALED(status):
            reached = signal.Signals(os.WTERMSIG(status)) in _LIMITS_REACHED
            _say(answers, _as_code(Code.FILE_TOO_LARGE if reached else Code.FILE_UNREADABLE))
        elif os.WEXITSTATUS(status):
            _say(answers, _as_code(Code.INTERNAL))
        _say(answers, {"spent": [used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]})


def _read_file(question: _Question, file: int, answers: socket.socket) -> None:
    _limit(question.limits)
    table = question.table._replace(path=Path(f"/proc/self/fd/{file}"))
    try:
        records = open_here(table, question.layout, most=question.most)
        _say(answers, {"findings": [_as_list(each) for each in records.findings]})
        for some in _some(records):
            _say(answers, {"rows": some, "fraction": min(records.fraction, 1.0)})
    except CaseError as wrong:
        _say(answers, _as_code(wrong.code, wrong.field))
    except InputRefused as wrong:
        found = (wrong.row, wrong.missing) if isinstance(wrong, HeadingsRefused) else (None, 0)
        problems = [[each.field, each.code.value] for each in wrong.problems]
        _say(answers, {"problems": problems, "row": found[0], "missing": found[1]})
    except MemoryError:
        _say(answers, _as_code(Code.FILE_TOO_LARGE))


def _some(records: Records) -> Iterator[list[list[object]]]:
    """Rows, some at a time; those before a damage too."""
    some: list[list[object]] = []
    try:
        for record in records:
            some.append(as_row(record))
            if len(some) == AT_ONCE:
                yield some
                some = []
    except (CaseError, MemoryError):
        if some:
            yield some
        raise
    if some:
        yield some


def _limit(limits: Limits) -> None:
    taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + limits.memory,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _as_code(code: Code, field: str | None = None) -> dict[str, object]:
    return {"code": code.value, "field": field}


def _as_list(finding: Finding) -> list[object]:
    return [finding.row, finding.column, finding.code.value, finding.refused]


def as_row(record: Record) -> list[object]:
    """A record as JSON can hold it."""
    number, cells, findings = record
    specials: dict[str, str] = {}
    if cells is not None and Special in map(type, cells.values()):
        specials = {column: cell.value for column, cell in cells.items() if isinstance(cell, Special)}
        cells = {column: None if column in specials else cell for column, cell in cells.items()}
    return [number, cells, [_as_list(each) for each in findings], specials]


def _say(answers: socket.socket, answer: Mapping[str, object]) -> None:
    raw = json.dumps(answer).encode()
    answers.sendall(_LENGTH.pack(len(raw)) + raw)
