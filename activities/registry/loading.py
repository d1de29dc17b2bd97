"""Loading a register: extracts of insured persons become rows, sealed on the way.

A person who is in the register already is left as they are, so that the same extract twice loads nobody twice. But
that they died, were transferred, or are insured here again after all, the register learns from every extract.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from re import compile as pattern
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.queries import load
from activities.sealing import Field as SealedField
from activities.sealing import Sealer
from cases.errors import Code
from cases.facts import CardFunction
from cases.kinds import KINDS
from cases.models import Category, LegalBasis, Reference, RegionCode, StaffId
from cases.text import check_name

SQL: Final = load("loading.sql")

BATCH: Final = 500
"""Persons in one transaction."""

_COPY_SECONDS: Final = 60.0
"""How long the rows of one batch and table may take: a batch is no step that somebody waits for."""

_EIGHTEEN: Final = pattern("[0-9]{17}[0-9X]")
_FIFTEEN: Final = pattern("[0-9]{15}")

Scheme = Literal["pension", "medical", "work_injury", "unemployment", "maternity"]


def _ends_with_a_case(reason: str) -> str:
    if all(record.held_for != reason for record in KINDS.values()):
        raise ValueError("no kind of case ends it")
    return reason


Reason = Annotated[str, AfterValidator(_ends_with_a_case)]
"""Why a claim is suspended or a benefit held: one of those that a kind of case ends (`KindRecord.held_for`)."""
Number = Annotated[str, StringConstraints(min_length=1, max_length=64)]
CardNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4,32}$")]
Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


class _Extract(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PastNumber(_Extract):
    """A number the person had before."""

    number: Number = Field(repr=False)
    valid_from: date | None = None
    valid_to: date | None = None


class HeldCard(_Extract):
    """A card: its number, its code in the card system, its activated functions, its generation."""

    card_number: CardNumber = Field(repr=False)
    code: Literal["0", "1", "A", "B", "2", "3", "4"] = "1"
    functions: frozenset[CardFunction] = frozenset()
    generation: Annotated[int, Field(ge=1, le=9)] = 3
    printed_data_outdated: bool = False
    payment_authority: bool = False


class Claim(_Extract):
    """A reimbursement, refund or other claim, in fen."""

    scheme: Scheme = "medical"
    amount_fen: Annotated[int, Field(gt=0)]
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
    notice: Reference
    served_on: date
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
    amount_fen: int


class Balance(_Extract):
    """The balance of a personal account, in fen."""

    scheme: Scheme = "medical"
    amount_fen: int


class InsuredPerson(_Extract):
    """One person as a register's extract has it.

    `number` is the number in force: 15 or 18 digits, or whatever stands there.
    """

    personal_number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4,20}$")] = Field(repr=False)
    name: str = Field(repr=False)
    phone: str | None = Field(default=None, repr=False)
    number: Number | None = Field(default=None, repr=False)
    past_numbers: tuple[PastNumber, ...] = ()
    region: RegionCode
    category: Category = Category.general
    died_on: date | None = None
    transferred: bool = False
    """Another agency keeps the record from now on."""
    insured_again: Reference | None = None
    """What it rests on that an end which the register knew of was a mistake, or that the person came back."""
    draws_pension: bool = False
    cards: tuple[HeldCard, ...] = ()
    claims: tuple[Claim, ...] = ()
    benefit_holds: tuple[BenefitHold, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    balances: tuple[Balance, ...] = ()

    @model_validator(mode="after")
    def _fits_the_register(self) -> Self:
        check_name(self.name)
        codes = [card.code for card in self.cards]
        if sum(code in {"1", "B"} for code in codes) > 1 or codes.count("A") > 1:
            raise ValueError("a person has one card in use, and one that is coming")
        if sum(card.payment_authority for card in self.cards) > 1:
            raise ValueError("benefits are paid to one card")
        if self.insured_again is not None and (self.died_on is not None or self.transferred):
            raise ValueError("whoever is insured here did not die and was not transferred")
        return self


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


@case_errors_only
async def load_persons(pool: Pool, sealer: Sealer, persons: Iterable[InsuredPerson]) -> Loaded:
    """Load an extract in batches of one transaction each.

    A person whose 18-digit number somebody else has already is refused with NUMBER_TAKEN; the rest is loaded. Raises
    `CaseError` with a code where the database cannot be reached or refuses.
    """
    loaded, known, place, ended, returned = 0, 0, 0, 0, 0
    refused: list[Refusal] = []
    remaining = iter(persons)
    while batch := list(islice(remaining, BATCH)):
        rows = _Rows(sealer)
        async with connection_of(pool) as connection, connection.transaction():
            await SQL["take_time"].first(connection, {"limit": f"{_COPY_SECONDS}s"})
            await SQL["one_loader"].first(connection, {})
            taken, present = await _present(connection, sealer, batch)
            for offset, person in enumerate(batch):
                token = sealer.person_token(person.personal_number)
                if token in present:
                    known += 1
                    continue
                number = _token_of_long(sealer, person.number)
                if number in taken:
                    refused.append(Refusal(place + offset, Code.NUMBER_TAKEN))
                    continue
                if number is not None:
                    taken.add(number)
                present.add(token)
                rows.add(token, person)
                loaded += 1
            await rows.copy(connection)
            gone, back = await _learn_standings(connection, sealer, batch)
        place, ended, returned = place + len(batch), ended + gone, returned + back
    return Loaded(loaded, known, tuple(refused), ended, returned)


async def _learn_standings(connection: Connection, sealer: Sealer, batch: Sequence[InsuredPerson]) -> tuple[int, int]:
    """Have the register learn who ended and who is back, as far as it does not know; returns how many of each."""
    said = [person for person in batch if person.died_on or person.transferred or person.insured_again]
    if not said:
        return 0, 0
    values = {
        "tokens": [sealer.person_token(person.personal_number) for person in said],
        "died": [person.died_on for person in said],
        "transferred": [person.transferred for person in said],
        "evidence": [person.insured_again for person in said],
    }
    # Held against transitions of their cases, which look at them again.
    await SQL["lock_persons"].all(connection, values)
    died = await SQL["learn_of_deaths"].run(connection, values)
    transferred = await SQL["learn_of_transfers"].run(connection, values)
    return died + transferred, await SQL["learn_of_returns"].run(connection, values)


_LONG: Final = 18
_SHORT: Final = 15


def _token_of_long(sealer: Sealer, number: str | None) -> str | None:
    """Token of an 18-digit number; shorter ones may be shared by several people."""
    return sealer.number_token(number) if number is not None and _digits(number) == _LONG else None


def _digits(number: str | None) -> int | None:
    if number is None:
        return None
    if _EIGHTEEN.fullmatch(number):
        return _LONG
    return _SHORT if _FIFTEEN.fullmatch(number) else None


async def _present(connection: Connection, sealer: Sealer, batch: Sequence[InsuredPerson]) -> tuple[set[str], set[str]]:
    """Tokens of numbers that are taken, and of persons who are in the register."""
    persons = [sealer.person_token(person.personal_number) for person in batch]
    numbers = [sealer.number_token(person.number) for person in batch if person.number is not None]
    taken = await SQL["numbers_taken"].all(connection, {"tokens": numbers})
    present = await SQL["persons_present"].all(connection, {"tokens": persons})
    return {row["token"] for row in taken}, {row["token"] for row in present}


class _Rows:
    """Rows of a batch, table by table, as COPY takes them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._people: list[tuple[str, InsuredPerson]] = []

    def add(self, token: str, person: InsuredPerson) -> None:
        self._people.append((token, person))

    async def copy(self, connection: Connection) -> None:
        if not self._people:
            return
        ids = [row["id"] for row in await SQL["person_ids"].all(connection, {"count": len(self._people)})]
        for table, (columns, rows_of) in _TABLES.items():
            records = [
                row
                for person_id, (token, person) in zip(ids, self._people, strict=True)
                for row in rows_of(self._sealer, person_id, token, person)
            ]
            if records:
                await connection.copy_records_to_table(table, columns=columns, records=records, timeout=_COPY_SECONDS)


