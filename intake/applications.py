"""What a back-office system applies with, in clear, and how it is sealed before anything leaves this process.

Everything that can be known without the engine is checked here, and what is wrong is said as a field and a code, never
with the value (`InputRefused`). Pydantic's own errors carry the input they refuse; they end in `checked`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import ErrorDetails

from activities.sealing import Field as Sealable
from activities.sealing import Sealer
from cases.documents import MAX_DOCUMENTS, Document, check_document
from cases.errors import Advice, CaseError, Code
from cases.facts import HandOver
from cases.kinds import KINDS, read_case_id
from cases.models import Actor, Category, Contract, IdempotencyKey, RegionCode, by_code, coded
from cases.names import Kind
from cases.numbers import Valid15, Valid18, normalise, spreadsheet_damage, validate, validate18
from cases.openings import ApplicationChannel, Correction, Opening, ReplacementReason
from cases.submitters import Authority, Citizen, CitizenKind, IdentityCheck, SubmitterKind, check_authority, staff_or
from cases.text import check_name

# --- what is wrong ----------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """One thing that is wrong: the path of the field (empty for the whole), and why. Never a value."""

    field: str
    code: Code


def pointer_of(field: str) -> str:
    """The JSON pointer (RFC 6901) of a field's path; a parameter of a query (`?limit`) stays as it is."""
    if field.startswith("?"):
        return field
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in field.split(".") if part)


_A_NAME: Final = re.compile(r"[a-z_]{1,40}")


def may_be_named(typed: object) -> bool:
    """Whether the name of a field or parameter that nobody knows may be repeated: it could be somebody's.

    With digits or in another script it could.
    """
    return isinstance(typed, str) and _A_NAME.fullmatch(typed) is not None


