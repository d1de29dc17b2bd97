"""What a case is told, as people and programs say it: in clear, without what nobody sends."""

from collections.abc import Mapping
from typing import Any, Final

from activities.sealing import Sealer
from cases.errors import Code
from cases.events import FACTS, Event
from cases.facts import CardProduced, CardTurnedUp, ConfirmAddress, Fact, OnBehalf
from cases.kinds import read_case_id
from cases.models import Actor
from intake.applications import (
    Address,
    ApplicationCitizen,
    CardNumber,
    InputRefused,
    Problem,
    checked,
    seal_address,
    seal_card_number,
    speaker_of,
)

FILLED_IN: Final = frozenset({"actor", "stamp", "card_token", "address_token"})
"""Fields of facts that nobody sends: the service knows who acts, the gate stamps, a token is computed."""
IN_CLEAR: Final[Mapping[str, Any]] = {
    "on_behalf": ApplicationCitizen,
    "card_number": CardNumber,
    "address": Address,
}
"""Fields that are sent in clear, and what they are then: keyed tokens or sealed is what becomes of them here."""


def fact_of(actor: Actor, case: str, event: Event, fields: dict[str, Any], sealer: Sealer) -> Fact:
    """The fact that somebody tells a case. A card's number, an address, and who speaks, come in clear.

    Raises `InputRefused`.
    """
    if filled_in := sorted(FILLED_IN & fields.keys()):
        raise InputRefused(Problem(name, Code.FIELD_UNKNOWN) for name in filled_in)
    model = FACTS[event]
    if model in (CardProduced, CardTurnedUp) and isinstance(number := fields.get("card_number"), str):
        card = seal_card_number(number, case, sealer)
        fields = {**fields, "card_number": card.number, "card_token": card.token}
    if model is ConfirmAddress and isinstance(address := fields.get("address"), str):
        place = seal_address(address, case, sealer)
        fields = {**fields, "address": place.address, "address_token": place.token}
    if issubclass(model, OnBehalf) and fields.get("on_behalf") is not None:
        try:
            speaker = checked(ApplicationCitizen, fields["on_behalf"])
        except InputRefused as refused:
            within = (Problem(f"on_behalf.{each.field}".rstrip("."), each.code) for each in refused.problems)
            raise InputRefused(within) from None
        fields = {**fields, "on_behalf": speaker_of(speaker, read_case_id(case)[1], sealer)}
    try:
        return checked(model, {**fields, "actor": actor})
    except InputRefused as refused:
        # Nobody is asked for what nobody sends: it is missing where what it is made of is.
        raise InputRefused(each for each in refused.problems if each.field not in FILLED_IN) from None
