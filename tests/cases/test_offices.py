"""Who supervises whom, and everything that keeps a directory from being used."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.errors import Code
from cases.offices import (
    DUTY_OF,
    Directory,
    Duty,
    Level,
    Office,
    Post,
    Recipient,
    acting,
    chain_of,
    faults_of,
)
from tests.activities.offices import AGENCY, CAPITAL, DIRECT, MINISTRY, MUNICIPALITY, PROVINCE, directory

WHOLE = directory()


def without(**which: Any) -> Directory:
    """The directory without the offices or posts that have these fields."""
    return Directory(
        offices=tuple(office for office in WHOLE.offices if not _has(office, which)),
        posts=tuple(post for post in WHOLE.posts if not _has(post, which)),
    )


def _has(entry: Office | Post, which: dict[str, Any]) -> bool:
    return all(hasattr(entry, name) and getattr(entry, name) == value for name, value in which.items())


def changed(which: dict[str, Any], **fields: Any) -> Directory:
    """The directory with some fields of some entries changed."""
    return Directory(
        offices=tuple(office.model_copy(update=fields) if _has(office, which) else office for office in WHOLE.offices),
        posts=tuple(post.model_copy(update=fields) if _has(post, which) else post for post in WHOLE.posts),
    )


@dataclass(frozen=True)
class Wrong:
    """A directory with one thing wrong, and how that is said."""

    directory: Directory
    said: set[tuple[str, Code]]


HOLDER = {"office": AGENCY, "role": Duty.clerk, "rank": 0}
DEPUTY = {"office": AGENCY, "role": Duty.clerk, "rank": 1}
WRONG = {
    "an office twice": Wrong(
        WHOLE.model_copy(update={"offices": (*WHOLE.offices, WHOLE.offices[-1])}), {("code", Code.OFFICE_REPEATED)}
    ),
    "no ministry": Wrong(
        without(code=MINISTRY),
        {("parent", Code.OFFICE_UNKNOWN), ("office", Code.OFFICE_UNKNOWN)},
    ),
    "another ministry": Wrong(
        changed({"code": PROVINCE}, level=Level.ministry),
        {("level", Code.OFFICE_LEVEL_WRONG)},
    ),
    "a ministry below": Wrong(
        changed({"code": MINISTRY}, parent=PROVINCE),
        {("parent", Code.OFFICE_PARENT_WRONG)},
    ),
    "nobody above": Wrong(
        changed({"code": MUNICIPALITY}, parent=None),
        {("parent", Code.OFFICE_PARENT_WRONG)},
    ),
    "its own parent": Wrong(
        changed({"code": MUNICIPALITY}, parent=MUNICIPALITY), {("parent", Code.OFFICE_PARENT_WRONG)}
    ),
    "a parent below": Wrong(changed({"code": PROVINCE}, parent=AGENCY), {("parent", Code.OFFICE_PARENT_WRONG)}),
    "an unknown parent": Wrong(changed({"code": AGENCY}, parent="990000"), {("parent", Code.OFFICE_UNKNOWN)}),
    "a post nowhere": Wrong(
        changed({"office": PROVINCE, "role": Duty.head}, office="990000"), {("office", Code.OFFICE_UNKNOWN)}
    ),
    "a post without its holder": Wrong(without(**HOLDER), {("rank", Code.POST_HOLDER_MISSING)}),
    "two of one rank": Wrong(changed(DEPUTY, rank=0), {("rank", Code.POST_RANK_REPEATED)}),
    "one's own deputy": Wrong(
        changed(DEPUTY, staff=f"clerk-{AGENCY}-0"),
        {("staff", Code.POST_DEPUTY_REPEATED)},
    ),
    "an absence that ends first": Wrong(
        changed(HOLDER, absent_from=date(2026, 8, 10), absent_to=date(2026, 8, 9)), {("absent_to", Code.DATE_INVALID)}
    ),
    "an absence that never began": Wrong(
        changed(HOLDER, absent_to=date(2026, 8, 9)), {("absent_to", Code.DATE_INVALID)}
    ),
    "everybody away at once": Wrong(
        changed({"office": AGENCY, "role": Duty.clerk}, absent_from=date(2026, 8, 10)),
        {("absent_from", Code.POST_UNCOVERED)},
    ),
    "a post that the ladder tells": Wrong(without(office=MUNICIPALITY, role=Duty.head), {("head", Code.POST_MISSING)}),
    "a head where the province does the municipality's work": Wrong(
        without(office=CAPITAL, role=Duty.head), {("head", Code.POST_MISSING)}
    ),
}


def test_a_whole_directory_has_no_fault() -> None:
    assert faults_of(WHOLE) == ()


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_directory_is_found(wrong: Wrong) -> None:
    assert {(fault.field, fault.code) for fault in faults_of(wrong.directory)} == wrong.said


def test_a_fault_names_its_place_among_entries_of_its_kind() -> None:
    directory = changed({"code": AGENCY}, parent="990000")
    (fault,) = faults_of(directory)
    assert fault.kind is Office
    assert directory.offices[fault.place].code == AGENCY
    directory = changed(HOLDER, absent_to=date(2026, 8, 9))
    (fault,) = faults_of(directory)
    assert fault.kind is Post
    assert directory.posts[fault.place].staff == f"clerk-{AGENCY}-0"


def test_all_faults_are_found_at_once() -> None:
    worse = without(**HOLDER).model_copy(update={"offices": changed({"code": AGENCY}, parent=None).offices})
    assert {fault.code for fault in faults_of(worse)} == {Code.OFFICE_PARENT_WRONG, Code.POST_HOLDER_MISSING}


def test_a_province_that_has_municipalities_needs_no_head() -> None:
    assert faults_of(without(office=PROVINCE, role=Duty.head)) == ()


def test_the_chain_climbs_to_the_ministry() -> None:
    assert [office.code for office in chain_of(WHOLE.offices, AGENCY)] == [AGENCY, MUNICIPALITY, PROVINCE, MINISTRY]
    assert [office.code for office in chain_of(WHOLE.offices, DIRECT)] == [DIRECT, CAPITAL, MINISTRY]
    assert chain_of(WHOLE.offices, "990000") == ()


@pytest.mark.parametrize(
    ("agency", "level", "office"),
    [
        (AGENCY, Level.agency, AGENCY),
        (AGENCY, Level.municipality, MUNICIPALITY),
        (AGENCY, Level.province, PROVINCE),
        (AGENCY, Level.ministry, MINISTRY),
        (DIRECT, Level.municipality, CAPITAL),
        (DIRECT, Level.province, CAPITAL),
    ],
)
def test_the_nearest_office_at_or_above_a_level_does_its_work(agency: str, level: Level, office: str) -> None:
    found = acting(chain_of(WHOLE.offices, agency), level)
    assert found is not None
    assert found.code == office


def test_nobody_does_the_work_of_a_level_for_an_agency_that_is_not_listed() -> None:
    assert acting(chain_of(WHOLE.offices, "990000"), Level.agency) is None


def test_every_recipient_but_the_applicant_is_a_post() -> None:
    assert DUTY_OF.keys() == set(Recipient) - {Recipient.applicant}


DAYS = st.dates(date(2026, 8, 1), date(2026, 8, 31))


@given(DAYS, DAYS, DAYS)
def test_whoever_is_absent_is_away_from_the_first_day_to_the_last(first: date, last: date, day: date) -> None:
    post = Post(office=AGENCY, role=Duty.clerk, staff="clerk-1", absent_from=first, absent_to=last)
    assert post.is_present(day) is not (first <= day <= last)


@given(st.lists(st.tuples(DAYS, st.one_of(st.none(), DAYS)), min_size=1, max_size=4))
def test_a_post_is_covered_on_every_day_or_that_is_a_fault(absences: list[tuple[date, date | None]]) -> None:
    absences = [(first, last) for first, last in absences if last is None or last >= first]
    people = [
        Post(office=AGENCY, role=Duty.clerk, staff=f"clerk-{rank}", rank=rank, absent_from=first, absent_to=last)
        for rank, (first, last) in enumerate(absences)
    ]
    others = without(office=AGENCY, role=Duty.clerk)
    found = {fault.code for fault in faults_of(others.model_copy(update={"posts": (*others.posts, *people)}))}
    days = [date(2026, 8, 1) + timedelta(days=day) for day in range(40)]
    uncovered = any(not any(post.is_present(day) for post in people) for day in days)
    assert (Code.POST_UNCOVERED in found) is (uncovered and bool(people))
