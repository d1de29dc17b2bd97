"""Everything that can go wrong, with planted people in it: each kind of error by its name, and the code it must have.

Each is caused as it happens in life: by a program of its own, by a client, by somebody at a server, by a provider. What
each says is kept by the stage and searched.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import asyncpg
import jwt
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stages
from temporalio.api.failure.v1 import Failure
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.service import RPCError

from activities.sealing import Field, KeyRing, Sealer
from cases.errors import CaseError, Code
from cases.events import Event
from cases.kinds import case_id
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.names import TASK_QUEUE_CASES, Kind
from gate.stamp_keys import SigningKey
from intake.client import CaseClient, EngineError
from intake.requests import application_of, read_object
from intake.stamping import GateAtUrl
from runtime.client import connect
from runtime.codec import ENTRY, PayloadSealer, workflow_bound
from stack.tray import Fault
from tests.canary import door
from tests.canary.stage import MINISTRY, Stage
from tests.engine import SEALED, Person, new_number
from tests.intake.applying import fields_of, number_change, paper
from tests.intake.applying import replacement as replacement_of
from tests.scenes import CLERK, FACTS, ID_CARD, OFFICER, VERIFIER
from tests.stamping import stamp_of, stamped
from tests.workflows.dossier import Dossier, code_of
from tests.workflows.roads import REISSUED, change, replacement

_AT_ONCE: Final = 4

Seen = str
"""What came of it: a code, or a few words where no code exists."""


class Trouble(NamedTuple):
    """One kind of error."""

    cause: Callable[[Stage], Awaitable[Seen]]
    expected: Seen


# --- what is handed in to the command line --------------------------------------------------------------------------


async def _handed_in(stage: Stage, content: bytes | dict[str, Any]) -> Seen:
    """To a program, as the command line reads it."""
    raw = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()

    async def opened() -> None:
        await stage.client.open(application_of(read_object(raw)))

    return await _refused_by(stage, opened())


async def _typed_in(stage: Stage, content: bytes) -> Seen:
    """To the command line, from standard input."""
    return await _code_said(stage, "open", "-", stdin=content)


async def _application(stage: Stage, **changed: Any) -> dict[str, Any]:
    person = await stage.engine.insured()
    return fields_of(number_change(person)) | changed


def _opened_with(**changed: Callable[[str, str], Any]) -> Callable[[Stage], Awaitable[Seen]]:
    """An application some of whose fields are made of the applicant's number and name."""

    async def cause(stage: Stage) -> Seen:
        fields = await _application(stage)
        number, name = fields["new_number"], fields["name"]
        return await _handed_in(stage, fields | {field: make(number, name) for field, make in changed.items()})

    return cause


async def not_json(stage: Stage) -> Seen:
    fields = await _application(stage)
    return await _typed_in(stage, f"{fields['new_number']},{fields['name']}".encode())


async def key_twice(stage: Stage) -> Seen:
    fields = await _application(stage)
    twice = json.dumps(fields, ensure_ascii=False)[:-1] + f', "new_number": "{fields["new_number"]}"}}'
    return await _handed_in(stage, twice.encode())


async def unknown_field(stage: Stage) -> Seen:
    fields = await _application(stage)
    return await _typed_in(stage, json.dumps(fields | {fields["new_number"]: fields["name"]}).encode())


async def too_large(stage: Stage) -> Seen:
    fields = await _application(stage)
    return await _handed_in(stage, fields | {"note": fields["name"] * 30_000})


# --- the rest of the command line -----------------------------------------------------------------------------------


