"""Manifests: a row belongs to one by its own content, place, case and event, and by nothing else."""

import hashlib

import pytest

from cases.errors import CaseError, Code
from cases.events import OPEN, Event
from cases.manifests import Belonging, Manifest, Tree, belongs, encoded, is_within, leaf_of, read_belonging
from cases.models import Role

CASE = "idc-" + "a" * 26
SIGNED = ".".join(("a" * 20, "b" * 40, "c" * 86))


def manifest(tree: Tree, **more: object) -> Manifest:
    fields = {
        "iss": "cardcase-gate",
        "aud": "default",
        "jti": "j" * 22,
        "iat": 0,
        "exp": 1,
        "acts": (OPEN,),
        "rows": tree.rows,
        "root": tree.root,
        "sub": "back-office",
        "role": Role.back_office,
        "office": "110000",
    }
    return Manifest.model_validate(fields | more)


def leaves(rows: int) -> list[bytes]:
    return [leaf_of(place, CASE, OPEN, f"digest-{place}") for place in range(rows)]


def within(leaf: bytes, place: int, tree: Tree, said: Manifest | None = None) -> bool:
    return is_within(leaf, Belonging(SIGNED, place, tree.way(place)), said or manifest(tree))


@pytest.mark.parametrize("rows", [*range(1, 18), 100, 1001])
def test_every_row_leads_to_the_root_from_its_own_place_only(rows: int) -> None:
    all_leaves = leaves(rows)
    tree = Tree(all_leaves)
    for place in range(rows) if rows < 100 else (0, 1, rows // 2, rows - 2, rows - 1):
        assert within(all_leaves[place], place, tree)
        for other in {0, place - 1, place + 1, rows - 1} & set(range(rows)) - {place}:
            assert not within(all_leaves[place], other, tree)


def test_the_root_is_that_of_the_standard() -> None:
    one, two, three = leaves(3)
    node = hashlib.sha256(b"\1" + one + two).digest()
    assert Tree([one, two, three]).root == encoded(hashlib.sha256(b"\1" + node + three).digest())


def test_a_row_belongs_with_its_content_case_and_event() -> None:
    tree = Tree([leaf_of(0, CASE, OPEN, "digest"), leaf_of(1, CASE, OPEN, "other")])
    assert within(leaf_of(0, CASE, OPEN, "digest"), 0, tree)
    for changed in (
        leaf_of(0, CASE, OPEN, "changed"),
        leaf_of(0, CASE.replace("idc", "crc"), OPEN, "digest"),
        leaf_of(0, CASE, Event.withdraw, "digest"),
        leaf_of(1, CASE, OPEN, "digest"),
    ):
        assert not within(changed, 0, tree)


def test_a_way_that_is_too_short_too_long_or_of_another_size_leads_nowhere() -> None:
    all_leaves = leaves(5)
    tree = Tree(all_leaves)
    way = tree.way(2)
    for wrong in (way[:-1], (*way, way[0]), ()):
        assert not is_within(all_leaves[2], Belonging(SIGNED, 2, wrong), manifest(tree))
    assert not within(all_leaves[2], 2, tree, manifest(tree, rows=3))
    assert not is_within(all_leaves[2], Belonging(SIGNED, 5, way), manifest(tree))


def test_what_a_row_carries_is_read_as_it_was_written() -> None:
    belonging = Belonging(SIGNED, 3, Tree(leaves(9)).way(3))
    assert belongs(str(belonging))
    assert read_belonging(str(belonging)) == belonging
    assert not belongs(SIGNED)


@pytest.mark.parametrize(
    "wrong",
    [
        f"{SIGNED}~1",
        f"{SIGNED}~1~abc",
        f"{SIGNED}~1~~",
        f"{SIGNED}~1~ä",
        *(f"{SIGNED}~{place}~" for place in ("one", "-1", "+1", " 1", "01", "1_0", "\u0661", "1000000")),
    ],
)
def test_what_is_not_of_this_form_is_no_stamp(wrong: str) -> None:
    with pytest.raises(CaseError) as refused:
        read_belonging(wrong)
    assert refused.value.code is Code.STAMP_INVALID
