"""A back office opens cases, asks about them and tells them things, over HTTP."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from cases.clocks import SHANGHAI
from cases.errors import Code
from cases.events import FACTS
from cases.models import Actor
from cases.names import Kind
from intake.remedies import remedy_over_http
from intake.service.scopes import SCOPES
from runtime.limits import Limits
from tests.engine import Engine, Person, new_number
from tests.intake.applying import fields_of, number_change, paper, replacement
from tests.intake.service.door import (
    BACK_OFFICE,
    BANK,
    BUREAU,
    ELSEWHERE,
    OFFICER,
    PENSION,
    SECRET,
    TAKES_IN,
    VERIFIER,
    Door,
    door_of,
)
from tests.scenes import OFFICE, SOUTH
from tests.workflows.lying import lying


def application_of(person: Person, **more: Any) -> dict[str, Any]:
    fields = fields_of(number_change(person))
    fields["submitter"] = {"id": "clerk-1", "role": "clerk", "office": OFFICE}
    return fields | more


async def opened(door: Door, person: Person, **headers: str) -> httpx.Response:
    return await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=application_of(person), headers=headers)


def code_of(answer: httpx.Response, status: int) -> str:
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["remedy"] == remedy_over_http(Code(problem["code"]))._asdict()
    assert answer.headers["cache-control"] == "no-store"
    return str(problem["code"])


async def test_a_case_is_opened_once_and_a_repetition_is_answered_the_same(door: Door) -> None:
    person = await door.engine.insured()
    first = await opened(door, person)
    assert first.status_code == 201, first.text
    receipt = first.json()
    assert first.headers["location"] == f"/v1/cases/{receipt['case_id']}"
    assert receipt["status"] == "in_review"
    again = await opened(door, person)
    assert (again.status_code, again.json()) == (200, receipt)


async def test_what_somebody_says_in_the_name_of_a_case_is_given_to_nobody(door: Door) -> None:
    person = await door.engine.insured()
    receipt = (await opened(door, person)).json()
    path = f"/v1/cases/{receipt['case_id']}/events/verify_documents"
    fact = {"original_seen": True, "copies": [paper().sha256]}
    async with lying(door.engine, receipt["case_id"], Kind.id_number_change):
        assert code_of(await opened(door, person), 503) == "ANSWER_CONTRADICTED"
        assert code_of(await door.asked("POST", path, by=VERIFIER, json=fact), 503) == "ANSWER_CONTRADICTED"


async def test_a_key_is_the_callers_own_and_other_content_under_it_is_refused(door: Door) -> None:
    one, other = await door.engine.insured(), await door.engine.insured()
    key = {"Idempotency-Key": "application-7"}
    first = await opened(door, one, **key)
    assert first.status_code == 201
    assert (await opened(door, one, **key)).json() == first.json()
    refused = await opened(door, other, **key)
    assert code_of(refused, 422) == "IDEMPOTENCY_CONFLICT"
    assert (await opened(door, other)).status_code == 201


async def test_no_key_and_no_address_of_a_document_is_the_number_of_somebody(door: Door) -> None:
    person = await door.engine.insured()
    for number in (person.new, "139-1234-5678"):
        assert code_of(await opened(door, person, **{"Idempotency-Key": f"a-{number}"}), 422) == "PII_IN_TEXT"
        scanned = [paper().model_dump(mode="json", exclude_none=True) | {"uri": f"doc://store/{number}"}]
        applied = application_of(person, documents=scanned)
        refused = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=applied)
        assert code_of(refused, 422) == "PII_IN_TEXT"
        assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [
            ("/documents/0/uri", "PII_IN_TEXT")
        ]
        assert number not in refused.text
    case = (await opened(door, person)).json()["case_id"]
    told = await door.asked(
        "POST",
        f"/v1/cases/{case}/events/withdraw",
        by=BACK_OFFICE,
        json={},
        headers={"Idempotency-Key": person.new},
    )
    assert code_of(told, 422) == "PII_IN_TEXT"


async def test_an_application_that_is_rejected_at_once_is_an_outcome(door: Door) -> None:
    person = await door.engine.insured()
    stranger = application_of(person, personal_number="T9999999")
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=stranger)
    assert answer.status_code == 201
    receipt = answer.json()
    assert (receipt["status"], receipt["reason"]) == ("ended", "PERSON_UNKNOWN")
    outcome = await door.asked("GET", f"/v1/cases/{receipt['case_id']}/outcome", by=BACK_OFFICE)
    assert outcome.json()["reason"] == "PERSON_UNKNOWN"


async def test_what_is_wrong_in_an_application_is_said_by_pointer_and_never_with_its_value(door: Door) -> None:
    person = await door.engine.insured()
    planted = "11010519491231002Q"
    wrong = application_of(person, new_number=planted, region="planted-region", name="")
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=wrong)
    assert code_of(answer, 422) == "PAYLOAD_INVALID"
    assert {(each["pointer"], each["code"]) for each in answer.json()["errors"]} == {
        ("/new_number", "NUMBER_CHARACTERS"),
        ("/region", "REGION_INVALID"),
        ("/name", "NAME_EMPTY"),
    }
    for value in (planted, "planted-region"):
        assert value not in answer.text


async def test_whoever_leaves_a_number_out_is_asked_for_it_and_not_for_what_is_made_of_it(door: Door) -> None:
    case = await ordered(door)
    told = await door.asked("POST", f"/v1/cases/{case}/events/card_turned_up", by=BUREAU, json={"batch": "batch-1"})
    assert code_of(told, 422) == "FIELD_MISSING"
    assert {each["pointer"] for each in told.json()["errors"]} == {"/card_number", "/order"}


@pytest.mark.parametrize(
    "at", [1_700_000_000, "1700000000", "2026-12-01", "2026-12-01T08:00:00", "20261201T080000Z"], ids=repr
)
async def test_a_moment_is_named_with_its_zone_or_not_at_all(door: Door, at: Any) -> None:
    person = await door.engine.insured()
    wrong = application_of(person, identity={"provider": "national-id-app", "at": at, "reference": "check/1"})
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=wrong)
    assert code_of(answer, 422) == "DATE_INVALID"
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/identity/at"]
    listed = await door.asked("GET", "/v1/cases", by=BACK_OFFICE, params={"changed_after": str(at)})
    assert code_of(listed, 422) == "FIELD_INVALID"


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b'{"kind": 1', "application/json", 400, "REQUEST_NOT_JSON"),
        (b'{"kind":"a","kind":"b"}', "application/json", 400, "REQUEST_NOT_JSON"),
        (b"[]", "application/json", 422, "FIELD_INVALID"),
        (b"{}", "text/plain", 415, "MEDIA_TYPE_UNKNOWN"),
        (b"{" + b" " * 70_000 + b"}", "application/json", 413, "REQUEST_TOO_LARGE"),
    ],
)
async def test_a_body_that_is_none_is_refused(door: Door, body: bytes, media_type: str, status: int, code: str) -> None:
    headers = {"Authorization": f"Bearer {door.token(BACK_OFFICE)}", "Content-Type": media_type}
    answer = await door.http.post(f"{door.url}/v1/cases", content=body, headers=headers)
    assert code_of(answer, status) == code


async def test_a_case_is_verified_by_a_clerk_and_confirmed_by_systems_to_its_end(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    view = await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)
    assert view.json()["case_id"] == case
    told = {"original_seen": True, "copies": [each["sha256"] for each in view.json()["documents"]]}
    verified = await door.asked("POST", f"/v1/cases/{case}/events/verify_documents", by=VERIFIER, json=told)
    # The clerk is named by a system and did not act: an officer decides after the verifier.
    assert (verified.status_code, verified.json()["status"]) == (200, "awaiting_approval"), verified.text
    assert (await approved(door, case)).json()["status"] == "verified"
    now = await door.asked("GET", f"/v1/cases/{case}", by=BANK)
    assert (now.json()["status"], "bank" in now.json()["awaited"]) == ("applying", True)
    subject = await door.asked("GET", f"/v1/cases/{case}/subject", by=BANK)
    assert subject.json() == {"case_id": case, "number": person.new, "replaces": person.old}
    assert code_of(await door.asked("GET", f"/v1/cases/{case}/subject", by=BACK_OFFICE), 403) == "ROLE_NOT_ALLOWED"
    rows = await door.engine.pool.fetch("SELECT kind, actor FROM journal WHERE case_id = $1", case)
    assert [tuple(row) for row in rows] == [("subject", BANK.id)]
    assert code_of(await door.asked("GET", f"/v1/cases/{case}/outcome", by=BANK), 409) == "CASE_STILL_OPEN"


async def test_a_long_poll_is_answered_when_the_case_moves_and_not_before(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    first = await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)
    seen = {"If-None-Match": first.headers["etag"]}
    unmoved = await door.asked("GET", f"/v1/cases/{case}?wait=1", by=BACK_OFFICE, headers=seen)
    assert (unmoved.status_code, unmoved.headers["etag"]) == (304, first.headers["etag"])
    waiting = asyncio.create_task(door.asked("GET", f"/v1/cases/{case}?wait=30", by=BACK_OFFICE, headers=seen))
    held = {"reason": "waiting_for_police", "evidence": "police/2026-1"}
    await door.asked("POST", f"/v1/cases/{case}/events/hold", by=VERIFIER, json=held)
    moved = await waiting
    assert (moved.status_code, moved.json()["status"]) == (200, "on_hold")
    assert moved.headers["etag"] != first.headers["etag"]


async def test_an_event_is_told_once_under_a_key_and_only_where_the_case_still_stands(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    path, held = f"/v1/cases/{case}/events/hold", {"reason": "waiting_for_police", "evidence": "police/2026-1"}
    stale = await door.asked("POST", path, by=VERIFIER, json=held, headers={"If-Match": '"1.0"'})
    assert code_of(stale, 412) == "VERSION_DIFFERS"
    etag = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).headers["etag"]
    key = {"Idempotency-Key": "hold-1", "If-Match": etag}
    first = await door.asked("POST", path, by=VERIFIER, json=held, headers=key)
    assert (first.status_code, first.json()["status"]) == (200, "on_hold"), first.text
    again = await door.asked("POST", path, by=VERIFIER, json=held, headers=key)
    assert again.json() == first.json()
    other = await door.asked("POST", path, by=VERIFIER, json=held | {"evidence": "police/2026-2"}, headers=key)
    assert code_of(other, 422) == "IDEMPOTENCY_CONFLICT"
    assert code_of(await door.asked("POST", path, by=VERIFIER, json=held), 409) == "EVENT_NOT_ALLOWED"


async def test_what_moved_while_a_body_was_sent_stands_elsewhere(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    etag = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).headers["etag"]

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        # By now the head of the request is there, and the case was looked for.
        await asyncio.sleep(0.5)
        held = {"reason": "waiting_for_police", "evidence": "police/2026-1"}
        assert (await door.asked("POST", f"/v1/cases/{case}/events/hold", by=VERIFIER, json=held)).status_code == 200
        yield b"}"

    headers = {
        "Authorization": f"Bearer {door.token(VERIFIER)}",
        "Content-Type": "application/json",
        "If-Match": etag,
    }
    answer = await door.http.post(f"{door.url}/v1/cases/{case}/events/withdraw", content=slowly(), headers=headers)
    assert code_of(answer, 412) == "VERSION_DIFFERS"


async def test_history_tells_of_every_transition_and_who_made_it(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    await door.asked("POST", f"/v1/cases/{case}/events/withdraw", by=VERIFIER, json={})
    history = (await door.asked("GET", f"/v1/cases/{case}/history", by=BACK_OFFICE)).json()
    events = [(each["event"], each["to"], each["actor"]) for each in history["transitions"]]
    assert events == [
        ("registered", "screening", BACK_OFFICE.id),
        ("screened", "in_review", None),
        ("withdraw", "withdrawn", VERIFIER.id),
    ]


async def test_a_person_is_looked_for_and_the_look_is_written_down(door: Door) -> None:
    person = await door.engine.insured()
    asked = {"kind": "IdNumberChange", "personal_number": person.personal_number}
    nobody = await door.asked("POST", "/v1/cases:lookup", by=BACK_OFFICE, json=asked)
    assert code_of(nobody, 404) == "CASE_UNKNOWN"
    case = (await opened(door, person)).json()["case_id"]
    found = await door.asked("POST", "/v1/cases:lookup", by=BACK_OFFICE, json=asked)
    assert found.json() == {"case_id": case}
    token = door.engine.sealer.person_token(person.personal_number)
    rows = await door.engine.pool.fetch(
        "SELECT actor FROM journal WHERE kind = 'lookup' AND facts ->> 'person' = $1", token
    )
    assert [row["actor"] for row in rows] == [BACK_OFFICE.id] * 2


async def listed(door: Door, query: str, by: Actor) -> list[dict[str, Any]]:
    """All cases that somebody sees, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await door.asked("GET", f"/v1/cases?{query}{cursor}", by=by)).json()
        found += page["cases"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def test_a_list_is_read_page_by_page_and_shows_what_its_reader_sees(door: Door) -> None:
    cases = {(await opened(door, await door.engine.insured())).json()["case_id"] for _ in range(5)}
    southern = number_change(await door.engine.insured(region=SOUTH), region=SOUTH)
    clerk = await door.engine.at_a_post(TAKES_IN.model_copy(update={"id": f"takes-in-{SOUTH}", "office": SOUTH}))
    fields = fields_of(southern) | {"submitter": clerk.model_dump(mode="json")}
    theirs = (await door.asked("POST", "/v1/cases", by=ELSEWHERE, json=fields)).json()["case_id"]
    seen = await listed(door, f"kind=IdNumberChange&region={OFFICE}&limit=2", BACK_OFFICE)
    # A case that was reopened stands there once for each generation.
    places = [(each["case_id"], each["generation"]) for each in seen]
    assert places == sorted(set(places))
    assert cases <= {case for case, _ in places}
    assert {each["region"] for each in seen} == {OFFICE}
    elsewhere = await listed(door, "limit=500", ELSEWHERE)
    assert theirs in {each["case_id"] for each in elsewhere}
    assert {each["region"][:2] for each in elsewhere} == {ELSEWHERE.office[:2]}
    kinds = {each["kind"] for each in (await door.asked("GET", "/v1/cases?limit=500", by=PENSION)).json()["cases"]}
    assert kinds == {"IdNumberChange"}
    wrong = await door.asked("GET", "/v1/cases?limit=planted&cursor=planted", by=BACK_OFFICE)
    assert code_of(wrong, 422) == "FIELD_INVALID"
    assert "planted" not in wrong.text


async def test_a_list_by_due_date_shows_open_cases_first_and_neither_misses_nor_repeats(door: Door) -> None:
    for deed in (None, "withdraw", None):
        case = (await opened(door, await door.engine.insured())).json()["case_id"]
        if deed is not None:
            await door.asked("POST", f"/v1/cases/{case}/events/{deed}", by=VERIFIER, json={})
    query = f"kind=IdNumberChange&region={OFFICE}"
    seen = await listed(door, f"{query}&sort=due&limit=2", BACK_OFFICE)
    everything = await listed(door, f"{query}&limit=500", BACK_OFFICE)
    assert {(each["case_id"], each["generation"]) for each in seen} == {
        (each["case_id"], each["generation"]) for each in everything
    }
    assert len(seen) == len(everything)
    closed = [each["closed_at"] is not None for each in seen]
    assert closed == sorted(closed)
    assert {*closed} == {False, True}
    dates = [each["due_at"] or "9999" for each in seen if each["closed_at"] is None]
    assert dates == sorted(dates)
    of_other_order = (await door.asked("GET", f"/v1/cases?{query}&limit=1", by=BACK_OFFICE)).json()["next"]
    wrong = await door.asked("GET", f"/v1/cases?{query}&sort=due&cursor={of_other_order}", by=BACK_OFFICE)
    assert code_of(wrong, 422) == "FIELD_INVALID"


async def test_a_case_is_found_by_the_eight_digits_of_its_receipt_in_its_own_region_alone(door: Door) -> None:
    receipt = (await opened(door, await door.engine.insured())).json()
    case, reference = receipt["case_id"], receipt["reference"]
    assert len(reference) == 8
    assert (await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)).json()["reference"] == reference
    for sort in ("id", "due"):
        (found,) = await listed(door, f"reference={reference}&sort={sort}", BACK_OFFICE)
        assert found["case_id"] == case
    assert await listed(door, f"reference={reference}", ELSEWHERE) == []
    wrong = await door.asked("GET", "/v1/cases?reference=01234567", by=BACK_OFFICE)
    assert code_of(wrong, 422) == "FIELD_INVALID"


