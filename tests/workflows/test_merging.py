"""One human, two records: one is kept, nothing is lost, two officers decide, and may undo it until a payment."""

from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from activities.registry.loading import Balance, Contribution
from activities.registry.reading import case_now, verify_chain
from cases.answers import Proviso
from cases.documents import Document, DocumentKind
from cases.errors import Code
from cases.events import Event
from cases.facts import DisputeOutcome, ResolveDuplicate
from cases.machines.machine import Status
from cases.models import Actor, Role, System
from cases.numbers import Road
from cases.openings import Correction, CorrectionReason, ReplacementReason
from tests.engine import Engine, Person
from tests.scenes import CERTIFICATE, ID_CARD, OFFICE, OFFICER, SECOND_OFFICER, SOUTH, document
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import HELD_BENEFITS

OFFICERS = (OFFICER, SECOND_OFFICER)
SUPERVISOR = Actor(id="supervisor-1", role=Role.supervisor, office=OFFICE)
DECISION = document(DocumentKind.administrative_decision)
BASIS = "社会保险经办条例第十条"
KEPT_MONTHS = (Contribution(month="2026-01", amount_fen=500_00), Contribution(month="2026-02", amount_fen=500_00))
OTHER_MONTHS = (Contribution(month="2025-12", amount_fen=300_00), Contribution(month="2026-01", amount_fen=200_00))
_RECORD = """
    SELECT
        (SELECT array_agg(n.state || ' ' || n.digits ORDER BY n.id) FROM numbers n
         WHERE n.person_id = p.id AND n.state <> 'revoked') AS numbers,
        (SELECT array_agg(to_char(c.month, 'YYYY-MM') || ' ' || c.amount_fen ORDER BY c.month) FROM contributions c
         WHERE c.person_id = p.id) AS months,
        (SELECT b.amount_fen FROM balances b WHERE b.person_id = p.id ORDER BY b.posted_at DESC LIMIT 1) AS balance,
        (SELECT array_agg(c.amount_fen ORDER BY c.id) FROM claims c WHERE c.person_id = p.id) AS claims,
        (SELECT array_agg(c.code || ' ' || c.payment_authority ORDER BY c.id) FROM cards c
         WHERE c.person_id = p.id) AS cards,
        end_of_person(p.id) AS ended
    FROM persons p WHERE p.token = $1
"""


async def record(engine: Engine, person: Person) -> dict[str, Any]:
    """What a person's record says, apart from what was given back."""
    row = await engine.pool.fetchrow(_RECORD, engine.sealer.person_token(person.personal_number))
    assert row is not None
    return dict(row)


async def two_records(engine: Engine, region: str, **other: Any) -> tuple[Person, Person]:
    """One human: a record with a first-generation number, and one with the number that is derived from it."""
    kept = await engine.insured(
        region=region, contributions=KEPT_MONTHS, balances=(Balance(amount_fen=70_00),), benefit_holds=HELD_BENEFITS
    )
    fields: dict[str, Any] = {
        "number": kept.new,
        "name": kept.name,
        "contributions": OTHER_MONTHS,
        "balances": (Balance(amount_fen=30_00),),
    }
    return kept, await engine.insured(region=region, **(fields | other))


async def opened(engine: Engine, kept: Person, region: str, *papers: Document, **more: Any) -> Dossier:
    return await Dossier.open(engine, kept, engine.number_change(kept, *(papers or (ID_CARD,)), region=region, **more))


def judges(actor: Actor, *, same_person: bool = True, paper: Document = CERTIFICATE) -> ResolveDuplicate:
    return ResolveDuplicate(actor=actor, same_person=same_person, police_document=paper, legal_basis=BASIS)


async def judged(case: Dossier, *, same_person: bool = True, paper: Document = CERTIFICATE) -> Status:
    """Two officers say the same; where the case is then."""
    first, second = OFFICERS
    await case.tell(Event.resolve_duplicate, judges(first, same_person=same_person, paper=paper))
    answer = await case.tell(Event.resolve_duplicate, judges(second, same_person=same_person, paper=paper))
    return answer.status


