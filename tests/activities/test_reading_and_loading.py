"""Lists for programs, and register extracts. All persons, names and numbers are synthetic."""

import asyncio
from datetime import date, timedelta
from itertools import count

import pytest
from pydantic import ValidationError

from activities.registry.loading import (
    Balance,
    BenefitHold,
    Claim,
    Contribution,
    HeldCard,
    InsuredPerson,
    Loaded,
    PastNumber,
    Refusal,
    load_persons,
)
from activities.registry.pool import create_pool
from activities.registry.reading import After, CaseRow, Filter, list_cases
from activities.sealing import Field
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import Withdraw
from cases.machines.machine import Milestone, Status
from cases.models import Category
from cases.names import Kind
from cases.openings import ReplacementReason
from tests.activities.play import CLERK, NOON, SOUTH, Play, eighteen, insured

NUMBER = eighteen("11010519491231004")


class TestLists:
    async def test_of_cases_can_be_filtered_by_everything_operators_ask_for(self, play: Play) -> None:
        north = insured(category=Category.refund)
        south, closed = insured(region=SOUTH), insured()
        carded = insured(number=NUMBER)
        await play.load(north, south, closed, carded)
        reviewed = await play.reviewed(play.change(north))
        waiting = await play.move(await play.received(play.change(south, documents=())), Event.screened)
        ended = await play.move(await play.reviewed(play.change(closed)), Event.withdraw, Withdraw(actor=CLERK))
        replacing = await play.received(play.replacement(carded, ReplacementReason.expired))

        async def found(which: Filter) -> set[str]:
            return {row.case_id for row in await list_cases(play.pool, which)}

        everything = {state.case_id for state in (reviewed, waiting, ended, replacing)}
        assert await found(Filter()) == everything
        assert await found(Filter(kind=Kind.card_replacement)) == {replacing.case_id}
        assert await found(Filter(status=Status.in_review)) == {reviewed.case_id}
        assert await found(Filter(milestone=Milestone.submitted)) == everything
        assert await found(Filter(region=SOUTH)) == {waiting.case_id}
        assert await found(Filter(region="44")) == {waiting.case_id}
        assert await found(Filter(category=Category.refund)) == {reviewed.case_id}
        assert await found(Filter(is_open=False)) == {ended.case_id}
        assert await found(Filter(is_open=True)) == everything - {ended.case_id}
        assert await found(Filter(attention="dispute")) == set()
        assert waiting.timer is not None
        due_by = Filter(due_before=waiting.timer.due_at + timedelta(seconds=1), status=Status.awaiting_documents)
        assert await found(due_by) == {waiting.case_id}
        assert await found(due_by._replace(due_before=waiting.timer.due_at)) == set()

    async def test_of_cases_in_need_of_attention(self, play: Play) -> None:
        person = insured()
        await play.load(person, insured(number=NUMBER))
        state = await play.move(await play.received(play.change(person, NUMBER)), Event.screened)
        (row,) = await list_cases(play.pool, Filter(attention="dispute"))
        assert (row.case_id, row.attention, row.road) == (state.case_id, ("dispute",), "conflict")

    async def test_come_in_pages_that_neither_miss_nor_repeat(self, play: Play) -> None:
        people = [insured() for _ in range(7)]
        await play.load(*people)
        for person in people:
            await play.received(play.change(person))
        pages: list[list[str]] = []
        after: After | None = None
        while page := await list_cases(play.pool, after=after, limit=3):
            pages.append([row.case_id for row in page])
            after = After(page[-1].case_id, page[-1].generation)
        assert [len(page) for page in pages] == [3, 3, 1]
        assert sorted(case for page in pages for case in page) == [case for page in pages for case in page]
        assert len({case for page in pages for case in page}) == 7

    async def test_come_by_their_dates_where_that_is_asked_for_and_those_without_one_behind(self, play: Play) -> None:
        people = [insured() for _ in range(5)]
        await play.load(*people)
        cases = [(await play.reviewed(play.change(person))).case_id for person in people]
        days: list[int | None] = [3, 1, None, 2, 1]
        play.tampered = True
        for case, day in zip(cases, days, strict=True):
            due_at = None if day is None else NOON + timedelta(days=day)
            await play.pool.execute("UPDATE cases SET due_at = $2 WHERE case_id = $1", case, due_at)
        found: list[CaseRow] = []
        after: After | None = None
        while page := await list_cases(play.pool, after=after, limit=2, by_due=True):
            found += page
            after = After(page[-1].case_id, page[-1].generation, page[-1].due_at)
        first, second = sorted((cases[1], cases[4]))
        assert [row.case_id for row in found] == [first, second, cases[3], cases[0], cases[2]]

    async def test_that_cannot_be_read_say_why_as_a_code(self, database_url: str) -> None:
        closed = await create_pool(database_url, size=1)
        await closed.close()
        with pytest.raises(CaseError) as failed:
            await list_cases(closed)
        assert str(failed.value) == "DATABASE_UNAVAILABLE"


