"""The register of insured persons: loaded, and kept up to date, by what its source says of them.

A line says what is so of one person in one version of the source; what it does not name stays as it is. Each thing that
is said is compared with what the source said of it last: newer words have effect, repeated and older ones have none,
and what a case has changed since is not taken back by a source that has not heard of it. Everything is sealed on the
way, and one function of the database takes it in.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from itertools import islice
from re import compile as pattern
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from activities.sealing import Field as SealedField
from activities.sealing import Sealer
from cases.errors import CaseError, Code
from cases.facts import CardFunction
from cases.kinds import KINDS
from cases.models import Category, LegalBasis, Record, RegionCode, StaffId, by_code, check_reference, coded, only_iso
from cases.numbers import normalise, validate18
from cases.steps import Neighbour
from cases.text import check_name, check_text

SQL: Final = load("loading.sql")

BATCH: Final = 50
"""Lines in one transaction. Each is a part of it that can be given up alone; the database likes fewer than 64 such."""

_SECONDS: Final = 60.0
"""How long a batch may take, whose lines may have thousands of contribution months."""

LATEST_VERSION: Final = 2**53 - 1
"""The largest whole number that every reader of JSON has exactly."""

_EIGHTEEN: Final = pattern("[0-9]{17}[0-9X]")
_FIFTEEN: Final = pattern("[0-9]{15}")

Scheme = Literal["pension", "medical", "work_injury", "unemployment", "maternity"]


def _ends_with_a_case(reason: str) -> str:
    if all(record.held_for != reason for record in KINDS.values()):
        raise ValueError("no kind of case ends it")
    return reason


def _as_it_stands(number: str) -> str:
    """A number of 18 digits is a right one. What else stands in an old register is kept as it is.

    Raises `CaseError` as `validate18`.
    """
    try:
        text = normalise(number).text
    except CaseError:
        return number
    if _EIGHTEEN.fullmatch(text):
        validate18(text, date.max)
    return text


Reason = Annotated[str, AfterValidator(_ends_with_a_case)]
"""Why a claim is suspended or a benefit held: one of those that a kind of case ends (`KindRecord.held_for`)."""
Number = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(coded(_as_it_stands))]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{4,23}$")]
Amount = Annotated[int, Field(strict=True, ge=-(10**15), le=10**15)]
"""Fen."""
CardNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4,32}$")]
Evidence = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(coded(check_reference))
]
Day = Annotated[date, BeforeValidator(coded(only_iso))]
Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


def _checked_name(name: str) -> str:
    return check_name(name).text


def _no_number(reference: str) -> str:
    return check_text(reference).text


class _Extract(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PastNumber(_Extract):
    """A number the person had before."""

    number: Number = Field(repr=False)
    valid_from: Day | None = None
    valid_to: Day | None = None


class HeldCard(_Extract):
    """A card: its number, its code in the card system, its activated functions, its generation."""

    card_number: CardNumber = Field(repr=False)
    code: Literal["0", "1", "A", "B", "2", "3", "4"] = "1"
    functions: frozenset[CardFunction] = frozenset()
    generation: Annotated[int, Field(ge=1, le=9)] = 3
    printed_data_outdated: bool = False
    payment_authority: bool = False


class Claim(_Extract):
    """A reimbursement, refund or other claim, in fen.

    `queued` is one that arrived and is to be paid. Whether it can be the register says: it suspends the claims of
    somebody whose number still has 15 digits.
    """

    reference: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,64}$"), AfterValidator(coded(_no_number))]
    """What its scheme calls it; one name for one claim of the person."""
    scheme: Scheme = "medical"
    amount_fen: Annotated[int, Field(strict=True, gt=0, le=10**15)]
    state: Literal["suspended", "queued", "paid"] = "suspended"
    suspended_for: Reason | None = None

    @model_validator(mode="after")
    def _suspended_for_a_reason(self) -> Self:
        if (self.state == "suspended") is not (self.suspended_for is not None):
            raise ValueError("a suspended claim, and no other, has its reason")
        return self


class BenefitHold(_Extract):
    """Benefits that are withheld, or a warning of it: notice served, and for a hold the officer's decision."""

    reason: Reason
    state: Literal["warned", "held"] = "held"
    notice: Evidence
    served_on: Day
    legal_basis: LegalBasis | None = None
    officer: StaffId | None = None
    held_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _held_by_a_decision(self) -> Self:
        if self.state == "held" and None in (self.legal_basis, self.officer, self.held_at):
            raise ValueError("a hold has its basis, its officer and its moment")
        return self


