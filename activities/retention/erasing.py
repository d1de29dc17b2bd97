"""Erasing what is due, proving that it is gone, and doing it again where a restore brought it back.

Of each person the rows go in one transaction. Before it is committed the list beside the keys says what goes, and then
the key is destroyed: whoever dies in between leaves what `differing` finds and `replay` completes. So neither an older
register nor an older store brings anybody back for longer than until a process starts. Of the journal the chains of
days go that are too old, each as a whole.
"""

import json
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from activities.person_keys import NO_KEY, Erased, PersonKeys, What
from activities.registry import journal
from activities.registry.audit import sha256_of
from activities.registry.errors import case_errors_only
from activities.registry.pool import Connection, Pool, connection_of
from activities.registry.reading import erases
from activities.retention.planning import PATIENCE, SQL, Due, plan
from cases.errors import CaseError, Code
from cases.models import Actor
from cases.policy import Policies
from cases.retention import Kept

_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ID_DIGITS: Final = 26
_REPLAYED: Final = "replayed: an older register was put back"
_AT_ONCE: Final = 5_000
"""Lines of the list that are compared with one query."""

Tell = Callable[[int, int], None]
"""Told how many persons of how many are done."""


class Erasure(NamedTuple):
    """What a run came to."""

    id: str
    persons: int
    """Of whom nothing is left."""
    cases: int
    kept: int
    """Persons who were planned, and kept because something had happened since."""
    journal_entries: int
    """Entries of the journal that were too old."""


class By(NamedTuple):
    """Who has something erased, and why."""

    actor: Actor
    reason: str


@case_errors_only
async def erase(
    pool: Pool, keys: PersonKeys, policies: Policies, seen: str, by: By, at: datetime, tell: Tell
) -> Erasure:
    """Erase what is due at a moment: what a plan says, which whoever has it done saw and names by its digest.

    Raises `CaseError`: ERASURE_PLANNED_OTHERWISE where the plan is another one by now, PLAN_EMPTY where nothing is due,
    FIELD_MISSING for no reason, and as the register and the store do.
    """
    said = journal.checked_reason(by.reason)
    planned = await plan(pool, policies, at)
    if planned.is_empty:
        raise CaseError(Code.PLAN_EMPTY)
    if planned.digest != seen:
        raise CaseError(Code.ERASURE_PLANNED_OTHERWISE)
    erasure = "era-" + "".join(secrets.choice(_DIGITS) for _ in range(_ID_DIGITS))
    facts: dict[str, Any] = {"plan": seen, **planned.counts}
    entry = journal.Entry(
        kind=journal.Kind.erasure, key=f"erasure:{erasure}", at=at, actor=by.actor, reason=said, facts=facts
    )
    await journal.write(pool, entry)
    await _begin(pool, erasure, by.actor, at, policies.kept_everywhere(Kept.key_backups))
    persons = cases = kept = 0
    for done, due in enumerate(planned.due, start=1):
        if await _erase_one(pool, keys, due, erasure):
            persons, cases = persons + due.whole, cases + len(due.cases)
        else:
            kept += 1
        tell(done, len(planned.due))
    return Erasure(erasure, persons, cases, kept, await _erase_chains(pool, erasure, planned.journal_before))


async def _begin(pool: Pool, erasure: str, actor: Actor, at: datetime, key_backups_days: int) -> None:
    values = {"erasure": erasure, "actor": actor.id, "at": at, "key_backups_days": key_backups_days}
    async with connection_of(pool) as connection:
        await SQL["begin_erasure"].run(connection, values)


async def _erase_chains(pool: Pool, erasure: str, before: datetime) -> int:
    """Erase what is too old of the journal; how many entries that were."""
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["take_time"].first(connection, {"limit": f"{PATIENCE}s"})
        query = SQL["erase_chains"]
        values = {"erasure": erasure, "before": before}
        gone = await connection.fetchval(query.sql, *(values[name] for name in query.parameters), timeout=PATIENCE)
    return int(gone)