FULL = {
    "past_numbers": (PastNumber(number="110105150101001", valid_from=date(1990, 1, 1), valid_to=date(2001, 1, 1)),),
    "number": NUMBER,
    "died_on": date(2026, 1, 1),
    "draws_pension": True,
    "cards": (HeldCard(card_number="CARD0001", code="B", generation=2, payment_authority=True),),
    "claims": (
        Claim(reference="claim-1", amount_fen=100, suspended_for="card"),
        Claim(reference="claim-2", scheme="pension", amount_fen=1, state="paid"),
    ),
    "benefit_holds": (
        BenefitHold(reason="card", state="warned", notice="N-1", served_on=NOON.date()),
        BenefitHold(
            reason="id_number",
            notice="N-1",
            served_on=NOON.date(),
            legal_basis="示例办法第一条",
            officer="officer-3",
            held_at=NOON,
        ),
    ),
    "contributions": (Contribution(scheme="medical", month="2025-12", amount_fen=5),),
    "balances": (Balance(amount_fen=7), Balance(scheme="pension", amount_fen=8)),
}


class TestAnExtract:
    async def test_becomes_rows_of_every_table(self, play: Play) -> None:
        person = insured(**FULL)
        assert await load_persons(play.pool, play.sealer, [person]) == Loaded(1, 0, (), ended=1)
        held = await play.contents()
        counts = {name: len(rows) for name, rows in held.items() if rows and not name.startswith(("schema_", "feed_"))}
        assert counts == {
            "persons": 1,
            "numbers": 2,
            "cards": 1,
            "claims": 2,
            "benefit_holds": 2,
            "contributions": 1,
            "balances": 2,
        }
        (row,) = await play.rows("SELECT * FROM persons")
        token = play.token(person)
        assert row["token"] == token
        assert play.sealer.open(row["name"], field=Field.name, person=token) == person.name
        assert play.sealer.open(row["phone"], field=Field.phone, person=token) == person.phone
        assert await play.value("SELECT month FROM contributions") == date(2025, 12, 1)
        past, living = await play.rows("SELECT * FROM numbers ORDER BY valid_from")
        assert (past["state"], past["digits"], past["valid_to"]) == ("historic", 15, date(2001, 1, 1))
        assert (living["state"], living["digits"], living["valid_from"]) == ("living", 18, date(2001, 1, 1))

    async def test_leaves_no_name_number_or_phone_in_clear(self, play: Play) -> None:
        person = insured(**FULL, name="测试𠮷·甲", phone="13900000000")
        await play.load(person)
        held = str(await play.contents())
        clear = (person.name, person.phone, person.number, person.personal_number, "110105150101001", "CARD0001")
        assert not [text for text in clear if str(text) in held]

    async def test_is_loaded_once_however_often_and_by_how_many(self, play: Play) -> None:
        people = [insured() for _ in range(30)]
        results = await asyncio.gather(*(load_persons(play.pool, play.sealer, people) for _ in range(4)))
        assert sorted(result.loaded for result in results) == [0, 0, 0, 30]
        assert sorted(result.known for result in results) == [0, 30, 30, 30]

    async def test_says_who_died_who_was_transferred_and_who_came_back(self, play: Play) -> None:
        dies, goes, stays = insured(), insured(), insured()
        await play.load(dies, goes, stays)
        ends, versions = "SELECT end_of_person(id) FROM persons WHERE token = $1", count(2)

        async def says(person: InsuredPerson, **standing: object) -> tuple[int, int]:
            said = person.model_copy(update=standing | {"source_version": next(versions)})
            loaded = await load_persons(play.pool, play.sealer, [said, stays, said])
            return loaded.ended, loaded.returned

        for person, standing, code in (
            (dies, {"died_on": date(2026, 2, 1)}, "PERSON_DECEASED"),
            (goes, {"transferred": True}, "PERSON_TRANSFERRED"),
        ):
            assert await says(person, **standing) == (1, 0)
            assert await says(person, **standing) == (0, 0)
            # What says nothing of it takes nothing back; evidence does.
            assert await says(person) == (0, 0)
            assert await play.value(ends, play.token(person)) == code
            assert await says(person, insured_again="back-1") == (0, 1)
            assert await play.value(ends, play.token(person)) is None
            assert await says(person, insured_again="back-1") == (0, 0)
        assert await play.value(ends, play.token(stays)) is None
        with pytest.raises(ValidationError):
            insured(transferred=True, insured_again="back-1")
        gone = insured(transferred=True)
        assert (await load_persons(play.pool, play.sealer, [gone])).ended == 1
        assert await play.value(ends, play.token(gone)) == "PERSON_TRANSFERRED"

    async def test_that_repeats_a_person_loads_the_first(self, play: Play) -> None:
        person = insured()
        assert await load_persons(play.pool, play.sealer, [person, person]) == Loaded(1, 1, ())

    async def test_leaves_out_only_those_whose_number_somebody_has(self, play: Play) -> None:
        await play.load(insured(number=NUMBER))
        other = eighteen("11010519491231005")
        people = [insured(), insured(number=NUMBER), insured(number=other), insured(number=other), insured()]
        result = await load_persons(play.pool, play.sealer, people)
        assert result == Loaded(3, 0, (Refusal(1, Code.NUMBER_TAKEN), Refusal(3, Code.NUMBER_TAKEN)))

    async def test_may_hold_15_digits_twice_and_what_nobody_can_read(self, play: Play) -> None:
        people = [insured(number="110105150101001"), insured(number="110105150101001"), insured(number="1.1E+17")]
        await play.load(*people)
        assert await play.value("SELECT count(*) FROM numbers WHERE digits IS NULL") == 1

    async def test_of_many_persons_is_loaded_in_batches(self, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("activities.registry.loading.BATCH", 4)
        people = [insured() for _ in range(9)] + [insured(number=NUMBER), insured(number=NUMBER)]
        result = await load_persons(play.pool, play.sealer, iter(people))
        assert result == Loaded(10, 0, (Refusal(10, Code.NUMBER_TAKEN),))

    async def test_that_the_database_refuses_is_refused_with_a_code(self, play: Play) -> None:
        wrong = insured().model_copy(update={"region": "nowhere"})
        with pytest.raises(CaseError) as refused:
            await load_persons(play.pool, play.sealer, [wrong])
        assert str(refused.value) == "DATABASE_REFUSED"
        assert refused.value.__context__ is None
        assert await play.rows("SELECT * FROM persons") == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {"cards": (HeldCard(card_number="CARD1"), HeldCard(card_number="CARD2", code="B"))},
            {"cards": (HeldCard(card_number="CARD1", code="A"), HeldCard(card_number="CARD2", code="A"))},
            {
                "cards": (
                    HeldCard(card_number="CARD1", payment_authority=True),
                    HeldCard(card_number="CARD2", code="4", payment_authority=True),
                )
            },
            {
                "contributions": (
                    Contribution(month="2026-01", amount_fen=1),
                    Contribution(month="2026-01", amount_fen=2),
                )
            },
            {"source_version": 0},
            {"name": ""},
            {"personal_number": "a"},
            {"number": ""},
            {"unknown": 1},
        ],
        ids=[
            "two in use",
            "two coming",
            "two paid to",
            "a month twice",
            "no version",
            "no name",
            "no personal number",
            "no number",
            "unknown field",
        ],
    )
    async def test_of_a_person_who_cannot_be_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises((ValidationError, CaseError)):
            insured(**wrong)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"state": "suspended"},
            {"state": "paid", "suspended_for": "card"},
            {"suspended_for": "card", "amount_fen": 0},
        ],
    )
    def test_with_a_claim_that_cannot_be_is_refused(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            Claim.model_validate({"amount_fen": 1} | wrong)

    def test_does_not_show_who_is_meant(self) -> None:
        person = insured(**FULL)
        shown = repr(person)
        hidden = (person.name, person.phone, person.number, person.personal_number, "CARD0001", "110105150101001")
        assert not [text for text in hidden if str(text) in shown]
        assert isinstance(person, InsuredPerson)
