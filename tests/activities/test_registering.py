"""All persons, names and numbers are synthetic."""

import asyncio
import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest

from activities.calendar import official_calendar
from activities.registry import Clock, Registry
from activities.registry.loading import BenefitHold, HeldCard
from cases.answers import Receipt
from cases.documents import DocumentKind
from cases.errors import Advice, Code
from cases.events import Event
from cases.facts import CardFunction, ConfirmLoss, PersonEnded, PersonEndedReason, Withdraw
from cases.machines.machine import Status
from cases.models import Category
from cases.numbers import Road, derive
from cases.openings import ApplicationChannel, ReplacementReason
from cases.policy import Policies
from cases.screening import Finding, Screening
from cases.state import CaseState
from cases.steps import StepResult
from cases.submitters import Authority, Citizen, IdentityCheck, SubmitterKind
from tests.activities.play import CLERK, NOON, SECOND, SOUTH, Play, eighteen, insured, old_number
from tests.stamping import STAMPS

SHANGHAI = timezone(timedelta(hours=8))
CERTIFIED = (DocumentKind.resident_id_card, DocumentKind.police_certificate)
VALID_18 = "11010519491231002X"


async def screening(play: Play, state: CaseState) -> Screening:
    return (await play.received(state)).screening or pytest.fail("not screened")


def standing_of(answer: StepResult, asking: CaseState) -> CaseState:
    """Where an answer says the case stands."""
    assert answer.standing is not None
    return answer.standing.state_of(asking.opening)


async def first_answer(play: Play, state: CaseState) -> Receipt:
    """The answer to an application, which is given again to whoever repeats it."""
    registered = await play.received(state)
    result = await play.ask(registered, Event.screened)
    assert result.receipt is not None
    repeated = await play.register(state)
    assert repeated.standing is not None
    assert repeated.standing.receipt_for(standing_of(repeated, state)) == result.receipt
    return result.receipt


def demanded(found: Screening) -> tuple[DocumentKind, ...]:
    return tuple(demand.document for demand in found.demands)