async def _erase_one(pool: Pool, keys: PersonKeys, due: Due, erasure: str) -> bool:
    """Erase what is due of a person; False where something keeps it by now, and then nothing is changed."""
    key_ids = keys.key_ids(due.person) if due.whole else ()
    asked = {
        "person": due.person,
        "erasure": erasure,
        "whole": due.whole,
        "cases": list(due.cases),
        "key_ids": list(key_ids or (NO_KEY,)),
    }
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["take_time"].first(connection, {"limit": f"{PATIENCE}s"})
        generations = await SQL["generations"].all(connection, {"cases": list(due.cases)})
        answer = await _asked(connection, asked)
        if "kept_by" in answer:
            return False
        now = datetime.now(UTC)
        lines = [Erased(What.case, row["case_id"], str(row["generation"]), now, erasure) for row in generations]
        if due.whole:
            lines += [Erased(What.person, due.person, key_id, now, erasure) for key_id in key_ids or (NO_KEY,)]
        keys.list_erased(lines)
        if due.whole:
            # Before the locks go: whoever waits for them must not find the key.
            keys.destroy(due.person, key_ids)
    return True


async def _asked(connection: Connection, asked: dict[str, Any]) -> dict[str, Any]:
    query = SQL["erase"]
    answer: dict[str, Any] = json.loads(await connection.fetchval(query.sql, json.dumps(asked), timeout=PATIENCE))
    return answer


class Differing(NamedTuple):
    """What was erased and is there nevertheless, or is said to be erased on one side only."""

    in_register: tuple[Erased, ...]
    """Rows that an older register brought back."""
    in_store: tuple[Erased, ...]
    """Keys that an older store brought back."""
    unlisted: tuple[Erased, ...]
    """What the register says is erased, and the list beside the keys does not."""

    @property
    def is_none(self) -> bool:
        """Whether both sides agree."""
        return not (self.in_register or self.in_store or self.unlisted)


@case_errors_only
async def differing(pool: Pool, keys: PersonKeys) -> Differing:
    """Compare the register with the list beside the keys. Raises `CaseError` as both do."""
    listed = tuple(keys.erased())
    async with connection_of(pool) as connection, connection.transaction(readonly=True):
        if not await erases(connection):
            return Differing((), (), ())
        await SQL["take_time"].first(connection, {"limit": f"{PATIENCE}s"})
        come_back = [each for some in _parts(listed) for each in await _come_back(connection, some)]
        known = [_erased(row) for row in await SQL["erased"].all(connection, {})]
    said = {(each.what, each.ref, each.part) for each in listed}
    destroyed = {(each.ref, each.part): each for each in (*listed, *known) if each.what is What.person}
    in_store = tuple(each for (person, key_id), each in destroyed.items() if key_id in keys.key_ids(person))
    return Differing(
        tuple(come_back), in_store, tuple(each for each in known if (each.what, each.ref, each.part) not in said)
    )


@case_errors_only
async def replay(pool: Pool, keys: PersonKeys, policies: Policies, actor: Actor) -> Differing:
    """Erase again what came back, and answer what that was. Raises as `differing`.

    What came back with an older register goes whatever keeps it there: it was due, and is. A person's key is destroyed,
    so that nobody could do anything with what came back of them.
    """
    found = await differing(pool, keys)
    keys.list_erased(found.unlisted)
    for each in found.in_store:
        keys.destroy(each.ref, [each.part])
    if not found.in_register:
        return found
    now = datetime.now(UTC)
    days = policies.kept_everywhere(Kept.key_backups)
    runs = sorted({each.erasure for each in found.in_register})
    facts: dict[str, Any] = {"replayed": len(found.in_register)}
    for erasure in runs:
        await journal.write(
            pool,
            journal.Entry(
                kind=journal.Kind.erasure, key=f"erasure:{erasure}", at=now, actor=actor, reason=_REPLAYED, facts=facts
            ),
        )
        await _begin(pool, erasure, actor, now, days)
    for each in found.in_register:
        await _again(pool, each)
    return found