class Contribution(_Extract):
    """A contribution month, in fen."""

    scheme: Scheme = "pension"
    month: Month
    amount_fen: Amount


class Balance(_Extract):
    """The balance of a personal account, in fen."""

    scheme: Scheme = "medical"
    amount_fen: Amount


class PersonSaid(_Extract):
    """What the source says of one person in one version. What is not named stays as it is.

    Things that are said in one version may stand in several lines. `name` and `region` are needed for a person whom the
    register does not know. `number` is the number in force: 15 or 18 digits, or whatever stands there.
    """

    personal_number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4,20}$")] = Field(repr=False)
    source_version: Annotated[int, Field(strict=True, ge=1, le=LATEST_VERSION)]
    """Grows with every change of the person's record at the source."""
    name: Annotated[str, AfterValidator(coded(_checked_name))] | None = Field(default=None, repr=False)
    phone: Phone | None = Field(default=None, repr=False)
    """Null for none any more."""
    number: Number | None = Field(default=None, repr=False)
    past_numbers: tuple[PastNumber, ...] = ()
    region: RegionCode | None = None
    category: Category | None = None
    died_on: Day | None = None
    transferred: bool = False
    """Another agency keeps the record from now on."""
    insured_again: Evidence | None = None
    """What it rests on that an end which the register knew of was a mistake, or that the person came back."""
    draws_pension: bool | None = None
    cards: Annotated[tuple[HeldCard, ...], Field(max_length=50)] = ()
    claims: Annotated[tuple[Claim, ...], Field(max_length=500)] = ()
    benefit_holds: Annotated[tuple[BenefitHold, ...], Field(max_length=10)] = ()
    contributions: tuple[Contribution, ...] = ()
    balances: Annotated[tuple[Balance, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _is_of_one_person(self) -> Self:
        codes = [card.code for card in self.cards]
        if sum(code in {"1", "B"} for code in codes) > 1 or codes.count("A") > 1:
            raise by_code(CaseError(Code.CARDS_CONTRADICT, "cards"))
        if sum(card.payment_authority for card in self.cards) > 1:
            raise by_code(CaseError(Code.CARDS_CONTRADICT, "cards"))
        if (self.died_on is not None) + self.transferred + (self.insured_again is not None) > 1:
            # Whoever is insured here did not die and was not transferred.
            raise by_code(CaseError(Code.FIELD_INVALID, "insured_again"))
        for field, names in (
            ("cards", [card.card_number for card in self.cards]),
            ("claims", [(claim.scheme, claim.reference) for claim in self.claims]),
            ("contributions", [(each.scheme, each.month) for each in self.contributions]),
            ("balances", [each.scheme for each in self.balances]),
        ):
            if len(set(names)) < len(names):
                raise by_code(CaseError(Code.SAID_TWICE, field))
        return self


class InsuredPerson(PersonSaid):
    """One person as a register's extract has them: enough for a register that does not know them."""

    name: Annotated[str, AfterValidator(coded(_checked_name))] = Field(repr=False)
    region: RegionCode
    category: Category = Category.general


class Outcome(StrEnum):
    """What became of a line."""

    applied = "applied"
    unchanged = "unchanged"
    """All of it was said before."""
    older = "older"
    """All of it has been said anew since."""
    refused = "refused"
    """Nothing of it has effect."""


class Suspended(Record):
    """A claim of a line that the register suspended, and on what basis."""

    pointer: str
    """Its JSON pointer in the line."""
    legal_basis: str


class Became(NamedTuple):
    """What became of a line."""

    outcome: Outcome
    code: Code | None = None
    """Why it was refused."""
    pointer: str = ""
    """Which of its fields is meant, as a JSON pointer; empty for the whole."""
    suspended: tuple[Suspended, ...] = ()
    requeued: int = 0
    """Claims that were suspended for an old number, and are queued again because it is no more."""
    is_known: bool = False
    """Whether the register knew the person before."""
    ended: bool = False
    """The register learned by it that they died or were transferred."""
    returned: bool = False
    """It believed them to be gone, and they are insured here again."""


class TakenIn(NamedTuple):
    """What became of some lines, in their order, and which open cases have to be told of it."""

    lines: tuple[Became, ...]
    to_tell: tuple[Neighbour, ...]


class Refusal(NamedTuple):
    """A person who was not loaded: the place in the extract, from 0, and why."""

    place: int
    code: Code


class Loaded(NamedTuple):
    """How many were loaded, how many were known already, who was refused, and whose standing changed."""

    loaded: int
    known: int
    refused: tuple[Refusal, ...]
    ended: int = 0
    """Persons of whom the register learned that they died or were transferred."""
    returned: int = 0
    """Persons whom it believed to be gone, and who are insured here again."""


class ClaimTerms(NamedTuple):
    """By which law claims are suspended and released in a region, and what holders of old numbers are told."""

    legal_basis: str
    facts: dict[str, Any]
    """Variables of the message."""
    owed_under: dict[str, str]
    """By which law what is owed is released, by the code of why a person has ended."""


TermsOf = Callable[[str], ClaimTerms | None]
"""The terms of an agency's region; None where no policy serves it."""


def no_terms(_region: str) -> ClaimTerms | None:
    """For a register to which no claim arrives that is to be paid; what the ended are owed, their check releases."""
    return None


async def load_persons(pool: Pool, sealer: Sealer, persons: Iterable[PersonSaid], terms: TermsOf = no_terms) -> Loaded:
    """Load an extract, of whatever region, in batches of one transaction each.

    Open cases of persons who have ended are told by the next check of such persons. Raises `CaseError` with a code
    where the database cannot be reached or refuses; what came before is in effect, and loading it again changes
    nothing.
    """
    loaded, known, place, ended, returned = 0, 0, 0, 0, 0
    refused: list[Refusal] = []
    remaining = iter(persons)
    while batch := list(islice(remaining, BATCH)):
        for offset, became in enumerate((await take_in(pool, sealer, batch, terms)).lines):
            if became.code is not None:
                refused.append(Refusal(place + offset, became.code))
            elif became.is_known:
                known += 1
            else:
                loaded += 1
            ended, returned = ended + became.ended, returned + became.returned
        place += len(batch)
    return Loaded(loaded, known, tuple(refused), ended, returned)


@case_errors_only
async def take_in(
    pool: Pool, sealer: Sealer, lines: Sequence[PersonSaid], terms: TermsOf = no_terms, office: str | None = None
) -> TakenIn:
    """Take in at most `BATCH` lines, one after the other, in one transaction.

    With `office` only persons for whose agency it answers. Raises `CaseError` with a code where the database cannot be
    reached or refuses: whether the lines have effect is not known then, and repeating them is safe.
    """
    if len(lines) > BATCH:
        raise ValueError("too many lines for one transaction")
    # Persons who are new have keys made, which waits for the disk.
    said = await asyncio.to_thread(_all_sealed, sealer, lines)
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["take_time"].first(connection, {"limit": f"{_SECONDS}s"})
        await SQL["one_source"].first(connection, {})
        asked = {"office": office, "lines": said, "terms": await _terms_for(connection, lines, said, terms)}
        row = await connection.fetchval(SQL["take_in_persons"].sql, json.dumps(asked), timeout=_SECONDS)
    answer = json.loads(row)
    became = (_became(one, line) for one, line in zip(answer["lines"], lines, strict=True))
    return TakenIn(tuple(became), tuple(Neighbour.model_validate(each) for each in answer["to_tell"]))


def _became(line: dict[str, Any], said: PersonSaid) -> Became:
    outcome = Outcome(line["outcome"])
    if outcome is Outcome.refused:
        pointer = f"/{_says_standing(said)}" if line["pointer"] == f"/{_STANDING}" else line["pointer"]
        return Became(outcome, Code(line["code"]), pointer)
    return Became(
        outcome,
        suspended=tuple(Suspended.model_validate(each) for each in line["suspended"]),
        requeued=line["requeued"],
        is_known=line["is_known"],
        ended=line["became"] == "ended",
        returned=line["became"] == "returned",
    )


async def _terms_for(
    connection: Connection, lines: Sequence[PersonSaid], said: Sequence[dict[str, Any]], terms: TermsOf
) -> dict[str, dict[str, Any]]:
    """The terms of the regions in which a claim of these lines may arrive, or be released."""
    arriving = [
        (line, its["person"])
        for line, its in zip(lines, said, strict=True)
        if line.claims or line.died_on is not None or line.transferred
    ]
    if not arriving:
        return {}
    rows = await SQL["regions_of"].all(connection, {"tokens": [token for _, token in arriving]})
    # A line before may move the person: whichever region is named anywhere.
    regions = {row["region"] for row in rows} | {line.region for line in lines if line.region is not None}
    known = ((region, terms(region)) for region in regions)
    return {region: found._asdict() for region, found in known if found is not None}


_LONG: Final = 18
_SHORT: Final = 15


def _digits(number: str) -> int | None:
    if _EIGHTEEN.fullmatch(number):
        return _LONG
    return _SHORT if _FIFTEEN.fullmatch(number) else None


def _all_sealed(sealer: Sealer, lines: Sequence[PersonSaid]) -> list[dict[str, Any]]:
    sealer.make_keys(sealer.person_token(line.personal_number) for line in lines)
    return [_sealed(sealer, line) for line in lines]


def _sealed(sealer: Sealer, line: PersonSaid) -> dict[str, Any]:
    """A line as the database takes it in: sealed, with a keyed token where what is said has to be compared."""
    person = sealer.person_token(line.personal_number)

    def number_of(number: str) -> dict[str, Any]:
        return {
            "token": sealer.number_token(number),
            "sealed": sealer.seal(number, field=SealedField.number, person=person),
            "digits": _digits(number),
        }

    return {
        "person": person,
        "version": line.source_version,
        "parts": dict(_parts(sealer, line, person, number_of)),
        "past_numbers": [
            number_of(past.number) | past.model_dump(mode="json", include={"valid_from", "valid_to"})
            for past in line.past_numbers
        ],
        "cards": [_card(sealer, card, person) for card in line.cards],
        "claims": [
            claim.model_dump(mode="json") | {"content": f"{claim.state}|{claim.suspended_for or ''}|{claim.amount_fen}"}
            for claim in line.claims
        ],
        "benefit_holds": [hold.model_dump(mode="json") for hold in line.benefit_holds],
        "contributions": [each.model_dump() | {"month": f"{each.month}-01"} for each in line.contributions],
        "balances": [each.model_dump() for each in line.balances],
    }


def _parts(
    sealer: Sealer, line: PersonSaid, person: str, number_of: Callable[[str], dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is said of the person themself, by name; of each the content by which two words are compared."""
    if line.name is not None:
        sealed = sealer.seal(line.name, field=SealedField.name, person=person)
        yield "name", {"sealed": sealed, "content": sealer.content_token(f"name:{line.name}")}
    if "phone" in line.model_fields_set:
        phone = line.phone
        sealed_phone = None if phone is None else sealer.seal(phone, field=SealedField.phone, person=person)
        yield "phone", {"sealed": sealed_phone, "content": sealer.content_token(f"phone:{phone or ''}")}
    if line.number is not None:
        number = number_of(line.number)
        yield "number", number | {"content": number["token"]}
    if line.region is not None:
        yield "region", {"content": line.region}
    if line.category is not None and "category" in line.model_fields_set:
        yield "category", {"content": line.category.value}
    if line.draws_pension is not None:
        yield "draws_pension", {"content": "true" if line.draws_pension else "false"}
    if line.died_on is not None:
        yield _STANDING, {"standing": "died", "died_on": line.died_on.isoformat(), "content": f"died|{line.died_on}"}
    elif line.transferred:
        yield _STANDING, {"standing": "transferred", "content": "transferred"}
    elif line.insured_again is not None:
        yield (
            _STANDING,
            {"standing": "insured", "evidence": line.insured_again, "content": f"insured|{line.insured_again}"},
        )


_STANDING: Final = "standing"
"""What the register calls whether somebody is insured, has died or was transferred; a line has a field for each."""


def _says_standing(line: PersonSaid) -> str:
    """The field by which a line says it."""
    if line.died_on is not None:
        return "died_on"
    return "transferred" if line.transferred else "insured_again"


def _card(sealer: Sealer, card: HeldCard, person: str) -> dict[str, Any]:
    functions = sorted(function.value for function in card.functions)
    content = (card.code, card.generation, ",".join(functions), card.printed_data_outdated, card.payment_authority)
    return {
        "token": sealer.number_token(card.card_number),
        "sealed": sealer.seal(card.card_number, field=SealedField.card_number, person=person),
        "code": card.code,
        "generation": card.generation,
        "functions": functions,
        "outdated": card.printed_data_outdated,
        "paid": card.payment_authority,
        "content": "|".join(map(str, content)),
    }
