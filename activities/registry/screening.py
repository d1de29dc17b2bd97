"""Screening: what the register says about a person, and what follows for the case.

The road of an ID-number change (`cases.numbers.classify`) and the pre-checks of a card replacement. Nothing is written.
"""

from datetime import date, datetime
from typing import Final, NamedTuple

import asyncpg

from activities.registry.pool import Connection
from activities.registry.queries import load
from activities.sealing import Field, Sealer
from cases.clocks import SHANGHAI
from cases.errors import Advice, CaseError, Code
from cases.kinds import KINDS
from cases.numbers import Classification, Road, classify, validate, validate18
from cases.openings import Opening, ReplacementOpening
from cases.policy import Policies
from cases.screening import Finding, Screening
from cases.state import CaseState
from cases.text import check_name, same_name

SQL: Final = load("screening.sql")

_FIRST_GENERATION: Final = 15


class Screened(NamedTuple):
    """The answer, and the rows it rests on: the person and the number in force, None where the register has none."""

    screening: Screening
    person_id: int | None
    number_id: int | None
    who_else: str
    """Who else has the number or asks for it, as the register puts it."""


class _Verdict(NamedTuple):
    finding: Finding
    road: Road | None = None
    advice: tuple[Advice, ...] = ()
    related: str | None = None


async def screen(
    connection: Connection, state: CaseState, at: datetime, sealer: Sealer, policies: Policies
) -> Screened:
    """What the register answers to a case at the moment `at`.

    The policy is the one the case is pinned to, or, for a case that was never screened, the newest of its region.

    Raises `CaseError` with the code of a hard rule that the number applied for breaks, PAYLOAD_INVALID where it is not
    the number its token stands for, POLICY_UNKNOWN, SEAL_BROKEN or KEY_UNKNOWN.
    """
    opening = state.opening
    before = state.screening
    policy = policies.of_region(opening.region) if before is None else policies.pinned(before.terms.policy)
    number = _number_of(opening, sealer)
    values = {
        "person": opening.person,
        "number_token": opening.number_token,
        "reason": KINDS[opening.kind].held_for,
    }
    row = await SQL["person_on_register"].first(connection, values)
    if row is None:
        raise AssertionError("a row, whoever is asked for")
    today, known = at.astimezone(SHANGHAI).date(), row["id"] is not None
    if not known:
        verdict = _Verdict(Finding.unknown)
    elif row["died_on"] is not None:
        verdict = _Verdict(Finding.deceased)
    elif isinstance(opening, ReplacementOpening):
        verdict = _precheck(row, opening, number, today, sealer)
    else:
        verdict = _road(row, opening, number, today, sealer, held_by_other=bool(row["who_else"]))
    screening = Screening(
        finding=verdict.finding,
        terms=policy.terms(opening.kind),
        road=verdict.road,
        demands=policy.demands(opening, verdict.road),
        advice=verdict.advice,
        benefits_held=known and row["benefits_held"],
        draws_pension=known and row["draws_pension"],
        related=verdict.related,
    )
    return Screened(screening, row["id"], row["number_id"], row["who_else"])


def _number_of(opening: Opening, sealer: Sealer) -> str:
    number = sealer.open(opening.number, field=Field.number, person=opening.person)
    if sealer.number_token(number) != opening.number_token:
        raise CaseError(Code.PAYLOAD_INVALID, "number_token")
    return number


def _same_name(row: asyncpg.Record, opening: Opening, sealer: Sealer) -> bool:
    registered = sealer.open(row["name"], field=Field.name, person=opening.person)
    return same_name(registered, sealer.open(opening.name, field=Field.name, person=opening.person))


def _name_advice(opening: Opening, sealer: Sealer) -> tuple[Advice, ...]:
    return check_name(sealer.open(opening.name, field=Field.name, person=opening.person)).advice


def _road(
    row: asyncpg.Record,
    opening: Opening,
    new: str,
    today: date,
    sealer: Sealer,
    *,
    held_by_other: bool,
) -> _Verdict:
    """The road of an ID-number change. A person without a number in force (it was revoked) has none to derive from."""
    old = "" if row["number"] is None else sealer.open(row["number"], field=Field.number, person=opening.person)
    found: Classification = classify(
        old, new, same_name=_same_name(row, opening, sealer), held_by_other=held_by_other, today=today
    )
    advice = validate18(new, today).advice + _name_advice(opening, sealer)
    match found.road:
        case Road.not_needed:
            return _Verdict(Finding.not_needed, found.road, advice)
        case Road.conflict:
            return _Verdict(Finding.conflict, found.road, advice)
        case Road.pure_upgrade | Road.reissued:
            return _Verdict(Finding.clear, found.road, advice)


def _precheck(row: asyncpg.Record, opening: ReplacementOpening, shown: str, today: date, sealer: Sealer) -> _Verdict:
    """The pre-checks of a card replacement: 2 name or number differs, 3 duplicate, 4 not allowed.

    A record that still holds a first-generation number differs in any case: its number is changed first.
    """
    advice = validate(shown, today).advice + _name_advice(opening, sealer)
    same_number = row["number_token"] == opening.number_token and row["number_digits"] != _FIRST_GENERATION
    if not same_number or not _same_name(row, opening, sealer):
        return _Verdict(Finding.differs, None, advice, row["number_change"])
    if row["card_coming"]:
        return _Verdict(Finding.duplicate, None, advice)
    return _Verdict(Finding.clear if row["card_to_replace"] else Finding.not_allowed, None, advice)
