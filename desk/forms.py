"""The form of an event, made from the model of its fact: what is asked, in words, and read back as the model takes it.

What the case knows (digests, orders, what was published) is never typed: it is taken from the case as it stood before
whoever decides. Nothing that is chosen is chosen beforehand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from cases.answers import CaseView
from cases.delivery import Tongue
from cases.documents import Defect, Document, DocumentKind
from cases.events import EVENTS, FACTS, Event
from cases.forms import closed_sets_of
from cases.words import field_word, word
from intake.telling import FILLED_IN, IN_CLEAR

MOST_FILES: Final = 5
"""Documents that are handed in with one form."""
_SPEAKER: Final = "on_behalf"
"""At a counter the clerk sees who stands there; programs say it."""


class Ask(StrEnum):
    """How a field is asked for."""

    choice = "choice"
    yes_or_no = "yes_or_no"
    line = "line"
    text = "text"
    whole = "whole"
    day = "day"
    one_document = "one_document"
    documents = "documents"
    defects = "defects"
    known = "known"


class Choice(NamedTuple):
    """Something that may be chosen, and what it is called."""

    value: str
    word: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    ask: Ask
    required: bool
    choices: tuple[Choice, ...] = ()
    most: int | None = None
    """Characters of a line; of a whole number the highest."""
    known: str = ""
    """What the case knows, in words."""
    wrong: str = ""
    """What was wrong with it."""
    value: str = ""
    """What was typed or chosen before."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form of one event."""

    event: Event
    title: str
    explained: str
    fields: tuple[Field, ...]
    consequence: str
    """What cannot be undone; empty where all of it can."""
    opened: bool = False

    @property
    def takes_files(self) -> bool:
        """Whether documents may be handed in with it."""
        return any(field.ask in {Ask.one_document, Ask.documents} for field in self.fields)

    def filled(self, typed: Mapping[str, str], wrong: Mapping[str, str]) -> "Form":
        """The same form with what was typed, and with what was wrong with it. Files have to be chosen again."""
        fields = tuple(
            replace(field, value="" if field.name in IN_CLEAR else typed.get(field.name, ""), wrong=_of(field, wrong))
            for field in self.fields
        )
        return replace(self, fields=fields, opened=True)


def _of(field: Field, wrong: Mapping[str, str]) -> str:
    return next((said for path, said in wrong.items() if path.partition(".")[0] == field.name), "")


def form_of(event: Event, view: CaseView, named: Sequence[Document], tongue: Tongue) -> Form | None:
    """The form of an event of a case as it stands; None where it needs something that the case does not know.

    `named` are the documents that may be named in it: those on file, and those that were named in decisions before.
    """
    known = known_of(event, view)
    fields = tuple(_fields_of(event, view, known, named, tongue))
    if any(field.ask is Ask.known and field.name not in known for field in fields):
        return None
    record = EVENTS[event]
    consequence = record.form.consequence
    return Form(
        event=event,
        title=word(event, tongue),
        explained=_in(tongue, record.description),
        fields=fields,
        consequence="" if consequence is None else consequence[tongue is Tongue.en],
    )


def known_of(event: Event, view: CaseView) -> dict[str, Any]:
    """The fields of an event that a case itself knows, and nobody types."""
    form = EVENTS[event].form
    known = form.known(view) if form.known is not None else {}
    fields = FACTS[event].model_fields
    return {name: value for name, value in known.items() if value not in (None, "") and _is_identity(fields[name])}


def _in(tongue: Tongue, described: str) -> str:
    """The part of a description in one language: the Chinese ends with the last of its full stops."""
    zh, stop, en = described.rpartition("。")
    return (zh + stop) if tongue is Tongue.zh else en.strip()


def _fields_of(
    event: Event, view: CaseView, known: Mapping[str, Any], named: Sequence[Document], tongue: Tongue
) -> Iterator[Field]:
    sets = closed_sets_of(event)
    model = FACTS[event].model_fields
    # The note comes last: it is the one that is seldom filled in.
    for name in sorted(model, key=lambda each: each == "note"):
        if name in FILLED_IN or name == _SPEAKER:
            continue
        info = model[name]
        ask = _asked_as(name, info, sets)
        yield Field(
            name=name,
            label=field_word(name, tongue),
            ask=ask,
            required=info.is_required() and ask is not Ask.defects,
            choices=tuple(_choices(name, ask, sets, view, named, tongue)),
            most=_most(info),
            known=_in_words(known.get(name), view, tongue) if ask is Ask.known else "",
        )