async def wrong_command_line(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    # What is typed stands on the command line, so nobody's own number is: eleven of its digits are no leak.
    said = await stage.starter("show", person.new[-11:], f"--{person.new[-11:]}", "-o", "json")
    assert said.exit == 64
    return f"exit {said.exit}"


async def no_case_number(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    return await _refused_by(stage, stage.client.view(person.new))


async def unknown_case(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    return await _code_said(stage, "show", case_id(Kind.id_number_change, _ref(stage, person)))


async def _code_said(stage: Stage, *arguments: str | Path, **more: Any) -> Seen:
    said = await stage.starter(*arguments, "-o", "json", **more)
    assert said.exit, arguments
    found = sorted(said.codes & set(Code))
    return str(found[0]) if found else f"exit {said.exit}"


async def unreadable_register(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    path = stage.inputs / "utf-32.csv"
    path.write_text(f"个人编号,姓名,证件号码\n{person.personal_number},{person.name},{person.new}\n", encoding="utf-32")
    return await _code_said(stage, "import", path, "--errors", stage.errors / "utf-32.csv")


async def register_without_a_column(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    path = stage.inputs / "columns.csv"
    path.write_text(f"姓名,证件号码\n{person.name},{person.new}\n", encoding="utf-8")
    return await _code_said(stage, "import", path, "--errors", stage.errors / "columns.csv")


async def register_without_headings(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    path = stage.inputs / "headings.csv"
    path.write_text(f"{person.name},{person.new}\n", encoding="utf-8")
    return await _code_said(stage, "import", path, "--errors", stage.errors / "headings.csv")


async def register_of_wrong_rows(stage: Stage) -> Seen:
    """Every row is wrong in another way; the error file names rows, columns and codes."""
    rows = ["个人编号,姓名,申请事项,原证件号码,证件号码,经办机构区划,人员类别,受理人,材料清单,备注"]
    for wrong in ("check digit", "short", "name", "note", "quote", "documents", "wide"):
        person = await stage.engine.insured()
        number, name, papers, note = person.new, person.name, "", ""
        match wrong:
            case "check digit":
                number = number[:17] + ("1" if number[17] != "1" else "2")
            case "short":
                number = number[:17]
            case "name":
                name += "\u202e" + number
            case "note":
                note = f"{name}，证件号码 {number}"
            case "documents":
                papers = f"{name}|{number}"
            case "wide":
                number = number.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
            case _:
                note = f'"{number}'
        rows.append(
            f"{person.personal_number},{name},号码变更,{person.old},{number},110105,一般,clerk-1,{papers},{note}"
        )
    path = stage.inputs / "wrong.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    errors = stage.errors / "wrong.csv"
    said = await stage.starter("import", path, "--errors", errors, "-o", "json")
    assert said.exit == 65
    assert errors.stat().st_size > 0
    return "error file"


async def staff_file_of_wrong_rows(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    path = stage.inputs / "contacts.csv"
    path.write_text(f"staff,channel,address\n{person.name},sms,{person.new}\n", encoding="utf-8")
    said = await stage.starter("directory", "contacts", path, "-o", "json")
    assert said.exit == 65
    return f"exit {said.exit}"


# --- who somebody is ------------------------------------------------------------------------------------------------


async def no_token(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    return await _code_said(stage, "withdraw", case.case_id, by=None)


async def token_of_a_stranger(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    claims = {"iss": stage.issuer.url, "aud": stage.issuer.audience, "sub": person.name, "name": person.new}
    return await _stamped_for(stage, jwt.encode(claims, "a-secret-that-nobody-shares-with-us", algorithm="HS256"))


async def expired_token(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    token = stage.issuer.token(CLERK, lifetime=timedelta(hours=-1))
    return await _code_said(stage, "withdraw", case.case_id, by=None, token=token)


async def role_without_the_power(stage: Stage) -> Seen:
    return await _stamped_for(stage, stage.issuer.token(Actor(id="bank-1", role=Role.bank, office=MINISTRY)))


async def gate_away(stage: Stage) -> Seen:
    return await _stamped_for(stage, stage.issuer.token(VERIFIER), "http://127.0.0.1:1")


async def _stamped_for(stage: Stage, token: str, url: str | None = None) -> Seen:
    """What the gate says to somebody who would decide on a case, through the client of programs."""
    case = await change(stage.engine, ID_CARD)
    gate = GateAtUrl(stage.session, url or stage.settings["CARDCASE_GATE_URL"], lambda: token)
    return await _refused_by(stage, gate.stamp(case.case_id, Event.withdraw, FACTS[Event.withdraw]))


async def office_of_another_region(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    stranger = VERIFIER.model_copy(update={"office": "440103"})
    fact = FACTS[Event.verify_documents].model_copy(update={"actor": stranger})
    return await _refused_by(stage, stage.engine.tell(case.case_id, Event.verify_documents, fact))


# --- what a case refuses --------------------------------------------------------------------------------------------


async def _refused_by(stage: Stage, work: Awaitable[object]) -> Seen:
    error = await stage.refused(work)
    match error:
        case EngineError():
            return error.code.value
        case CaseError():
            return error.code.value
        case WorkflowUpdateFailedError():
            return code_of(error).value
        case WorkflowQueryFailedError() | RPCError() | WorkflowFailureError():
            return type(error).__name__
        case _:
            problems = getattr(error, "problems", ())
            return problems[0].code.value if problems else type(error).__name__


async def event_out_of_turn(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    return await _refused_by(stage, case.tell(Event.approve))


async def verified_by_the_submitter(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    return await _refused_by(stage, case.verify(CLERK))


async def without_a_stamp(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    update = case.engine.handle(case.case_id).execute_update(Event.withdraw.value, FACTS[Event.withdraw])
    return await _refused_by(stage, update)


async def stamp_of_another_case(stage: Stage) -> Seen:
    case, other = await change(stage.engine, ID_CARD), await change(stage.engine, ID_CARD)
    fact = stamped(FACTS[Event.withdraw], other.case_id, Event.withdraw)
    return await _refused_by(stage, case.engine.handle(case.case_id).execute_update(Event.withdraw.value, fact))


async def stamp_by_another_key(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    fact = FACTS[Event.withdraw]
    stamp = stamp_of(fact, case.case_id, Event.withdraw, actor=fact.actor, key=SigningKey.generate())
    forged = fact.model_copy(update={"stamp": stamp})
    return await _refused_by(stage, case.engine.handle(case.case_id).execute_update(Event.withdraw.value, forged))


async def number_in_a_note(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    fact = FACTS[Event.withdraw].model_copy(update={"note": f"{case.person.name} {case.person.new}"})
    return await _refused_by(stage, case.tell(Event.withdraw, fact))


async def phone_in_a_reference(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    fact = FACTS[Event.hold].model_copy(update={"evidence": f"回执 {stage.people.phone()}"})
    return await _refused_by(stage, case.tell(Event.hold, fact))


async def closed_case(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    await case.tell(Event.withdraw)
    await case.ends()
    return await _refused_by(stage, stage.client.tell(case.case_id, FACTS[Event.withdraw]))


async def same_key_other_content(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    await stage.client.open(number_change(person, key=f"canary-{_ref(stage, person)}"))
    other = number_change(person, key=f"canary-{_ref(stage, person)}", documents=(paper(copy="2"),))
    return await _refused_by(stage, stage.client.open(other))


async def opened_twice(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    await stage.client.open(number_change(person))
    return await _refused_by(stage, stage.client.open(number_change(person, documents=(paper(copy="2"),))))


async def name_of_somebody_else(stage: Stage) -> Seen:
    person, other = await stage.engine.insured(number=new_number()), await stage.engine.insured()
    receipt = await stage.client.open(replacement_of(replace(person, name=other.name)))
    return (await stage.client.view(receipt.case_id)).status.value


async def number_of_somebody_else(stage: Stage) -> Seen:
    taken = new_number()
    await stage.engine.insured(number=taken)
    case = await change(stage.engine, *REISSUED, new=taken)
    return (await case.rests_in(Status.disputed)).status.value


# --- payloads -------------------------------------------------------------------------------------------------------


async def _update_with(stage: Stage, make: Callable[[Dossier, Payload], Payload], event: str = "withdraw") -> Seen:
    """The code by which a case refuses an update with a payload that somebody made."""
    case = await change(stage.engine, ID_CARD)
    content = {"actor": CLERK.model_dump(mode="json"), "case": case.person.name, "copies": [case.person.new]}
    plain = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(content, ensure_ascii=False).encode())
    request = UpdateWorkflowExecutionRequest(
        namespace=stage.clear.namespace,
        workflow_execution=WorkflowExecution(workflow_id=case.case_id),
        wait_policy=WaitPolicy(lifecycle_stage=Stages.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED),
        request=Request(meta=Meta(), input=Input(name=event, args=Payloads(payloads=[make(case, plain)]))),
    )
    answer = await stage.clear.workflow_service.update_workflow_execution(request, timeout=timedelta(seconds=20))
    assert answer.outcome.HasField("failure")
    stage.refusals.append(json_format.MessageToJson(answer.outcome))
    return await _type_of(answer.outcome.failure)


async def _type_of(failure: Failure) -> Seen:
    while failure.HasField("cause"):
        failure = failure.cause
    return failure.application_failure_info.type


def _sealed(case: str, payload: Payload, ring: KeyRing | None = None) -> Payload:
    sealer = SEALED if ring is None else PayloadSealer(ring)
    return sealer.seal(payload, namespace="default", bound=case)


async def unsealed_payload(stage: Stage) -> Seen:
    return await _update_with(stage, lambda _, plain: plain)


async def payload_of_another_case(stage: Stage) -> Seen:
    other = await change(stage.engine, ID_CARD)
    return await _update_with(stage, lambda _, plain: _sealed(workflow_bound(other.case_id), plain))


async def broken_payload(stage: Stage) -> Seen:
    def broken(case: Dossier, plain: Payload) -> Payload:
        sealed = _sealed(workflow_bound(case.case_id), plain)
        sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
        return sealed

    return await _update_with(stage, broken)


async def payload_by_an_unknown_key(stage: Stage) -> Seen:
    ring = replace(KeyRing.sample(), payload_keys={"other": bytes(range(32, 64))}, payload_current="other")
    return await _update_with(stage, lambda case, plain: _sealed(workflow_bound(case.case_id), plain, ring))


async def downgraded_payload(stage: Stage) -> Seen:
    def downgraded(case: Dossier, plain: Payload) -> Payload:
        sealed = _sealed(workflow_bound(case.case_id), plain)
        sealed.data = sealed.data[:1] + b"\0" + sealed.data[2:]
        return sealed

    return await _update_with(stage, downgraded)


async def payload_of_the_wrong_shape(stage: Stage) -> Seen:
    return await _update_with(
        stage, lambda case, plain: _sealed(workflow_bound(case.case_id), plain), event="verify_documents"
    )


async def entry_of_the_wrong_shape(stage: Stage) -> Seen:
    return await _update_with(stage, lambda _, plain: _sealed(ENTRY, plain), event="approve")


async def unknown_update(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    update = case.engine.handle(case.case_id).execute_update("unheard_of", [case.person.new, case.person.name])
    error = await stage.refused(update)
    return type(error).__name__


async def unknown_query(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    query = case.engine.handle(case.case_id).query("unheard_of", [case.person.new, case.person.name])
    return type(await stage.refused(query)).__name__


async def signal_of_the_wrong_shape(stage: Stage) -> Seen:
    """It is dropped; a name that nobody listens to is kept by the SDK."""
    case = await change(stage.engine, ID_CARD)
    handle = case.engine.handle(case.case_id)
    for name in ("neighbour", "unheard_of"):
        await handle.signal(name, [case.person.new, case.person.name])
    return (await case.rests_in(Status.in_review)).status.value


async def start_of_the_wrong_shape(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    workflow = stage.engine.client.execute_workflow(
        Kind.id_number_change.value,
        {"number": person.new, "name": person.name},
        id=case_id(Kind.id_number_change, _ref(stage, person)),
        task_queue=TASK_QUEUE_CASES,
    )
    error = await stage.refused(workflow)
    assert isinstance(error, WorkflowFailureError)
    return type(error).__name__


# --- the register ---------------------------------------------------------------------------------------------------


async def clear_text_in_the_register(stage: Stage) -> Seen:
    """An administrator types a number where a sealed one belongs: the refusal quotes the whole row to them alone."""
    person = await stage.engine.insured()
    return await _violates(
        stage,
        "INSERT INTO persons (token, name, region, category) VALUES ($1, $2, '110105', 'general')",
        person.new,
        person.name,
    )


async def changed_audit(stage: Stage) -> Seen:
    case = await change(stage.engine, ID_CARD)
    return await _violates(
        stage, "UPDATE transitions SET actor = $1 WHERE case_id = $2", f"x{case.person.new}", case.case_id
    )


async def _violates(stage: Stage, sql: str, *values: object) -> Seen:
    connection = await asyncpg.connect(stage.engine.database_url)
    try:
        with_values: asyncpg.PostgresError | None = None
        try:
            await connection.execute(sql, *values)
        except asyncpg.PostgresError as error:
            with_values = error
        assert with_values is not None
        return type(with_values).__name__
    finally:
        await connection.close()


async def broken_seal_in_the_register(stage: Stage) -> Seen:
    """A name in the register was changed; the case that meets it says so by code."""
    person = await stage.engine.insured()
    changed = "UPDATE persons SET name = overlay(name PLACING reverse(right(name, 8)) FROM 20) WHERE token = $1"
    await stage.engine.pool.execute(changed, _ref(stage, person))
    return await _refused_by(stage, stage.client.open(number_change(person)))


async def unknown_key_in_the_register(stage: Stage) -> Seen:
    """A name in the register is sealed by a key that is in nobody's ring; the case waits for the key."""
    person = await stage.engine.insured()
    pool, ref = stage.engine.pool, _ref(stage, person)
    lost = Sealer(replace(KeyRing.sample(), seal_keys={"lost": bytes(range(64, 96))}, current="lost"))
    right = await pool.fetchval("SELECT name FROM persons WHERE token = $1", ref)
    wrong = lost.seal(person.name, field=Field.name, person=ref)
    await pool.execute("UPDATE persons SET name = $1 WHERE token = $2", wrong, ref)
    opening = asyncio.create_task(stage.client.open(number_change(person)))
    async with asyncio.timeout(30):
        code = await _pending_failure(stage, case_id(Kind.id_number_change, ref))
    await pool.execute("UPDATE persons SET name = $1 WHERE token = $2", right, ref)
    assert (await opening).status is Status.in_review
    return code


async def _pending_failure(stage: Stage, workflow_id: str) -> Seen:
    """The type of the failure for which an activity is tried again."""
    while True:
        try:
            described = await stage.clear.get_workflow_handle(workflow_id).describe()
        except RPCError:
            pass
        else:
            for pending in described.raw_description.pending_activities:
                if pending.HasField("last_failure"):
                    stage.refusals.append(json_format.MessageToJson(pending))
                    return await _type_of(pending.last_failure)
        await asyncio.sleep(0.1)  # the server tells nobody of it


async def connections_cut(stage: Stage) -> Seen:
    """Every connection of the worker is cut while cases go on; all of them come to where they must."""
    cases = [asyncio.create_task(change(stage.engine, ID_CARD)) for _ in range(6)]
    for _ in range(4):
        await stage.engine.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ 'cases|transitions'"
        )
        await asyncio.sleep(0.05)
    for case in await _tried_again(cases):
        await case.rests_in(Status.in_review)
    return Status.in_review.value


async def worker_killed(stage: Stage) -> Seen:
    """The worker dies while cases are on their way, and another goes on."""
    cases = [await replacement(stage.engine, ID_CARD) for _ in range(4)]
    telling = [asyncio.create_task(case.verify()) for case in cases]
    await asyncio.sleep(0)
    await stage.crash_worker()
    await stage.start_worker()
    await _tried_again(telling)
    for case in cases:
        await case.rests_in(Status.in_production)
    return Status.in_production.value


Done = TypeVar("Done")


async def _tried_again(tasks: "list[asyncio.Task[Done]]") -> list[Done]:
    """What tasks came to that survived; a cut connection of the tests' own pool takes some with it."""
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    survivors = [end for end in ended if not isinstance(end, BaseException)]
    assert survivors
    return survivors


# --- providers ------------------------------------------------------------------------------------------------------


def provider_with(fault: Fault) -> Callable[[Stage], Awaitable[Seen]]:
    """A provider that misbehaves in one way when a case has something to tell."""

    async def cause(stage: Stage) -> Seen:
        tray = stage.receivers.tray
        tray.script.hang_seconds = 1.0
        tray.script.next.append(fault)
        case = await change(stage.engine)
        # What is not delivered at once is, by the sweep of every half minute.
        async with asyncio.timeout(90):
            while not any(call.outcome == fault.value for call in tray.calls):
                tray.called.clear()
                await tray.called.wait()
        await case.rests_in(Status.awaiting_documents)
        return fault.value

    return cause


async def forged_callback(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    url = f"{stage.receivers.callback_url}/sms"
    headers = {"X-Cardcase-Timestamp": "0", "X-Cardcase-Signature": "00", "Content-Type": "application/json"}
    async with stage.session.post(url, json={"key": person.new, "what": person.name}, headers=headers) as answer:
        stage.refusals.append(await answer.text())
        return f"status {answer.status}"


# --- the codec server -----------------------------------------------------------------------------------------------


async def _typed(stage: Stage, **more: Any) -> dict[str, Any]:
    person = await stage.engine.insured()
    content = {"note": f"{person.name} {person.new}", "case": "idc-none", "event": "approve"} | more
    data = base64.b64encode(json.dumps(content, ensure_ascii=False).encode()).decode()
    return {"payloads": [{"metadata": {"encoding": base64.b64encode(b"json/plain").decode()}, "data": data}]}


async def codec_asked_by_nobody(stage: Stage) -> Seen:
    status, told = await stage.ask_codec("/decode", await _typed(stage), token=None)
    return f"{status} {told['code']}"


async def codec_asked_by_another_page(stage: Stage) -> Seen:
    token = stage.issuer.token(OFFICER)
    status, told = await stage.ask_codec("/decode", await _typed(stage), token=token, origin="http://evil.invalid")
    return f"{status} {told['code']}"


async def codec_asked_with_no_json(stage: Stage) -> Seen:
    person = await stage.engine.insured()
    body = f"{person.new} {person.name}".encode()
    status, told = await stage.ask_codec("/decode", body, token=stage.issuer.token(OFFICER))
    return f"{status} {told['code']}"


async def wrong_entry(stage: Stage) -> Seen:
    """What is entered is refused inside a sealed answer, so that the Web UI shows what the case says of it."""
    status, _ = await stage.ask_codec("/encode", await _typed(stage), token=stage.issuer.token(OFFICER))
    return f"status {status}"


async def masked_case(stage: Stage) -> Seen:
    """A clerk sees what a case was opened with: masked."""
    case = await change(stage.engine, ID_CARD)
    async for event in stage.clear.get_workflow_handle(case.case_id).fetch_history_events():
        opening = event.workflow_execution_started_event_attributes.input
        body = json_format.MessageToJson(opening).encode()
        status, told = await stage.ask_codec("/decode", body, token=stage.issuer.token(CLERK))
        shown = base64.b64decode(told["payloads"][0]["data"]).decode()
        assert f"****{case.person.new[-2:]}" in shown
        return f"status {status}"
    raise AssertionError("a history without events")


# --- configuration --------------------------------------------------------------------------------------------------


async def wrong_configuration(stage: Stage) -> Seen:
    """A worker whose settings hold what does not belong there refuses to start, and repeats nothing."""
    person = await stage.engine.insured()
    wrong = {
        "CARDCASE_DATABASE_URL": f"postgresql://{person.new}:{person.name}@127.0.0.1:nowhere/{person.new}",
        "CARDCASE_KEY_FILE": f"/{person.new}/{person.name}",
        "CARDCASE_LOG_LEVEL": person.new,
        f"CARDCASE_{person.old[-9:]}": person.name,
    }
    said = await stage.run("worker.py", settings=stage.settings | wrong, name="worker")
    return f"exit {said.exit}"


async def key_of_another_ring(stage: Stage) -> Seen:
    """A program whose key file is another one opens nothing of what the others sealed."""
    ring = stage.folder / "other-keys.toml"
    if not ring.exists():
        KeyRing.generate(ring)
    case = await change(stage.engine, ID_CARD)
    keys = KeyRing.load(ring)
    client = await connect(PayloadSealer(keys), stage.stack.temporal_address, stage.stack.namespace)
    return await _refused_by(stage, CaseClient(client, Sealer(keys)).view(case.case_id))


async def engine_away(stage: Stage) -> Seen:
    fields = await _application(stage)
    told = stage.settings | {"CARDCASE_INTAKE_URL": "http://127.0.0.1:1"}
    said = await stage.starter("open", "-", "-o", "json", stdin=json.dumps(fields).encode(), settings=told)
    return f"exit {said.exit}"


def _ref(stage: Stage, person: Person) -> str:
    return stage.engine.sealer.person_token(person.personal_number)


def _wrong_check_digit(number: str, _name: str) -> str:
    return number[:17] + ("1" if number[17] != "1" else "2")


TROUBLES: Final[dict[str, Trouble]] = {
    "application that is no JSON": Trouble(not_json, Code.REQUEST_NOT_JSON),
    "application with a key twice": Trouble(key_twice, Code.REQUEST_NOT_JSON),
    "application with an unknown field": Trouble(unknown_field, Code.FIELD_UNKNOWN),
    "application that is too large": Trouble(too_large, Code.REQUEST_TOO_LARGE),
    "number with a wrong check digit": Trouble(_opened_with(new_number=_wrong_check_digit), Code.NUMBER_CHECK_DIGIT),
    "number too short": Trouble(_opened_with(new_number=lambda number, _: number[:17]), Code.NUMBER_LENGTH),
    "number as a JSON number": Trouble(
        _opened_with(new_number=lambda number, _: float(number[:17])), Code.NUMBER_SPREADSHEET_DAMAGED
    ),
    "name with an invisible character": Trouble(
        _opened_with(name=lambda number, name: f"{name}\u202e{number}"), Code.TEXT_FORBIDDEN_CHARACTERS
    ),
    "number as a key": Trouble(_opened_with(key=lambda number, _: number), Code.PII_IN_TEXT),
    "region that is none": Trouble(_opened_with(region=lambda number, _: number), Code.REGION_INVALID),
    "wrong command line": Trouble(wrong_command_line, "exit 64"),
    "case number that is none": Trouble(no_case_number, Code.CASE_ID_INVALID),
    "unknown case": Trouble(unknown_case, Code.CASE_UNKNOWN),
    "register in UTF-32": Trouble(unreadable_register, Code.FILE_ENCODING),
    "register without headings": Trouble(register_without_headings, Code.HEADINGS_MISSING),
    "register without a column": Trouble(register_without_a_column, Code.COLUMN_MISSING),
    "register of wrong rows": Trouble(register_of_wrong_rows, "error file"),
    "staff file of wrong rows": Trouble(staff_file_of_wrong_rows, "exit 65"),
    "no token": Trouble(no_token, "exit 78"),
    "token of a stranger": Trouble(token_of_a_stranger, Code.IDENTITY_INVALID),
    "expired token": Trouble(expired_token, Code.IDENTITY_EXPIRED),
    "role without the power": Trouble(role_without_the_power, Code.ROLE_NOT_ALLOWED),
    "office of another region": Trouble(office_of_another_region, Code.OFFICE_NOT_COMPETENT),
    "gate away": Trouble(gate_away, Code.GATE_UNAVAILABLE),
    "event out of turn": Trouble(event_out_of_turn, Code.EVENT_NOT_ALLOWED),
    "verified by the submitter": Trouble(verified_by_the_submitter, Code.SAME_PERSON),
    "decision without a stamp": Trouble(without_a_stamp, Code.STAMP_MISSING),
    "stamp of another case": Trouble(stamp_of_another_case, Code.FORM_OF_ANOTHER_CASE),
    "stamp by another key": Trouble(stamp_by_another_key, Code.STAMP_INVALID),
    "number in a decision's note": Trouble(number_in_a_note, Code.PII_IN_TEXT),
    "phone number in a reference": Trouble(phone_in_a_reference, Code.PII_IN_TEXT),
    "decision on a closed case": Trouble(closed_case, Code.CASE_CLOSED),
    "same key, other content": Trouble(same_key_other_content, Code.IDEMPOTENCY_CONFLICT),
    "opened twice": Trouble(opened_twice, Code.CASE_ALREADY_OPEN),
    "name of somebody else": Trouble(name_of_somebody_else, Status.on_hold),
    "number of somebody else": Trouble(number_of_somebody_else, Status.disputed),
    "payload unsealed": Trouble(unsealed_payload, Code.PAYLOAD_UNSEALED),
    "payload of another case": Trouble(payload_of_another_case, Code.PAYLOAD_MISPLACED),
    "payload broken": Trouble(broken_payload, Code.SEAL_BROKEN),
    "payload by an unknown key": Trouble(payload_by_an_unknown_key, Code.KEY_UNKNOWN),
    "payload downgraded": Trouble(downgraded_payload, Code.PAYLOAD_DOWNGRADED),
    "payload of the wrong shape": Trouble(payload_of_the_wrong_shape, Code.PAYLOAD_INVALID),
    "entry of the wrong shape": Trouble(entry_of_the_wrong_shape, Code.PAYLOAD_INVALID),
    "update that nobody knows": Trouble(unknown_update, "WorkflowUpdateFailedError"),
    "query that nobody knows": Trouble(unknown_query, "WorkflowQueryFailedError"),
    "signal of the wrong shape": Trouble(signal_of_the_wrong_shape, Status.in_review),
    "start of the wrong shape": Trouble(start_of_the_wrong_shape, "WorkflowFailureError"),
    "clear text typed into the register": Trouble(clear_text_in_the_register, "CheckViolationError"),
    "audit changed": Trouble(changed_audit, "InsufficientPrivilegeError"),
    "broken seal in the register": Trouble(broken_seal_in_the_register, Code.SEAL_BROKEN),
    "unknown key in the register": Trouble(unknown_key_in_the_register, Code.KEY_UNKNOWN),
    "connections cut": Trouble(connections_cut, Status.in_review),
    **{f"provider: {fault.value}": Trouble(provider_with(fault), fault.value) for fault in Fault},
    "callback forged": Trouble(forged_callback, "status 401"),
    "codec server asked by nobody": Trouble(codec_asked_by_nobody, "401 IDENTITY_MISSING"),
    "codec server asked by another page": Trouble(codec_asked_by_another_page, "403 ORIGIN_NOT_ALLOWED"),
    "codec server asked with no JSON": Trouble(codec_asked_with_no_json, "400 REQUEST_NOT_JSON"),
    "entry that is refused": Trouble(wrong_entry, "status 200"),
    "case shown masked": Trouble(masked_case, "status 200"),
    "number and name over HTTP": Trouble(door.applies_for_another_name, Status.withdrawn),
    "agent over HTTP": Trouble(door.has_an_agent, f"blocked {Code.AUTHORITY_ENDED} {Status.withdrawn}"),
    "lost card over HTTP": Trouble(door.loses_a_card, Status.withdrawn),
    "wrong requests over HTTP": Trouble(door.answers_wrong_requests, "refused"),
    "files over HTTP": Trouble(door.hands_in_files, "1 done, 4 refused; 1 done, 4 refused"),
    "said by the register's source": Trouble(door.the_source_says, "2 8"),
    "told by webhook": Trouble(door.is_told_by_webhook, "told"),
    "wrong configuration": Trouble(wrong_configuration, "exit 78"),
    "key of another ring": Trouble(key_of_another_ring, Code.KEY_UNKNOWN),
    "engine away": Trouble(engine_away, "exit 69"),
    "worker killed": Trouble(worker_killed, Status.in_production),
}
"""All kinds of errors by their names."""

FOR_ALL: Final = ("connections cut", "worker killed")
"""Errors that concern every case there is, so that they come by themselves."""


async def caused(stage: Stage) -> dict[str, Seen]:
    """Cause all errors, some side by side; answers what was seen of each."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(name: str) -> Seen:
        async with turns:
            return await TROUBLES[name].cause(stage)

    beside = [name for name in TROUBLES if name not in FOR_ALL]
    seen = dict(zip(beside, await asyncio.gather(*map(in_turn, beside)), strict=True))
    for name in FOR_ALL:
        seen[name] = await TROUBLES[name].cause(stage)
    return seen
