"""Who a life is about: somebody with a number, a card and money, and whoever else has or wants that number.

All persons, names and numbers are synthetic.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import count
from typing import Any, Final

from activities.registry.loading import Balance, BenefitHold, Claim, Contribution, HeldCard, InsuredPerson
from cases.facts import CardFunction
from tests.cases.test_walks import Pick
from tests.engine import MOVING, new_number
from tests.scenes import OFFICE, SOUTH

_SERIAL: Final = count(1)
NOTICE: Final[dict[str, Any]] = {"notice": "notice-1", "served_on": date(2025, 12, 20)}
HELD: Final[dict[str, Any]] = {
    "legal_basis": "示例文件〔2025〕第1号",
    "officer": "officer-0",
    "held_at": datetime(2026, 1, 2, 4, 0, tzinfo=UTC),
}
BOTH: Final = frozenset(CardFunction)


class Numbers(StrEnum):
    """What is the matter with the number that somebody applies for."""

    derived = "derived"
    reissued = "reissued"
    taken = "taken"
    """Somebody else has it."""
    wanted = "wanted"
    """Somebody else applies for it too."""
    of_another_record = "of_another_record"
    """The same human has it, under another record."""
    new_already = "new_already"
    """The number in force has 18 digits."""


@dataclass
class Somebody:
    """One person, with what they would apply for; where the register is the first to know, it says so."""

    insured: InsuredPerson
    wants: str = field(repr=False)
    token: str = ""
    row: int = 0
    """Their row in the register."""


def people(pick: Pick) -> list[Somebody]:
    """Those of one life, whoever it is about first."""
    new = new_number()
    old = new[:6] + new[8:17]
    region = pick((OFFICE, SOUTH, OFFICE, SOUTH, MOVING))
    matter: Numbers = pick((*Numbers, Numbers.new_already, Numbers.new_already, Numbers.derived))
    main = _insured(pick, region, new if matter is Numbers.new_already else old)
    match matter:
        case Numbers.derived:
            return [Somebody(main, new)]
        case Numbers.reissued:
            return [Somebody(main, new_number())]
        case Numbers.taken:
            other = _insured(pick, pick((region, OFFICE)), new, name="另一人")
            return [Somebody(main, new), Somebody(other, new_number())]
        case Numbers.wanted:
            another = new_number()
            other = _insured(pick, region, another[:6] + another[8:17], name="又一人")
            return [Somebody(main, new), Somebody(other, new)]
        case Numbers.of_another_record:
            other = _insured(pick, region, new, name=main.name)
            return [Somebody(main, new), Somebody(other, new_number())]
        case Numbers.new_already:
            return [Somebody(main, pick((new, new_number())))]


def _insured(pick: Pick, region: str, number: str, name: str | None = None) -> InsuredPerson:
    serial = next(_SERIAL)
    in_use = HeldCard(card_number=f"C{serial:09}", functions=BOTH, payment_authority=True)
    lost = HeldCard(card_number=f"C{serial:09}", code="2", payment_authority=True)
    cards: Any = pick(((in_use,), (in_use,), (in_use,), (in_use,), (lost,), ()))
    held = (BenefitHold(reason="id_number", **NOTICE, **HELD), BenefitHold(reason="card", **NOTICE, **HELD))
    warned = (BenefitHold(reason="id_number", state="warned", **NOTICE),)
    return InsuredPerson(
        personal_number=f"L{serial:09}",
        source_version=1,
        name=name or f"合成人{serial}",
        number=number,
        region=region,
        draws_pension=pick((False, True)),
        cards=cards,
        claims=(
            Claim(reference="claim-1", amount_fen=120_00, suspended_for="id_number"),
            Claim(reference="claim-2", amount_fen=80_00, scheme="pension", suspended_for="card"),
            Claim(reference="claim-3", amount_fen=60_00, state="queued"),
        ),
        benefit_holds=pick(((), (), warned, held)),
        contributions=tuple(
            Contribution(month=month, amount_fen=500_00)
            for month in pick((("2026-01",), ("2026-01", "2026-02"), ("2025-12", "2026-01")))
        ),
        balances=(Balance(amount_fen=70_00),),
    )