_OF_TYPES: Final = (
    (bool, Ask.yes_or_no),
    (int, Ask.whole),
    (date, Ask.day),
    (Document, Ask.documents),
    (Defect, Ask.defects),
)
_LONG: Final = frozenset({"note", "because"})


def _asked_as(name: str, info: FieldInfo, sets: Mapping[str, type[StrEnum]]) -> Ask:
    if name in sets:
        return Ask.choice
    if info.annotation is Document:
        return Ask.one_document
    if _is_identity(info) and name not in IN_CLEAR:
        return Ask.known
    kinds = get_args(info.annotation) if get_origin(info.annotation) is not None else (info.annotation,)
    by_type = next((ask for kind, ask in _OF_TYPES if kind in kinds), None)
    return by_type or (Ask.text if name in _LONG else Ask.line)


def _is_identity(info: FieldInfo) -> bool:
    """Whether a field holds what has the form of an identity or a digest: nobody types such a thing."""
    inner = get_args(info.annotation) if get_origin(info.annotation) is tuple else ()
    metadata = [*info.metadata, *(each for part in inner for each in getattr(part, "__metadata__", ()))]
    return info.is_required() and any(getattr(each, "pattern", None) for each in metadata)


def _most(info: FieldInfo) -> int | None:
    for each in info.metadata:
        for name in ("max_length", "le"):
            if isinstance(most := getattr(each, name, None), int):
                return most
    return None


def _choices(
    name: str,
    ask: Ask,
    sets: Mapping[str, type[StrEnum]],
    view: CaseView,
    named: Sequence[Document],
    tongue: Tongue,
) -> Iterator[Choice]:
    match ask:
        case Ask.choice:
            yield from (Choice(each.value, word(each, tongue)) for each in sets[name])
        case Ask.yes_or_no:
            yield from (Choice("yes", "是" if tongue is Tongue.zh else "yes"),)
            yield from (Choice("no", "否" if tongue is Tongue.zh else "no"),)
        case Ask.one_document:
            yield from (Choice(each.sha256, f"{word(each.kind, tongue)} {each.sha256[:8]}") for each in named)
        case Ask.defects:
            kinds = dict.fromkeys(
                (*(each.kind for each in view.documents), *(each.document for each in view.missing))
            ) or dict.fromkeys(DocumentKind)
            yield from (Choice(each.value, word(each, tongue)) for each in kinds)
        case Ask.documents:
            kinds = dict.fromkeys((*(each.document for each in view.missing), *DocumentKind))
            yield from (Choice(each.value, word(each, tongue)) for each in kinds)
        case _:
            return


def _in_words(known: Any, view: CaseView, tongue: Tongue) -> str:
    """What the case knows, as somebody reads it: of digests, which documents they are of."""
    by_digest = {each.sha256: f"{word(each.kind, tongue)} {each.sha256[:8]}" for each in view.documents}
    values = known if isinstance(known, list | tuple) else [known]
    return ("、" if tongue is Tongue.zh else ", ").join(by_digest.get(each, str(each)[:16]) for each in values if each)


def read(form: Form, typed: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed and chosen, as the fact takes it, without documents. What was left empty is left out."""
    said: dict[str, Any] = {}
    for field in form.fields:
        value: Any
        match field.ask:
            case Ask.known:
                value = known[field.name]
            case Ask.defects:
                value = [
                    {"document": choice.value, "problem": problem}
                    for choice in field.choices
                    if (problem := typed.get(f"{field.name}.{choice.value}", "").strip())
                ]
            case Ask.documents | Ask.one_document:
                continue
            case _:
                value = _read_one(field, typed.get(field.name, "").strip())
        if value is not None and value != "":
            said[field.name] = value
    return said


def _read_one(field: Field, text: str) -> Any:
    match field.ask:
        case Ask.yes_or_no:
            return {"yes": True, "no": False}.get(text)
        case Ask.whole:
            return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(field.most or 0)) else None
        case _:
            return text