class InputRefused(Exception):
    """What was handed in cannot be taken; every problem at once, none with its value."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("; ".join(f"{code} ({field})" if field else code for field, code in self.problems))


_CODES: Final = {code.value: code for code in Code}

_CODE_OF_TYPE: Final = {
    "missing": Code.FIELD_MISSING,
    "extra_forbidden": Code.FIELD_UNKNOWN,
    "string_unicode": Code.TEXT_FORBIDDEN_CHARACTERS,
}
_CODE_OF_FIELD: Final = {
    "personal_number": Code.PERSONAL_NUMBER_INVALID,
    "holder": Code.PERSONAL_NUMBER_INVALID,
    "region": Code.REGION_INVALID,
    "office": Code.REGION_INVALID,
    "key": Code.IDEMPOTENCY_KEY_INVALID,
    "uri": Code.DOCUMENT_URI_REFUSED,
    "sha256": Code.DOCUMENT_DIGEST_INVALID,
    "copies": Code.DOCUMENT_DIGEST_INVALID,
    "issued_on": Code.DATE_INVALID,
    "expires_on": Code.DATE_INVALID,
    "served_on": Code.DATE_INVALID,
    "until": Code.DATE_INVALID,
}


def _problem_of(error: ErrorDetails) -> Problem:
    kind = error["type"]
    # The last part of an unknown field's path is what somebody typed.
    path = error["loc"]
    if kind == "extra_forbidden" and not may_be_named(path[-1]):
        path = path[:-1]
    if "field" in (context := error.get("ctx", {})):
        path = (*path, str(context["field"]))
    field = next((part for part in reversed(path) if isinstance(part, str)), "")
    code = _CODES.get(kind) or _CODE_OF_TYPE.get(kind)
    if code is None and (field, kind) == ("documents", "too_long"):
        code = Code.DOCUMENTS_TOO_MANY
    return Problem(".".join(map(str, path)), code or _CODE_OF_FIELD.get(field, Code.FIELD_INVALID))


Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], content: object) -> Model:
    """`content` as the model, or `InputRefused`."""
    try:
        return model.model_validate(content)
    except CaseError as wrong:
        raise InputRefused([Problem(_path_of(model, content, wrong), wrong.code)]) from None
    except ValidationError as wrong:
        raise InputRefused(map(_problem_of, wrong.errors(include_input=False, include_url=False))) from None


_TELLS_APART: Final = "kind"
"""The member by which models of one field are told apart: without it another one would be looked at."""


def _path_of(model: type[BaseModel], content: object, wrong: CaseError) -> str:
    """The path of what a refusal is about that says at most its last part: what is refused like this all by itself."""
    path: tuple[str, ...] = ()
    inside: Any = content
    while (part := _refused_alone(model, content, wrong.code, path, inside)) is not None:
        path = (*path, part)
        inside = inside[part] if isinstance(inside, Mapping) else inside[int(part)]
    if wrong.field is not None and wrong.field not in path:
        path = (*path, wrong.field)
    return ".".join(path)


def _refused_alone(
    model: type[BaseModel], content: object, code: Code, path: tuple[str, ...], inside: Any
) -> str | None:
    """The first part inside a path that is refused with a code although nothing stands beside it."""
    if isinstance(inside, Mapping):
        parts = [part for part in inside if isinstance(part, str)]
    else:
        parts = list(map(str, range(len(inside)))) if isinstance(inside, list | tuple) else []
    for part in parts:
        try:
            model.model_validate(_alone(content, (*path, part)))
        except CaseError as wrong:
            if wrong.code is code:
                return part
        except ValidationError:
            # What else is missing or wrong is not looked for.
            continue
    return None


def _alone(content: Any, path: tuple[str, ...]) -> Any:
    """A content without what stands beside a path."""
    if not path:
        return content
    part, *rest = path
    if isinstance(content, Mapping):
        kept = {_TELLS_APART: content[_TELLS_APART]} if _TELLS_APART in content else {}
        return kept | {part: _alone(content[part], tuple(rest))}
    return [_alone(content[int(part)], tuple(rest))]


# --- words ------------------------------------------------------------------------------------------------------------

_LATEST: Final = date.max
"""Where only a later check knows the day, no birth date is in the future yet."""


def _check_name(name: str) -> str:
    return check_name(name).text


def _check_name_if_any(name: str | None) -> str | None:
    return None if name is None else _check_name(name)


def _check_personal_number(text: Any) -> Any:
    # A column of numbers has lost its leading zeros, and by that names another person.
    if spreadsheet_damage(text) and not isinstance(text, str):
        raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED)
    return text.strip(" \t\u00a0\u3000") if isinstance(text, str) else text


def _read_number(number: Any) -> str:
    if spreadsheet_damage(number):
        raise CaseError(Code.NUMBER_SPREADSHEET_DAMAGED)
    return normalise(number).text


def _check_number18(number: Any) -> Any:
    validate18(_read_number(number), _LATEST)
    return number


def _check_number(number: Any) -> Any:
    validate(_read_number(number), _LATEST)
    return number


def _check_number_if_any(number: Any) -> Any:
    return None if number is None else _check_number(number)


def _by_itself(model: type[BaseModel]) -> WrapValidator:
    """Has what is wrong in one part leave the others to be looked at as well."""

    def read(part: Any, validate_part: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate_part(part)
        except CaseError as wrong:
            raise by_code(CaseError(wrong.code, _path_of(model, part, wrong) or None)) from None

    return WrapValidator(read)


def _not_too_many(documents: Any) -> Any:
    if len(documents) > MAX_DOCUMENTS:
        raise CaseError(Code.DOCUMENTS_TOO_MANY)
    return documents


PersonalNumber = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Z]{4,20}$"), BeforeValidator(coded(_check_personal_number))
]
"""The agency's own number of a person (个人编号): 4 to 20 digits or capital letters."""
ShownNumber = Annotated[str, BeforeValidator(coded(_check_number)), Field(repr=False)]
"""A resident ID number of 18 digits or still of 15, as typed."""
Name = Annotated[str, AfterValidator(coded(_check_name)), Field(repr=False)]


