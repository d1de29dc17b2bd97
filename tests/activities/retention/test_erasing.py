"""What is due is erased from everywhere, and stays so: all persons here are synthetic."""

import json
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from activities.heads.places import AppendedFile
from activities.heads.publishing import publish
from activities.person_keys import DirectoryKeys, Erased, What
from activities.registry import loading
from activities.registry.audit import BEGINNING
from activities.registry.journal import KEPT_FOR_GOOD, Kind, entries, hash_of
from activities.registry.reading import verify_chain
from activities.registry.verifying import verify_audit
from activities.retention.erasing import By, certificate, differing, erase, erasures, replay
from activities.retention.holding import hold, holds
from activities.retention.planning import plan
from activities.sealing import Field, Sealer
from cases.clocks import day_of
from cases.decide import initial_state
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Acknowledge
from cases.openings import ReplacementReason
from cases.policy import Policies
from cases.retention import Kept
from cases.stamps import stamp_id
from cases.steps import RegisterRequest
from tests.activities.play import Play, insured
from tests.activities.publishing_heads import EVERY, read
from tests.activities.retention.conftest import RING
from tests.activities.retention.lives import (
    BY,
    DECADE,
    YEAR,
    copied,
    died,
    done,
    erased,
    put_back,
    rejected,
    withdrawn,
)
from tests.scenes import CLERK
from tests.stamping import STAMPS, stamp_of, stamped_opening

SEALED = re.compile(r"p-[a-z2-7]{14}\.[A-Za-z0-9_-]{38,2000}")
PSEUDONYMS = {
    "transitions", "erased_cases", "erased_persons", "feed", "journal", "differences", "standstills",
}  # fmt: skip
"""Tables that may name a person ref, within a case ID for the most part: decision 0059 says which and why."""


async def names(play: Play, text: str) -> set[str]:
    """The tables that hold a text."""
    return {name for name, lines in (await play.contents()).items() if any(text in line for line in lines)}


def opens(sealer: Sealer, text: str, person: str) -> bool:
    """Whether any sealed text in something opens as anything of a person."""
    for sealed in SEALED.findall(text):
        for field in Field:
            try:
                sealer.open(sealed, field=field, person=person)
            except CaseError:
                continue
            return True
    return False


async def test_what_changed_nothing_is_due_first_and_what_changed_something_after_ten_years(
    play: Play, policies: Policies
) -> None:
    one, other = insured(), insured()
    await play.load(one, other)
    first, second = await rejected(play, one), await done(play, other)
    assert not second.is_open
    kept = policies.of_region("110105").kept(Kept.unsuccessful).days
    assert (await plan(play.pool, policies, play.at + timedelta(days=kept) - timedelta(minutes=1))).due == ()
    (due,) = (await plan(play.pool, policies, YEAR)).due
    assert (due.cases, due.unsuccessful, due.whole) == ((first.case_id,), 1, False)
    late = (await plan(play.pool, policies, DECADE)).due
    assert [each.cases for each in late] == [(first.case_id,), (second.case_id,)]
    assert not any(each.whole for each in late)


async def test_everything_of_a_person_is_due_who_is_not_insured_here_or_unknown(play: Play, policies: Policies) -> None:
    ended, unknown = insured(), insured()
    await play.load(ended)
    await rejected(play, ended)
    await died(play, ended)
    await play.received(play.change(unknown))
    stranger = play.change(insured())
    asked = RegisterRequest(opening=stranger.opening, at=play.at, arrived=play.at)
    result = await play.registry.register(asked)
    assert result.refused is None
    persons = {each.person: each.whole for each in (await plan(play.pool, policies, DECADE)).due}
    assert persons[play.token(ended)] is True
    assert persons[stranger.opening.person] is True
    assert play.token(unknown) not in persons


