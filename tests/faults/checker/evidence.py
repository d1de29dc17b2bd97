"""What a run leaves to be judged by: files of JSON lines in one folder, and where its servers are.

| file | one line for |
| --- | --- |
| `run.json` | the run itself, the whole file |
| `calls.jsonl` | each call of a caller, with its answer |
| `received.jsonl` | each call that a receiver got, repetitions included |
| `troubles.jsonl` | each fault that was injected, with its beginning and its end |
| `gauges.jsonl` | each measurement of a process or a pool |
| `planted.jsonl` | each personal datum of a synthetic person |
| `logs/` | everything that the processes said |
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tests.canary.forms import Kind, Planted

RUN: Final = "run.json"
LOGS: Final = "logs"
OPENED: Final = "open"
"""The act of a call that opens a case; every other act is an event."""


class Line(BaseModel):
    """One line of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Said(StrEnum):
    """What a caller knows after a call."""

    ok = "ok"
    refused = "refused"
    unknown = "unknown"


class Call(Line):
    """One call, as its caller wrote it down when it was answered or given up."""

    act: str
    key: str
    """The application's key, or the update ID: the same whenever the same is repeated."""
    answer: Said
    begun_at: AwareDatetime
    ended_at: AwareDatetime
    case_id: str | None = None
    generation: int | None = None
    """By the receipt."""
    status: str | None = None
    """In which the case stands by the answer."""
    version: int | None = None
    code: str | None = None
    """Why it was refused, or why nothing is known."""
    rivals: str | None = None
    """Calls of which exactly one may win have this in common."""


class Received(Line):
    """One call that a receiver got."""

    receiver: str
    at: AwareDatetime
    id: str
    """The stable ID of the effect, or the key of the message."""
    effect: str
    """What is asked for, without the ID: equal for equal effects."""
    accepted: bool
    """Whether the receiver did it, by this call or an earlier one."""
    first: bool
    """Whether it did it by this call."""


class Trouble(Line):
    """A fault that was injected."""

    fault: str
    begun_at: AwareDatetime
    ended_at: AwareDatetime
    stops: bool = False
    """Nothing could be written meanwhile, so what was due then may come late."""
    says: tuple[str, ...] = ()
    """What stands in logs because of it."""
    fails_tasks: tuple[str, ...] = ()
    """The causes of failed workflow tasks that the fault brings."""
    fails_cases: tuple[str, ...] = ()
    """The cases whose tasks it makes fail; all where none is named."""
    clocks_off_by: tuple[timedelta, ...] = ()
    """By how much clocks are wrong because of it, by which processes stamp what they say."""


class Gauge(Line):
    """One measurement: `connections` of the register, `memory` of a process in bytes, `pollers` of a task queue."""

    what: str
    of: str
    at: AwareDatetime
    value: float
    limit: float | None = None


class PlantedLine(Line):
    """One personal datum that must be found nowhere."""

    owner: str
    kind: Kind
    text: str = Field(repr=False)


class Run(Line):
    """The run itself."""

    scenario: str
    seed: int
    database_url: str = Field(repr=False)
    """With its password; the file is its owner's alone."""
    temporal_address: str
    namespace: str
    begun_at: AwareDatetime


Read = TypeVar("Read", bound=Line)


class Evidence:
    """The folder of one run: programs write into it, the checker reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / LOGS).mkdir(parents=True, exist_ok=True)

    def write_run(self, run: Run) -> None:
        """Write down the run itself."""
        path = self.folder / RUN
        path.touch(mode=0o600)
        path.write_text(run.model_dump_json(), encoding="utf-8")

    def write(self, *lines: Line) -> None:
        """Add lines, each to the file of its kind. What is written is there although the program is killed."""
        for line in lines:
            with (self.folder / _FILES[type(line)]).open("a", encoding="utf-8") as file:
                file.write(line.model_dump_json() + "\n")

    @property
    def run(self) -> Run:
        """The run itself."""
        return Run.model_validate_json((self.folder / RUN).read_text(encoding="utf-8"))

    def calls(self) -> list[Call]:
        """What callers were answered, in the order in which they were."""
        return self._read(Call)

    def received(self) -> list[Received]:
        """What receivers got."""
        return self._read(Received)

    def troubles(self) -> list[Trouble]:
        """What was injected."""
        return self._read(Trouble)

    def gauges(self) -> list[Gauge]:
        """What was measured."""
        return self._read(Gauge)

    def planted(self) -> list[Planted]:
        """What must be found nowhere."""
        return [Planted(each.owner, each.kind, each.text) for each in self._read(PlantedLine)]

    def logs(self) -> list[Path]:
        """What processes said."""
        return sorted(path for path in (self.folder / LOGS).rglob("*") if path.is_file())

    def quiet_since(self) -> datetime:
        """When the last fault ended, or the run began."""
        return max((each.ended_at for each in self.troubles()), default=self.run.begun_at)

    def _read(self, kind: type[Read]) -> list[Read]:
        path = self.folder / _FILES[kind]
        if not path.exists():
            return []
        return [kind.model_validate_json(line) for line in path.read_text(encoding="utf-8").splitlines()]


_FILES: Final[dict[type[Line], str]] = {
    Call: "calls.jsonl",
    Received: "received.jsonl",
    Trouble: "troubles.jsonl",
    Gauge: "gauges.jsonl",
    PlantedLine: "planted.jsonl",
}


def overlap_seconds(spans: Sequence[tuple[datetime, datetime]], begin: datetime, end: datetime) -> float:
    """How many seconds between two moments lie in any of some spans."""
    seconds, reached = 0.0, begin
    for span in sorted(spans):
        first, last = max(span[0], reached), min(span[1], end)
        if last > first:
            seconds += (last - first).total_seconds()
            reached = last
    return seconds


def final_answers(calls: Iterable[Call]) -> dict[tuple[str, str, str], Call]:
    """The last answer to each thing that was asked, by case, act and key; what stayed unknown is unknown."""
    final: dict[tuple[str, str, str], Call] = {}
    for call in sorted(calls, key=lambda each: each.ended_at):
        asked = (call.case_id or "", call.act, call.key)
        known = final.get(asked)
        if known is None or call.answer is not Said.unknown:
            final[asked] = call
    return final


def now() -> datetime:
    """The moment, with its zone."""
    return datetime.now(UTC)
