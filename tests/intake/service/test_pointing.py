"""Where something is wrong is said so that whoever sent it finds it; rights come before fields, and names are known."""

from typing import Any

import httpx
import pytest

from cases.models import Actor, Role
from tests.engine import Engine
from tests.intake.applying import paper
from tests.intake.service.contract import DESCRIPTION
from tests.intake.service.door import BACK_OFFICE, BANK, BUREAU, ELSEWHERE, OFFICER, VERIFIER, Door
from tests.intake.service.test_cases import application_of, opened, ordered

OPERATIONS = [
    (method.upper(), path, operation["operationId"])
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
]
NEVER_SEEN = {"case": "idc-" + "a" * 26, "subscription": "sub-" + "a" * 26, "job": "job-" + "a" * 26}
DOCUMENT = paper().model_dump(mode="json", exclude_none=True)


def places(answer: httpx.Response) -> list[tuple[Any, ...]]:
    return [
        (each["code"], each["pointer"]) + ((each["header"],) if each["header"] else ())
        for each in answer.json()["errors"]
    ]


async def told(door: Door, case: str, event: str, by: Actor, said: Any, **headers: str) -> httpx.Response:
    return await door.asked("POST", f"/v1/cases/{case}/events/{event}", by=by, json=said, headers=headers)


async def case_of(door: Door) -> str:
    return str((await opened(door, await door.engine.insured())).json()["case_id"])


@pytest.mark.parametrize(
    ("documents", "place"),
    [
        ([DOCUMENT, DOCUMENT | {"uri": "ftp://store/d-1"}], ("DOCUMENT_URI_REFUSED", "/documents/1/uri")),
        ([DOCUMENT | {"uri": "https://elsewhere.invalid/1"}], ("DOCUMENT_URI_REFUSED", "/documents/0/uri")),
        ([DOCUMENT, DOCUMENT | {"issued_on": "2026"}], ("DATE_INVALID", "/documents/1/issued_on")),
        ([DOCUMENT | {"media_type": "text/plain"}], ("DOCUMENT_TYPE_REFUSED", "/documents/0/media_type")),
        ([DOCUMENT | {"expires_on": "2020-01-31"}], ("DOCUMENT_EXPIRED", "/documents")),
    ],
)
async def test_what_is_wrong_in_a_document_that_is_told_is_said_of_that_document(
    door: Door, documents: list[Any], place: tuple[str, str]
) -> None:
    answer = await told(door, await case_of(door), "add_documents", BACK_OFFICE, {"documents": documents})
    assert (answer.status_code, places(answer)) == (422, [place])


@pytest.mark.parametrize(
    ("documents", "place"),
    [
        ([DOCUMENT, DOCUMENT | {"expires_on": "2020-01-31"}], ("DOCUMENT_EXPIRED", "/documents/1/expires_on")),
        ([DOCUMENT, DOCUMENT | {"issued_on": "2999-01-31"}], ("DOCUMENT_FUTURE_DATED", "/documents/1/issued_on")),
        ([DOCUMENT | {"holder": "T0000009"}], ("DOCUMENT_OF_ANOTHER_PERSON", "/documents/0/holder")),
        ([DOCUMENT | {"uri": "https://elsewhere.invalid/1"}], ("DOCUMENT_URI_REFUSED", "/documents/0/uri")),
        ([DOCUMENT | {"issued_on": "2026"}], ("DATE_INVALID", "/documents/0/issued_on")),
    ],
)
async def test_what_is_wrong_in_a_document_that_is_applied_with_is_said_of_that_document(
    door: Door, documents: list[Any], place: tuple[str, str]
) -> None:
    applied = application_of(await door.engine.insured(), documents=documents)
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=applied)
    assert (answer.status_code, places(answer)) == (422, [place])


async def test_what_is_wrong_with_who_speaks_is_said_where_they_are_named(door: Door) -> None:
    said = {"on_behalf": {"kind": "agent", "number": "1", "authority": {"document": "0" * 64, "until": "31.12.2026"}}}
    answer = await told(door, await case_of(door), "withdraw", BACK_OFFICE, said)
    assert set(places(answer)) == {
        ("NUMBER_LENGTH", "/on_behalf/number"),
        ("DATE_INVALID", "/on_behalf/authority/until"),
    }
    authority = {"document": "0" * 64, "until": "2020-01-31"}
    ended = {"kind": "agent", "number": "11010519491231002X", "authority": authority}
    answer = await told(door, await case_of(door), "withdraw", BACK_OFFICE, {"on_behalf": ended})
    assert places(answer) == [("AUTHORITY_ENDED", "/on_behalf/authority/until")]
    nobody = {"on_behalf": {"kind": "agent", "number": "11010519491231002X"}}
    answer = await told(door, await case_of(door), "withdraw", BACK_OFFICE, nobody)
    assert places(answer) == [("AUTHORITY_MISSING", "/on_behalf/authority")]


