"""What is published: one line after the other, each of which names the one before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.heads.publication import (
    BEGINNING,
    Altered,
    Head,
    Publication,
    Published,
    digest_of,
    digest_of_catalogue,
    is_overdue,
)
from cases.errors import CaseError, Code

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CASE, OTHER = f"idc-{'a' * 26}", f"crc-{'b' * 26}"
SCHEMA = {"table cases": "1" * 64, "table transitions": "2" * 64}


def head(version: int, chain: str = CASE) -> str:
    return str(Head(chain, 1, version, f"{version:064x}"))


def log_of(*several: dict[str, Any]) -> list[str]:
    """The lines of some publications; what is not said is as a publisher has it."""
    lines: list[str] = []
    for number, more in enumerate(several, start=1):
        fields: dict[str, Any] = {
            "number": number,
            "at": NOON + timedelta(minutes=2 * number),
            "every": 120,
            "written_where": "here",
            "before": number,
            "complete": True,
            "release": "0" * 64,
            "schema_digest": digest_of_catalogue(SCHEMA),
            "catalogue": SCHEMA if number == 1 else None,
            "previous": digest_of(lines[-1]) if lines else BEGINNING,
        }
        lines.append(Publication(**(fields | more)).line)
    return lines


def test_every_head_is_kept_and_looked_at_once() -> None:
    log = Published.read(log_of({"heads": (head(1), head(3, OTHER))}, {"heads": (head(2),)}))
    assert log.newest is not None
    assert (log.newest.number, log.newest.at) == (2, NOON + timedelta(minutes=4))
    assert [each.version for each in log.of(CASE)] == [1, 2]
    assert log.of(CASE) == []
    assert [each.case_id for each in log.left()] == [OTHER]


@pytest.mark.parametrize("missing", range(3))
def test_a_line_that_was_taken_out_of_the_middle_is_found(missing: int) -> None:
    lines = log_of({}, {}, {}, {})
    del lines[missing]
    refused(lines)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[1].replace(head(2), head(9)), lines[2]],
        lambda lines: [lines[0].replace('"at"', ' "at"'), *lines[1:]],
        lambda lines: [lines[0].replace("1" * 64, "3" * 64), *lines[1:]],
        lambda lines: [lines[0].replace(head(1), "idc-short 1 1 x"), *lines[1:]],
        lambda lines: [lines[0], '{"format":1}', *lines[1:]],
    ],
    ids=["repeated", "another order", "another head", "other bytes", "another schema", "no head", "no publication"],
)
def test_a_line_that_was_put_in_or_changed_is_found(tamper: Any) -> None:
    lines = log_of({"heads": (head(1),)}, {"heads": (head(2),)}, {})
    Published.read(lines)
    refused(tamper(lines))


def refused(lines: list[str]) -> None:
    with pytest.raises(CaseError) as wrong:
        Published.read(lines)
    assert wrong.value.code is Code.HEADS_BROKEN


def test_what_broke_off_while_it_was_written_is_passed_over() -> None:
    first, second = log_of({}, {"heads": (head(1),)})
    log = Published.read([first, second[:40], second])
    assert [each.version for each in log.of(CASE)] == [1]


def test_a_round_counts_once_its_last_part_is_there() -> None:
    log = Published.read(log_of({"complete": False, "heads": (head(1),)}))
    assert log.newest is None
    assert len(log.of(CASE)) == 1


def test_a_schema_that_changes_without_a_migration_is_named_object_by_object() -> None:
    changed = SCHEMA | {"table transitions": "3" * 64, "rule nothing on transitions": "4" * 64}
    log = Published.read(log_of({}, {"catalogue": changed, "schema_digest": digest_of_catalogue(changed)}))
    assert log.altered == [Altered(2, "rule nothing on transitions"), Altered(2, "table transitions")]
    assert log.altered_since(SCHEMA, "0" * 64) == [
        Altered(3, "rule nothing on transitions"),
        Altered(3, "table transitions"),
    ]
    assert log.altered_since(changed, "0" * 64) == []


def test_a_migration_changes_the_schema() -> None:
    changed = SCHEMA | {"table more": "3" * 64}
    log = Published.read(
        log_of({}, {"catalogue": changed, "schema_digest": digest_of_catalogue(changed), "release": "1" * 64})
    )
    assert log.altered == []
    assert log.altered_since(SCHEMA, "2" * 64) == []


def test_a_schema_that_was_changed_and_put_back_has_been_changed() -> None:
    changed = SCHEMA | {"table cases": "3" * 64}
    there = {"catalogue": changed, "schema_digest": digest_of_catalogue(changed)}
    log = Published.read(log_of({}, there, {"catalogue": SCHEMA}))
    assert log.altered == [Altered(2, "table cases"), Altered(3, "table cases")]


def test_the_digest_of_the_newest_line_stands_for_all() -> None:
    lines = log_of({}, {})
    assert Published.read(lines).digest == digest_of(lines[-1])
    assert Published.read([head(1), head(2)]).digest == digest_of(f"{head(1)}\n{head(2)}\n")


def test_three_rounds_may_pass() -> None:
    newest = Published.read(log_of({})).newest
    assert newest is not None
    assert not is_overdue(newest, newest.at + timedelta(minutes=6))
    assert is_overdue(newest, newest.at + timedelta(minutes=6, seconds=1))
