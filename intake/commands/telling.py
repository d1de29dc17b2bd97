"""One command for each event: its options are the fields of the event's fact. Who acts, the caller's token says.

A fact can also be given whole, as JSON (`--json -`). The number of a new card and an address are never options: they
come from a file or from standard input.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, StrEnum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, NamedTuple, get_args

import typer
from pydantic.fields import FieldInfo

from cardcase_client.calls import telling
from cases.errors import CaseError, Code
from cases.events import FACTS, Event
from cases.facts import Fact, VerifyDocuments
from cases.forms import without_heading
from cases.submitters import SubmitterKind
from intake.commands.door import service
from intake.commands.invoking import CaseArgument, Command, Invocation, add_command
from intake.commands.opening import own_key, read_input
from intake.commands.saying import Exit, Usage, WrongUsage
from intake.files.columns import DOCUMENT_OF_WORD
from intake.files.rows import read_documents
from intake.requests import read_object


class Speaker(StrEnum):
    """Who speaks for an applicant."""

    applicant = SubmitterKind.applicant.value
    agent = SubmitterKind.agent.value
    guardian = SubmitterKind.guardian.value


class Given(NamedTuple):
    """One option of a command, and what it says of the fact."""

    option: str
    """As it is typed; the longer form decides the parameter's name."""
    type: Any
    fields: Callable[[Any], dict[str, Any]]
    required: bool = True
    help: str = ""
    metavar: str | None = None

    @property
    def parameter(self) -> str:
        """The name by which the value arrives."""
        return self.option.partition("/")[0].removeprefix("--").replace("-", "_")

    @property
    def for_typer(self) -> inspect.Parameter:
        """The option as Typer wants it. What is required is judged by us, for JSON may come in its place."""
        help_text = f"{self.help} (required)".strip() if self.required else self.help
        option = typer.Option(self.option, help=help_text, metavar=self.metavar, show_default=False)
        return _parameter(self.parameter, Annotated[self.type | None, option], None)


def add_to(app: typer.Typer) -> None:
    """Add a command for every event that is told from outside."""
    for event, fact in FACTS.items():
        options = list(_options_of(fact))
        parameters = [_CASE, *(given.for_typer for given in options), *_OF_ALL_EVENTS]
        if fact is VerifyDocuments:
            parameters.append(_COPIES_ON_FILE)
        if event in {Event.card_produced, Event.card_turned_up}:
            parameters.append(_CARD_NUMBER)
        add_command(app, event.value.replace("_", "-"), _command(event, options), parameters)


def _command(event: Event, options: list[Given]) -> Command:
    model = FACTS[event]

    async def tell(invocation: Invocation, **values: Any) -> Exit:
        case, key = values["case"], own_key(values["update_id"])
        fact = _fields(options, values)
        if values["json"] is not None:
            # Who acts the caller's token says, whatever stands in a form.
            fact = {name: value for name, value in without_heading(fact, case, event).items() if name not in _NOT_SENT}
        async with service() as cases:
            before = await cases.read_case(case)
            if values.get("copies_on_file"):
                fact["copies"] = [document.sha256 for document in before.documents]
            answer = await cases.ask(telling(case, event.value, fact, key, None))
        invocation.say.one(answer)
        if answer.version <= before.version:
            invocation.say.note(
                "此前已告知过，本次未重复执行；确需再次告知请加 --update-id。",
                "The case was told this before, and nothing new happened; to tell it again on purpose add --update-id.",
            )
        return Exit.fine

    tell.__doc__ = f"{inspect.getdoc(model)}\n\nRepeating it is safe."
    return tell


def _fields(options: Iterable[Given], values: dict[str, Any]) -> dict[str, Any]:
    """The fields of the fact. Raises `WrongUsage`, and `CaseError` for what cannot be read."""
    used = {given.option: given for given in options if values[given.parameter] not in (None, [])}
    whole, on_file, card = values["json"], bool(values.get("copies_on_file")), values.get("card_number_from")
    if whole is not None and (used or on_file or card is not None):
        beside = ["--copies-on-file"] * on_file + ["--card-number-from"] * (card is not None)
        raise WrongUsage(Usage.together, "--json", *used, *beside)
    if on_file and _COPY in used:
        raise WrongUsage(Usage.together, _COPY, "--copies-on-file")
    if whole is not None:
        return read_object(read_input(whole))
    instead = {_COPY} if on_file else set()
    lacking = [given.option for given in options if given.required and given.option not in {*used, *instead}]
    if lacking:
        raise WrongUsage(Usage.lacking, *lacking)
    fields: dict[str, Any] = {}
    for given in used.values():
        for name, value in given.fields(values[given.parameter]).items():
            fields[name] = {**fields.get(name, {}), **value} if isinstance(value, dict) else value
    if card is not None:
        if fields.get("produced") is False:
            raise WrongUsage(Usage.together, "--failed", "--card-number-from")
        fields["card_number"] = _read_text(card, "card_number")
    return fields


