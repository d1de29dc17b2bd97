"""Held benefits looked at again every week, and what the database refuses. All persons and numbers are synthetic."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any, Final

import asyncpg
import pytest

from activities.calendar import official_calendar
from activities.campaign import Campaign, rechecking
from activities.registry import Clock
from activities.registry.loading import BenefitHold, Claim
from activities.registry.pool import Pool, connection_of
from cases.clocks import SHANGHAI
from cases.machines.machine import Status
from cases.occasions import Occasion, Rechecked, Scheduled
from cases.policy import Policies
from tests.activities.firing import fired
from tests.activities.late_cases import late
from tests.activities.play import NORTH, Play, eighteen, insured

MONDAY = datetime(2026, 9, 21, 7, tzinfo=SHANGHAI)
HELD_ON = MONDAY - timedelta(days=14)
LONG = eighteen("11010519100101006")
HELD = BenefitHold(
    reason="id_number",
    notice="N-1",
    served_on=date(2026, 9, 1),
    legal_basis="示例办法第一条",
    officer="officer-3",
    held_at=HELD_ON,
)
WARNED = BenefitHold(reason="id_number", state="warned", notice="N-1", served_on=date(2026, 9, 1))
CARD = HELD.model_copy(update={"reason": "card"})
CLAIMS = (
    Claim(reference="claim-1", scheme="medical", amount_fen=100, suspended_for="id_number"),
    Claim(reference="claim-2", scheme="pension", amount_fen=200, suspended_for="id_number"),
    Claim(reference="claim-3", scheme="medical", amount_fen=300, suspended_for="card"),
)


@pytest.fixture
def campaign(pool: Pool, policies: Policies) -> Campaign:
    # Nobody here is told anything through Temporal.
    client: Any = None
    return Campaign(pool, client, policies, official_calendar, clock=Clock.callers)


async def recheck(campaign: Campaign, at: datetime = MONDAY) -> Rechecked:
    rechecked: Rechecked = await fired(Scheduled.benefit_hold_check).run(campaign.recheck_benefits, Occasion(at=at))
    return rechecked


class Register:
    """Persons with holds, and cases that stand somewhere without a life behind them."""

    def __init__(self, play: Play) -> None:
        self.play = play
        play.tampered = True

    async def person(self, *holds: BenefitHold, **more: Any) -> str:
        person = insured(benefit_holds=holds, claims=CLAIMS, **more)
        await self.play.load(person)
        return self.play.token(person)

    async def case(self, person: str, status: str, *, kind: str = "IdNumberChange", **more: Any) -> str:
        prefix = "idc" if kind == "IdNumberChange" else "crc"
        (case,) = await late(
            self.play.pool, NORTH, 0, person=person, case_id=f"{prefix}-{person}", kind=kind, status=status, **more
        )
        return case

    async def holds(self) -> list[tuple[str, str | None]]:
        rows = await self.play.rows("SELECT state, release_basis FROM benefit_holds ORDER BY id")
        return [(row["state"], row["release_basis"]) for row in rows]

    async def claims(self) -> list[str]:
        return [row["state"] for row in await self.play.rows("SELECT state FROM claims ORDER BY amount_fen")]


@pytest.fixture
def register(play: Play) -> Register:
    return Register(play)


DONE: Final[dict[str, Any]] = {
    "closed_at": HELD_ON + timedelta(days=1),
    "milestone": "benefits_unblocked",
    "road": "pure_upgrade",
    "verifier": "clerk-2",
}
PAID = ["queued", "queued", "suspended"]
WAITING = ["suspended"] * 3


class TestAHoldEnds:
    async def test_where_the_number_was_updated_without_a_case(self, register: Register, campaign: Campaign) -> None:
        await register.person(HELD, number=LONG)
        assert await recheck(campaign) == Rechecked(held=1, released=1)
        assert await register.holds() == [("released", "number_updated")]
        assert await register.claims() == PAID
        told = await register.play.rows("SELECT case_id, step, kind, target FROM events ORDER BY target")
        assert [tuple(row) for row in told] == [
            (None, "benefits_rechecked.2026-09-21", "claim_requeued", target) for target in ("medical", "pension")
        ]

    async def test_where_the_case_is_done(self, register: Register, campaign: Campaign) -> None:
        person = await register.person(HELD, number=LONG)
        case = await register.case(person, "done", **DONE)
        await recheck(campaign)
        assert await register.holds() == [("released", "case_done")]
        (row,) = await register.play.rows("SELECT released_at, released_by, released_by_case FROM benefit_holds")
        assert tuple(row) == (MONDAY, None, case)
        assert {row["requeued_by"] for row in await register.play.rows("SELECT requeued_by FROM claims")} == {
            case,
            None,
        }

    @pytest.mark.parametrize(("status", "why"), [("on_hold", "case_on_hold"), ("disputed", "case_disputed")])
    async def test_while_the_case_is_on_hold_or_disputed_and_the_claims_wait_for_the_number(
        self, register: Register, campaign: Campaign, status: str, why: str
    ) -> None:
        person = await register.person(HELD)
        await register.case(person, status)
        assert await recheck(campaign) == Rechecked(held=1, released=1)
        assert await register.holds() == [("released", why)]
        assert await register.claims() == WAITING

    async def test_for_the_card_with_the_replacement_and_not_with_the_number(
        self, register: Register, campaign: Campaign
    ) -> None:
        first = await register.person(CARD, number=LONG)
        second = await register.person(CARD)
        await register.case(
            second,
            "done",
            kind="CardReplacement",
            **DONE,
        )
        await recheck(campaign)
        assert await register.holds() == [("held", None), ("released", "case_done")]
        states = await register.play.rows(
            "SELECT state FROM claims JOIN persons ON persons.id = person_id WHERE token = $1 ORDER BY amount_fen",
            first,
        )
        assert [row["state"] for row in states] == WAITING

    async def test_with_its_warning_once_the_number_is_updated(self, register: Register, campaign: Campaign) -> None:
        await register.person(WARNED, number=LONG)
        await recheck(campaign)
        assert await register.holds() == [("released", "number_updated")]


class TestAHoldStays:
    async def test_while_the_number_has_15_digits(self, register: Register, campaign: Campaign) -> None:
        await register.person(HELD)
        assert await recheck(campaign) == Rechecked(held=1, released=0)
        assert await register.holds() == [("held", None)]

    @pytest.mark.parametrize("status", ["awaiting_documents", "in_review", "awaiting_approval"])
    async def test_while_the_case_waits_for_people(self, register: Register, campaign: Campaign, status: str) -> None:
        await register.case(await register.person(HELD), status)
        await recheck(campaign)
        assert await register.holds() == [("held", None)]

    @pytest.mark.parametrize("status", ["withdrawn", "rejected", "closed_no_response"])
    async def test_when_the_case_ended_without_a_new_number(
        self, register: Register, campaign: Campaign, status: str
    ) -> None:
        await register.case(await register.person(HELD), status, closed_at=MONDAY - timedelta(days=1))
        await recheck(campaign)
        assert await register.holds() == [("held", None)]
        assert await register.claims() == WAITING

    async def test_while_an_open_case_has_changed_the_number_and_may_still_take_it_back(
        self, play: Play, campaign: Campaign
    ) -> None:
        person = insured(claims=CLAIMS)
        await play.load(person)
        state = await play.committed(play.change(person))
        await play.write(
            "INSERT INTO benefit_holds (person_id, reason, state, legal_basis, notice, served_on, officer, held_at) "
            "SELECT id, 'id_number', 'held', 'basis', 'N-1', now(), 'officer-3', now() FROM persons"
        )
        assert state.status is Status.applying
        assert await recheck(campaign) == Rechecked(held=1, released=0)
        await play.write("UPDATE benefit_holds SET state = 'released', released_at = now()")

    async def test_as_a_warning_while_the_case_is_on_hold(self, register: Register, campaign: Campaign) -> None:
        await register.case(await register.person(WARNED), "on_hold")
        await recheck(campaign)
        assert await register.holds() == [("warned", None)]


class TestTheCheck:
    async def test_releases_once_however_often_it_is_asked(self, register: Register, campaign: Campaign) -> None:
        await register.person(HELD, number=LONG)
        assert [await recheck(campaign) for _ in range(2)] == [
            Rechecked(held=1, released=1),
            Rechecked(held=0, released=0),
        ]
        assert await register.play.value("SELECT count(*) FROM events") == 2

    async def test_releases_once_when_two_run_at_once(self, register: Register, campaign: Campaign) -> None:
        for serial in range(8):
            await register.person(HELD, number=eighteen(f"110105191001{serial + 1:02}101"))
        results = await asyncio.gather(*(recheck(campaign) for _ in range(4)))
        assert sum(result.released for result in results) == 8
        assert await register.play.value("SELECT count(*) FROM events") == 16

    async def test_goes_on_where_an_earlier_attempt_stopped(
        self, register: Register, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rechecking, "BATCH", 2)
        for serial in range(5):
            await register.person(HELD, number=eighteen(f"110105191101{serial + 1:02}101"))
        ids = [row["id"] for row in await register.play.rows("SELECT id FROM benefit_holds ORDER BY id")]
        begun = rechecking.Progress(reached=ids[1], held=2, released=2)
        progress = await rechecking.recheck(register.play.pool, MONDAY, begun, lambda _: None)
        assert progress == rechecking.Progress(reached=ids[-1], held=5, released=5)
        assert [state for state, _ in await register.holds()] == ["held", "held", *["released"] * 3]

    async def test_looks_again_under_the_persons_lock_so_that_a_reason_that_came_back_holds(
        self, register: Register, campaign: Campaign
    ) -> None:
        person = await register.person(HELD)
        case = await register.case(person, "on_hold")
        async with connection_of(register.play.pool) as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT FROM persons WHERE token = $1 FOR NO KEY UPDATE", person)
            checking = asyncio.create_task(recheck(campaign))
            waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            while not await register.play.rows(waiting):  # noqa: ASYNC110 - the database sends no event
                await asyncio.sleep(0.01)
            await connection.execute("UPDATE cases SET status = 'in_review' WHERE case_id = $1", case)
            await transaction.commit()
        assert (await checking).released == 0
        assert await register.holds() == [("held", None)]


DECISION: Final = {
    "legal_basis": "示例办法第一条",
    "notice": "N-1",
    "served_on": date(2026, 9, 1),
    "officer": "officer-3",
    "held_at": HELD_ON,
}
PARTS: Final = [{name: DECISION[name] for name in names} for size in range(6) for names in combinations(DECISION, size)]


class TestTheDatabase:
    """Whoever writes, no hold stands in the register without a named officer's decision on a served notice."""

    async def test_takes_a_hold_with_the_whole_decision_and_with_no_part_less(self, play: Play) -> None:
        await play.load(insured())
        taken = [part for part in PARTS if await takes(play, "held", part)]
        assert taken == [DECISION]

    async def test_takes_a_warning_with_a_served_notice_only(self, play: Play) -> None:
        await play.load(insured())
        refused = [part for part in PARTS if not await takes(play, "warned", part)]
        assert refused == [part for part in PARTS if not {"notice", "served_on"} <= part.keys()]

    @pytest.mark.parametrize("start", ["warned", "held"])
    async def test_lets_no_change_of_a_row_lead_there(self, play: Play, start: str) -> None:
        await play.load(insured())
        for part in PARTS:
            if part == DECISION:
                continue
            emptied = {name: part.get(name) for name in DECISION}
            assert not await takes(play, start, DECISION, then={"state": "held", **emptied})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"legal_basis": "  "},
            {"notice": " "},
            {"officer": ""},
            {"officer": "张三"},
            {"served_on": HELD_ON.date() + timedelta(days=1)},
        ],
        ids=["no basis", "no notice", "no officer", "a name", "served after the decision"],
    )
    async def test_takes_no_empty_words_for_it(self, play: Play, wrong: dict[str, Any]) -> None:
        await play.load(insured())
        assert not await takes(play, "held", DECISION | wrong)

    async def test_has_one_hold_of_a_person_for_one_reason(self, play: Play) -> None:
        await play.load(insured(benefit_holds=(HELD,)))
        with pytest.raises(asyncpg.UniqueViolationError):
            await takes(play, "held", DECISION)


class _TakenBack(Exception):
    pass


async def takes(play: Play, state: str, given: Mapping[str, Any], *, then: Mapping[str, Any] | None = None) -> bool:
    """Whether the database takes such a row, and a change of it; nothing of it stays."""
    row = {"state": state, **given}
    places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    columns = ", ".join(row)
    insert = f"INSERT INTO benefit_holds (person_id, reason, {columns}) SELECT id, 'id_number', {places} FROM persons"  # noqa: S608 - columns of the table above
    async with connection_of(play.pool) as connection:
        try:
            async with connection.transaction():
                await connection.execute(insert, *row.values())
                if then is not None:
                    changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(then, 1))
                    await connection.execute(f"UPDATE benefit_holds SET {changes}", *then.values())  # noqa: S608 - as above
                raise _TakenBack
        except _TakenBack:
            return True
        except asyncpg.CheckViolationError:
            return False