async def carried_out(case: Dossier, region: str) -> None:
    assert (await case.verify()).status is Status.awaiting_approval
    await case.approve()
    if region == OFFICE:
        await case.confirm(*System)
    assert (await case.ends()).status is Status.done


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_two_officers_merge_the_records_of_one_human_and_nothing_is_lost(engine: Engine, region: str) -> None:
    kept, other = await two_records(engine, region)
    case = await opened(engine, kept, region)
    view = await case.rests_in(Status.merging)
    assert (view.attention, view.road, view.benefits_held) == (("duplicate",), Road.pure_upgrade, False)
    assert (await case.holdings()).benefits["id_number"] == "released"
    assert await case.messages() == ["IdNumberChange.merging"]
    before = await record(engine, other)
    await case.tell(Event.resolve_duplicate, judges(OFFICER))
    assert len((await case.rests_in(Status.merging)).judgements) == 1
    assert await record(engine, other) == before
    assert await case.refuses(Event.resolve_duplicate, judges(OFFICER)) is Code.SAME_PERSON
    assert (await case.tell(Event.resolve_duplicate, judges(SECOND_OFFICER))).status is Status.in_review
    view = await case.rests_in(Status.in_review)
    assert (view.merged, view.judgements) == (True, ())
    assert (await case.messages())[-1] == "IdNumberChange.records_merged"
    months = ["2025-12 30000", "2026-01 70000" if region == OFFICE else "2026-01 50000", "2026-02 50000"]
    refund = [] if region == OFFICE else [200_00]
    assert await record(engine, kept) == {
        "numbers": ["living 15"],
        "months": months,
        "balance": 100_00,
        "claims": [120_00, 80_00, 120_00, 80_00, *refund],
        "cards": ["1 true"],
        "ended": None,
    }
    gone = await record(engine, other)
    assert (gone["numbers"], gone["cards"], gone["claims"], gone["ended"]) == (None, ["4 false"], None, "PERSON_MERGED")
    assert gone["months"] == before["months"]
    row = await engine.pool.fetchrow("SELECT * FROM merges WHERE case_id = $1", case.case_id)
    assert row is not None
    assert (row["first_decider"], row["second_decider"]) == (OFFICER.id, SECOND_OFFICER.id)
    assert (row["fen_kept"], row["fen_other"]) == (1070_00, 530_00)
    assert row["fen_after"] + row["fen_refunded"] == 1600_00
    assert len({row["digest_kept"], row["digest_other"], row["digest_after"]}) == 3
    assert (await case.told_to("register")) == ["number_revoked", "records_merged"]
    await carried_out(case, region)
    assert await record(engine, kept) | {"months": months, "balance": 100_00} == await record(engine, kept)
    assert (await record(engine, kept))["numbers"] == ["historic 15", "living 18"]
    assert await verify_chain(engine.pool, case.case_id) is None
    late = await Dossier.open(engine, other, engine.number_change(other, ID_CARD, region=region))
    assert (await late.ends()).reason is Code.PERSON_MERGED


@pytest.mark.parametrize("status", [Status.awaiting_documents, Status.in_review, Status.awaiting_approval])
@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_merge_is_undone_by_two_officers_and_both_records_are_as_before(
    engine: Engine, region: str, status: Status
) -> None:
    kept, other = await two_records(engine, region)
    papers = (ID_CARD, CERTIFICATE)
    case = await opened(engine, kept, region, *papers)
    before = await record(engine, kept), await record(engine, other)
    assert await judged(case) is Status.in_review
    if status is Status.awaiting_approval:
        await case.verify()
    elif status is Status.awaiting_documents:
        await case.tell(Event.return_documents)
    await case.rests_in(status)
    assert await case.refuses(Event.resolve_duplicate, judges(OFFICER)) is Code.DUPLICATE_NOT_ASKED
    two = judges(OFFICER, same_person=False, paper=DECISION)
    assert (await case.tell(Event.resolve_duplicate, two)).status is status
    assert await judged_second(case) is Status.disputed
    view = await case.rests_in(Status.disputed)
    assert view.merged is False
    assert (await record(engine, kept), await record(engine, other)) == before
    assert "IdNumberChange.records_separated" in await case.messages()
    assert (await case.told_to("register"))[-1] == "records_separated"
    assert (await case.decide(DisputeOutcome.theirs, *OFFICERS)).status is Status.rejected
    await case.ends()
    assert (await record(engine, other))["numbers"] == ["living 18"]


async def judged_second(case: Dossier) -> Status:
    second = judges(SECOND_OFFICER, same_person=False, paper=DECISION)
    return (await case.tell(Event.resolve_duplicate, second)).status