class ApplicationDocument(Document):
    """A document by reference. `holder` is the personal number of its owner, where that is known."""

    holder: PersonalNumber | None = Field(default=None, repr=False)


ApplicationDocuments = Annotated[
    tuple[Annotated[ApplicationDocument, _by_itself(ApplicationDocument)], ...],
    AfterValidator(coded(_not_too_many)),
]

# --- who applies ------------------------------------------------------------------------------------------------------


class ApplicationCitizen(Contract):
    """The applicant themself, or an agent or guardian by their resident ID number, as typed."""

    kind: CitizenKind
    number: Annotated[str | None, BeforeValidator(coded(_check_number_if_any))] = Field(default=None, repr=False)
    authority: Annotated[Authority | None, _by_itself(Authority)] = None

    @model_validator(mode="after")
    def _anybody_but_the_applicant_is_named(self) -> Self:
        if self.kind is SubmitterKind.applicant:
            surplus = next((name for name in ("number", "authority") if getattr(self, name) is not None), None)
            if surplus is not None:
                raise by_code(CaseError(Code.FIELD_INVALID, surplus))
        elif self.number is None:
            raise by_code(CaseError(Code.FIELD_MISSING, "number"))
        return self


# --- applications -----------------------------------------------------------------------------------------------------


class Application(Contract):
    """What every application has; how each kind is applied for adds its own fields to it."""

    NUMBER: ClassVar[str] = "number"
    """The field of the resident ID number, as typed, that the opening carries."""

    kind: Kind
    personal_number: PersonalNumber = Field(repr=False)
    name: Name
    region: RegionCode
    category: Category = Category.general
    channel: ApplicationChannel = ApplicationChannel.counter
    documents: ApplicationDocuments = ()
    submitter: Annotated[Actor | ApplicationCitizen, staff_or(ApplicationCitizen)]
    """Who hands it in: the member of staff who took it in, or else whoever applies without one."""
    identity: IdentityCheck | None = None
    """The electronic check of whoever applies, where the region's policy takes one by this channel."""
    key: IdempotencyKey | None = None
    """Idempotency key of the caller; without one the content itself is the key."""

    @property
    def number_applied_with(self) -> str:
        """The number that the opening carries, as typed."""
        number: str = getattr(self, self.NUMBER)
        return number

    @property
    def of_its_kind(self) -> dict[str, Any]:
        """What its opening has beside the fields of all openings."""
        return {}

    @property
    def names_of_its_kind(self) -> dict[str, str]:
        """Names that its opening has beside the applicant's, in clear; they are sealed."""
        return {}


class NumberChangeApplication(Application):
    """An ID-number change is applied for. Numbers are given as typed; what is sent is normalised and sealed."""

    NUMBER = "new_number"

    kind: Literal[Kind.id_number_change] = Kind.id_number_change
    new_number: Annotated[str, BeforeValidator(coded(_check_number18)), Field(repr=False)]
    """The 18-digit number that is applied for; the one in force where the name alone changes."""
    new_name: Annotated[str | None, AfterValidator(coded(_check_name_if_any))] = Field(default=None, repr=False)
    """The name that the person is to have, where it changes as well."""
    correction: Correction | None = None
    """What the correction of a change that was carried out rests on; told with a reopening only."""

    @property
    def names_of_its_kind(self) -> dict[str, str]:
        """The new name."""
        return {} if self.new_name is None else {"new_name": self.new_name}

    @property
    def of_its_kind(self) -> dict[str, Any]:
        """What a correction rests on."""
        return {"correction": self.correction}


class ReplacementApplication(Application):
    """A card replacement is applied for."""

    kind: Literal[Kind.card_replacement] = Kind.card_replacement
    number: ShownNumber
    """The resident ID number that the applicant shows, of 18 digits or still of 15."""
    reason: ReplacementReason
    delivery: HandOver | None = None
    """How the new card is to reach its holder, of the ways that the region offers by this channel."""

    @property
    def of_its_kind(self) -> dict[str, Any]:
        """Why the card is replaced, and how the new one is wished for."""
        return {"reason": self.reason, "delivery": self.delivery}


