"""What the command line says, and how: tables for people, JSON for programs; trouble on standard error, by code."""

import json
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from pydoc import pager
from shutil import get_terminal_size
from typing import Any, Final, NamedTuple

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

from cases.answers import Left
from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.documents import DocumentKind
from cases.errors import REMEDIES, CaseError, Code, Remedy
from cases.events import Event
from cases.facts import CardFunction, HandOver, HoldReason
from cases.machines.machine import Awaits, Milestone, Status
from cases.models import Category, Role, System
from cases.names import Kind
from cases.numbers import Road
from cases.offices import Recipient
from cases.openings import ApplicationChannel, CorrectionReason, ReplacementReason
from cases.submitters import SubmitterKind
from cases.text import visible
from cases.words import ATTENTION, REMAINS, by_when, days_left, when, word
from intake.applications import InputRefused
from intake.commands.chinese import FIELDS
from intake.commands.laying import pairs, table
from intake.remedies import REPORTED, remedy_of
from runtime.settings import ConfigurationInvalid


class Exit(IntEnum):
    """Exit codes, those of sysexits.h where it has one."""

    fine = 0
    refused = 1
    usage = 64
    data = 65
    unavailable = 69
    internal = 70
    configuration = 78
    terminated = 128 + signal.SIGTERM
    """As a shell says it of a process that SIGTERM has ended."""