async def test_a_region_stands_for_all_agencies_below_it(door: Door) -> None:
    await opened(door, await door.engine.insured())
    ours = await listed(door, f"region={OFFICE}&limit=500", BACK_OFFICE)
    assert ours
    for region in (f"{OFFICE[:4]}00", f"{OFFICE[:2]}0000", "100000", OFFICE[:2]):
        assert len(await listed(door, f"region={region}&limit=500", BACK_OFFICE)) >= len(ours)
    assert await listed(door, "region=990000", BACK_OFFICE) == []


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_moment_that_is_none_in_another_zone_is_refused(door: Door, at: str) -> None:
    wrong = await door.asked("GET", "/v1/cases", by=BACK_OFFICE, params={"changed_after": at})
    assert code_of(wrong, 422) == "FIELD_INVALID"
    forged = base64.urlsafe_b64encode(json.dumps(["idc-" + "a" * 26, 1, False, at]).encode()).decode()
    answer = await door.asked("GET", "/v1/cases", by=BACK_OFFICE, params={"sort": "due", "cursor": forged.rstrip("=")})
    assert code_of(answer, 422) == "FIELD_INVALID"


@pytest.mark.parametrize("generation", [-1, 2**31, 10**30])
async def test_a_cursor_that_was_never_given_is_refused(door: Door, generation: int) -> None:
    forged = base64.urlsafe_b64encode(json.dumps(["idc-" + "a" * 26, generation]).encode()).decode()
    answer = await door.asked("GET", f"/v1/cases?cursor={forged}", by=BACK_OFFICE)
    assert code_of(answer, 422) == "FIELD_INVALID"