APPLICATIONS: Final[dict[Kind, type[Application]]] = {
    Kind.id_number_change: NumberChangeApplication,
    Kind.card_replacement: ReplacementApplication,
}
"""The application of each kind; one that comes with a record of its own (`cases.kinds.add`) enters its own here."""


def check(
    application: Application, today: date, *, document_hosts: AbstractSet[str] = frozenset()
) -> tuple[Advice, ...]:
    """What a clerk should look at twice in an application of `today` (the day in Shanghai).

    `document_hosts` are the hosts from which `https` documents may come. Raises `CaseError` for what only the day or
    the agency tells: a birth date in the future, an expired or future-dated document, a host that is not allowed.
    """
    typed = normalise(application.number_applied_with)
    try:
        valid: Valid18 | Valid15 = validate(typed.text, today)
    except CaseError as wrong:
        raise CaseError(wrong.code, application.NUMBER) from None
    for place, document in enumerate(application.documents):
        check_host(document, document_hosts, f"documents.{place}")
        # Whose it is can be told only by token; `seal` does.
        _check_document(document, place, document.holder or "", today)
    return tuple(dict.fromkeys((*typed.advice, *check_name(application.name).advice, *valid.advice)))


def _check_document(document: Document, place: int, person: str, today: date) -> None:
    """As `check_document`, and says which of the documents it is."""
    try:
        check_document(document, person, today)
    except CaseError as wrong:
        raise CaseError(wrong.code, f"documents.{place}.{wrong.field}") from None


def check_host(document: Document, document_hosts: AbstractSet[str], path: str) -> None:
    """Raises `CaseError` DOCUMENT_URI_REFUSED for an `https` document of a host that is not in `document_hosts`.

    `path` is that of the document in what was handed in.
    """
    parts = urlsplit(document.uri)
    if parts.scheme == "https" and parts.netloc.lower() not in document_hosts:
        raise CaseError(Code.DOCUMENT_URI_REFUSED, f"{path}.uri")


def content_of(application: Application) -> str:
    """Canonical JSON of everything that is applied for, names and numbers in clear; equal applications give equal text.

    How a number was typed, the order of documents and when somebody's identity was checked do not count, nor does the
    idempotency key.
    """
    content = application.model_dump(mode="json", exclude={"key", "identity", application.NUMBER, "documents"})
    for unsaid in ("delivery", "new_name", "correction"):
        if content.get(unsaid, "") is None:
            # As below: so it was said before one could.
            del content[unsaid]
    content["number"] = normalise(application.number_applied_with).text
    if application.channel is ApplicationChannel.counter:
        # So it was said before there were others, and the same application is the same still.
        del content["channel"]
    if isinstance(application.submitter, ApplicationCitizen) and application.submitter.number is not None:
        content["submitter"]["number"] = normalise(application.submitter.number).text
    documents = (document.model_dump(mode="json") for document in _distinct(application.documents))
    content["documents"] = sorted(documents, key=lambda document: str(document["sha256"]))
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _distinct(documents: Iterable[ApplicationDocument]) -> Iterable[ApplicationDocument]:
    """The same copy twice is one document."""
    return {document.sha256: document for document in documents}.values()