async def corrected(case: Dossier, region: str, *papers: Document) -> Dossier:
    correction = Correction(reason=CorrectionReason.administrative_review, legal_basis=BASIS, reference="review-2026-1")
    return await opened(case.engine, case.person, region, *papers, reopen=True, correction=correction)


@pytest.mark.parametrize("paid", [False, True])
@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_after_the_change_is_done_a_merge_is_undone_until_something_was_paid(
    engine: Engine, region: str, *, paid: bool
) -> None:
    kept, other = await two_records(engine, region)
    case = await opened(engine, kept, region)
    before = await record(engine, kept), await record(engine, other)
    await judged(case)
    await carried_out(case, region)
    if paid:
        ref = engine.sealer.person_token(kept.personal_number)
        await engine.pool.execute(
            "UPDATE claims SET state = 'paid' WHERE id = (SELECT max(claims.id) FROM claims JOIN persons "
            "ON persons.id = claims.person_id WHERE persons.token = $1)",
            ref,
        )
    again = await corrected(case, region, DECISION, ID_CARD)
    view = await again.rests_in(Status.in_review)
    assert (view.generation, view.merged) == (2, True)
    now = await case_now(engine.pool, again.case_id)
    assert now is not None
    assert now.known[Proviso.nothing_paid] is not paid
    await again.tell(Event.resolve_duplicate, judges(OFFICER, same_person=False, paper=DECISION))
    if paid:
        second = judges(SECOND_OFFICER, same_person=False, paper=DECISION)
        assert await again.refuses(Event.resolve_duplicate, second) is Code.MERGE_PAID
        assert (await record(engine, other))["ended"] == "PERSON_MERGED"
        return
    assert await judged_second(again) is Status.disputed
    await again.rests_in(Status.disputed)
    assert (await record(engine, kept), await record(engine, other)) == before
    assert "number_change_undone" in await again.told_to("register")
    # Whose the number is can still turn out to be ours, and is changed then as any other.
    assert (await again.decide(DisputeOutcome.ours, *OFFICERS)).status is Status.in_review
    await again.tell(Event.withdraw)
    await again.ends()


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_two_people_of_one_name_and_birthday_are_a_dispute_once_two_officers_say_so(
    engine: Engine, region: str
) -> None:
    kept, other = await two_records(engine, region)
    before = await record(engine, other)
    case = await opened(engine, kept, region)
    assert await judged(case, same_person=False) is Status.disputed
    await case.rests_in(Status.disputed)
    assert await record(engine, other) == before
    assert await case.refuses(Event.resolve_duplicate, judges(OFFICER, same_person=False)) is Code.DUPLICATE_NOT_ASKED
    assert (await case.decide(DisputeOutcome.theirs, *OFFICERS)).status is Status.rejected


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_officers_who_differ_are_both_on_record_and_a_supervisor_decides(engine: Engine, region: str) -> None:
    kept, _ = await two_records(engine, region)
    case = await opened(engine, kept, region)
    await case.tell(Event.resolve_duplicate, judges(OFFICER))
    with pytest.raises(WorkflowUpdateFailedError) as differs:
        await case.tell(Event.resolve_duplicate, judges(SECOND_OFFICER, same_person=False))
    assert code_of(differs.value) is Code.OPINIONS_DIFFER
    view = await case.rests_in(Status.merging)
    assert [said.same_person for said in view.judgements] == [True, False]
    assert (await case.tell(Event.resolve_duplicate, judges(SUPERVISOR))).status is Status.in_review


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_officers_find_in_a_dispute_that_both_records_are_one_persons(engine: Engine, region: str) -> None:
    kept, other = await two_records(engine, region, name="合成异名")
    case = await opened(engine, kept, region, ID_CARD, CERTIFICATE)
    await case.rests_in(Status.disputed)
    assert await judged(case) is Status.in_review
    assert (await record(engine, other))["ended"] == "PERSON_MERGED"
    states = await engine.pool.fetch("SELECT state FROM disputes WHERE case_id = $1", case.case_id)
    assert [row["state"] for row in states] == ["lapsed"]
    await carried_out(case, region)


