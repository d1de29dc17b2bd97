"""A hundred of a thousand persons are erased: nine hundred cases stay, the audit holds, nothing of the hundred is left.

Left is what opens: whoever has every key that there is, and everything that was ever written, today's dumps included,
reads nothing of them. That the nine hundred open shows that whoever looks can read.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from activities.person_keys import DirectoryKeys
from activities.registry.verifying import Verified, verify_audit
from activities.retention.erasing import By, Certificate, certificate, erase
from activities.retention.planning import plan
from activities.sealing import Field, KeyRing, Sealer
from cases.errors import CaseError
from cases.events import Event
from cases.machines.machine import Status
from cases.policy import Policies
from runtime.codec import is_sealed, payloads_in
from tests.canary.places import PLACES, Piece, register_dump, search
from tests.canary.scanner import CHUNK, Hit, Scanner
from tests.canary.stage import Stage, staged
from tests.engine import SEALED
from tests.scenes import CLERK, ID_CARD
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change

pytestmark = [pytest.mark.canary, pytest.mark.servers, pytest.mark.timeout(1500)]

PERSONS, ERASED = 1_000, 100
LATER = timedelta(days=3_700)
"""When everything is due that has closed, and the record of whoever has died."""
_AT_ONCE = 8
_TEXT = re.compile(rb"(?:p-[a-z2-7]{14}|sample)\.[A-Za-z0-9_-]{38,2000}")
_KEPT = 4096
"""Bytes; no sealed text is longer."""


@dataclass(frozen=True)
class Readable:
    """What of the erased and of the others opens, in how many sealed texts that were met."""

    met: int
    of_erased: int
    of_others: int


@dataclass(frozen=True)
class Gone:
    """What it came to."""

    cases: int
    erased: int
    audit: Verified
    certificate: Certificate
    before: Readable
    """In the dump of the same day, taken before, with the keys of then."""
    places: dict[str, Readable]
    hits: list[Hit]


class Reader:
    """Somebody who has all keys that there are now."""

    def __init__(self, stage: Stage, erased: Iterable[str], others: Iterable[str], keys_of: dict[str, str]) -> None:
        ring = KeyRing.sample()
        self._sealer = Sealer(ring, DirectoryKeys(stage.folder / "persons", ring.seal_keys, ring.current))
        self._erased, self._others, self._keys_of = frozenset(erased), frozenset(others), keys_of
        self._seen: dict[bytes, str | None] = {}

    def read(self, met: set[bytes]) -> Readable:
        """What of the sealed texts that were met opens."""
        opened = [self._whose(text) for text in met]
        return Readable(
            len(met), sum(each in self._erased for each in opened), sum(each in self._others for each in opened)
        )

    def _whose(self, text: bytes) -> str | None:
        if text not in self._seen:
            self._seen[text] = next(self._openers(text.decode()), None)
        return self._seen[text]

    def _openers(self, text: str) -> Iterator[str]:
        """For whom a text opens. Under a key of the ring it may be anybody's."""
        owner = self._keys_of.get(text.partition(".")[0])
        for person in (owner,) if owner is not None else self._erased:
            for field in Field:
                try:
                    self._sealer.open(text, field=field, person=person)
                except CaseError:
                    continue
                yield person


async def _texts(pieces: AsyncIterator[Piece]) -> set[bytes]:
    """The sealed texts in the pieces of a place."""
    met: set[bytes] = set()
    async for _, piece in pieces:
        met |= set(_TEXT.findall(piece)) if isinstance(piece, bytes) else await asyncio.to_thread(_texts_in, piece)
    return met


def _texts_in(path: Path) -> set[bytes]:
    """Those of a file; of what lies across two reads the end is read again."""
    met: set[bytes] = set()
    kept = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            met |= set(_TEXT.findall(kept + chunk))
            kept = chunk[-_KEPT:]
    return met


async def _in_payloads(stage: Stage) -> AsyncIterator[Piece]:
    """What stands in the payloads of all histories, opened with the ring."""
    namespace = stage.clear.namespace
    async for run in stage.clear.list_workflows():
        history = await stage.clear.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        for payload in (each for event in history.events for each in payloads_in(event)):
            if is_sealed(payload):
                yield run.id, SEALED.open(payload, namespace=namespace).data