async def _again(pool: Pool, erased: Erased) -> None:
    """Erase one line of the list from a register that was put back."""
    async with connection_of(pool) as connection, connection.transaction():
        await SQL["take_time"].first(connection, {"limit": f"{PATIENCE}s"})
        if erased.what is What.person:
            rows = await SQL["cases_of_person"].all(connection, {"person": erased.ref})
            person, cases = erased.ref, [row["case_id"] for row in rows]
        else:
            row = await SQL["person_of_case"].first(connection, {"case_id": erased.ref})
            if row is None:
                return
            person, cases = row["person"], [erased.ref]
        asked = {
            "person": person,
            "erasure": erased.erasure,
            "whole": erased.what is What.person,
            "cases": cases,
            "key_ids": [erased.part],
            "again": True,
        }
        await _asked(connection, asked)


class Certificate(NamedTuple):
    """What a run erased, and that it is gone, as of now."""

    erasure: str
    at: datetime
    actor: str
    persons: int
    cases: int
    complete_from: datetime
    """When the last backup of the store of keys from before it is gone."""
    digest: str
    """SHA-256 over what was erased: the lines of the list beside the keys."""
    left: tuple[str, ...]
    """Cases of which something is left, and persons' keys that are still there, counted by what: none, or it failed."""


@case_errors_only
async def certificate(pool: Pool, keys: PersonKeys, erasure: str) -> Certificate:
    """Look whether everything that a run erased is gone. Raises `CaseError` ERASURE_UNKNOWN where there was none."""
    async with connection_of(pool) as connection, connection.transaction(readonly=True):
        await SQL["take_time"].first(connection, {"limit": f"{PATIENCE}s"})
        run = await SQL["erasure"].first(connection, {"erasure": erasure})
        if run is None:
            raise CaseError(Code.ERASURE_UNKNOWN)
        cases = await SQL["cases_of_erasure"].all(connection, {"erasure": erasure})
        persons = await SQL["persons_of_erasure"].all(connection, {"erasure": erasure})
    left = [f"row of {row['case_id']}" for row in cases if row["has_row"]]
    left += [f"audit of {row['case_id']}" for row in cases if row["has_contents"]]
    left += [f"key {row['key_id']}" for row in persons if row["key_id"] in keys.key_ids(row["person"])]
    lines = sorted(f"{each.what} {each.ref} {each.part}\n" for each in keys.erased() if each.erasure == erasure)
    newest = max([run["at"], *(row["erased_at"] for row in (*cases, *persons))])
    return Certificate(
        erasure=erasure,
        at=run["at"],
        actor=run["actor"],
        persons=len({row["person"] for row in persons}),
        cases=len({row["case_id"] for row in cases}),
        complete_from=newest + timedelta(days=run["key_backups_days"]),
        digest=sha256_of("".join(lines)),
        left=tuple(left),
    )


@case_errors_only
async def erasures(pool: Pool) -> list[dict[str, Any]]:
    """All runs there were, the newest first."""
    async with connection_of(pool) as connection:
        return [dict(row) for row in await SQL["erasures"].all(connection, {})]


def _parts(listed: tuple[Erased, ...]) -> Iterable[tuple[Erased, ...]]:
    return (listed[first : first + _AT_ONCE] for first in range(0, len(listed), _AT_ONCE))


async def _come_back(connection: Connection, listed: tuple[Erased, ...]) -> list[Erased]:
    asked = json.dumps([{**each._asdict(), "at": each.at.isoformat()} for each in listed])
    return [_erased(row) for row in await SQL["come_back"].all(connection, {"listed": asked})]


def _erased(row: Any) -> Erased:
    return Erased(What(row["what"]), row["ref"], row["part"], row["at"], row["erasure"])
