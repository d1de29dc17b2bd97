"""Planted people come in over HTTP, and are told of by webhook: what the intake service is asked, rightly and wrongly.

Their systems and clerks hold credentials of their own and send names and numbers in clear, as citizens' apps do.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from cases.clocks import SHANGHAI
from cases.models import Actor, Role
from cases.numbers import derive
from tests.canary.stage import BACK_OFFICE, MINISTRY, Stage
from tests.engine import Person
from tests.intake.applying import fields_of, number_change, replacement
from tests.scenes import OFFICE

_CASES: Final = "/v1/cases"


SUBSCRIBER: Final = Actor(id="canary-bureau", role=Role.back_office, office=MINISTRY)


async def subscribe(stage: Stage, sink: str) -> str:
    """Have a system told of all it may know, at an address."""
    status, told = await stage.ask_intake("POST", "/v1/subscriptions", {"sink": sink}, by=SUBSCRIBER)
    assert status == 201, told.get("code")
    return str(told["id"])


async def is_told_by_webhook(stage: Stage) -> str:
    """A receiver answers its challenge, and is told of a case that is opened."""
    await subscribe(stage, stage.hooks.sink)
    await _opened(stage, await stage.engine.insured())
    await stage.hooks.has(1)
    return "told"


async def applies_for_another_name(stage: Stage) -> str:
    """Number and name change together, by an app; how far it is, is asked; the applicant withdraws."""
    person = await stage.engine.insured()
    case = await _opened(stage, person, **_online(), new_name=stage.people.name())
    await stage.ask_intake("GET", f"{_CASES}/{case}/progress?speaker=applicant", None, by=BACK_OFFICE)
    told = await _told(stage, case, "withdraw", {"on_behalf": {"kind": "applicant"}})
    return str(told.get("status", told.get("code")))


async def has_an_agent(stage: Stage) -> str:
    """An agent applies, whose number is sent in clear, reports a loss and is looked for by the person's number."""
    person = await stage.engine.insured()
    agent = _agent(stage)
    case = await _opened(stage, person, channel="agent", submitter=agent)
    loss = await _told(stage, case, "report_loss", {"on_behalf": agent, "evidence": "石公函〔2026〕11号"})
    asked = {"kind": "IdNumberChange", "personal_number": person.personal_number}
    await stage.ask_intake("POST", f"{_CASES}:lookup", asked, by=BACK_OFFICE)
    ended = agent | {"authority": agent["authority"] | {"until": "2020-01-01"}}
    refused = await _told(stage, case, "withdraw", {"on_behalf": ended})
    told = await _told(stage, case, "withdraw", {"on_behalf": agent})
    return f"{loss.get('code', 'blocked')} {refused.get('code')} {told.get('status', told.get('code'))}"


async def loses_a_card(stage: Stage) -> str:
    """A replacement for a lost card, for which an address is confirmed, and which an agent withdraws."""
    person = await stage.engine.insured()
    fields = fields_of(replacement(person)) | _online() | {"reason": "lost", "number": person.old}
    _, receipt = await stage.ask_intake("POST", _CASES, fields, by=BACK_OFFICE)
    home = {"address": f"示例市示例路{stage.people.phone()}，{stage.people.name()}收"}
    sent = await _told(stage, receipt["case_id"], "confirm_address", home)
    assert sent.get("status") == "temporarily_blocked", sent.get("code")
    told = await _told(stage, receipt["case_id"], "withdraw", {"on_behalf": _agent(stage)})
    return str(told.get("status", told.get("code")))


