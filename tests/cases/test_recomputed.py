"""What several recomputations changed together."""

from datetime import UTC, datetime, timedelta

from cases.answers import MovedDate, Recomputed
from cases.documents import DocumentKind
from cases.facts import CardFunction
from cases.models import System
from cases.recomputed import all_together

DAY = datetime(2026, 8, 3, 16, tzinfo=UTC)


def moved(before: int, after: int) -> MovedDate:
    return MovedDate(before=DAY + timedelta(days=before), after=DAY + timedelta(days=after))


def test_one_that_changed_nothing_takes_nothing_away() -> None:
    only = Recomputed(due=moved(0, 3), systems=(System.bank,))
    assert all_together(None, only) == all_together(only, None) == only
    assert all_together(None, None) is None


def test_dates_are_told_from_before_the_first_to_after_the_last_and_the_rest_is_added_up() -> None:
    first = Recomputed(
        policy_before="north/1", due=moved(0, 3), processing=moved(0, 5), systems=(System.bank,), functions=()
    )
    second = Recomputed(
        policy_before="north/2",
        due=moved(3, 4),
        processing=moved(5, 0),
        campaign=moved(1, 2),
        systems=(System.pension, System.bank),
        demands=(DocumentKind.photograph,),
        functions=(CardFunction.bank,),
    )
    assert all_together(first, second) == Recomputed(
        policy_before="north/1",
        due=moved(0, 4),
        # Back where it was.
        processing=None,
        campaign=moved(1, 2),
        systems=(System.bank, System.pension),
        demands=(DocumentKind.photograph,),
        functions=(CardFunction.bank,),
    )
