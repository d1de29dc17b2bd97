"""What recomputations change, as the case tells it: dates, demands, and whom it waits for."""

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import TypeVar

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


def all_together(earlier: Recomputed | None, newest: Recomputed | None) -> Recomputed | None:
    """What all recomputations of a case changed: dates from before the first of them to after the last."""
    if earlier is None or newest is None:
        return newest or earlier
    return Recomputed(
        policy_before=earlier.policy_before or newest.policy_before,
        due=_moved_twice(earlier.due, newest.due),
        processing=_moved_twice(earlier.processing, newest.processing),
        campaign=_moved_twice(earlier.campaign, newest.campaign),
        demands=_both(earlier.demands, newest.demands),
        systems=_both(earlier.systems, newest.systems),
        functions=_both(earlier.functions, newest.functions),
    )


_Gone = TypeVar("_Gone", bound=Hashable)


def _both(earlier: Sequence[_Gone], newest: Sequence[_Gone]) -> tuple[_Gone, ...]:
    return tuple(dict.fromkeys((*earlier, *newest)))


def _moved_twice(earlier: MovedDate | None, newest: MovedDate | None) -> MovedDate | None:
    if earlier is None or newest is None:
        return newest or earlier
    return _moved(earlier.before, newest.after)


def _moved(before: datetime | None, after: datetime | None) -> MovedDate | None:
    return MovedDate(before=before, after=after) if before != after else None