async def test_a_case_of_another_office_is_as_unknown_as_one_that_there_is_not(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    nobody = "idc-" + "a" * 26
    for path in ("", "/history", "/outcome", "/subject"):
        theirs = await door.asked("GET", f"/v1/cases/{case}{path}", by=ELSEWHERE)
        none = await door.asked("GET", f"/v1/cases/{nobody}{path}", by=ELSEWHERE)
        assert code_of(theirs, 404) == code_of(none, 404) == "CASE_UNKNOWN"
        assert theirs.json() == none.json()
    told = await door.asked("POST", f"/v1/cases/{case}/events/withdraw", by=ELSEWHERE, json={})
    assert code_of(told, 404) == "CASE_UNKNOWN"
    for wrong in ("planted", "idc-planted", "xyz-" + "a" * 26):
        assert code_of(await door.asked("GET", f"/v1/cases/{wrong}", by=BACK_OFFICE), 404) == "CASE_UNKNOWN"


async def test_a_token_opens_nothing_beyond_its_scopes(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    reader = door.token(VERIFIER, "cases:read")
    assert (await door.asked("GET", f"/v1/cases/{case}", by=reader)).status_code == 200
    refused = await door.asked("POST", f"/v1/cases/{case}/events/withdraw", by=reader, json={})
    assert code_of(refused, 403) == "SCOPE_MISSING"
    opener = door.token(BACK_OFFICE, "cases:open")
    assert code_of(await door.asked("GET", f"/v1/cases/{case}", by=opener), 403) == "SCOPE_MISSING"
    withdraws = door.token(VERIFIER, "events:tell:withdraw")
    assert (await door.asked("POST", f"/v1/cases/{case}/events/withdraw", by=withdraws, json={})).status_code == 200


async def test_a_scope_adds_nothing_to_a_role(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    everything = door.token(BANK, " ".join(SCOPES))
    told = await door.asked("POST", f"/v1/cases/{case}/events/withdraw", by=everything, json={})
    assert code_of(told, 403) == "ROLE_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "cardcase"}, "IDENTITY_INVALID"),
        ({"iss": "https://elsewhere.example.invalid"}, "IDENTITY_INVALID"),
        ({"scope": 7}, "IDENTITY_INVALID"),
        ({"exp": 1}, "IDENTITY_EXPIRED"),
    ],
    ids=str,
)
async def test_a_token_of_another_issuer_or_for_another_service_is_refused(
    door: Door, claims: dict[str, Any], code: str
) -> None:
    answer = await door.asked("GET", "/v1/cases", by=door.token(BACK_OFFICE, **claims))
    assert code_of(answer, 401) == code
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_without_a_token_nothing_is_answered(door: Door) -> None:
    for method, path in (("GET", "/v1/cases"), ("POST", "/v1/cases"), ("POST", "/v1/cases:lookup")):
        assert code_of(await door.asked(method, path, by=None), 401) == "IDENTITY_MISSING"


async def test_a_system_gets_its_token_by_its_credential_and_opens_with_it(door: Door) -> None:
    form = {"grant_type": "client_credentials", "scope": "cases:open"}
    answer = await door.http.post(door.provider.token_url, data=form, auth=(BACK_OFFICE.id, SECRET))
    token = answer.json()["access_token"]
    person = await door.engine.insured()
    opened_by_it = await door.asked("POST", "/v1/cases", by=token, json=application_of(person))
    assert opened_by_it.status_code == 201
    case = opened_by_it.json()["case_id"]
    row = await door.engine.pool.fetchrow(
        "SELECT actor, role FROM transitions WHERE case_id = $1 AND version = 0", case
    )
    assert row is not None
    assert (row["actor"], row["role"]) == (BACK_OFFICE.id, "back_office")


async def test_a_card_that_was_made_is_told_with_its_number_in_clear_and_kept_sealed(door: Door) -> None:
    case = await ordered(door)
    made = {"produced": True, "batch": "batch-1", "card_number": "C99887766", **_order_of(await _view(door, case))}
    answer = await door.asked("POST", f"/v1/cases/{case}/events/card_produced", by=BUREAU, json=made)
    assert (answer.status_code, answer.json()["status"]) == (200, "ready"), answer.text
    fact = await door.engine.pool.fetchval(
        "SELECT fact FROM transitions WHERE case_id = $1 AND event = 'card_produced'", case
    )
    assert "C99887766" not in fact
    assert json.loads(fact)["card_token"] == door.engine.sealer.number_token("C99887766")


async def test_a_case_that_is_over_is_told_of_a_card_that_was_made_all_the_same(door: Door) -> None:
    case = await ordered(door)
    order = _order_of(await _view(door, case))
    withdrawn = await door.asked("POST", f"/v1/cases/{case}/events/withdraw", by=VERIFIER, json={})
    assert withdrawn.status_code == 200, withdrawn.text
    assert (await door.asked("GET", f"/v1/cases/{case}/outcome", by=VERIFIER)).json()["status"] == "withdrawn"
    made = {"batch": "batch-1", "card_number": "C99887755", **order}
    late = await door.asked(
        "POST", f"/v1/cases/{case}/events/card_produced", by=BUREAU, json={"produced": True, **made}
    )
    assert code_of(late, 409) == "ANSWER_OUT_OF_DATE"
    for _ in range(2):
        answer = await door.asked(
            "POST",
            f"/v1/cases/{case}/events/card_turned_up",
            by=BUREAU,
            json=made,
            headers={"Idempotency-Key": "surplus-1"},
        )
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["remains"]) == ("withdrawn", ["surplus_card"])
    other = await door.asked(
        "POST",
        f"/v1/cases/{case}/events/card_turned_up",
        by=BUREAU,
        json=made | {"batch": "batch-2"},
        headers={"Idempotency-Key": "surplus-1"},
    )
    assert code_of(other, 422) == "IDEMPOTENCY_CONFLICT"