async def answers_wrong_requests(stage: Stage) -> str:
    """What is wrong in many ways is refused by code, and nothing of it is repeated."""
    person, case = await stage.engine.insured(), await _opened(stage, await stage.engine.insured())
    number, name, phone = person.new, person.name, stage.people.phone()
    fields = fields_of(number_change(person)) | _online()
    wrong_digit = number[:17] + ("1" if number[17] != "1" else "2")
    stage.people.plant_number("typed wrongly", wrong_digit)
    withdraw = f"{_CASES}/{case}/events/withdraw"
    asked: list[tuple[str, str, Any, Actor | None, dict[str, str]]] = [
        ("POST", _CASES, f"{number},{name}".encode(), BACK_OFFICE, {}),
        ("POST", _CASES, json.dumps(fields)[:-1].encode() + f', "name": "{name}"}}'.encode(), BACK_OFFICE, {}),
        ("POST", _CASES, fields | {number: name}, BACK_OFFICE, {}),
        ("POST", _CASES, fields | {"new_number": wrong_digit}, BACK_OFFICE, {}),
        ("POST", _CASES, fields | {"new_number": number[:17]}, BACK_OFFICE, {}),
        ("POST", _CASES, fields | {"name": f"{name}\u202e{number}"}, BACK_OFFICE, {}),
        ("POST", _CASES, fields | {"region": number, "category": name}, BACK_OFFICE, {}),
        ("POST", _CASES, fields | {"reopen": name}, BACK_OFFICE, {}),
        ("POST", _CASES, fields, BACK_OFFICE, {"Idempotency-Key": number}),
        ("POST", _CASES, fields, None, {}),
        ("POST", _CASES, fields, Actor(id="canary-far", role=Role.back_office, office="440000"), {}),
        ("POST", withdraw, {"note": f"{name} {number}"}, BACK_OFFICE, {}),
        ("POST", withdraw, {"note": f"请致电{phone}，{name}"}, BACK_OFFICE, {}),
        ("POST", withdraw, {"on_behalf": {"kind": "agent", "number": wrong_digit}}, BACK_OFFICE, {}),
        ("POST", withdraw, {"on_behalf": {"kind": name, "number": number}}, BACK_OFFICE, {}),
        ("POST", withdraw, {}, BACK_OFFICE, {"If-Match": number}),
        ("POST", f"{_CASES}/{number}/events/withdraw", {}, BACK_OFFICE, {}),
        ("POST", f"{_CASES}/{case}/events/{number}", {}, BACK_OFFICE, {}),
        ("POST", f"{_CASES}:lookup", {"kind": "IdNumberChange", "personal_number": number}, BACK_OFFICE, {}),
        ("GET", f"{_CASES}/{number}", None, BACK_OFFICE, {}),
        ("GET", f"{_CASES}/{case}/progress?speaker={number}", None, BACK_OFFICE, {}),
        ("GET", f"{_CASES}?region={number}&status={name}", None, BACK_OFFICE, {}),
        ("GET", f"/v1/events?after={number}&type={name}", None, BACK_OFFICE, {}),
        ("GET", f"/v1/{number}/{name}", None, BACK_OFFICE, {}),
        ("POST", "/v1/subscriptions", {"sink": f"https://{number}.example.invalid/{name}"}, BACK_OFFICE, {}),
        ("GET", f"/v1/subscriptions/{number}", None, BACK_OFFICE, {}),
    ]
    for method, path, body, by, headers in asked:
        status, told = await stage.ask_intake(method, path, body, by=by, headers=headers)
        assert 400 <= status < 500, (path.partition("/v1/")[2][:5], status)
        assert told["code"]
    return "refused"


async def hands_in_files(stage: Stage) -> str:
    """A register and a batch of which some rows are right, and most are wrong and hold people where none belong."""
    right, wrong, other = [await stage.engine.insured() for _ in range(3)]
    person = {"personal_number": right.personal_number, "name": right.name, "number": right.new, "region": OFFICE}
    identity = {"identity_provider": "national-id-app", "identity_reference": "canary/2"}
    applies = person | {
        "channel": "online",
        "submitter_kind": "applicant",
        "identity_at": datetime.now(UTC).isoformat(),
    }
    misplaced = {"region": wrong.new, "category": wrong.name, "documents": f"{wrong.name}|{wrong.new}"}
    rows = [
        applies | identity,
        person | {"personal_number": wrong.personal_number, "name": f"{wrong.name}\u202e", "number": wrong.new[:17]},
        person | {"personal_number": other.new, "name": other.new, "number": other.name},
        person | misplaced,
        person | {wrong.new: wrong.name},
    ]
    said = await _handed_in(stage, "/v1/registers", rows)
    case = await _opened(stage, await stage.engine.insured())
    number = wrong.old or wrong.new
    lines = [
        {"case": case, "event": "withdraw", "key": "canary-1", "note": "不办了"},
        {"case": case, "event": "withdraw", "key": number, "note": f"{wrong.name} {number}"},
        {"case": number, "event": wrong.name, "key": "canary-2"},
        {"case": case, "event": "withdraw", "note": f"{other.name} {other.new}"},
        {"case": case, "event": "withdraw", other.new: other.name},
    ]
    return f"{said}; {await _handed_in(stage, '/v1/event-batches', lines)}"


