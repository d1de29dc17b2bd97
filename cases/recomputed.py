"""What a recomputation changes, as the case tells it: dates, demands, and whom it waits for."""

from datetime import datetime

from cases.answers import MovedDate, Recomputed
from cases.state import CaseState


def changed_by_recomputing(before: CaseState, after: CaseState) -> Recomputed | None:
    """What is not as it was; None where nothing is. `before` has the dates and the terms that held until then."""
    still = {demand.document for demand in after.missing}
    told = Recomputed(
        policy_before=before.terms.policy if before.terms.policy != after.terms.policy else None,
        due=_moved(*(each.timer.due_at if each.timer is not None else None for each in (before, after))),
        processing=_moved(*(each.ladder.dates.processing_due_at for each in (before, after))),
        campaign=_moved(*(each.ladder.dates.campaign_due_at for each in (before, after))),
        demands=tuple(each.document for each in before.missing if each.document not in still),
        systems=tuple(system for system in before.awaited if system not in after.awaited),
        functions=tuple(
            function
            for function in before.terms.functions
            if function not in after.terms.functions and function not in before.activated
        ),
    )
    return told if told != Recomputed() else None


def _moved(before: datetime | None, after: datetime | None) -> MovedDate | None:
    return MovedDate(before=before, after=after) if before != after else None