class TestTheRoadOfANumberChange:
    async def test_is_a_pure_upgrade_for_the_derived_number_and_the_same_name(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        found = await screening(play, play.change(person))
        assert (found.finding, found.road) == (Finding.clear, Road.pure_upgrade)
        assert demanded(found) == (DocumentKind.resident_id_card,)
        assert all(demand.legal_basis for demand in found.demands)

    async def test_does_not_depend_on_how_the_middle_dot_of_a_name_was_typed(self, play: Play) -> None:
        person = insured(name="测试·甲")
        await play.load(person)
        assert (await screening(play, play.change(person, name="测试‧甲"))).road is Road.pure_upgrade

    async def test_is_reissued_for_another_name(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        found = await screening(play, play.change(person, name="测试别名"))
        assert (found.finding, found.road) == (Finding.clear, Road.reissued)
        assert demanded(found) == CERTIFIED

    async def test_is_reissued_for_a_number_that_is_not_the_derived_one(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        assert (await screening(play, play.change(person, VALID_18))).road is Road.reissued

    @pytest.mark.parametrize("held", [None, "110105150101996", "11010515010", "没有"])
    async def test_is_reissued_where_nothing_can_be_derived_from_what_the_register_holds(
        self, play: Play, held: str | None
    ) -> None:
        person = insured(number=held)
        await play.load(person)
        assert (await screening(play, play.change(person, VALID_18))).road is Road.reissued

    async def test_is_a_conflict_where_another_person_has_the_number(self, play: Play) -> None:
        person = insured()
        await play.load(person, insured(number=derive(person.number or "")))
        found = await screening(play, play.change(person))
        assert (found.finding, found.road) == (Finding.conflict, Road.conflict)
        assert demanded(found) == CERTIFIED

    async def test_is_a_conflict_where_another_open_case_wants_the_number(self, play: Play) -> None:
        first, second = insured(), insured()
        await play.load(first, second)
        assert (await screening(play, play.change(first, VALID_18))).finding is Finding.clear
        assert (await screening(play, play.change(second, VALID_18))).finding is Finding.conflict

    async def test_leads_nowhere_for_a_number_the_register_has_already(self, play: Play) -> None:
        person = insured(number=VALID_18)
        await play.load(person)
        found = await screening(play, play.change(person, VALID_18))
        assert (found.finding, found.road) == (Finding.not_needed, Road.not_needed)

    async def test_leads_nowhere_for_people_the_register_does_not_know(self, play: Play) -> None:
        assert (await screening(play, play.change(insured()))).finding is Finding.unknown

    async def test_leads_nowhere_for_the_dead(self, play: Play) -> None:
        person = insured(died_on=NOON.date())
        await play.load(person)
        assert (await screening(play, play.change(person))).finding is Finding.deceased

    async def test_comes_with_advice_about_number_and_name(self, play: Play) -> None:
        person = insured(number=old_number(4), name="测\ue000")
        await play.load(person)
        found = await screening(play, play.change(person, eighteen("81000019900101001")))
        assert {Advice.RESIDENCE_PERMIT, Advice.PRIVATE_USE_CHARACTERS} <= set(found.advice)


class TestThePreCheckOfAReplacement:
    async def test_lets_a_person_with_a_card_pass(self, play: Play) -> None:
        person = insured(number=VALID_18)
        await play.load(person)
        found = await screening(play, play.replacement(person, ReplacementReason.damaged))
        assert (found.finding, found.road) == (Finding.clear, None)
        assert demanded(found) == (DocumentKind.resident_id_card, DocumentKind.old_card)

    async def test_answers_1_for_people_the_register_does_not_know(self, play: Play) -> None:
        state = play.replacement(insured(number=VALID_18), ReplacementReason.lost)
        assert (await screening(play, state)).finding is Finding.unknown

    async def test_ends_for_the_dead(self, play: Play) -> None:
        person = insured(number=VALID_18, died_on=NOON.date())
        await play.load(person)
        assert (await screening(play, play.replacement(person, ReplacementReason.lost))).finding is Finding.deceased

    async def test_answers_2_for_another_name_or_number(self, play: Play) -> None:
        person = insured(number=VALID_18)
        await play.load(person)
        name = play.replacement(person, ReplacementReason.expired, name="测试别名")
        assert (await screening(play, name)).finding is Finding.differs
        other = insured(number=eighteen("11010519491231004"), personal_number="OTHER1")
        await play.load(other)
        shown = play.replacement(other, ReplacementReason.expired, number=VALID_18)
        assert (await screening(play, shown)).finding is Finding.differs

    async def test_answers_2_while_the_record_holds_a_15_digit_number_and_names_its_change(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        change = await play.received(play.change(person))
        same = play.replacement(person, ReplacementReason.expired)
        found = await screening(play, same)
        assert (found.finding, found.related) == (Finding.differs, change.case_id)

    async def test_answers_3_where_a_card_is_coming(self, play: Play) -> None:
        person = insured(
            number=VALID_18, cards=(HeldCard(card_number="CARD1"), HeldCard(card_number="CARD2", code="A"))
        )
        await play.load(person)
        assert (await screening(play, play.replacement(person, ReplacementReason.expired))).finding is Finding.duplicate

    @pytest.mark.parametrize("codes", ["", "0", "4", "04"])
    async def test_answers_4_without_a_card_to_replace(self, play: Play, codes: str) -> None:
        cards = tuple(HeldCard(card_number=f"CARD{place}", code=code) for place, code in enumerate(codes))  # type: ignore[arg-type] # a letter of the table
        person = insured(number=VALID_18, cards=cards)
        await play.load(person)
        found = await screening(play, play.replacement(person, ReplacementReason.damaged))
        assert found.finding is Finding.not_allowed

    @pytest.mark.parametrize("code", ["1", "B", "2", "3"])
    async def test_lets_a_card_pass_that_is_lost_or_was_cancelled_after_its_loss(self, play: Play, code: str) -> None:
        person = insured(number=VALID_18, cards=(HeldCard(card_number="CARD1", code=code),))  # type: ignore[arg-type] # as above
        await play.load(person)
        assert (await screening(play, play.replacement(person, ReplacementReason.lost))).finding is Finding.clear

    async def test_that_came_with_the_registration_holds_for_the_first_step_whenever_it_is_made(
        self, play: Play
    ) -> None:
        person = insured(number=VALID_18)
        await play.load(person)
        state = await play.received(play.replacement(person, ReplacementReason.damaged))
        screened = await play.value("SELECT screening FROM case_files")
        play.later(days=10)
        await play.write("UPDATE cards SET code = '4'")
        state = await play.move(state, Event.checked)
        assert state.status is Status.awaiting_documents
        assert await play.value("SELECT screening FROM case_files") == screened

    async def test_is_asked_again_when_the_case_comes_back_to_it_and_then_says_what_holds_now(self, play: Play) -> None:
        person = insured(number=VALID_18)
        await play.load(person)
        state = await play.move(await play.received(play.replacement(person, ReplacementReason.lost)), Event.checked)
        state = await play.move(state, Event.confirm_loss, ConfirmLoss(actor=CLERK, evidence="E-1"))
        assert (state.status, state.screening and state.screening.finding) == (Status.checking, Finding.clear)
        play.later(days=10)
        await play.write("UPDATE cards SET code = '4'")
        state = await play.move(state, Event.checked)
        assert (state.status, state.screening and state.screening.finding) == (Status.rejected, Finding.not_allowed)
        assert Finding.not_allowed in await play.value("SELECT screening FROM case_files")


class TestWhatTheScreeningSays:
    async def test_the_processing_time_counts_working_days_of_the_regions_policy(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        receipt = await first_answer(play, play.change(person))
        assert receipt.due_at == datetime(2026, 3, 17, tzinfo=SHANGHAI)  # ten working days after 2 March, 24:00
        assert not receipt.due_provisional

    async def test_a_date_in_a_year_without_a_calendar_is_provisional(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        play.later(days=300)
        assert (await first_answer(play, play.change(person))).due_provisional

    async def test_the_policy_is_the_regions_and_pinned(self, play: Play) -> None:
        person, southern = insured(), insured(region=SOUTH)
        await play.load(person, southern)
        assert (await screening(play, play.change(person))).terms.policy == "northern/1"
        assert (await screening(play, play.change(southern))).terms.policy == "southern/1"

    async def test_held_benefits_and_pensions_are_seen(self, play: Play) -> None:
        hold = BenefitHold(
            reason="id_number",
            notice="N-1",
            served_on=NOON.date(),
            legal_basis="示例办法第一条",
            officer="officer-3",
            held_at=NOON,
        )
        person = insured(benefit_holds=(hold,), draws_pension=True)
        await play.load(person)
        change = await screening(play, play.change(person))
        assert change.benefits_held
        assert change.draws_pension
        assert not (await screening(play, play.replacement(person, ReplacementReason.lost))).benefits_held


class TestAnApplication:
    async def test_is_on_record_with_everything_but_names_and_numbers(self, play: Play) -> None:
        person = insured(category=Category.refund)
        await play.load(person)
        state = await play.received(play.change(person))
        (row,) = await play.rows("SELECT * FROM cases")
        assert row["case_id"] == state.case_id
        assert (row["status"], row["version"], row["category"]) == ("screening", 0, "refund")
        (first,) = await play.rows("SELECT * FROM transitions")
        assert (first["event"], first["from_status"], first["actor"]) == ("registered", None, CLERK.id)
        held = str(await play.contents())
        assert person.name not in held
        assert str(person.number) not in held
        assert derive(str(person.number)) not in held

    async def test_that_is_repeated_at_once_by_many_gives_one_case_and_one_answer(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person)
        answers = await asyncio.gather(*(play.register(state) for _ in range(30)))
        assert all(answer == answers[0] for answer in answers)
        assert await play.value("SELECT count(*) FROM cases") == 1

    async def test_with_a_key_that_was_used_for_other_content_is_refused(self, play: Play) -> None:
        person, other = insured(), insured()
        await play.load(person, other)
        state = await play.received(play.change(person))
        before = await play.contents()
        for conflicting in (
            play.change(other, key=state.opening.key),
            play.change(person, key=state.opening.key),
            play.replacement(person, ReplacementReason.lost, key=state.opening.key),
        ):
            assert (await play.register(conflicting)).refused is Code.IDEMPOTENCY_CONFLICT
        assert await play.contents() == before

    async def test_of_two_with_one_key_at_once_exactly_one_is_refused(self, play: Play) -> None:
        for _ in range(5):
            first, second = insured(), insured()
            await play.load(first, second)
            state = play.change(first)
            answers = await asyncio.gather(
                play.register(state), play.register(play.change(second, key=state.opening.key))
            )
            assert {answer.refused for answer in answers} == {None, Code.IDEMPOTENCY_CONFLICT}

    async def test_gives_each_generation_eight_digits_by_which_people_name_it(self, play: Play) -> None:
        people = [insured() for _ in range(20)]
        await play.load(*people)
        for person in people[1:]:
            await play.received(play.change(person))
        await play.move(await play.reviewed(play.change(people[0])), Event.withdraw, Withdraw(actor=CLERK))
        await play.reviewed(play.change(people[0], reopen=True))
        rows = await play.rows("SELECT case_id, generation, reference FROM cases")
        assert len({row["reference"] for row in rows}) == len(rows) == 21
        assert all(re.fullmatch("[1-9][0-9]{7}", row["reference"]) for row in rows)
        # They stay what they are when the case moves, and no other case of the agency and year may have them.
        (row, *_, other) = rows
        with pytest.raises(asyncpg.UniqueViolationError):
            await play.pool.execute(
                "UPDATE cases SET reference = $1 WHERE case_id = $2", row["reference"], other["case_id"]
            )

    async def test_for_an_open_case_with_other_content_is_refused(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        await play.received(play.change(person))
        assert (await play.register(play.change(person))).refused is Code.CASE_ALREADY_OPEN
        assert (await play.register(play.change(person, reopen=True))).refused is Code.CASE_ALREADY_OPEN

    async def test_for_an_open_case_with_the_same_content_takes_the_case_over(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        first = play.change(person)
        reviewed = await play.reviewed(first)
        again = play.change(person, fingerprint=first.opening.fingerprint)
        assert standing_of(await play.register(again), first) == reviewed

    async def test_that_is_repeated_after_the_case_moved_is_answered_with_what_holds(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person)
        verified = await play.verified(state)
        answer = standing_of(await play.register(state), state)
        assert answer == verified
        assert answer.screening == verified.screening

    async def test_that_is_repeated_after_the_case_closed_is_answered_with_its_ending_for_ever(
        self, play: Play
    ) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person)
        closed = await play.move(await play.reviewed(state), Event.withdraw, Withdraw(actor=CLERK))
        reopened = await play.reviewed(play.change(person, reopen=True))
        assert reopened.generation == 2
        play.later(days=4000)
        assert standing_of(await play.register(state), state) == closed

    async def test_of_a_new_kind_for_a_closed_case_does_not_reopen_it(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        closed = await play.move(await play.reviewed(play.change(person)), Event.withdraw, Withdraw(actor=CLERK))
        again = play.change(person)
        assert standing_of(await play.register(again), closed) == closed
        assert await play.value("SELECT count(*) FROM cases") == 1

    async def test_that_reopens_a_closed_case_begins_its_next_generation_and_continues_its_audit(
        self, play: Play
    ) -> None:
        person = insured()
        await play.load(person)
        await play.move(await play.reviewed(play.change(person)), Event.withdraw, Withdraw(actor=CLERK))
        done = await play.committed(play.change(person, reopen=True))
        assert done.generation == 2
        rows = await play.rows("SELECT generation, version FROM transitions ORDER BY generation, version")
        assert [tuple(row) for row in rows] == [(1, v) for v in range(3)] + [(2, v) for v in range(5)]

    async def test_that_reopens_what_never_was_is_refused(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        assert (await play.register(play.change(person, reopen=True))).refused is Code.CASE_NOT_REOPENABLE
        assert await play.value("SELECT count(*) FROM cases") == 0

    async def test_with_a_number_that_breaks_a_hard_rule_is_refused_without_a_trace(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        before = await play.contents()
        for number, code in (
            ("110105194912310021", Code.NUMBER_CHECK_DIGIT),
            ("1101051949123100", Code.NUMBER_LENGTH),
            (eighteen("11010520991231002"), Code.NUMBER_BIRTH_IN_FUTURE),
        ):
            assert (await play.register(play.change(person, number))).refused is code
        assert await play.contents() == before

    async def test_whose_token_is_not_its_numbers_is_refused(self, play: Play) -> None:
        person = insured()
        await play.load(person)
        state = play.change(person, number_token=play.sealer.number_token(VALID_18))
        assert (await play.register(state)).refused is Code.PAYLOAD_INVALID

    async def test_of_a_region_without_a_policy_is_refused(self, play: Play) -> None:
        person = insured(region="990000")
        await play.load(person)
        assert (await play.register(play.change(person))).refused is Code.POLICY_UNKNOWN

    async def test_of_two_for_one_number_at_once_exactly_one_is_in_conflict(self, play: Play) -> None:
        for _ in range(10):
            first, second = insured(), insured()
            await play.load(first, second)
            number = derive(str(first.number))
            asked = [play.change(first, number), play.change(second, number)]
            answers = await asyncio.gather(*map(play.register, asked))
            found = [standing_of(answer, state).screening for answer, state in zip(answers, asked, strict=True)]
            assert sorted(each.finding for each in found if each) == [Finding.clear, Finding.conflict]


AGENT = Citizen(kind=SubmitterKind.agent, ref="b" * 26, authority=Authority(document="0" * 64, until=date(2027, 1, 31)))


def checked_at(at: datetime) -> IdentityCheck:
    return IdentityCheck(provider="national-id-app", at=at, reference="check/1")


async def test_a_case_keeps_how_it_came_and_who_handed_it_in(play: Play) -> None:
    people = [insured() for _ in range(3)]
    await play.load(*people)
    themself = Citizen(kind=SubmitterKind.applicant, ref=play.token(people[1]))
    openings: list[dict[str, Any]] = [
        {},
        {"channel": ApplicationChannel.online, "submitter": themself, "identity": checked_at(play.at)},
        {"channel": ApplicationChannel.agent, "submitter": AGENT},
    ]
    rows = []
    for person, more in zip(people, openings, strict=True):
        state = await play.received(play.change(person, **more))
        rows += await play.pool.fetch(
            "SELECT channel, submitter_kind, submitter, submitter_ref, opening::jsonb -> 'submitter' AS kept "
            "FROM cases JOIN case_files USING (case_id, generation) WHERE case_id = $1",
            state.case_id,
        )
    assert [tuple(row)[:4] for row in rows] == [
        ("counter", "staff", CLERK.id, None),
        ("online", "applicant", None, themself.ref),
        ("agent", "agent", None, AGENT.ref),
    ]
    assert Citizen.model_validate_json(rows[2]["kept"]) == AGENT


@pytest.mark.parametrize(
    "changed",
    [
        "submitter = 'clerk-1'",
        "submitter_ref = NULL",
        "submitter_kind = 'staff'",
        "submitter_kind = 'applicant'",
        "submitter = 'clerk-1', submitter_ref = NULL",
        "channel = 'telegraph'",
        "verifier = 'clerk-1', approver = 'clerk-1'",
    ],
)
async def test_postgres_knows_one_submitter_and_two_people_of_the_staff(play: Play, changed: str) -> None:
    person = insured()
    await play.load(person)
    state = await play.received(play.change(person, channel=ApplicationChannel.agent, submitter=AGENT))
    with pytest.raises(asyncpg.CheckViolationError):
        await play.pool.execute(f"UPDATE cases SET {changed} WHERE case_id = $1", state.case_id)  # noqa: S608 - ours


async def test_a_case_keeps_the_policy_it_was_pinned_to(play: Play, policies: Policies) -> None:
    person = insured(number=VALID_18)
    await play.load(person)
    state = await play.received(play.replacement(person, ReplacementReason.lost))
    old = policies.pinned("northern/1")
    newer = old.model_copy(update={"version": 2, "max_extension": 5})
    play.registry = Registry(
        play.pool, play.sealer, STAMPS, Policies([old, newer]), official_calendar, clock=Clock.callers
    )
    state = await play.move(state, Event.checked)
    state = await play.move(state, Event.confirm_loss, ConfirmLoss(actor=CLERK, evidence="E-1"))
    # Screened again by the newer release.
    state = await play.move(state, Event.checked)
    assert state.terms.policy == await play.value("SELECT policy FROM cases") == "northern/1"
    fresh = insured()
    await play.load(fresh)
    assert (await screening(play, play.change(fresh))).terms.policy == "northern/2"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (PersonEndedReason.death, Code.PERSON_DECEASED),
        (PersonEndedReason.transfer, Code.PERSON_TRANSFERRED),
    ],
)
async def test_a_case_that_ended_with_its_person_is_not_reopened(
    play: Play, reason: PersonEndedReason, code: Code
) -> None:
    person = insured()
    await play.load(person)
    ended = await play.move(
        await play.reviewed(play.change(person)),
        Event.person_ended,
        PersonEnded(actor=SECOND, reason=reason, evidence="E-1"),
    )
    assert (ended.status, ended.ended_because) == (Status.ended, code)
    assert (await play.register(play.change(person, reopen=True))).refused is code
    # An application of the other kind is taken in, and ends at once, saying why.
    other = await play.move(
        await play.received(play.replacement(person, ReplacementReason.damaged, number=VALID_18)), Event.checked
    )
    assert (other.status, other.ended_because) == (Status.ended, code)
    assert await play.value("SELECT max(generation) FROM cases") == 1


def test_cards_of_the_play_have_both_functions() -> None:
    assert insured().cards[0].functions == frozenset(CardFunction)