async def test_cases_of_an_insured_person_go_and_their_record_stays(
    play: Play, policies: Policies, keys: DirectoryKeys, sealer: Sealer
) -> None:
    person = insured()
    await play.load(person)
    case, token = await withdrawn(play, person), play.token(person)
    run = await erased(play.pool, keys, policies, YEAR)
    assert (run.persons, run.cases, run.kept) == (0, 1, 0)
    assert await names(play, case.opening.key) == set()
    assert await names(play, case.opening.number_token) == set()
    assert await names(play, case.case_id) <= PSEUDONYMS
    name = await play.value("SELECT name FROM persons WHERE token = $1", token)
    assert sealer.open(name, field=Field.name, person=token) == person.name
    contents = "SELECT count(*) FROM transitions WHERE num_nonnulls(fact, outcome, salt) > 0"
    assert await play.value(contents) == 0
    assert await verify_chain(play.pool, case.case_id) is None
    verified = await verify_audit(play.pool, stamps=STAMPS)
    assert (verified.cases, verified.broken) == (1, ())


async def test_of_a_person_who_goes_wholly_nothing_opens_in_what_was_copied_before(
    play: Play, policies: Policies, keys: DirectoryKeys, store: Path
) -> None:
    person, other = insured(), insured()
    await play.load(person, other)
    case, _ = await done(play, person), await done(play, other)
    token = play.token(person)
    await died(play, person)
    before = json.dumps(await copied(play))
    assert opens(Sealer(RING, DirectoryKeys(store, RING.seal_keys, RING.current)), before, token)
    run = await erased(play.pool, keys, policies, DECADE)
    assert (run.persons, run.cases) == (1, 2)
    fresh = Sealer(RING, DirectoryKeys(store, RING.seal_keys, RING.current))
    assert not opens(fresh, before, token)
    assert opens(fresh, before, play.token(other))
    assert await names(play, token) <= PSEUDONYMS
    assert await names(play, case.opening.number_token) == set()
    assert await play.value("SELECT count(*) FROM persons") == 1
    assert (await verify_audit(play.pool, stamps=STAMPS)).broken == ()
    said = await certificate(play.pool, keys, run.id)
    assert (said.persons, said.cases, said.left) == (1, 2, ())
    assert said.complete_from - said.at >= timedelta(days=policies.kept_everywhere(Kept.key_backups))
    assert [each["id"] for each in await erasures(play.pool)] == [run.id]
    (entry,) = [each for each in await entries(play.pool) if each.kind is Kind.erasure]
    assert (entry.actor, entry.key, entry.reason) == (CLERK.id, f"erasure:{run.id}", BY.reason)


async def test_a_legal_hold_keeps_what_is_due_until_it_is_lifted(
    play: Play, policies: Policies, keys: DirectoryKeys
) -> None:
    person = insured()
    await play.load(person)
    case = await rejected(play, person)
    assert await hold(play.pool, case.case_id, "Order (sample) No. 1", CLERK)
    assert not await hold(play.pool, case.case_id, "Order (sample) No. 1", CLERK)
    held = await plan(play.pool, policies, YEAR)
    assert (held.due, held.kept_by) == ((), {"legal_hold": 1})
    (shown,) = await holds(play.pool)
    assert (shown["legal_basis"], shown["cases"]) == ("Order (sample) No. 1", [case.case_id])
    with pytest.raises(CaseError) as refused:
        await erased(play.pool, keys, policies, YEAR)
    assert refused.value.code is Code.PLAN_EMPTY
    assert await hold(play.pool, case.case_id, "Order (sample) No. 2", CLERK, lift=True)
    assert await holds(play.pool) == []
    assert len((await plan(play.pool, policies, YEAR)).due) == 1
    assert [each.facts["says"] for each in await entries(play.pool) if each.kind is Kind.legal_hold] == [
        "held",
        "lifted",
    ]
    with pytest.raises(CaseError) as unknown:
        await hold(play.pool, f"idc-{'a' * 26}", "Order (sample) No. 1", CLERK)
    assert unknown.value.code is Code.CASE_UNKNOWN


async def test_only_what_was_seen_is_erased(play: Play, policies: Policies, keys: DirectoryKeys) -> None:
    one, other = insured(), insured()
    await play.load(one, other)
    await rejected(play, one)
    seen = await plan(play.pool, policies, YEAR)
    await rejected(play, other)
    with pytest.raises(CaseError) as refused:
        await erase(play.pool, keys, policies, seen.digest, BY, YEAR, lambda *_: None)
    assert refused.value.code is Code.ERASURE_PLANNED_OTHERWISE
    with pytest.raises(CaseError) as no_reason:
        await erase(play.pool, keys, policies, seen.digest, By(CLERK, " "), YEAR, lambda *_: None)
    assert no_reason.value.code is Code.FIELD_MISSING
    assert await play.value("SELECT count(*) FROM erasures") == 0