@pytest.mark.parametrize("papers", [(), (CERTIFICATE,)], ids=["nothing", "not enough"])
@pytest.mark.parametrize("status", [Status.merging, Status.disputed])
@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_after_a_merge_the_documents_that_are_missing_are_asked_for(
    engine: Engine, region: str, status: Status, papers: tuple[Document, ...]
) -> None:
    kept, _ = await two_records(engine, region, **({} if status is Status.merging else {"name": "合成异名"}))
    case = await Dossier.open(engine, kept, engine.number_change(kept, *papers, region=region))
    await case.rests_in(status)
    assert await judged(case) is Status.awaiting_documents
    view = await case.rests_in(Status.awaiting_documents)
    assert DocumentKind.resident_id_card in {missing.document for missing in view.missing}
    assert "IdNumberChange.awaiting_documents" in await case.messages()


@pytest.mark.parametrize("told", [True, False], ids=["told", "learnt"])
@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_somebody_who_ends_while_two_records_are_judged_ends_the_case(
    engine: Engine, region: str, *, told: bool
) -> None:
    kept, other = await two_records(engine, region)
    case = await opened(engine, kept, region)
    await case.rests_in(Status.merging)
    before = await record(engine, other)
    await case.tell(Event.resolve_duplicate, judges(OFFICER))
    if told:
        await case.tell(Event.person_ended)
    else:
        await engine.pool.execute("UPDATE persons SET died_on = '2026-03-01' WHERE token = $1", case.opening.person)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await case.tell(Event.resolve_duplicate, judges(SECOND_OFFICER))
        assert code_of(refused.value) is Code.CASE_CLOSED
    outcome = await case.ends()
    assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_DECEASED)
    assert await record(engine, other) == before


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_open_cases_of_the_record_that_is_not_kept_end_with_it(engine: Engine, region: str) -> None:
    first = await engine.insured(region=region)
    twin = await engine.insured(region=region, number=first.old, name=first.name)
    theirs = await opened(engine, twin, region)
    card = await Dossier.open(engine, twin, engine.replacement(twin, ReplacementReason.damaged, ID_CARD, region=region))
    case = await opened(engine, first, region)
    await case.rests_in(Status.merging)
    assert await judged(case) is Status.in_review
    for ended in (theirs, card):
        outcome = await ended.ends()
        assert (outcome.status, outcome.reason) == (Status.ended, Code.PERSON_MERGED)
    await carried_out(case, region)


_BLOCK = """
    SELECT code, block_ends_at, block_ends
    FROM cards JOIN persons ON persons.id = cards.person_id
    WHERE persons.token = $1
"""


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_record_whose_card_is_reported_lost_is_merged_and_its_block_comes_back_with_its_end(
    engine: Engine, region: str
) -> None:
    kept, other = await two_records(engine, region)
    lost = await Dossier.open(engine, other, engine.replacement(other, ReplacementReason.lost, ID_CARD, region=region))
    await lost.rests_in(Status.temporarily_blocked)
    token = engine.sealer.person_token(other.personal_number)
    (blocked,) = await engine.pool.fetch(_BLOCK, token)
    assert blocked["code"] == "B"
    assert None not in tuple(blocked)
    case = await opened(engine, kept, region)
    assert await judged(case) is Status.in_review
    assert [tuple(row) for row in await engine.pool.fetch(_BLOCK, token)] == [("4", None, None)]
    assert (await lost.ends()).reason is Code.PERSON_MERGED
    await case.tell(Event.resolve_duplicate, judges(OFFICER, same_person=False, paper=DECISION))
    assert await judged_second(case) is Status.disputed
    assert await engine.pool.fetch(_BLOCK, token) == [blocked]


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_case_that_is_merging_can_be_withdrawn_and_is_drawn_into_a_dispute(engine: Engine, region: str) -> None:
    kept, _ = await two_records(engine, region)
    case = await opened(engine, kept, region)
    third = await engine.insured(region=region, new=kept.new)
    rival = await opened(engine, third, region, ID_CARD, CERTIFICATE)
    await rival.rests_in(Status.disputed)
    await case.rests_in(Status.disputed)
    await case.tell(Event.resolve_duplicate, judges(OFFICER))
    assert await case.refuses(Event.resolve_duplicate, judges(SECOND_OFFICER)) is Code.MERGE_IMPOSSIBLE
    await rival.tell(Event.withdraw)
    await case.rests_in(Status.in_review)
    await case.tell(Event.withdraw)
    assert (await case.ends()).status is Status.withdrawn
    other_kept, _ = await two_records(engine, region)
    waiting = await opened(engine, other_kept, region)
    await waiting.tell(Event.withdraw)
    assert (await waiting.ends()).status is Status.withdrawn
