"""What a row of the audit proves by itself: that somebody decided it, or that the machine has a row for it.

A chain shows that a row is the one that was written. Whoever may write to the database can write a new one that fits:
an invented decision, a stamp of another case, a way that no case takes. Such a row is found by the gate's signature,
which nobody of the database can give, and by the machine.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from activities.registry.bearers import Bearers
from activities.stamps import Stamps
from cases.errors import CaseError
from cases.events import EVENTS, FACTS, Event, Origin
from cases.facts import Fact
from cases.kinds import KINDS, read_case_id, read_opening
from cases.machines.machine import Machine, Status
from cases.openings import Opening
from cases.stamps import Claims

OPENED: Final = "registered"
"""The event of the first row of a generation."""


class Unproven(Exception):
    """A row that nobody decided as it stands; the argument is the word for it."""


STAMP, MACHINE, DIRECTORY = "stamp", "machine", "directory"


class Proof(NamedTuple):
    """By what decisions are proved: the keys that the gate has had, and who stood in the directory."""

    stamps: Stamps
    bearers: Bearers


def flaw_of(row: Mapping[str, Any], opening: str | None, proof: Proof) -> str | None:
    """What a transition does not prove: STAMP, MACHINE or DIRECTORY; None where it holds.

    `opening` is the stored text of the one of its generation. What was forgotten proves nothing any more and is
    counted elsewhere (`is_forgotten`).
    """
    try:
        _check_way(row)
        if not is_forgotten(row):
            _check_stamp(row, _opening_of(row, opening), proof)
    except Unproven as flaw:
        return str(flaw)
    return None


def flaw_of_told(row: Mapping[str, Any], proof: Proof) -> str | None:
    """The same of what was told and stands beside the chains."""
    try:
        # No version of the case came of it.
        _check_stamp({**row, "version": sys.maxsize}, None, proof)
    except Unproven as flaw:
        return str(flaw)
    return None


def is_forgotten(row: Mapping[str, Any]) -> bool:
    """Whether the contents of a transition are gone, and with them its stamp."""
    return row["format"] != 1 and row["salt"] is None


def _check_way(row: Mapping[str, Any]) -> None:
    """Raises `Unproven` MACHINE for a way that no case of its kind takes."""
    try:
        kind, _ = read_case_id(row["case_id"])
        to = Status(row["to_status"])
        if row["event"] == OPENED:
            fits = row["from_status"] is None and to is KINDS[kind].machine.initial
        else:
            fits = _leads(KINDS[kind].machine, Status(row["from_status"]), Event(row["event"]), to)
    except (CaseError, ValueError):
        fits = False
    if not fits:
        raise Unproven(MACHINE)


def _leads(machine: Machine, status: Status, event: Event, to: Status) -> bool:
    return any(way.to is to for way in machine.rows(status, event))


def _check_stamp(row: Mapping[str, Any], opening: Opening | None, proof: Proof) -> None:
    """Raises `Unproven`.

    STAMP where the gate did not sign that this was told, by whom, and of which case; DIRECTORY where whoever it was did
    not stand there with that role when it was signed.
    """
    if not _is_told(row):
        # What happens of itself is nobody's decision.
        if (row["stamp"], row["actor"], row["role"], row["office"]) != (None, None, None, None):
            raise Unproven(STAMP)
        return
    try:
        claims = _claims_of(row, opening, proof.stamps)
    except (CaseError, ValueError):
        raise Unproven(STAMP) from None
    said = (claims.jti, claims.case, claims.sub, claims.role.value, claims.office)
    if said != (row["stamp"], row["case_id"], row["actor"], row["role"], row["office"]):
        raise Unproven(STAMP)
    if not claims.is_for(row["generation"], row["version"]):
        raise Unproven(STAMP)
    if not proof.bearers.stood(claims.actor, datetime.fromtimestamp(claims.iat, UTC)):
        raise Unproven(DIRECTORY)


def _is_told(row: Mapping[str, Any]) -> bool:
    """Whether somebody tells what a row is about. The calendar's word on dates is nobody's, and has no fact."""
    if row["event"] == OPENED:
        return True
    event = Event(row["event"])
    by_the_calendar = event is Event.recompute and row["fact"] is None
    return EVENTS[event].origin is Origin.outside and not by_the_calendar


def _claims_of(row: Mapping[str, Any], opening: Opening | None, stamps: Stamps) -> Claims:
    if row["event"] == OPENED:
        if opening is None:
            raise Unproven(STAMP)
        return stamps.recheck_opening(opening, row["at"])
    event = Event(row["event"])
    fact: Fact = FACTS[event].model_validate_json(row["fact"] or "")
    return stamps.recheck_fact(fact, row["case_id"], event, row["at"])


def _opening_of(row: Mapping[str, Any], text: str | None) -> Opening | None:
    """The opening with the stamp that stands in its row; None for another row, or where there is none."""
    if row["event"] != OPENED or text is None:
        return None
    try:
        return read_opening(json.loads(text) | json.loads(row["fact"] or ""))
    except (TypeError, ValueError):
        return None