async def test_who_was_erased_comes_again_under_another_key_and_the_audit_goes_on(
    play: Play, policies: Policies, keys: DirectoryKeys, sealer: Sealer
) -> None:
    person = insured()
    await play.load(person)
    case = await rejected(play, person)
    await died(play, person)
    before = keys.key_ids(play.token(person))
    await erased(play.pool, keys, policies, DECADE)
    play.at = DECADE
    repeated = stamped_opening(case.opening.model_copy(update={"stamp": None}), DECADE)
    assert (await play.register(initial_state(repeated))).refused is Code.PERSON_ERASED
    await play.load(person.model_copy(update={"source_version": 2}))
    again = await rejected(play, person)
    assert (again.case_id, again.generation) == (case.case_id, 2)
    assert keys.key_ids(play.token(person)) != before
    assert sealer.open(again.opening.name, field=Field.name, person=play.token(person)) == person.name
    assert await verify_chain(play.pool, case.case_id) is None
    assert (await verify_audit(play.pool, stamps=STAMPS)).broken == ()


async def test_what_an_older_register_brings_back_is_found_and_erased_again(
    play: Play, policies: Policies, keys: DirectoryKeys
) -> None:
    wholly, partly = insured(), insured()
    await play.load(wholly, partly)
    first, second = await rejected(play, wholly), await rejected(play, partly)
    await died(play, wholly)
    before = await copied(play)
    assert (await differing(play.pool, keys)).is_none
    run = await erased(play.pool, keys, policies, DECADE)
    after = await play.contents()
    assert (await differing(play.pool, keys)).is_none
    await put_back(play, before)
    found = await differing(play.pool, keys)
    assert {(each.what, each.ref) for each in found.in_register} == {
        (What.case, first.case_id), (What.case, second.case_id), (What.person, play.token(wholly)),
    }  # fmt: skip
    await replay(play.pool, keys, policies, CLERK)
    assert (await differing(play.pool, keys)).is_none
    again = await play.contents()
    beside = {"erasures", "erased_cases", "erased_persons", "journal"}
    assert {name: again[name] for name in again.keys() - beside} == {
        name: after[name] for name in after.keys() - beside
    }
    assert (await verify_audit(play.pool, stamps=STAMPS)).broken == ()
    assert (await certificate(play.pool, keys, run.id)).left == ()


async def test_what_an_older_store_brings_back_is_found_and_destroyed_again(
    play: Play, policies: Policies, keys: DirectoryKeys, store: Path, tmp_path: Path
) -> None:
    person = insured()
    await play.load(person)
    await rejected(play, person)
    await died(play, person)
    shutil.copytree(store, tmp_path / "backup")
    run = await erased(play.pool, keys, policies, DECADE)
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "backup", store)
    found = await differing(play.pool, keys)
    assert [each.ref for each in found.in_store] == [play.token(person)]
    assert len(found.unlisted) == 2
    assert (await certificate(play.pool, keys, run.id)).left != ()
    await replay(play.pool, keys, policies, CLERK)
    assert (await differing(play.pool, keys)).is_none
    assert keys.key_ids(play.token(person)) == ()
    assert (await certificate(play.pool, keys, run.id)).left == ()