def seal(
    application: Application,
    sealer: Sealer,
    today: date,
    *,
    reopen: bool = False,
    document_hosts: AbstractSet[str] = frozenset(),
) -> Opening:
    """What the case is opened with: checked against `today`, numbers normalised, name and number sealed.

    Without a key of its own an application's content is its key, so that repeating it changes nothing. A reopening is
    another request than the first opening and has another key. Raises `CaseError` as `check`, and
    DOCUMENT_OF_ANOTHER_PERSON, as `cases.submitters.check_authority`, and PII_IN_TEXT where the key names the person.
    """
    if application.key is not None and application.personal_number in application.key:
        raise CaseError(Code.PII_IN_TEXT, "key")
    check(application, today, document_hosts=document_hosts)
    person = sealer.person_token(application.personal_number)
    number = normalise(application.number_applied_with).text
    fingerprint = sealer.content_token(content_of(application))
    if isinstance(application.submitter, ApplicationCitizen):
        try:
            check_authority(speaker_of(application.submitter, person, sealer), person, today)
        except CaseError as wrong:
            raise CaseError(wrong.code, "submitter.authority") from None
    for place, document in enumerate(application.documents):
        _check_document(_sealed_document(document, sealer), place, person, today)
    documents = tuple(_sealed_document(document, sealer) for document in _distinct(application.documents))
    fields: dict[str, Any] = {
        "kind": application.kind,
        "person": person,
        "name": sealer.seal(application.name, field=Sealable.name, person=person),
        "number": sealer.seal(number, field=Sealable.number, person=person),
        "number_token": sealer.number_token(number),
        "region": application.region,
        "category": application.category,
        "channel": application.channel,
        "submitter": _sealed_submitter(application.submitter, person, sealer),
        "identity": application.identity,
        "documents": documents,
        "key": application.key or f"{'reopen' if reopen else 'content'}:{fingerprint}",
        "fingerprint": fingerprint,
        "reopen": reopen,
    }
    for field, name in application.names_of_its_kind.items():
        fields[field] = sealer.seal(name, field=Sealable.name, person=person)
    return KINDS[application.kind].opening(**fields, **application.of_its_kind)


def _sealed_submitter(submitter: Actor | ApplicationCitizen, person: str, sealer: Sealer) -> Actor | Citizen:
    return submitter if isinstance(submitter, Actor) else speaker_of(submitter, person, sealer)


def speaker_of(citizen: ApplicationCitizen, person: str, sealer: Sealer) -> Citizen:
    """Whoever applies, or speaks for the person of a case, as the case knows them: by a keyed token."""
    ref = person if citizen.number is None else sealer.number_token(normalise(citizen.number).text)
    return Citizen(kind=citizen.kind, ref=ref, authority=citizen.authority)


def _sealed_document(document: ApplicationDocument, sealer: Sealer) -> Document:
    fields = document.model_dump(exclude_unset=True)
    if document.holder is not None:
        fields["holder"] = sealer.person_token(document.holder)
    return Document(**fields)


CardNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{6,24}$")]
"""The number of a card, in clear: 6 to 24 digits or capital letters."""
_CARD_NUMBER: Final = re.compile(r"[0-9A-Z]{6,24}")


Address = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=6, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
]
"""Where a card is sent, in clear: one line of 6 to 200 characters."""


class SealedAddress(NamedTuple):
    """An address as a case is told it."""

    address: str
    token: str


def seal_address(address: str, case_id: str, sealer: Sealer) -> SealedAddress:
    """Where the card of a case is sent, sealed for its person. Raises `CaseError` FIELD_INVALID, or CASE_ID_INVALID."""
    _, person = read_case_id(case_id)
    try:
        text = _ADDRESS.validate_python(address)
    except ValidationError:
        raise CaseError(Code.FIELD_INVALID, "address") from None
    return SealedAddress(sealer.seal(text, field=Sealable.address, person=person), sealer.content_token(text))


_ADDRESS: Final = TypeAdapter(Address)


class SealedCard(NamedTuple):
    """A card's number as a case is told it."""

    number: str
    token: str


def seal_card_number(card_number: str, case_id: str, sealer: Sealer) -> SealedCard:
    """The number of the card that was made for a case: 6 to 24 digits or capital letters, sealed for its person.

    Raises `CaseError` FIELD_INVALID, or CASE_ID_INVALID.
    """
    _, person = read_case_id(case_id)
    text = card_number.strip(" \t\r\n")
    if not _CARD_NUMBER.fullmatch(text):
        raise CaseError(Code.FIELD_INVALID, "card_number")
    return SealedCard(sealer.seal(text, field=Sealable.card_number, person=person), sealer.number_token(text))