_RowsOf = Callable[[Sealer, int, str, InsuredPerson], Iterator[tuple[Any, ...]]]


def _persons(sealer: Sealer, person_id: int, token: str, person: InsuredPerson) -> Iterator[tuple[Any, ...]]:
    name = sealer.seal(person.name, field=SealedField.name, person=token)
    phone = None if person.phone is None else sealer.seal(person.phone, field=SealedField.phone, person=token)
    yield (
        person_id,
        token,
        name,
        phone,
        person.region,
        person.category.value,
        person.died_on,
        person.draws_pension,
    )


def _numbers(sealer: Sealer, person_id: int, token: str, person: InsuredPerson) -> Iterator[tuple[Any, ...]]:
    def row(number: str, state: str, valid_from: date | None, valid_to: date | None) -> tuple[Any, ...]:
        sealed = sealer.seal(number, field=SealedField.number, person=token)
        return person_id, sealer.number_token(number), sealed, _digits(number), state, valid_from, valid_to

    for past in person.past_numbers:
        yield row(past.number, "historic", past.valid_from, past.valid_to)
    if person.number is not None:
        since = max((past.valid_to for past in person.past_numbers if past.valid_to is not None), default=None)
        yield row(person.number, "living", since, None)


def _cards(sealer: Sealer, person_id: int, token: str, person: InsuredPerson) -> Iterator[tuple[Any, ...]]:
    for card in person.cards:
        yield (
            person_id,
            card.code,
            sealer.seal(card.card_number, field=SealedField.card_number, person=token),
            sealer.number_token(card.card_number),
            card.generation,
            sorted(function.value for function in card.functions),
            card.printed_data_outdated,
            card.payment_authority,
        )