async def test_what_the_case_refuses_of_an_application_is_said_of_its_field(door: Door) -> None:
    person = await door.engine.insured()
    nobody = application_of(person, submitter={"id": "clerk-99", "role": "clerk", "office": OFFICER.office})
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=nobody)
    assert places(answer) == [("SUBMITTER_UNKNOWN", "/submitter/id")]
    alone = application_of(person, channel="online", submitter={"kind": "applicant"})
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=alone)
    assert places(answer) == [("IDENTITY_CHECK_MISSING", "/identity")]
    checked = alone | {"identity": {"provider": "nobody", "at": "2020-01-31T08:00:00+08:00", "reference": "1"}}
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=checked)
    assert places(answer) == [("IDENTITY_CHECK_REFUSED", "/identity")]
    agent = {"kind": "agent", "number": "11010519491231002X"}
    answer = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=alone | {"submitter": agent})
    assert places(answer) == [("AUTHORITY_MISSING", "/submitter/authority")]


async def test_what_is_wrong_with_a_key_is_said_of_its_header(door: Door) -> None:
    person = await door.engine.insured()
    key = {"Idempotency-Key": person.new}
    applied = await opened(door, person, **key)
    assert places(applied) == [("PII_IN_TEXT", "", "Idempotency-Key")]
    own = await opened(door, person, **{"Idempotency-Key": f"a-{person.personal_number}"})
    assert places(own) == [("PII_IN_TEXT", "", "Idempotency-Key")]
    case = (await opened(door, person)).json()["case_id"]
    assert places(await told(door, case, "withdraw", BACK_OFFICE, {}, **key)) == [
        ("PII_IN_TEXT", "", "Idempotency-Key")
    ]
    assert places(await told(door, case, "withdraw", BACK_OFFICE, {}, **{"Idempotency-Key": "a key"})) == [
        ("FIELD_INVALID", "", "Idempotency-Key")
    ]
    held = {"reason": "waiting_for_police", "evidence": "police/2026-1"}
    assert (await told(door, case, "hold", VERIFIER, held, **{"Idempotency-Key": "once"})).status_code == 200
    other = await told(door, case, "hold", VERIFIER, held | {"evidence": "police/2"}, **{"Idempotency-Key": "once"})
    assert places(other) == [("IDEMPOTENCY_CONFLICT", "", "Idempotency-Key")]


async def test_headings_that_do_not_do_are_said_by_row_and_column(door: Door) -> None:
    answer = await door.asked(
        "POST",
        "/v1/registers",
        by=BACK_OFFICE,
        content="\n个人编号,姓名,planted,证件号码\n".encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert answer.status_code == 422
    assert [(each["code"], each["pointer"], each["row"], each["column"]) for each in answer.json()["errors"]] == [
        ("COLUMN_MISSING", "", 2, "region"),
        ("COLUMN_MISSING", "", 2, "submitter"),
        ("COLUMN_UNKNOWN", "", 2, "column 3 (C)"),
    ]


async def test_whoever_may_not_tell_it_is_refused_before_anything_of_it_is_looked_at(door: Door) -> None:
    change, card = await case_of(door), await ordered(door)
    for case, event, by, status, code in (
        (change, "approve", BACK_OFFICE, 403, "ROLE_NOT_ALLOWED"),
        (change, "confirm_downstream", OFFICER, 403, "ROLE_NOT_ALLOWED"),
        (card, "card_produced", BANK, 403, "ROLE_NOT_ALLOWED"),
        (change, "hold", ELSEWHERE, 404, "CASE_UNKNOWN"),
    ):
        answer = await told(door, case, event, by, {"planted": 1})
        assert (answer.status_code, answer.json()["code"], answer.json()["errors"]) == (status, code, [])
    for by, code in ((ELSEWHERE, "OFFICE_NOT_COMPETENT"), (OFFICER, "ROLE_NOT_ALLOWED")):
        fields = {"kind": "IdNumberChange", "region": OFFICER.office, "planted": 1}
        answer = await door.asked("POST", "/v1/cases", by=by, json=fields)
        assert (answer.json()["code"], answer.json()["errors"]) == (code, [])


async def test_nothing_is_looked_at_of_a_header_or_a_parameter_of_somebody_without_the_right(door: Door) -> None:
    case = (await opened(door, await door.engine.insured())).json()["case_id"]
    wrong = {"Idempotency-Key": "a key"}
    fields = {"kind": "IdNumberChange", "region": OFFICER.office}
    asked = [
        ("/v1/cases", ELSEWHERE, "OFFICE_NOT_COMPETENT"),
        ("/v1/cases", OFFICER, "ROLE_NOT_ALLOWED"),
        (f"/v1/cases/{case}/events/approve", ELSEWHERE, "CASE_UNKNOWN"),
        (f"/v1/cases/{case}/events/approve", BACK_OFFICE, "ROLE_NOT_ALLOWED"),
        ("/v1/registers?submitter=!&ignore_unknown=2&nothing_of_the_kind=1", BANK, "ROLE_NOT_ALLOWED"),
        ("/v1/event-batches?event=none&ignore_unknown=2&nothing_of_the_kind=1", OFFICER, "ROLE_NOT_ALLOWED"),
        ("/v1/persons?nothing_of_the_kind=1", BACK_OFFICE, "ROLE_NOT_ALLOWED"),
    ]
    for path, by, code in asked:
        answer = await door.asked("POST", path, by=by, json=fields, headers=wrong)
        assert (answer.json()["code"], answer.json()["errors"]) == (code, []), path
    applied = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=fields, headers=wrong)
    assert places(applied) == [("FIELD_INVALID", "", "Idempotency-Key")]
    handed_in = await door.asked("POST", "/v1/registers", by=BACK_OFFICE, content=b"", headers=wrong)
    assert places(handed_in) == [("FIELD_INVALID", "", "Idempotency-Key")]