@pytest.mark.parametrize("dies", ["before the key goes", "before the rows go"])
async def test_an_erasure_that_dies_on_its_way_is_found_and_completed(
    play: Play, policies: Policies, keys: DirectoryKeys, dies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = insured()
    await play.load(person)
    await rejected(play, person)
    await died(play, person)
    destroy = keys.destroy

    class Died(BaseException):
        """Nobody catches it, as nobody catches a SIGKILL."""

    def dying(ref: str, key_ids: Iterable[str]) -> None:
        if dies == "before the rows go":
            destroy(ref, key_ids)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(keys, "destroy", dying)
        with pytest.raises(Died):
            await erased(play.pool, keys, policies, DECADE)
    found = await differing(play.pool, keys)
    assert {each.what for each in found.in_register} == {What.case, What.person}
    assert len(found.in_store) == (dies == "before the key goes")
    await replay(play.pool, keys, policies, CLERK)
    assert (await differing(play.pool, keys)).is_none
    assert await play.value("SELECT count(*) FROM persons") == 0
    assert keys.key_ids(play.token(person)) == ()
    assert (await verify_audit(play.pool, stamps=STAMPS)).broken == ()


async def test_what_was_sealed_before_an_erasure_is_written_by_nobody_after_it(
    play: Play, policies: Policies, store: Path, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that sealed it has the key at hand still, and could open it: a minute later nobody could."""
    person = insured()
    await play.load(person)
    await rejected(play, person)
    await died(play, person)
    later = person.model_copy(update={"source_version": 2})
    said = loading._all_sealed(sealer, [later])
    another = play.replacement(person, ReplacementReason.damaged)
    assert sealer.open(another.opening.name, field=Field.name, person=play.token(person)) == person.name
    await erased(play.pool, DirectoryKeys(store, RING.seal_keys, RING.current), policies, DECADE)
    assert sealer.open(another.opening.name, field=Field.name, person=play.token(person)) == person.name
    assert (await play.register(another)).refused is Code.PERSON_ERASED
    with monkeypatch.context() as patched:
        patched.setattr(loading, "_all_sealed", lambda *_: said)
        (became,) = (await loading.take_in(play.pool, sealer, [later])).lines
    assert (became.outcome, became.code) == (loading.Outcome.refused, Code.PERSON_ERASED)
    assert await play.value("SELECT count(*) FROM persons") == 0
    await play.load(later)
    assert (await play.register(play.replacement(later, ReplacementReason.damaged))).refused is None


FORBIDDEN = {
    "forgetting what was not erased": (
        "UPDATE transitions SET fact = NULL, outcome = NULL, salt = NULL WHERE case_id = $1"
    ),
    "another outcome": "UPDATE transitions SET outcome = '{}' WHERE case_id = $1",
    "removing a row": "DELETE FROM transitions WHERE case_id = $1",
}
_OF_ERASED = {
    "removing a row": FORBIDDEN["removing a row"],
    "writing it anew": "UPDATE transitions SET fact = '{}', outcome = '{}', salt = '0' WHERE case_id = $1",
    "another actor": "UPDATE transitions SET actor = 'nobody' WHERE case_id = $1",
    "taking the erasure back": "DELETE FROM erased_cases WHERE case_id = $1",
    "another head": "UPDATE erased_cases SET head = repeat('0', 64) WHERE case_id = $1",
}


@pytest.mark.parametrize("statement", ["forgetting what was not erased", "another outcome", "removing a row"])
async def test_the_owner_makes_nobody_forget_what_was_not_erased(play: Play, statement: str) -> None:
    person = insured()
    await play.load(person)
    case = await rejected(play, person)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await play.write(FORBIDDEN[statement], case.case_id)


@pytest.mark.parametrize("statement", _OF_ERASED)
async def test_what_is_left_of_an_erased_case_is_kept(
    play: Play, policies: Policies, keys: DirectoryKeys, statement: str
) -> None:
    person = insured()
    await play.load(person)
    case = await rejected(play, person)
    await erased(play.pool, keys, policies, YEAR)
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
        await play.write(_OF_ERASED[statement], case.case_id)


async def test_what_somebody_made_forgotten_or_called_erased_is_found(play: Play) -> None:
    one, other = insured(), insured()
    await play.load(one, other)
    first, second = await rejected(play, one), await rejected(play, other)
    play.tampered = True
    async with play.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(FORBIDDEN["forgetting what was not erased"], first.case_id)
        await connection.execute("INSERT INTO erasures VALUES ($1, 'somebody', now(), 0)", f"era-{'a' * 26}")
        await connection.execute(
            "INSERT INTO erased_cases SELECT case_id, generation, $2, kind, region, status, version, head, closed_at, "
            "now() FROM cases WHERE case_id = $1",
            second.case_id,
            f"era-{'a' * 26}",
        )
        await connection.execute("DELETE FROM cases WHERE case_id = $1", second.case_id)
    broken = {each.case_id: each.what for each in (await verify_audit(play.pool)).broken}
    assert broken == {first.case_id: "erased", second.case_id: "erased"}


async def test_an_application_sealed_under_a_destroyed_key_is_refused_and_not_tried_for_ever(
    play: Play, keys: DirectoryKeys
) -> None:
    person = insured()
    await play.load(person)
    applied = play.change(person)
    token = play.token(person)
    gone = keys.key_ids(token)
    keys.list_erased([Erased(What.person, token, gone[0], play.at, f"era-{'b' * 26}")])
    keys.destroy(token, gone)
    assert (await play.register(applied)).refused is Code.PERSON_ERASED


# --- the journal ----------------------------------------------------------------------------------------------------


OLD = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)
TOKEN = "q" * 26


async def searched(play: Play, at: datetime, times: int = 2) -> str:
    """A chain of searches of one office and day, as they were written then."""
    chain, before = f"journal:110105:{day_of(at).isoformat()}", BEGINNING
    told = {"actor": CLERK.id, "role": "clerk", "office": "110105", "kind": "search", "facts": {"token": TOKEN}}
    nothing = dict.fromkeys(("key", "case_id", "plan", "seen_as", "reason"))
    moments = dict.fromkeys(("at", "written_at"), at)
    for number in range(1, times + 1):
        said = told | nothing | {name: moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name, moment in moments.items()}
        link = {"chain": chain, "number": number, "format": 1, "prev_hash": before, "content": json.dumps(said)}
        before = hash_of(link)
        row = told | link | moments | {"hash": before, "facts": json.dumps(told["facts"])}
        async with play.pool.acquire() as connection:
            await connection.copy_records_to_table("journal", columns=tuple(row), records=[tuple(row.values())])
    return chain


async def test_days_of_the_journal_that_are_too_old_go_as_a_whole_and_the_audit_verifies(
    play: Play, policies: Policies, keys: DirectoryKeys, tmp_path: Path
) -> None:
    """They were counted, and kept for ever: with the tokens of numbers that somebody had searched for."""
    now = await play.value("SELECT now()")
    chain, young = await searched(play, OLD), await searched(play, now - timedelta(days=190))
    place = AppendedFile(tmp_path / "heads")
    await publish(play.pool, place, EVERY)
    seen = await plan(play.pool, policies, now)
    assert (seen.journal, seen.counts["journal_entries"]) == ({chain: 2}, 2)
    run = await erased(play.pool, keys, policies, now)
    assert run.journal_entries == 2
    assert {row["chain"] for row in await play.rows("SELECT DISTINCT chain FROM journal")} >= {young}
    assert await play.value("SELECT count(*) FROM journal WHERE chain = $1", chain) == 0
    assert (await plan(play.pool, policies, now)).is_empty
    assert (await verify_audit(play.pool, published=await read(place), stamps=STAMPS)).broken == ()
    await publish(play.pool, place, EVERY)
    assert (await verify_audit(play.pool, published=await read(place), stamps=STAMPS)).broken == ()


async def test_nothing_of_six_months_goes_whatever_moment_somebody_names(play: Play) -> None:
    now = await play.value("SELECT now()")
    await searched(play, now - timedelta(days=183))
    await play.write("INSERT INTO erasures VALUES ($1, 'clerk-1', now(), 7)", "era-" + "a" * 26)
    asked = "SELECT erase_chains($1, now() + interval '100 years')"
    assert await play.value(asked, "era-" + "a" * 26) == 0
    with pytest.raises(asyncpg.CheckViolationError):
        await play.write(
            "INSERT INTO erased_chains SELECT chain, number, hash, written_at, $1, now() FROM journal LIMIT 1",
            "era-" + "a" * 26,
        )


async def test_what_is_kept_for_good_has_a_chain_of_its_own(play: Play) -> None:
    """Who stood in the directory is asked of the journal for as long as there are stamps."""
    person = insured()
    await play.load(person)
    case = await rejected(play, person)
    await hold(play.pool, case.case_id, "Order (sample) No. 1", CLERK)
    now = await play.value("SELECT now()")
    chains = {row["chain"] for row in await play.rows("SELECT chain FROM journal")}
    assert chains == {f"journal:kept:{day_of(now).isoformat()}"}
    for kind in Kind:
        assert await play.value("SELECT is_kept_for_good($1)", kind.value) is (kind in KEPT_FOR_GOOD)
    assert (await verify_audit(play.pool, stamps=STAMPS)).broken == ()


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("DELETE FROM journal WHERE chain = '{chain}'", {"published"}),
        (
            "INSERT INTO erased_chains VALUES ('{chain}', 2, '{hash}', now() - interval '1 year', '{run}', now())",
            {"erased"},
        ),
        (
            "INSERT INTO erased_chains VALUES ('{chain}', 2, '{other}', now() - interval '1 year', '{run}', now())",
            {"erased", "published"},
        ),
    ],
    ids=["without a word", "by nobody, and too early", "with another end"],
)
async def test_whoever_takes_a_day_of_the_journal_away_is_found(
    play: Play, tmp_path: Path, how: str, found: set[str]
) -> None:
    """Where no trigger asks, as for a superuser."""
    now = await play.value("SELECT now()")
    chain = await searched(play, now - timedelta(days=1))
    place = AppendedFile(tmp_path / "heads")
    await publish(play.pool, place, EVERY)
    head = await play.value("SELECT hash FROM journal WHERE chain = $1 ORDER BY number DESC LIMIT 1", chain)
    names = {"chain": chain, "hash": head, "other": "0" * 64, "run": "era-" + "a" * 26}
    play.tampered = True
    async with play.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(how.format(**names))
        await connection.execute("DELETE FROM journal WHERE chain = $1", chain)
    broken = (await verify_audit(play.pool, published=await read(place), stamps=STAMPS)).broken
    assert {each.what for each in broken if each.case_id == chain} == found


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("numbers", column) for column in ("case_id", "ended_by_case", "person_id")),
        *(("cards", column) for column in ("case_id", "blocked_by_case", "replaces", "person_id")),
        *(("claims", column) for column in ("requeued_by", "source_person_id", "person_id")),
        ("benefit_holds", "case_id"),
        ("cases", "replaces_number_id"),
    ],
)
async def test_what_the_record_says_of_a_case_is_found_without_looking_through_it(
    play: Play, table: str, column: str
) -> None:
    """A second for each person in a register of 300,000: each reference looked through the whole of it."""
    kind = await play.value(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2",
        table,
        column,
    )
    async with play.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        # As a reference asks it.
        await connection.execute(f"PREPARE asked AS SELECT FROM {table} WHERE {column} = $1::{kind}")
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        plan_of = await connection.fetch("EXPLAIN EXECUTE asked(NULL)")
        await connection.execute("DEALLOCATE asked")
    assert not any("Seq Scan" in row[0] for row in plan_of)


async def test_what_was_told_beside_the_chains_goes_with_its_case_and_is_missed_by_nobody(
    play: Play, policies: Policies, keys: DirectoryKeys
) -> None:
    person = insured()
    await play.load(person)
    case = await rejected(play, person)
    fact = Acknowledge(actor=CLERK)
    stamp = stamp_of(fact, case.case_id, Event.acknowledge, actor=CLERK)
    await play.write(
        "INSERT INTO told_after_closing "
        "VALUES ($1, 1, 1, 'seen-1', 'acknowledge', NULL, $2, $3, 'clerk', $4, $5, now())",
        case.case_id,
        fact.model_copy(update={"stamp": stamp}).model_dump_json(exclude_defaults=True),
        CLERK.id,
        CLERK.office,
        stamp_id(stamp),
    )
    assert [each.kind for each in await entries(play.pool)] == [Kind.told_beside]
    assert (await verify_audit(play.pool, stamps=STAMPS)).broken == ()
    await erased(play.pool, keys, policies, YEAR)
    assert await play.value("SELECT count(*) FROM told_after_closing") == 0
    assert (await verify_audit(play.pool, stamps=STAMPS)).broken == ()
