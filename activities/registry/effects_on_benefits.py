"""Effects on benefits and claims. The reason, ID number or card, follows from the kind of case."""

from activities.registry.errors import Refused
from activities.registry.step import Step
from cases.errors import Code
from cases.facts import HoldBenefits, ReleaseBenefits


async def hold_benefits(step: Step) -> None:
    """A named officer withholds benefits, with legal basis and served notice."""
    decision = step.told(HoldBenefits)
    await step.run(
        "hold_benefits",
        legal_basis=decision.legal_basis,
        notice=decision.notice,
        served_on=decision.served_on,
        officer=decision.actor.id,
    )


async def release_benefits(step: Step) -> None:
    """A named officer lets benefits be paid again. Refuses BENEFITS_NOT_HELD."""
    decision = step.told(ReleaseBenefits)
    if not await step.run("release_benefits", officer=decision.actor.id, legal_basis=decision.legal_basis):
        raise Refused(Code.BENEFITS_NOT_HELD)


async def lift_benefit_holds(step: Step) -> None:
    """Holds and warnings end because their reason is gone; nobody's decision is needed for that."""
    await step.run("lift_benefit_holds")


async def requeue_claims(step: Step) -> None:
    """Every suspended claim of every scheme goes back into its queue."""
    await step.run("requeue_claims")


async def assert_no_benefit_held(step: Step) -> None:
    """Refuses BENEFIT_STILL_HELD where a benefit is held, again or still; a claim may be suspended without."""
    if await step.first("benefits_held") is not None:
        raise Refused(Code.BENEFIT_STILL_HELD)


async def assert_benefits_unblocked(step: Step) -> None:
    """Refuses BENEFIT_STILL_HELD while a benefit is held or a claim suspended."""
    if await step.first("benefits_still_blocked") is not None:
        raise Refused(Code.BENEFIT_STILL_HELD)