async def _lived(stage: Stage) -> tuple[list[Dossier], list[Dossier]]:
    """Those who will be erased, whose cases were withdrawn and who have died; and the others, whose cases are open."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Dossier:
        async with turns:
            case = await change(stage.engine, ID_CARD)
            await case.rests_in(Status.in_review)
            if number < ERASED:
                await case.tell(Event.withdraw)
                await case.ends()
            return case

    lived = await asyncio.gather(*map(one, range(PERSONS)))
    gone = lived[:ERASED]
    await stage.engine.pool.execute(
        "UPDATE persons SET died_on = current_date WHERE token = ANY ($1)", [_person(case) for case in gone]
    )
    return gone, lived[ERASED:]


def _person(case: Dossier) -> str:
    return case.case_id.partition("-")[2]


async def _gone_through(stage: Stage) -> Gone:
    gone, stay = await _lived(stage)
    ring = KeyRing.sample()
    keys = DirectoryKeys(stage.folder / "persons", ring.seal_keys, ring.current)
    erased, others = [_person(case) for case in gone], [_person(case) for case in stay]
    keys_of = {key_id: person for person in (*erased, *others) for key_id in keys.key_ids(person)}
    dump = await _texts(register_dump(stage))
    before = Reader(stage, erased, others, keys_of).read(dump)

    policies, at = Policies.load(), datetime.now(UTC) + LATER
    planned = await plan(stage.engine.pool, policies, at)
    by = By(CLERK, "the time is over")
    run = await erase(stage.engine.pool, keys, policies, planned.digest, by, at, lambda *_: None)

    reader = Reader(stage, erased, others, keys_of)
    who = [case.person for case in gone]
    values = {value for each in who for value in (each.name, each.personal_number, each.old, each.new)}
    scanner = await asyncio.to_thread(Scanner, [each for each in stage.people.planted if each.text in values])
    places = {"the dump of before": reader.read(dump), "payloads": reader.read(await _texts(_in_payloads(stage)))}
    hits: list[Hit] = []
    for place in PLACES:
        if place == "process output":
            await stage.close()
        places[place] = reader.read(await _texts(PLACES[place].pieces(stage)))
        hits += (await search(stage, place, scanner)).hits
    return Gone(
        cases=await stage.engine.pool.fetchval("SELECT count(*) FROM cases"),
        erased=run.persons,
        audit=await verify_audit(stage.engine.pool),
        certificate=await certificate(stage.engine.pool, keys, run.id),
        before=before,
        places=places,
        hits=hits,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gone]:
    async with staged(tmp_path_factory.mktemp("erased")) as stage:
        yield await _gone_through(stage)


def test_the_others_stay(gone: Gone) -> None:
    assert (gone.erased, gone.cases) == (ERASED, PERSONS - ERASED)


def test_the_audit_holds_of_all_of_them(gone: Gone) -> None:
    assert gone.audit.broken == ()
    assert gone.audit.cases == PERSONS


def test_the_certificate_says_that_nothing_is_left(gone: Gone) -> None:
    assert (gone.certificate.persons, gone.certificate.cases, gone.certificate.left) == (ERASED, ERASED, ())


def test_before_everybody_could_be_read_in_the_dump_of_the_day(gone: Gone) -> None:
    assert gone.before.of_erased >= ERASED
    assert gone.before.of_others >= PERSONS - ERASED


def test_in_that_dump_and_in_all_payloads_the_others_open_and_the_erased_do_not(gone: Gone) -> None:
    for place in ("the dump of before", "payloads"):
        assert gone.places[place].of_others >= PERSONS - ERASED
        assert gone.places[place].of_erased == 0


def test_nowhere_anything_opens_of_who_was_erased(gone: Gone) -> None:
    assert {place: found.of_erased for place, found in gone.places.items() if found.of_erased} == {}


def test_nowhere_anything_of_them_stands_in_clear(gone: Gone) -> None:
    assert gone.hits == []