async def ordered(door: Door) -> str:
    """A case whose card is being made."""
    person = await door.engine.insured(number=new_number())
    fields = fields_of(replacement(person, reason="expired"))
    fields["submitter"] = {"id": "clerk-1", "role": "clerk", "office": OFFICE}
    case = str((await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=fields)).json()["case_id"])
    told = {"original_seen": True, "copies": [each["sha256"] for each in (await _view(door, case))["documents"]]}
    await door.asked("POST", f"/v1/cases/{case}/events/verify_documents", by=VERIFIER, json=told)
    assert (await approved(door, case)).status_code == 200
    return case


async def approved(door: Door, case: str) -> httpx.Response:
    """An officer approves what was verified."""
    content = {"content": (await _view(door, case))["content"]}
    return await door.asked("POST", f"/v1/cases/{case}/events/approve", by=OFFICER, json=content)


async def _view(door: Door, case: str) -> dict[str, Any]:
    view: dict[str, Any] = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).json()
    return view


def _order_of(view: dict[str, Any]) -> dict[str, str]:
    return {"order": view["order"]} if view.get("order") else {}


async def test_whoever_asks_too_often_is_told_when_to_go_on(engine: Engine) -> None:
    async with door_of(engine, Limits(0.5, 2)) as door:
        for _ in range(2):
            assert (await door.asked("GET", "/v1/cases", by=BACK_OFFICE)).status_code == 200
        answer = await door.asked("GET", "/v1/cases", by=BACK_OFFICE)
        assert code_of(answer, 429) == "REQUESTED_TOO_OFTEN"
        assert 1 <= int(answer.headers["retry-after"]) <= 2
        # Another caller has room of their own.
        assert (await door.asked("GET", "/v1/cases", by=VERIFIER)).status_code == 200