@pytest.mark.parametrize(("method", "path", "name"), OPERATIONS, ids=[name for *_, name in OPERATIONS])
async def test_nothing_is_looked_at_of_a_request_without_a_token(door: Door, method: str, path: str, name: str) -> None:
    if name == "read_webhook_keys":
        return
    asked = f"{path.format(case='0', subscription='0', job='0')}?limit=-1&nothing_of_the_kind=1"
    answer = await door.asked(method, asked, by=None, headers={"Idempotency-Key": "a key"})
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"]) == (401, "IDENTITY_MISSING", [])


@pytest.mark.parametrize(("method", "path", "name"), OPERATIONS, ids=[name for *_, name in OPERATIONS])
async def test_a_parameter_that_a_route_does_not_have_is_refused_by_its_name(
    door: Door, method: str, path: str, name: str
) -> None:
    # Whoever a route is not for is told that first.
    role = {"feed_persons": Role.insured_register, "read_overview": Role.supervisor}.get(name, Role.back_office)
    by = BACK_OFFICE.model_copy(update={"role": role})
    for parameter, shown in (("chnaged_after", "?chnaged_after"), ("planted-7f3a9c", "?"), ("姓名", "?")):
        answer = await door.asked(method, path.format(**NEVER_SEEN), by=by, params={parameter: "1"})
        assert (answer.status_code, places(answer)) == (422, [("FIELD_UNKNOWN", shown)])
        assert parameter == shown[1:] or parameter not in answer.text


async def test_whoever_meets_an_open_case_learns_which_it_is_if_they_may_see_it(door: Door) -> None:
    person = await door.engine.insured()
    case = (await opened(door, person)).json()["case_id"]
    other = application_of(person, category="referred")
    met = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=other)
    assert (met.json()["code"], met.json()["case_id"]) == ("CASE_ALREADY_OPEN", case)
    blind = door.token(BACK_OFFICE, "cases:open")
    unseen = await door.asked("POST", "/v1/cases", by=blind, json=other)
    assert (unseen.json()["code"], "case_id" in unseen.json()) == ("CASE_ALREADY_OPEN", False)


async def test_an_open_case_of_another_region_is_named_to_nobody(engine: Engine, door: Door) -> None:
    del engine
    person = await door.engine.insured()
    await opened(door, person)
    elsewhere = application_of(person, region="440103", submitter={"kind": "applicant"}, channel="terminal")
    met = await door.asked("POST", "/v1/cases", by=ELSEWHERE, json=elsewhere)
    assert (met.json()["code"], "case_id" in met.json()) == ("CASE_ALREADY_OPEN", False)


async def test_a_name_of_a_path_in_another_form_is_as_unknown_as_one_that_there_is_not(door: Door) -> None:
    for path, code in (
        ("/v1/cases/planted", "CASE_UNKNOWN"),
        ("/v1/subscriptions/planted", "SUBSCRIPTION_UNKNOWN"),
        ("/v1/jobs/planted", "JOB_UNKNOWN"),
    ):
        answer = await door.asked("GET", path, by=BACK_OFFICE)
        assert (answer.status_code, answer.json()["code"], answer.json()["errors"]) == (404, code, [])


async def test_the_bureau_is_told_where_a_card_that_was_made_lacks_its_number(door: Door) -> None:
    produced = {"produced": True, "batch": "batch-1", "order": "ord-" + "a" * 26}
    answer = await told(door, await ordered(door), "card_produced", BUREAU, produced)
    assert places(answer) == [("FIELD_INVALID", "/card_number")]
