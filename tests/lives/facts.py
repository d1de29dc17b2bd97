"""What somebody tells a case in a life: facts that the register can open, of every region and policy."""

from datetime import datetime
from itertools import count
from typing import Final

from activities.sealing import Field, Sealer
from cases.facts import CardProduced, CardTurnedUp, ConfirmAddress, Fact, Recompute
from cases.models import Actor, Role
from cases.policy import Policies
from cases.state import CaseState
from tests.cases.test_walks import NO_ORDER, Facts, Pick
from tests.scenes import OFFICE

_CARDS: Final = count(1)
SUPERVISOR: Final = Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE)


class Told(Facts):
    """Facts whose card numbers the register can open, and policies that it has."""

    def __init__(
        self, state: CaseState, now: datetime, pick: Pick, sealer: Sealer, policies: Policies, *, fitting: bool
    ) -> None:
        super().__init__(state, now, pick, fitting=fitting)
        self._sealer = sealer
        self._policies = policies

    def _card(self) -> tuple[str, str]:
        number = f"N{next(_CARDS):012}"
        sealed = self._sealer.seal(number, field=Field.card_number, person=self.state.opening.person)
        return sealed, self._sealer.number_token(number)

    def card_produced(self, actor: Actor) -> Fact:
        if not self.fitting and self.pick((True, False)):
            return CardProduced(actor=actor, produced=False, batch="b-1", order=self.order())
        sealed, token = self._card()
        return CardProduced(
            actor=actor, produced=True, batch="b-1", order=self.order(), card_number=sealed, card_token=token
        )

    def card_turned_up(self, actor: Actor) -> Fact:
        sealed, token = self._card()
        over = self.pick(self.state.past_orders or (NO_ORDER,))
        return CardTurnedUp(actor=actor, order=over, batch="b-1", card_number=sealed, card_token=token)

    def confirm_address(self, actor: Actor) -> Fact:
        address = self.pick(("示例市示例区示例路1号", "示例市示例区示例路2号"))
        sealed = self._sealer.seal(address, field=Field.address, person=self.state.opening.person)
        return ConfirmAddress(actor=actor, address=sealed, address_token=self._sealer.content_token(address))

    def recompute(self, actor: Actor) -> Fact:
        pin = self.state.terms.policy if self.state.screening is not None else None
        name = "northern" if pin is None else pin.partition("/")[0]
        versions = [f"{name}/{version}" for version in (1, 2)]
        known = [each for each in versions if self._policies.find(each) is not None]
        return Recompute(actor=actor, policy=self.pick((None, *known, "northern/1", "nowhere/1")))