class Format(StrEnum):
    """How results are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"


class Language(StrEnum):
    """Of what is said."""

    zh = "zh"
    en = "en"


class Usage(Enum):
    """In what a command line is wrong."""

    lacking = Remedy("Missing:", "缺少：")
    value = Remedy("Wrong or missing value; what may stand there:", "取值有误或缺少取值，应为：")
    together = Remedy("These do not go together, or one of them is missing:", "以下选项不能同时使用，或缺少其中一项：")
    unknown = Remedy("There is no such command or option.", "没有这个命令或选项。")
    perhaps = Remedy("There is no such command or option. Perhaps it is:", "没有这个命令或选项，您要找的可能是：")
    exists = Remedy("The file is there already:", "文件已存在：")
    surplus = Remedy("More was typed than the command takes.", "输入的内容多于命令所需。")


class WrongUsage(Exception):
    """The command line is wrong; `what` names options, commands and choices, never what was typed."""

    def __init__(self, why: Usage, *what: str) -> None:
        self.why: Final = why
        self.what: Final = tuple(filter(None, what))
        super().__init__(" ".join((why.name, *self.what)))


class Fault(NamedTuple):
    """One thing that is wrong, by its code, with what to do."""

    code: str
    field: str
    remedy: Remedy

    @classmethod
    def of(cls, code: Code, field: str = "") -> "Fault":
        """A code of ours."""
        return cls(code.value, field, REMEDIES[code])


class Failed(Exception):
    """A command that was refused or not answered, whoever did not: its exit code and what is to be said of it."""

    def __init__(
        self, exit_code: Exit, faults: Sequence[Fault], beside: BaseModel | None = None, text: str = ""
    ) -> None:
        self.exit: Final = Exit.configuration if any(fault.code in _OF_CONFIGURATION for fault in faults) else exit_code
        self.faults: Final = tuple(faults)
        self.beside: Final = beside
        """What stands instead: the outcome of a closed case, or what the register holds."""
        self.text: Final = text
        super().__init__(", ".join(fault.code for fault in faults))


Fields = Mapping[str, Any]

_CODES: Final = frozenset({"reason", "refused", "last_error", "last_refusal", "ended_because", "advice"})
"""Fields that hold a code of ours, which says nothing to people by itself."""
_EVENTS: Final = frozenset({"event", "events", "due_event", "next_event", "acts"})
_SETS: Final[Mapping[str, tuple[type[StrEnum], ...]]] = {
    "kind": (Kind, DocumentKind),
    "status": (Status,),
    "to": (Status,),
    "milestone": (Milestone,),
    "category": (Category,),
    "road": (Road,),
    "awaits": (Awaits,),
    "channel": (ApplicationChannel,),
    "submitter_kind": (SubmitterKind,),
    "reason": (ReplacementReason,),
    "hold_reason": (HoldReason,),
    "corrects": (CorrectionReason,),
    "delivery": (HandOver,),
    **dict.fromkeys(("confirmations", "awaited", "refused_by", "system"), (System,)),
    **dict.fromkeys(("rung_told", "climbs_tells"), (Recipient,)),
    **dict.fromkeys(("activated", "functions_left"), (CardFunction,)),
    **dict.fromkeys(("deciders", "role"), (Role,)),
    "document": (DocumentKind,),
}
"""Of which closed sets the values of a field are."""
_ATTENTION: Final = ATTENTION | {
    "late_answer": {Tongue.zh: "有过时答复", Tongue.en: "an answer came too late"},
}
_TRUTH: Final = {"True": "是", "False": "否"}
_OTHER: Final = {Language.zh: "status_zh", Language.en: ""}
"""A field that says in another language what one beside it says in this one."""
_WIDE: Final = 200
"""Columns of a table that goes to a file or another program."""


@dataclass(frozen=True)
class Speaker:
    """Writes what a command has to say."""

    format: Format = Format.table
    language: Language = Language.zh

    def one(self, result: BaseModel | Fields) -> None:
        """One result."""
        if self.format is not Format.table:
            _write(_json(self._plain(result), indented=self.format is Format.json))
            return
        fields = _fields(result).items()
        shown = [
            (self._named(name), self._cell(name, value))
            for name, value in fields
            if value not in (None, (), [], "", False) and name != _OTHER[self.language]
        ]
        _show(pairs(shown, _width()))

    def many(self, results: Iterable[BaseModel | Fields], columns: tuple[str, ...]) -> None:
        """A list; `columns` are the fields that a table shows."""
        if self.format is Format.jsonl:
            for result in results:
                self.line(result)
        elif self.format is Format.json:
            _write(_json([self._plain(result) for result in results], indented=True))
        else:
            rows = [[self._cell(column, fields.get(column)) for column in columns] for fields in map(_fields, results)]
            _show(table(list(map(self._named, columns)), rows, _width()))

    def text(self, text: str) -> None:
        """Something as it is, for another program."""
        _write(text)

    def drawing(self, drawing: RenderableType) -> None:
        """Something to look at; programs are told in another way."""
        Console(width=_width(), highlight=False).print(drawing)

    def line(self, result: BaseModel | Fields) -> None:
        """One line of JSON Lines."""
        _write(_json(self._plain(result), indented=False))

    def words(self, remedy: Remedy) -> str:
        """A remedy in the reader's language."""
        return remedy.zh if self.language is Language.zh else remedy.en

    def note(self, zh: str, en: str) -> None:
        """Something to know, on standard error."""
        _write(zh if self.language is Language.zh else en, err=True)

    def trouble(self, wrong: Exception) -> Exit:
        """Say what went wrong, on standard error, and answer the exit code."""
        faults: Sequence[Fault] = ()
        match wrong:
            case Failed():
                exit_code, faults = wrong.exit, wrong.faults
                if wrong.text:
                    _write(wrong.text, err=True)
            case InputRefused(problems=problems):
                exit_code = Exit.data
                faults = [Fault.of(problem.code, problem.field) for problem in problems]
            case CaseError(code=code, field=field):
                faults = [Fault.of(code, field or "")]
                exit_code = _EXITS.get(code, Exit.data)
            case ConfigurationInvalid():
                exit_code = Exit.configuration
                _write(str(wrong), err=True)
            case WrongUsage(why=why, what=what):
                exit_code = Exit.usage
                named = ", ".join(what) if self.language is Language.en else "、".join(what)
                self.note(
                    f"命令用法有误，请用 --help 查看。{why.value.zh}{named}",
                    f"Wrong usage; see --help. {why.value.en} {named}".rstrip(),
                )
            case _:
                # The text of an unexpected error may quote anything.
                faults = [Fault.of(Code.INTERNAL, _whereabouts(wrong))]
                exit_code = Exit.internal
        for fault in faults:
            self._fault(fault)
        if isinstance(wrong, Failed) and wrong.beside is not None:
            _write(_json(wrong.beside, indented=False), err=True)
        return exit_code

    def _plain(self, result: BaseModel | Fields) -> Any:
        """What programs read: deadlines as exact moments, and beside them as people name them."""
        plain = _plain(result)
        if not isinstance(plain, Mapping) or not isinstance(_fields(result).get("due_at"), datetime):
            return plain
        return {**plain, "due_by": by_when(_fields(result)["due_at"], Tongue(self.language.value))}

    def _named(self, field: str) -> str:
        """What a field is called."""
        return FIELDS.get(field, field) if self.language is Language.zh else field

    def _cell(self, name: str, value: Any) -> str:
        """Text for a field in a table."""
        match value:
            case datetime():
                return self._moment(name, value)
            case list() | tuple():
                return "\n".join(self._cell(name, item) for item in value)
            case dict() if name == "due_left":
                return days_left(Left.model_validate(value), Tongue(self.language.value))
            case dict():
                parts = (
                    f"{self._named(visible(str(key)))} {self._cell(key, item)}"
                    for key, item in value.items()
                    if item is not None
                )
                return " · ".join(parts)
            case _:
                return self._said(name, value)

    def _said(self, name: str, value: Any) -> str:
        """A single value: a code with its words; in Chinese, what has a word there."""
        text = "" if value is None else visible(str(value))
        if name in _CODES and (code := REPORTED.get(text)) is not None:
            return f"{text}: {self.words(remedy_of(code))}"
        return self._in_chinese(name, text) if self.language is Language.zh else text

    def _in_chinese(self, name: str, text: str) -> str:
        if text in _TRUTH:
            return _TRUTH[text]
        if name in _EVENTS and (event := _member(Event, text)) is not None:
            # Its name is what is typed.
            return f"{word(event, Tongue.zh)}（{text}）"
        for words in (_ATTENTION, REMAINS) if name in {"attention", "remains"} else ():
            if text in words:
                return words[text][Tongue.zh]
        members = (_member(closed, text) for closed in _SETS.get(name, ()))
        known = next((each for each in members if each is not None), None)
        return text if known is None else word(known, Tongue.zh)

    def _moment(self, name: str, at: datetime) -> str:
        """A deadline, what is to come, or what has happened, by the name of its field."""
        tongue = Tongue(self.language.value)
        if name.endswith("due_at"):
            return by_when(at, tongue)
        return when(at, tongue) if name == "next_at" else f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"

    def _fault(self, fault: Fault) -> None:
        words = self.words(fault.remedy)
        if self.format is Format.table:
            place = f" ({fault.field})" if fault.field else ""
            _write(f"{fault.code}{place}: {words}", err=True)
        else:
            said = {"code": fault.code, "field": fault.field, "remedy": words}
            _write(_json(said, indented=False), err=True)


