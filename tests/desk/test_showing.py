"""What pages show: two numbers side by side, and the little Markdown of details. All synthetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.numbers import derive
from desk.comparing import Verdict, compare
from desk.markup import html_of
from tests.activities.play import eighteen, old_number

OLD = old_number(1)
NEW = derive(OLD)


def shown(places: object) -> str:
    return "".join(place.shown for place in places)  # type: ignore[attr-defined]  # of a comparison


def test_a_derived_number_is_said_to_be_one_and_shows_its_last_two_characters() -> None:
    comparison = compare(OLD, NEW, in_clear=False)
    assert comparison.verdict is Verdict.derived
    assert shown(comparison.new) == "•" * 16 + NEW[-2:]
    assert shown(comparison.old) == "•" * 13 + OLD[-2:]
    assert comparison.differing == ()
    assert shown(compare(OLD, NEW, in_clear=True).new) == NEW


def test_what_differs_is_marked_by_its_place_and_stays_hidden() -> None:
    other = eighteen(f"{NEW[:6]}1906{NEW[10:17]}")
    comparison = compare(OLD, other, in_clear=False)
    assert comparison.verdict is Verdict.differs
    assert set(comparison.differing) <= {9, 10, 18}
    assert comparison.differing
    assert shown(comparison.new)[:16] == "•" * 16


@pytest.mark.parametrize(
    ("old", "verdict"),
    [(None, Verdict.none), ("X", Verdict.underivable), ("0" * 15, Verdict.underivable), (NEW, Verdict.equal)],
)
def test_an_old_number_from_which_nothing_follows_is_said_to_be_one(old: str | None, verdict: Verdict) -> None:
    assert compare(old, NEW, in_clear=False).verdict is verdict


@pytest.mark.parametrize(
    ("line", "html"),
    [
        ("**须处理**", "<strong>须处理</strong>"),
        ("`clerk-1`", "<code>clerk-1</code>"),
        ("`` a`b ``", "<code>a`b</code>"),
        ("[idc](/cases/idc)", '<a href="/cases/idc">idc</a>'),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](//elsewhere.invalid)", "[x](//elsewhere.invalid)"),
        ("<script>", "&lt;script&gt;"),
        ("`<img src=x onerror=y>`", "<code>&lt;img src=x onerror=y&gt;</code>"),
        ("[a](/\\elsewhere.invalid)", "[a](/\\elsewhere.invalid)"),
        ('[a"b](https://x/"><script>)', '<a href="https://x/&#34;&gt;&lt;script&gt;">a&#34;b</a>'),
    ],
)
def test_marks_become_elements_and_everything_else_is_text(line: str, html: str) -> None:
    assert html_of(line) == html


@given(st.text(alphabet="`*[]()<>\"'&/\\:abjs", max_size=60))
def test_no_line_makes_another_element_than_those_three(line: str) -> None:
    html = str(html_of(line))
    for element in ("<code>", "</code>", "<strong>", "</strong>", "</a>"):
        html = html.replace(element, "")
    for part in html.split("<")[1:]:
        assert part.startswith('a href="')
        assert part.removeprefix('a href="').startswith(("http://", "https://", "/"))
