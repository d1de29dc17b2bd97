"""The register's source keeps it up to date over HTTP: each line by itself, newest words first, cases told at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from activities.registry.loading import HeldCard
from activities.sealing import Field
from cases.errors import CaseError, Code
from cases.events import Event
from cases.machines.machine import Status
from cases.models import Actor, Role, System
from cases.openings import ReplacementReason
from cases.steps import Neighbour
from intake.requests import LARGEST_LINES, MOST_LINES
from intake.service.reach import CasesOf
from tests.engine import Engine, Person, new_number, old_number
from tests.intake.service.door import BACK_OFFICE, ELSEWHERE, SOURCE, Door
from tests.intake.service.test_cases import code_of
from tests.scenes import ID_CARD, OFFICE, SOUTH
from tests.workflows.dossier import Dossier
from tests.workflows.roads import change
from tests.workflows.test_merging import judged, opened, record, two_records

ALL_OFFICES: Final = Actor(id="insured-register-0", role=Role.insured_register, office="100000")
JSON_LINES: Final = {"Content-Type": "application/jsonl"}


async def sent(
    door: Door, *lines: dict[str, Any] | bytes, by: Actor | str | None = ALL_OFFICES, **headers: str
) -> httpx.Response:
    raw = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return await door.asked("POST", "/v1/persons", by=by, content=raw, headers=JSON_LINES | headers)


async def said(door: Door, *lines: dict[str, Any] | bytes, by: Actor = ALL_OFFICES) -> list[dict[str, Any]]:
    """What became of each line."""
    answer = await sent(door, *lines, by=by)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    became: list[dict[str, Any]] = told["lines"]
    for outcome in ("applied", "unchanged", "older", "refused", "unknown"):
        assert told[outcome] == sum(line["outcome"] == outcome for line in became)
    return became


def outcomes(lines: Sequence[dict[str, Any]]) -> list[str]:
    """In a word each: the outcome, or pointers and codes of a refusal."""
    return [
        " ".join(f"{error['pointer']} {error['code']}" for error in line["errors"]) or line["outcome"] for line in lines
    ]


def about(person: Person, version: int, **more: Any) -> dict[str, Any]:
    return {"personal_number": person.personal_number, "source_version": version, **more}


@dataclass(frozen=True)
class Record:
    """What the register holds of somebody, opened."""

    engine: Engine
    person: str

    async def row(self) -> dict[str, Any]:
        row = await self.engine.pool.fetchrow("SELECT * FROM persons WHERE token = $1", self.person)
        assert row is not None
        return dict(row)

    async def opened(self, field: Field) -> str | None:
        sealed = (await self.row())[field.value]
        return None if sealed is None else self.engine.sealer.open(sealed, field=field, person=self.person)

    async def numbers(self) -> list[tuple[str, str]]:
        rows = await self.engine.pool.fetch(
            "SELECT sealed, state FROM numbers WHERE person_id = $1 ORDER BY id", (await self.row())["id"]
        )
        return [
            (self.engine.sealer.open(row["sealed"], field=Field.number, person=self.person), row["state"])
            for row in rows
        ]

    async def claims(self) -> dict[str, tuple[str, str | None]]:
        rows = await self.engine.pool.fetch(
            "SELECT reference, state, legal_basis FROM claims WHERE person_id = $1", (await self.row())["id"]
        )
        return {row["reference"]: (row["state"], row["legal_basis"]) for row in rows}

    async def messages(self) -> list[tuple[str, dict[str, Any], bool]]:
        """What they were written of claims, and whether it holds no more."""
        rows = await self.engine.pool.fetch(
            "SELECT template, facts, is_overtaken(n, n.written_at) AS over FROM notifications AS n "
            "WHERE person = $1 AND topic = 'claims_suspended' ORDER BY id",
            self.person,
        )
        return [(row["template"], json.loads(row["facts"]), row["over"]) for row in rows]


def record_of(engine: Engine, person: Person) -> Record:
    return Record(engine, engine.sealer.person_token(person.personal_number))


@pytest.fixture
def nobody() -> Person:
    """Somebody whom the register does not know."""
    number = old_number(new_sequence())
    return Person(personal_number=f"S{number}", name="合成甲", old=number, new=new_number())


_MADE: Final = iter(range(400_000, 500_000))


def new_sequence() -> int:
    return next(_MADE)


# --- what is said -----------------------------------------------------------------------------------------------------


async def test_a_person_is_taken_in_once_and_the_same_lines_again_change_nothing(door: Door, nobody: Person) -> None:
    whole = about(
        nobody,
        1,
        name=nobody.name,
        number=nobody.old,
        region=OFFICE,
        phone="10000000001",
        cards=[{"card_number": f"S{new_sequence()}", "functions": ["social"], "payment_authority": True}],
        contributions=[{"month": f"2026-{month:02}", "amount_fen": 500_00} for month in (1, 2, 3)],
        balances=[{"amount_fen": 7}],
    )
    assert outcomes(await said(door, whole)) == ["applied"]
    record = record_of(door.engine, nobody)
    assert await record.opened(Field.name) == nobody.name
    assert await record.opened(Field.phone) == "10000000001"
    assert await record.numbers() == [(nobody.old, "living")]
    counts = (
        "SELECT (SELECT count(*) FROM cards WHERE person_id = p.id), (SELECT count(*) FROM contributions WHERE "
        "person_id = p.id), (SELECT count(*) FROM balances WHERE person_id = p.id) FROM persons AS p WHERE token = $1"
    )
    for _ in range(2):
        assert tuple(await door.engine.pool.fetchrow(counts, record.person) or ()) == (1, 3, 1)
        assert outcomes(await said(door, whole, whole)) == ["unchanged", "unchanged"]
    # A later version of the record in which nothing differs changes nothing either.
    assert outcomes(await said(door, whole | {"source_version": 2})) == ["unchanged"]
    entries = await door.engine.pool.fetch(
        "SELECT facts FROM journal WHERE kind = 'persons' AND actor = $1 ORDER BY written_at", ALL_OFFICES.id
    )
    assert [json.loads(row["facts"])["lines"] for row in entries][-4:] == [1, 2, 2, 1]


async def test_of_each_thing_the_newest_version_counts_in_whatever_order_it_comes(door: Door) -> None:
    person = await door.engine.insured()
    record = record_of(door.engine, person)
    lines = [
        about(person, 7, phone="10000000007"),
        about(person, 5, phone="10000000005", name="合成乙"),
        about(person, 6, name="合成丙"),
        about(person, 4, phone="10000000004"),
        about(person, 7, phone="10000000007"),
        about(person, 7, phone="10000000008"),
        about(person, 8, phone=None),
        about(person, 9, insured_again="register/2026-1"),
        about(person, 9, insured_again="register/2026-2"),
    ]
    assert outcomes(await said(door, *lines)) == [
        "applied",
        "applied",
        "applied",
        "older",
        "unchanged",
        "/phone SOURCE_VERSION_REUSED",
        "applied",
        "applied",
        "/insured_again SOURCE_VERSION_REUSED",
    ]
    assert (await record.opened(Field.name), await record.opened(Field.phone)) == ("合成丙", None)
    again = outcomes(await said(door, *lines))
    assert again[:7] == ["older", "older", "unchanged", "older", "older", "older", "unchanged"]
    months = [about(person, version, contributions=[{"month": "2026-05", "amount_fen": version}]) for version in (9, 8)]
    assert outcomes(await said(door, *months)) == ["applied", "older"]
    assert (
        await door.engine.pool.fetchval(
            "SELECT amount_fen FROM contributions WHERE month = DATE '2026-05-01' AND person_id = $1",
            (await record.row())["id"],
        )
        == 9
    )


async def test_a_name_that_changed_is_printed_wrong_on_the_card_and_a_move_is_followed(door: Door) -> None:
    person = await door.engine.insured()
    assert outcomes(await said(door, about(person, 2, name="合成丁", region="110106"))) == ["applied"]
    record = record_of(door.engine, person)
    assert (await record.row())["region"] == "110106"
    outdated = "SELECT bool_and(printed_data_outdated) FROM cards WHERE person_id = $1"
    assert await door.engine.pool.fetchval(outdated, (await record.row())["id"])


async def test_what_a_case_has_changed_is_not_taken_back_by_a_source_that_has_not_heard_of_it(door: Door) -> None:
    case = await change(door.engine, ID_CARD, region=SOUTH)
    await case.verify()
    await case.ends()
    record = record_of(door.engine, case.person)
    assert await record.numbers() == [(case.person.old, "historic"), (case.person.new, "living")]
    # The source learned of a new phone, and still has the old number.
    whole = about(case.person, 2, name=case.person.name, number=case.person.old, region=SOUTH, phone="10000000003")
    assert outcomes(await said(door, whole)) == ["applied"]
    caught_up = about(case.person, 3, number=case.person.new)
    assert outcomes(await said(door, caught_up)) == ["applied"]
    for number in (case.person.old, old_number(new_sequence())):
        assert outcomes(await said(door, about(case.person, 4, number=number))) == ["/number NUMBER_SUPERSEDED"]
    assert await record.numbers() == [(case.person.old, "historic"), (case.person.new, "living")]
    assert await record.opened(Field.phone) == "10000000003"


# --- what it ends -----------------------------------------------------------------------------------------------------


async def both_cases(engine: Engine) -> tuple[Dossier, Dossier]:
    number_change = await change(engine, ID_CARD)
    lost = engine.replacement(number_change.person, ReplacementReason.lost, ID_CARD)
    return number_change, await Dossier.open(engine, number_change.person, lost)


@pytest.mark.parametrize(
    ("ends", "code"),
    [({"died_on": "2026-03-01"}, Code.PERSON_DECEASED), ({"transferred": True}, Code.PERSON_TRANSFERRED)],
    ids=["death", "transfer"],
)
async def test_a_death_and_a_transfer_reach_both_open_cases_at_once(
    door: Door, ends: dict[str, Any], code: Code
) -> None:
    cases = await both_cases(door.engine)
    assert outcomes(await said(door, about(cases[0].person, 2, **ends))) == ["applied"]
    for case in cases:
        outcome = await case.ends()
        assert (outcome.status, outcome.reason) == (Status.ended, code)
    states = {state for state, _ in (await record_of(door.engine, cases[0].person).claims()).values()}
    assert states == {"queued"}


async def test_a_death_of_somebody_without_a_case_releases_what_is_owed(door: Door) -> None:
    person = await door.engine.insured()
    assert outcomes(await said(door, about(person, 2, died_on="2026-03-01"))) == ["applied"]
    payees = "SELECT DISTINCT state, payee FROM claims WHERE person_id = $1"
    row = await record_of(door.engine, person).row()
    assert [tuple(each) for each in await door.engine.pool.fetch(payees, row["id"])] == [("queued", "heirs")]
    assert outcomes(await said(door, about(person, 3, died_on="2999-01-01"))) == ["/died_on DATE_INVALID"]


async def test_cases_that_could_not_be_told_are_told_when_the_source_says_it_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = await both_cases(door.engine)
    tell, told = CasesOf.tell_neighbour, []

    async def cut_off(self: CasesOf, neighbour: Neighbour) -> None:
        told.append(neighbour.event)
        if len(told) == 2:
            raise CaseError(Code.ENGINE_UNAVAILABLE)
        await tell(self, neighbour)

    monkeypatch.setattr(CasesOf, "tell_neighbour", cut_off)
    line = about(cases[0].person, 2, died_on="2026-03-01")
    (answer,) = await said(door, line)
    assert (answer["outcome"], answer["errors"]) == ("unknown", [{"pointer": "", "code": "ENGINE_UNAVAILABLE"}])
    assert outcomes(await said(door, line)) == ["unchanged"]
    assert set(told) == {Event.person_found_ended}
    for case in cases:
        assert (await case.ends()).reason is Code.PERSON_DECEASED


# --- claims -----------------------------------------------------------------------------------------------------------


async def test_a_claim_of_somebody_with_an_old_number_waits_until_their_case_has_changed_it(door: Door) -> None:
    person = await door.engine.insured(claims=(), region=SOUTH)
    record = record_of(door.engine, person)
    claim = {"reference": "fp-2026/1", "amount_fen": 120_00, "state": "queued"}
    (answer,) = await said(door, about(person, 2, claims=[claim]))
    assert answer["outcome"] == "applied"
    (suspended,) = answer["suspended"]
    assert suspended["pointer"] == "/claims/0"
    assert await record.claims() == {"fp-2026/1": ("suspended", suspended["legal_basis"])}
    ((template, facts, over),) = await record.messages()
    assert (template, over) == ("claims_suspended.to_bring", False)
    assert facts["documents"] == ["resident_id_card"]
    assert facts["legal_basis"] == suspended["legal_basis"]
    assert facts["campaign_ends"]
    # Said again it is not told again.
    assert outcomes(await said(door, about(person, 3, claims=[claim]))) == ["unchanged"]
    opening = door.engine.number_change(person, ID_CARD, region=SOUTH)
    case = await Dossier.open(door.engine, person, opening)
    second = claim | {"reference": "fp-2026/2"}
    (answer,) = await said(door, about(person, 4, claims=[second]))
    assert len(answer["suspended"]) == 1
    assert [template for template, _, _ in await record.messages()] == [
        "claims_suspended.to_bring",
        "claims_suspended.in_hand",
    ]
    await case.verify()
    await case.ends()
    assert {state for state, _ in (await record.claims()).values()} == {"queued"}
    assert await case.told_to("medical") == ["claim_requeued", "claim_requeued"]
    assert [over for _, _, over in await record.messages()] == [True, True]
    third = claim | {"reference": "fp-2026/3"}
    (answer,) = await said(door, about(person, 5, claims=[third, claim | {"state": "paid"}]))
    assert (answer["outcome"], answer["suspended"]) == ("applied", [])
    assert (await record.claims())["fp-2026/1"][0] == "paid"
    late = about(person, 6, claims=[claim | {"amount_fen": 1}])
    assert outcomes(await said(door, late)) == ["/claims/0 CLAIM_PAID"]


async def test_a_number_that_the_source_changes_queues_what_waited_and_lets_a_replacement_go_on(door: Door) -> None:
    person = await door.engine.insured()
    waiting = await Dossier.open(
        door.engine, person, door.engine.replacement(person, ReplacementReason.expired, ID_CARD, shows=person.new)
    )
    await waiting.rests_in(Status.on_hold)
    (answer,) = await said(door, about(person, 2, number=person.new))
    assert (answer["outcome"], answer["requeued"]) == ("applied", 1)
    record = record_of(door.engine, person)
    assert await record.numbers() == [(person.old, "historic"), (person.new, "living")]
    assert {reference: state for reference, (state, _) in (await record.claims()).items()} == {
        "claim-1": "queued",
        "claim-2": "suspended",
    }
    await waiting.rests_in(Status.in_review)


async def test_a_claim_that_waits_for_a_number_changed_already_is_queued_and_its_scheme_told(door: Door) -> None:
    person = await door.engine.insured(claims=())
    waiting = {"reference": "fp-9", "amount_fen": 1, "state": "suspended", "suspended_for": "id_number"}
    (answer,) = await said(door, about(person, 2, claims=[waiting]))
    assert (answer["outcome"], answer["requeued"]) == ("applied", 0)
    assert (await said(door, about(person, 3, number=person.new)))[0]["requeued"] == 1
    # Its scheme suspends another one before it has heard of it.
    late = waiting | {"reference": "fp-10"}
    (answer,) = await said(door, about(person, 4, claims=[late]))
    assert (answer["outcome"], answer["requeued"]) == ("applied", 1)
    record = record_of(door.engine, person)
    assert {reference: state for reference, (state, _) in (await record.claims()).items()} == {
        "fp-9": "queued",
        "fp-10": "queued",
    }
    told = "SELECT kind FROM events WHERE person = $1 AND case_id IS NULL ORDER BY id"
    assert [row["kind"] for row in await door.engine.pool.fetch(told, record.person)] == ["claim_requeued"] * 2


# --- what is refused --------------------------------------------------------------------------------------------------


async def test_hostile_lines_are_named_by_pointer_and_code_and_keep_nobody_from_the_others(
    door: Door, nobody: Person
) -> None:
    person, holder = await door.engine.insured(), await door.engine.insured(number=new_number())
    planted = "11010519491231002Q"
    lines: list[tuple[dict[str, Any] | bytes, str]] = [
        (about(person, 2, phone="10000000009"), "applied"),
        (b'{"personal_number": "T1"', " REQUEST_NOT_JSON"),
        (b'{"personal_number": "TTT1", "personal_number": "TTT2"}', " REQUEST_NOT_JSON"),
        (b"[1]", " FIELD_INVALID"),
        (b"\xff\xfe", " REQUEST_NOT_JSON"),
        (b'{"source_version": NaN}', " REQUEST_NOT_JSON"),
        (b'{"name": "' + b"x" * 70_000 + b'"}', " REQUEST_TOO_LARGE"),
        (about(person, 3, **{planted: 1}), " FIELD_UNKNOWN"),
        (about(person, 3) | {"source_version": True}, "/source_version FIELD_INVALID"),
        (about(person, -1), "/source_version FIELD_INVALID"),
        (about(person, 3, name=""), "/name NAME_EMPTY"),
        (about(person, 3, name="合成\u202e"), "/name TEXT_FORBIDDEN_CHARACTERS"),
        (about(person, 3, phone=planted), "/phone FIELD_INVALID"),
        (
            about(person, 3, number=holder.old[:-1] + ("0" if holder.old[-1] != "0" else "1")),
            "/number NUMBER_CHECK_DIGIT",
        ),
        (about(person, 3, number=holder.old), "/number NUMBER_TAKEN"),
        (about(person, 3, region="10"), "/region REGION_INVALID"),
        (about(person, 3, region=SOUTH), "/region OFFICE_NOT_COMPETENT"),
        (about(person, 3, died_on=1772323200), "/died_on DATE_INVALID"),
        (about(person, 3, died_on="2026-03-01", transferred=True), "/insured_again FIELD_INVALID"),
        (about(person, 3, insured_again=holder.old), "/insured_again PII_IN_TEXT"),
        (about(person, 3, balances=[{"amount_fen": 1}, {"amount_fen": 2}]), "/balances SAID_TWICE"),
        (
            about(person, 3, contributions=[{"month": "2026-13", "amount_fen": 1}]),
            "/contributions/0/month FIELD_INVALID",
        ),
        (
            about(person, 3, contributions=[{"month": "2026-01", "amount_fen": 1.5}]),
            "/contributions/0/amount_fen FIELD_INVALID",
        ),
        (about(person, 3, claims=[{"reference": holder.old, "amount_fen": 1}]), "/claims/0/reference PII_IN_TEXT"),
        (about(nobody, 1, phone="10000000009"), " PERSON_UNKNOWN"),
        (about(nobody, 1) | {"personal_number": planted.lower()}, "/personal_number PERSONAL_NUMBER_INVALID"),
        (about(person, 2, phone="10000000009"), "unchanged"),
    ]
    answer = await sent(door, *(line for line, _ in lines), by=SOURCE)
    assert answer.status_code == 200, answer.text
    assert outcomes(answer.json()["lines"]) == [expected for _, expected in lines]
    for value in (planted, holder.old, "合成"):
        assert value not in answer.text


async def test_persons_of_another_office_are_as_unknown_as_ones_that_there_are_not(door: Door) -> None:
    person = await door.engine.insured()
    abroad = SOURCE.model_copy(update={"office": "440000"})
    assert outcomes(await said(door, about(person, 2, phone="10000000009"), by=abroad)) == [" PERSON_UNKNOWN"]
    assert await record_of(door.engine, person).opened(Field.phone) is None


async def test_only_the_registers_source_may_and_only_in_what_is_asked_for(door: Door) -> None:
    line = about(await door.engine.insured(), 2, phone="10000000009")
    assert code_of(await sent(door, line, by=BACK_OFFICE), 403) == "ROLE_NOT_ALLOWED"
    assert code_of(await sent(door, line, by=ELSEWHERE), 403) == "ROLE_NOT_ALLOWED"
    assert code_of(await sent(door, line, by=door.token(SOURCE, "cases:read")), 403) == "SCOPE_MISSING"
    assert (await sent(door, line, by=door.token(SOURCE, "persons:feed"))).status_code == 200
    assert (await sent(door, line, by=SOURCE)).json()["unchanged"] == 1
    assert code_of(await sent(door, line, by=None), 401) == "IDENTITY_MISSING"
    wrong_type = {"Content-Type": "application/json"}
    assert code_of(await door.asked("POST", "/v1/persons", by=SOURCE, content=b"{}", headers=wrong_type), 415)
    assert code_of(await sent(door, *([b"{}"] * (MOST_LINES + 1))), 413) == "REQUEST_TOO_LARGE"
    assert code_of(await sent(door, b" " * (LARGEST_LINES + 1)), 413) == "REQUEST_TOO_LARGE"
    # The source sees no case.
    assert (await door.asked("GET", "/v1/cases", by=SOURCE)).json()["cases"] == []


# --- cards ------------------------------------------------------------------------------------------------------------


async def test_cards_come_and_go_unless_a_case_has_to_do_with_them(door: Door) -> None:
    first, second = f"S{new_sequence()}", f"S{new_sequence()}"
    person = await door.engine.insured(cards=(HeldCard(card_number=first, payment_authority=True),))

    def cards(version: int, *codes: tuple[str, str]) -> dict[str, Any]:
        return about(person, version, cards=[{"card_number": number, "code": code} for number, code in codes])

    assert outcomes(await said(door, cards(2, (second, "1")))) == ["/cards CARDS_CONTRADICT"]
    assert outcomes(await said(door, cards(2, (second, "1"), (first, "4")))) == ["applied"]
    other = await door.engine.insured(cards=())
    taken = about(other, 2, cards=[{"card_number": second}])
    assert outcomes(await said(door, taken)) == ["/cards/0 CARD_NUMBER_TAKEN"]
    lost = door.engine.replacement(person, ReplacementReason.lost, ID_CARD)
    case = await Dossier.open(door.engine, person, lost)
    assert outcomes(await said(door, cards(3, (second, "4")))) == ["/cards/0 PERSON_BUSY"]
    await case.tell(Event.confirm_loss)
    await case.tell(Event.withdraw)
    await case.ends()
    assert outcomes(await said(door, cards(3, (second, "A")))) == ["/cards/0 CARD_BLOCKED_BY_CASE"]
    assert outcomes(await said(door, cards(3, (second, "4")))) == ["applied"]
    codes = "SELECT array_agg(code ORDER BY id) FROM cards WHERE person_id = $1"
    assert await door.engine.pool.fetchval(codes, (await record_of(door.engine, person).row())["id"]) == ["4", "4"]


async def test_while_a_case_writes_what_it_compares_and_changes_stays_as_it_is(door: Door) -> None:
    case = await change(door.engine, ID_CARD)
    await case.verify()
    await case.rests_in(Status.applying)
    person = case.person
    lines = [
        about(person, 2, name="合成戊"),
        about(person, 2, number=new_number()),
        about(person, 2, contributions=[{"month": "2026-01", "amount_fen": 1}]),
        about(person, 2, contributions=[{"month": "2026-02", "amount_fen": 1}], phone="10000000009"),
    ]
    assert outcomes(await said(door, *lines)) == [
        "/name PERSON_BUSY",
        "/number PERSON_BUSY",
        "/contributions/0 PERSON_BUSY",
        "applied",
    ]
    for system in System:
        await case.confirm(system)
    await case.ends()
    assert outcomes(await said(door, *lines))[0::2] == ["applied", "applied"]


async def test_one_line_that_no_check_foresaw_is_refused_alone(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await door.engine.insured(), await door.engine.insured()
    monkeypatch.setattr("activities.registry.loading._digits", lambda _number: 17)
    lines = [about(one, 2, phone="10000000009"), about(other, 2, number=new_number())]
    assert outcomes(await said(door, *lines)) == ["applied", " DATABASE_REFUSED"]


# --- two records of one human -----------------------------------------------------------------------------------------


async def test_what_two_records_were_added_up_to_is_not_overwritten_by_what_the_source_says_of_one(door: Door) -> None:
    kept, other = await two_records(door.engine, OFFICE)
    case = await opened(door.engine, kept, OFFICE)
    await judged(case)
    merged = await record(door.engine, kept)
    assert (merged["months"], merged["balance"]) == (["2025-12 30000", "2026-01 70000", "2026-02 50000"], 100_00)
    months = [{"month": "2026-01", "amount_fen": 500_00}, {"month": "2026-02", "amount_fen": 500_00}]
    whole = {"name": kept.name, "region": OFFICE, "contributions": months, "balances": [{"amount_fen": 70_00}]}
    lines = [
        about(kept, 2, **whole),
        about(kept, 3, contributions=[{"month": "2026-03", "amount_fen": 1}]),
        about(kept, 4, contributions=[{"month": "2026-01", "amount_fen": 1}]),
        about(kept, 4, balances=[{"amount_fen": 80_00}]),
        about(other, 2, phone="10000000009"),
    ]
    assert outcomes(await said(door, *lines)) == [
        "unchanged",
        "applied",
        "/contributions/0 PERSON_MERGED",
        "/balances/0 PERSON_MERGED",
        " PERSON_MERGED",
    ]
    now = await record(door.engine, kept)
    assert (now["months"], now["balance"]) == ([*merged["months"], "2026-03 1"], 100_00)


async def test_what_belongs_to_no_case_does_not_hold_up_the_feed(door: Door) -> None:
    person = await door.engine.insured()
    assert [line["requeued"] for line in await said(door, about(person, 2, number=person.new))] == [1]
    case = await change(door.engine, ID_CARD)
    async with door.engine.pool.acquire() as connection, connection.transaction():
        # As the planner does in a register of some size: it reads all that was written, then looks for the cases.
        await connection.execute("SET LOCAL enable_nestloop = off")
        while await connection.fetchval("SELECT publish(1000)"):
            pass
        published = "SELECT count(*) FROM feed WHERE case_id = $1"
        assert await connection.fetchval(published, case.case_id)