def _claims(_sealer: Sealer, person_id: int, _token: str, person: InsuredPerson) -> Iterator[tuple[Any, ...]]:
    for claim in person.claims:
        yield person_id, claim.scheme, claim.amount_fen, claim.state, claim.suspended_for


def _holds(_sealer: Sealer, person_id: int, _token: str, person: InsuredPerson) -> Iterator[tuple[Any, ...]]:
    for hold in person.benefit_holds:
        yield (
            person_id,
            hold.reason,
            hold.state,
            hold.legal_basis,
            hold.notice,
            hold.served_on,
            hold.officer,
            hold.held_at,
        )


def _contributions(_sealer: Sealer, person_id: int, _token: str, person: InsuredPerson) -> Iterator[tuple[Any, ...]]:
    for contribution in person.contributions:
        yield (
            person_id,
            contribution.scheme,
            datetime.strptime(contribution.month, "%Y-%m").replace(tzinfo=UTC).date(),
            contribution.amount_fen,
        )


def _balances(_sealer: Sealer, person_id: int, _token: str, person: InsuredPerson) -> Iterator[tuple[Any, ...]]:
    for balance in person.balances:
        yield person_id, balance.scheme, balance.amount_fen


_TABLES: Final[dict[str, tuple[tuple[str, ...], _RowsOf]]] = {
    "persons": (("id", "token", "name", "phone", "region", "category", "died_on", "draws_pension"), _persons),
    "numbers": (("person_id", "token", "sealed", "digits", "state", "valid_from", "valid_to"), _numbers),
    "cards": (
        (
            "person_id",
            "code",
            "number",
            "number_token",
            "card_generation",
            "functions",
            "printed_data_outdated",
            "payment_authority",
        ),
        _cards,
    ),
    "claims": (("person_id", "scheme", "amount_fen", "state", "suspended_for"), _claims),
    "benefit_holds": (
        ("person_id", "reason", "state", "legal_basis", "notice", "served_on", "officer", "held_at"),
        _holds,
    ),
    "contributions": (("person_id", "scheme", "month", "amount_fen"), _contributions),
    "balances": (("person_id", "scheme", "amount_fen"), _balances),
}
"""Tables in the order in which they can be filled, their columns, and a person's rows in them."""