_OF_CONFIGURATION: Final = frozenset(
    {Code.CONFIGURATION_INVALID, Code.KEY_UNKNOWN, Code.SCHEMA_MISMATCH, Code.IDENTITY_MISSING}
)
_EXITS: Final[Mapping[Code, Exit]] = {
    **dict.fromkeys(_OF_CONFIGURATION, Exit.configuration),
    Code.HEADS_UNREACHABLE: Exit.unavailable,
}
"""The exit codes of what is not wrong data."""


def _member(closed: type[StrEnum], text: str) -> StrEnum | None:
    return next((member for member in closed if member.value == text), None)


def _whereabouts(error: Exception) -> str:
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    module = frames.tb_frame.f_globals.get("__name__", "") if frames is not None else ""
    return f"{type(error).__name__}, {module}:{frames.tb_lineno if frames is not None else 0}"


def _fields(result: BaseModel | Fields) -> Fields:
    return result.model_dump() if isinstance(result, BaseModel) else result


def _plain(result: Any) -> Any:
    return result.model_dump(mode="json") if isinstance(result, BaseModel) else result


def _json(result: Any, *, indented: bool) -> str:
    return json.dumps(_plain(result), ensure_ascii=False, indent=2 if indented else None, default=_moment)


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError


def _write(text: str, *, err: bool = False) -> None:
    """To the terminal or what stands in its place: of control characters line breaks alone, and none of direction."""
    typer.echo("\n".join(map(visible, text.split("\n"))), err=err)


def _width() -> int:
    return get_terminal_size().columns if sys.stdout.isatty() else _WIDE


def _show(lines: Iterable[str]) -> None:
    """What is longer than the terminal is high is paged through, where somebody sits before it."""
    text = "\n".join(lines)
    if sys.stdout.isatty() and sys.stdin.isatty() and text.count("\n") + 2 > get_terminal_size().lines:
        pager(text)
    else:
        typer.echo(text)