async def test_an_address_or_a_method_that_there_is_not_is_a_problem_as_well(door: Door) -> None:
    assert code_of(await door.asked("GET", "/v1/planted", by=BACK_OFFICE), 404) == "ROUTE_UNKNOWN"
    assert code_of(await door.asked("DELETE", "/v1/cases", by=BACK_OFFICE), 405) == "METHOD_NOT_ALLOWED"


async def test_every_event_that_somebody_may_tell_has_a_route(door: Door) -> None:
    described = (await door.http.get(f"{door.url}/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    routes = {path.rpartition("/")[2] for path in described["paths"] if "/events/" in path}
    assert routes == {event.value for event in FACTS}


async def test_live_and_ready_need_no_token(door: Door) -> None:
    assert (await door.http.get(f"{door.url}/live")).text == "ok\n"
    assert (await door.http.get(f"{door.url}/ready")).status_code == 200


async def test_a_system_asks_and_acts_for_the_applicant_in_words_and_by_a_number_in_clear(door: Door) -> None:
    person = await door.engine.insured()
    today = datetime.now(SHANGHAI).date()
    authority = {"document": "a" * 64, "until": today.isoformat()}
    number = new_number()
    agent = {"kind": "agent", "number": number, "authority": authority}
    applied = application_of(person, channel="agent", submitter=agent)
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=applied)
    assert answer.status_code == 201, answer.text
    case = answer.json()["case_id"]
    told = await door.asked("GET", f"/v1/cases/{case}/progress", by=BACK_OFFICE)
    assert told.status_code == 200, told.text
    assert (told.json()["acts"], told.json()["cases"]) == (True, [case])
    assert told.json()["zh"].startswith("您的号码变更还缺材料：居民身份证（原件和复印件，请带到窗口）、委托书，请在")
    withdraw = f"/v1/cases/{case}/events/withdraw"
    ended = agent | {"authority": authority | {"until": (today - timedelta(days=1)).isoformat()}}
    refused = await door.asked("POST", withdraw, by=BACK_OFFICE, json={"on_behalf": ended})
    assert code_of(refused, 422) == "AUTHORITY_ENDED"
    assert number not in refused.text
    themself = {"on_behalf": {"kind": "applicant"}}
    assert (await door.asked("POST", withdraw, by=BACK_OFFICE, json=themself)).json()["status"] == "withdrawn"
    after = await door.asked("GET", f"/v1/cases/{case}/progress?speaker=applicant", by=BACK_OFFICE)
    assert "已撤回" in after.json()["zh"]


async def test_a_loss_is_offered_where_the_register_has_a_card_that_works_whatever_the_case_knows(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]

    async def offers_it() -> bool:
        return "report_loss" in (await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)).json()["events"]

    assert await offers_it()
    ref = door.engine.sealer.person_token(person.personal_number)
    sets = "UPDATE cards SET code = $2 FROM persons WHERE persons.id = person_id AND token = $1"
    for code in ("2", "B", "3", "4"):
        await door.engine.pool.execute(sets, ref, code)
        assert not await offers_it(), code
    await door.engine.pool.execute(sets, ref, "1")
    assert await offers_it()


async def test_a_case_offers_to_each_caller_what_they_may_tell_it(door: Door) -> None:
    case = (await opened(door, await door.engine.insured())).json()["case_id"]

    async def offered(by: Actor | str) -> set[str]:
        return set((await door.asked("GET", f"/v1/cases/{case}", by=by)).json()["events"])

    spoken = {"add_documents", "withdraw", "person_ended", "report_loss"}
    assert await offered(BACK_OFFICE) == spoken
    assert await offered(door.token(BACK_OFFICE, "cases:read events:tell:withdraw")) == {"withdraw"}
    assert await offered(TAKES_IN) == await offered(VERIFIER) - {"verify_documents"}
    assert {"verify_documents", "return_documents"} <= await offered(VERIFIER)
    assert {"reject", "extend"} <= await offered(OFFICER)
    assert await offered(BANK) == {"report_loss"}
    for event in await offered(VERIFIER) - spoken:
        refused = await door.asked("POST", f"/v1/cases/{case}/events/{event}", by=BACK_OFFICE, json={})
        assert refused.status_code in {403, 404, 422}, event