async def _handed_in(stage: Stage, path: str, rows: list[dict[str, str]]) -> str:
    """What became of a file's rows: how many are done and refused. The rows' findings are kept as all answers are."""
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    said = {"Content-Type": "application/jsonl"}
    status, job = await stage.ask_intake("POST", path, content, by=BACK_OFFICE, headers=said)
    assert status == 202, (job.get("code"), job.get("errors"))
    while job["ended_at"] is None:
        _, job = await stage.ask_intake("GET", f"/v1/jobs/{job['id']}?wait=30", None, by=BACK_OFFICE)
    status, _ = await stage.ask_intake("GET", f"/v1/jobs/{job['id']}/rows", None, by=BACK_OFFICE)
    assert status == 200
    return f"{job['rows']['done']} done, {job['rows']['refused']} refused"


async def the_source_says(stage: Stage) -> str:
    """The register's source brings somebody, changes them, and says of others what cannot be taken in."""
    number, name, phone = stage.people.number(), stage.people.name(), stage.people.phone()
    personal, derived = stage.people.personal_number(), derive(number)
    person = {"personal_number": personal, "region": OFFICE}
    claim = {"reference": "canary-1", "amount_fen": 1, "state": "queued"}
    lines: list[Any] = [
        {**person, "source_version": 1, "name": name, "number": number, "phone": phone},
        {**person, "source_version": 2, "name": stage.people.name(), "claims": [claim]},
        {**person, "source_version": 1, "phone": number},
        {**person, "source_version": 3, "name": f"{name}\u202e"},
        {**person, "source_version": 3, name: number},
        {**person, "source_version": 3, "insured_again": f"{name} {number}"},
        {**person, "source_version": 3, "claims": [claim | {"reference": number}]},
        {**person, "source_version": 3, "number": derived[:-1] + ("0" if derived[-1] != "0" else "1")},
        {"personal_number": number.lower() + name, "source_version": 1, "name": name, "region": OFFICE},
        f'{{"name": "{name}", "number": {number[:17]}',
    ]
    body = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    source = Actor(id="canary-source", role=Role.insured_register, office=MINISTRY)
    headers = {"Content-Type": "application/jsonl"}
    _, told = await stage.ask_intake("POST", "/v1/persons", body.encode(), by=source, headers=headers)
    return " ".join(str(told.get(outcome)) for outcome in ("applied", "refused"))


async def read_feed(stage: Stage) -> int:
    """Read the whole feed as a back office does, and how often it was asked."""
    place, asked = "", 0
    while True:
        after = f"after={place}&" if place else ""
        status, told = await stage.ask_intake("GET", f"/v1/events?{after}limit=200", None, by=BACK_OFFICE)
        assert status == 200, told.get("code")
        place, asked = told["next"], asked + 1
        if told["is_end"]:
            return asked


async def _opened(stage: Stage, person: Person, **more: Any) -> str:
    fields = fields_of(number_change(person)) | (more or _online())
    status, told = await stage.ask_intake("POST", _CASES, fields, by=BACK_OFFICE)
    assert status == 201, (told.get("code"), told.get("errors"))
    return str(told["case_id"])


async def _told(stage: Stage, case: str, event: str, fact: dict[str, Any]) -> dict[str, Any]:
    _, told = await stage.ask_intake("POST", f"{_CASES}/{case}/events/{event}", fact, by=BACK_OFFICE)
    return told


def _online() -> dict[str, Any]:
    """By an app, which has just checked who applies."""
    identity = {"provider": "national-id-app", "at": datetime.now(UTC).isoformat(), "reference": "canary/1"}
    return {"channel": "online", "submitter": {"kind": "applicant"}, "identity": identity, "region": OFFICE}


def _agent(stage: Stage) -> dict[str, Any]:
    """Somebody planted who speaks for others until the end of today."""
    until = datetime.now(SHANGHAI).date().isoformat()
    return {"kind": "agent", "number": stage.people.new_number(), "authority": {"document": "a" * 64, "until": until}}