_NOT_SENT: Final = frozenset({"actor", "stamp"})


def _read_text(path: Path, field: str) -> str:
    try:
        return read_input(path).decode().strip()
    except UnicodeDecodeError:
        raise CaseError(Code.FIELD_INVALID, field) from None


def _authority(said: str) -> dict[str, Any]:
    document, _, until = said.partition("=")
    return {"on_behalf": {"authority": {"document": document, "until": until}}}


# --- options ----------------------------------------------------------------------------------------------------------


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


_CASE: Final = _parameter("case", CaseArgument)
_OF_ALL_EVENTS: Final = (
    _parameter(
        "json",
        Annotated[
            Path | None,
            typer.Option("--json", metavar="FILE", help="The fact or its form as JSON, - for standard input."),
        ],
        None,
    ),
    _parameter(
        "update_id",
        Annotated[str | None, typer.Option("--update-id", help="To tell the very same thing again on purpose.")],
        None,
    ),
)
_COPIES_ON_FILE: Final = _parameter(
    "copies_on_file",
    Annotated[bool, typer.Option("--copies-on-file", help="All copies on file were compared.")],
    default=False,
)
_CARD_NUMBER: Final = _parameter(
    "card_number_from",
    Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where a made card's number stands, - for standard input.")
    ],
    None,
)


def _options_of(fact: type[Fact]) -> Iterator[Given]:
    for name, field in fact.model_fields.items():
        for given in _SPECIAL[name] if name in _SPECIAL else (_plain_option(name, field),):
            yield given._replace(required=given.required and field.is_required())


def _plain_option(name: str, field: FieldInfo) -> Given:
    types = [each for each in get_args(field.annotation) or (field.annotation,) if each is not NoneType]
    (kind,) = types
    option = _FLAGS.get(name, "--" + name.replace("_", "-"))
    plain = kind if isinstance(kind, type) and (issubclass(kind, Enum) or kind in (bool, int)) else str
    return Given(option, plain, lambda value: {name: value}, required=field.is_required())


_FLAGS: Final = {"confirmed": "--confirmed/--refused", "produced": "--produced/--failed"}


def _documents(entries: list[str]) -> dict[str, Any]:
    return {"documents": read_documents(";".join(entries))}


def _police_document(entry: str) -> dict[str, Any]:
    (document, *more) = read_documents(entry) or [None]
    if document is None or more:
        raise CaseError(Code.FIELD_INVALID, "police_document")
    return {"police_document": document}


def _defects(entries: list[str]) -> dict[str, Any]:
    pairs = [entry.partition("=") for entry in entries]
    return {
        "defects": [{"document": DOCUMENT_OF_WORD.get(kind, kind), "problem": problem} for kind, _, problem in pairs]
    }


_COPY: Final = "--copy"
_DOCUMENT: Final = "KIND|URI|TYPE|SIZE|SHA256"
_SPECIAL: Final[dict[str, tuple[Given, ...]]] = {
    "actor": (),
    "stamp": (),
    "note": (
        Given("--note", str, lambda note: {"note": note}, required=False, help="Free text without personal data."),
    ),
    "original_seen": (
        Given("--original-seen", bool, lambda seen: {"original_seen": seen}, help="The originals were seen."),
    ),
    "copies": (
        Given(
            _COPY,
            list[str],
            lambda copies: {"copies": copies},
            help="A copy that was compared; repeatable, or --copies-on-file.",
            metavar="SHA256",
        ),
    ),
    "documents": (Given("--document", list[str], _documents, help="A document; repeatable.", metavar=_DOCUMENT),),
    "police_document": (
        Given("--document", str, _police_document, help="The document decided on.", metavar=_DOCUMENT),
    ),
    "defects": (Given("--defect", list[str], _defects, help="What is wrong; repeatable.", metavar="KIND=PROBLEM"),),
    "on_behalf": (
        Given("--on-behalf", Speaker, lambda kind: {"on_behalf": {"kind": kind}}, help="Who speaks for the applicant."),
        Given(
            "--speaker-number-from",
            Path,
            lambda path: {"on_behalf": {"number": _read_text(path, "on_behalf.number")}},
            help="Where the number of an agent or guardian stands, - for standard input.",
            metavar="FILE",
        ),
        Given(
            "--authority", str, _authority, help="What lets them, and its last day (YYYY-MM-DD).", metavar="SHA256=DAY"
        ),
    ),
    "card_number": (),
    "card_token": (),
    "address": (
        Given(
            "--address-from",
            Path,
            lambda path: {"address": _read_text(path, "address")},
            help="Where the address stands, in clear, - for standard input.",
            metavar="FILE",
        ),
    ),
    "address_token": (),
}
"""Fields that are no single plain word. A made card is left to `--card-number-from`, who acts to the token."""
