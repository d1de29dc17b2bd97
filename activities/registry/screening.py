"""Screening: what the register says about a person, and what follows for the case.

Whoever is known, alive and not transferred is judged as the case's kind judges (`cases.verdicts`). Nothing is written.
"""

import json
from datetime import date, datetime
from typing import Final, NamedTuple

import asyncpg

from activities.registry.pool import Connection
from activities.registry.queries import load
from activities.sealing import Field, Sealer
from cases.answers import Destruction
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.kinds import KINDS
from cases.numbers import same_birth_and_sex
from cases.openings import NumberChangeOpening, Opening
from cases.policy import Policies
from cases.screening import Finding, Screening
from cases.state import CaseState
from cases.text import same_name
from cases.verdicts import Seen, Verdict, precheck

SQL: Final = load("screening.sql")


ENDED: Final = {
    Code.PERSON_DECEASED: Finding.deceased,
    Code.PERSON_TRANSFERRED: Finding.transferred,
    Code.PERSON_MERGED: Finding.merged,
}
"""What is found of a person for whom the register does nothing any more."""


class Screened(NamedTuple):
    """The answer, and the rows it rests on: the person and the number in force, None where the register has none."""

    screening: Screening
    person_id: int | None
    number_id: int | None
    who_else: str
    """Who else has the number or asks for it, as the register puts it."""
    surplus: tuple[str, ...]
    """Orders of earlier generations by which a card was made that waits for its destruction."""
    destruction: tuple[Destruction, ...]
    """Who said, when no generation was open, that one of them was destroyed."""


async def screen(
    connection: Connection, state: CaseState, at: datetime, sealer: Sealer, policies: Policies
) -> Screened:
    """What the register answers to a case at the moment `at`.

    The policy is the one the case is pinned to, or, for a case that was never screened, the newest of its region.

    Raises `CaseError` with the code of a hard rule that the number applied for breaks, PAYLOAD_INVALID where it is not
    the number its token stands for, POLICY_UNKNOWN, SEAL_BROKEN or KEY_UNKNOWN; and, of
    an application that comes in now, as `cases.policy.Policy.check_way_in`.
    """
    opening, record = state.opening, KINDS[state.kind]
    before = state.screening
    policy = policies.of_region(opening.region) if before is None else policies.pinned(before.terms.policy)
    number = _number_of(opening, sealer)
    values = {
        "person": opening.person,
        "number_token": opening.number_token,
        "reason": record.held_for,
        "case_id": state.case_id,
    }
    row = await SQL["person_on_register"].first(connection, values)
    if row is None:
        raise AssertionError("a row, whoever is asked for")
    day, known = at.astimezone(SHANGHAI).date(), row["id"] is not None
    if not known:
        verdict = Verdict(Finding.unknown)
    elif row["ended"] is not None:
        verdict = Verdict(ENDED[Code(row["ended"])])
    else:
        verdict = record.verdict(_seen(row, opening, number, day, sealer))
    if before is None:
        policy.check_way_in(opening, verdict.road, at)
    way = policy.way_in(opening, verdict.road)
    screening = Screening(
        finding=verdict.finding,
        terms=policy.terms(opening.kind),
        road=verdict.road,
        demands=policy.demands(opening, verdict.road),
        original_needed=way is None or way.original_needed,
        delivery=policy.handed_over(opening, verdict.road),
        advice=verdict.advice,
        benefits_held=known and row["benefits_held"],
        draws_pension=known and row["draws_pension"],
        merged=known and row["merged"],
        related=verdict.related,
        changes_name=verdict.changes_name,
        keeps_number=verdict.keeps_number,
        card_lost=row["card_lost"] and record.verdict is precheck,
        card_in_use=known and row["card_in_use"],
        card_blocked=known and row["card_blocked"],
        orders=tuple(sorted(row["orders"])),
    )
    return Screened(
        screening,
        row["id"],
        row["number_id"],
        row["who_else"],
        tuple(json.loads(row["surplus"])),
        tuple(Destruction.model_validate(said) for said in json.loads(row["destruction"])),
    )


def _new_name(opening: Opening, sealer: Sealer) -> str | None:
    if not isinstance(opening, NumberChangeOpening) or opening.new_name is None:
        return None
    return sealer.open(opening.new_name, field=Field.name, person=opening.person)


def _number_of(opening: Opening, sealer: Sealer) -> str:
    number = sealer.open(opening.number, field=Field.number, person=opening.person)
    if sealer.number_token(number) != opening.number_token:
        raise CaseError(Code.PAYLOAD_INVALID, "number_token")
    return number


def _is_one_person(row: asyncpg.Record, registered: str | None, name: str, number: str, sealer: Sealer) -> bool:
    """Whether the one other record with the number may be the same person's; its name is opened where it may be."""
    if row["other"] is None or registered is None or not same_birth_and_sex(registered, number):
        return False
    return same_name(sealer.open(row["other_name"], field=Field.name, person=row["other"]), name)


def _seen(row: asyncpg.Record, opening: Opening, number: str, day: date, sealer: Sealer) -> Seen:
    person = opening.person
    sealed = row["number"]
    registered = None if sealed is None else sealer.open(sealed, field=Field.number, person=person)
    registered_name = sealer.open(row["name"], field=Field.name, person=person)
    return Seen(
        number=number,
        name=sealer.open(opening.name, field=Field.name, person=person),
        new_name=_new_name(opening, sealer),
        day=day,
        registered_number=registered,
        registered_name=registered_name,
        held_by_other=bool(row["who_else"]),
        is_one_person=_is_one_person(row, registered, registered_name, number, sealer),
        merged=row["merged"],
        corrects=opening.corrects is not None,
        card_coming=row["card_coming"],
        card_to_replace=row["card_to_replace"],
        number_change=row["number_change"],
    )
