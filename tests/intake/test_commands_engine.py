"""The command line on the real engine, end to end. Everything is synthetic."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from cases.events import EVENTS, Event
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.names import Kind
from cases.numbers import derive
from cases.offices import MINISTRY
from cases.rules.people import PROGRAMS
from intake.commands.importing import import_register
from intake.commands.invoking import Invocation
from intake.commands.saying import Exit
from tests.engine import Engine, Person, old_number
from tests.intake.applying import CLERK, NEW, SOUTH, fields_of, number_change, replacement
from tests.intake.calling import Said
from tests.intake.identity import log_in
from tests.intake.registering import HEADINGS, csv_of, row_of, write_csv, write_jsonl, write_xlsx
from tests.intake.service.door import BACK_OFFICE, SECRET, Door, serving
from tests.scenes import CLERK as TAKES_IN
from tests.scenes import ID_CARD, OPERATOR
from tests.scenes import OFFICER as DECIDES
from tests.scenes import VERIFIER as CHECKS
from tests.workflows.lying import lying
from tests.workflows.roads import change

ROOT = Path(__file__).parents[2]
VERIFIER = Actor(id="clerk-2", role=Role.clerk, office=SOUTH)
OFFICER = Actor(id="officer-1", role=Role.officer, office=SOUTH)
BUREAU = Actor(id="bureau-1", role=Role.card_bureau, office=SOUTH)
INTAKE = Actor(id="intake-1", role=Role.back_office, office=MINISTRY)
"""A system that opens cases for the clerks whom applications name."""

Call = Callable[..., Awaitable[Said]]


@pytest.fixture
def call(call_as: Call, door: Door) -> Call:
    """The command line of a clerk, or of somebody else; the service runs jobs while a register is imported."""

    async def called(*arguments: str | Path, stdin: bytes = b"", by: Actor | None = None) -> Said:
        actor = by or (CLERK if {"open", "import"} & set(arguments) else VERIFIER)
        async with door.runner.running() if "import" in arguments else nullcontext():
            return await call_as(actor, *arguments, stdin=stdin)

    return called


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened_once(engine: Engine, door: Door) -> str:
    """A case that nobody in these tests moves."""
    fields = json.loads(await application(engine))
    receipt = await door.asked("POST", "/v1/cases", by=CLERK, json=fields)
    return str(receipt.json()["case_id"])


def cells(person: Person, **changed: Any) -> dict[str, Any]:
    values = {
        "personal_number": person.personal_number,
        "name": person.name,
        "number": person.new,
        "region": SOUTH,
        "documents": f"居民身份证|doc://sample/{person.personal_number}|image/png|4096|{int(person.new[:17]):064x}",
        "submitter": "clerk-1",
    }
    return dict.fromkeys(HEADINGS, "") | values | changed


async def application(engine: Engine, **changed: Any) -> bytes:
    person = await engine.insured(region=SOUTH)
    return json.dumps(fields_of(number_change(person, region=SOUTH, **changed)), ensure_ascii=False).encode()


async def test_a_case_is_opened_shown_decided_and_waited_for(engine: Engine, call: Call) -> None:
    raw = await application(engine)
    receipt = (await call("open", "-", "-o", "json", stdin=raw)).json
    case = receipt["case_id"]
    assert receipt["status"] == "in_review"
    assert (await call("-o", "json", "open", "-", stdin=raw)).json == receipt

    shown = await call("show", case)
    assert "审核中" in shown.out
    assert case in shown.out
    told = await call("verify-documents", case, "--original-seen", "--copies-on-file", "-o", "json")
    assert told.json["status"] == "verified"
    outcome = await call("wait", case, "-o", "jsonl")
    assert (outcome.json["status"], outcome.json["milestone"]) == ("done", "benefits_unblocked")
    history = (await call("history", case, "-o", "jsonl")).lines
    assert [step["event"] for step in history][:3] == ["registered", "screened", "verify_documents"]
    assert "verify_documents" in (await call("history", case)).out


async def test_an_answer_that_the_register_does_not_hold_is_none(engine: Engine, call: Call) -> None:
    raw = await application(engine)
    receipt = (await call("open", "-", "-o", "json", stdin=raw)).json
    async with lying(engine, receipt["case_id"], Kind.id_number_change):
        said = await call("open", "-", "--lang", "en", stdin=raw)
    assert (said.exit, said.out, said.err.split(":")[0]) == (Exit.unavailable, "", "ANSWER_CONTRADICTED")


async def test_a_refusal_by_the_case_ends_with_1_its_code_and_what_to_do(engine: Engine, call: Call) -> None:
    case = (await call("open", "-", "-o", "json", stdin=await application(engine))).json["case_id"]
    submitter = CLERK.model_copy(update={"office": SOUTH})
    said = await call("verify-documents", case, "--original-seen", "--copies-on-file", "--lang", "en", by=submitter)
    assert (said.exit, said.out) == (Exit.refused, "")
    assert said.err.startswith("SAME_PERSON: Submitter, verifier and approver")


async def test_a_closed_case_answers_with_its_outcome(engine: Engine, call: Call) -> None:
    case = (await call("open", "-", "-o", "json", stdin=await application(engine))).json["case_id"]
    assert (await call("withdraw", case)).exit == Exit.fine
    said = await call("resume", case)
    code, outcome = said.err.splitlines()
    assert (said.exit, code.split(":")[0], json.loads(outcome)["status"]) == (Exit.refused, "CASE_CLOSED", "withdrawn")


async def test_a_case_that_does_not_exist_ends_with_1(call: Call) -> None:
    said = await call("show", "idc-" + "a" * 26)
    assert (said.exit, said.err.split(":")[0]) == (Exit.refused, "CASE_UNKNOWN")


async def test_a_fact_told_twice_is_told_once_and_the_operator_learns_it(engine: Engine, call: Call) -> None:
    case = (await call("open", "-", "-o", "json", stdin=await application(engine))).json["case_id"]
    first, again = [await call("acknowledge", case, "-o", "json") for _ in range(2)]
    assert first.json == again.json
    assert (first.err, "--update-id" in again.err) == ("", True)
    on_purpose = await call("acknowledge", case, "-o", "json", "--update-id", "again-1")
    assert on_purpose.json["version"] == first.json["version"] + 1


async def test_the_number_of_a_made_card_goes_from_standard_input_to_the_register(engine: Engine, call: Call) -> None:
    person = await engine.insured(region=SOUTH, number=derive(old_number(9002)))
    raw = json.dumps(fields_of(replacement(person, reason="expired", region=SOUTH)), ensure_ascii=False).encode()
    case = (await call("open", "-", "-o", "json", stdin=raw)).json["case_id"]
    await call("verify-documents", case, "--original-seen", "--copies-on-file")
    content = (await call("show", case, "-o", "json")).json["content"]
    await call("approve", case, "--content", content, by=OFFICER)
    await engine.reaches(case, Status.in_production)
    order = (await call("show", case, "-o", "json")).json["order"]
    made = await call(
        "card-produced", case, "--produced", "--batch", "b-1", "--order", order, "--card-number-from", "-",
        "-o", "json",
        stdin=b"CARD90000002\n", by=BUREAU,
    )  # fmt: skip
    assert made.json["status"] == "ready"
    token = engine.sealer.number_token("CARD90000002")
    assert await engine.pool.fetchval("SELECT count(*) FROM cards WHERE number_token = $1", token) == 1


async def test_lists_are_filtered_by_what_cases_show(engine: Engine, call: Call) -> None:
    person = await engine.insured(region="440106")
    raw = json.dumps(fields_of(number_change(person, region="440106", documents=()))).encode()
    case = (await call("open", "-", "-o", "json", stdin=raw)).json["case_id"]
    wanted = ["list", "--region", "440106", "--status", "awaiting_documents", "--kind", "id_number_change"]
    (found,) = (await call(*wanted, "-o", "jsonl", by=INTAKE)).lines
    assert (found["case_id"], found["closed"], found["generation"]) == (case, False, 1)
    assert case in (await call(*wanted, by=INTAKE)).out
    assert (await call(*wanted, "-o", "json", by=BACK_OFFICE)).json == []
    assert (await call("list", "--region", "440106", "--attention", "repair", "-o", "json", by=INTAKE)).json == []
    refused = await call("list", "--region", "44 0106")
    assert (refused.exit, refused.err.split(":")[0]) == (Exit.data, "REGION_INVALID (region)")


async def test_a_list_ends_where_it_is_to(engine: Engine, call: Call) -> None:
    for _ in range(3):
        await call("open", "-", stdin=await application(engine))
    listed = (await call("list", "--limit", "2", "-o", "jsonl")).lines
    assert len(listed) == 2
    assert [each["case_id"] for each in listed] == sorted(each["case_id"] for each in listed)


async def test_show_names_of_the_possible_events_those_that_the_caller_may_tell(engine: Engine, call: Call) -> None:
    case = await change(engine, ID_CARD)
    possible = set((await case.agrees()).events)
    offered = {}
    for actor in (TAKES_IN, CHECKS, DECIDES, OPERATOR):
        said = await call("-o", "json", "show", case.case_id, by=actor)
        assert said.exit == Exit.fine, said.err
        offered[actor.id] = {Event(event) for event in said.json["events"]}
        assert offered[actor.id] < possible
    # Who took the application in verifies nothing.
    assert offered[CHECKS.id] - offered[TAKES_IN.id] == {Event.verify_documents}
    assert Event.reject in offered[DECIDES.id] - offered[CHECKS.id]
    assert offered[OPERATOR.id] == {Event.acknowledge, Event.recompute}


async def test_an_applicant_is_told_how_far_it_is(engine: Engine, call: Call) -> None:
    case = (await call("open", "-", "-o", "json", stdin=await application(engine))).json["case_id"]
    said = (await call("progress", case, "-o", "json")).json
    assert said["cases"] == [case]
    assert said["zh"]


async def test_a_closed_case_is_reopened_and_its_key_counts_for_ever(engine: Engine, call: Call) -> None:
    person = await engine.insured(region=SOUTH)
    fields = fields_of(number_change(person, region=SOUTH)) | {"key": "counter-7"}
    raw = json.dumps(fields, ensure_ascii=False).encode()
    first = (await call("open", "-", "-o", "json", stdin=raw)).json
    other = json.dumps(fields | {"category": "refund"}, ensure_ascii=False).encode()
    refused = await call("open", "-", stdin=other)
    assert (refused.exit, refused.err.split(":")[0]) == (Exit.data, "IDEMPOTENCY_CONFLICT (key)")
    await call("withdraw", first["case_id"])
    anew = json.dumps(fields | {"key": "counter-8"}, ensure_ascii=False).encode()
    again = await call("open", "-", "--reopen", "-o", "json", stdin=anew)
    assert (again.exit, again.json["generation"]) == (Exit.fine, 2)
    generations = [step["generation"] for step in (await call("history", first["case_id"], "-o", "jsonl")).lines]
    assert (set(generations), generations) == ({1, 2}, sorted(generations))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["hold-benefits", "--legal-basis", "示例文件第一号", "--notice", "n", "--served-on", "2026/11/02"],
            "DATE_INVALID (served_on)",
        ),
        (["withdraw", "--note", f"号码 {NEW}"], "PII_IN_TEXT (note)"),
        (["withdraw", "--note", "x" * 501], "TEXT_TOO_LONG (note)"),
        (["withdraw", "--on-behalf", "agent"], "FIELD_MISSING (on_behalf.number)"),
        (["approve", "--content", "x"], "FIELD_INVALID (content)"),
        (
            ["add-documents", "--document", f"旧卡|http://x/1|image/png|1|{0:064x}"],
            "DOCUMENT_URI_REFUSED (documents.0.uri)",
        ),
        (["return-documents", "--defect", "x"], "FIELD_INVALID (defects.0.document)"),
        (["return-documents", "--defect", "旧卡="], "FIELD_INVALID (defects.0.problem)"),
        (["extend", "--working-days", "1000", "--evidence", "e"], "FIELD_INVALID (working_days)"),
        (["repair", "--action", "accept", "--evidence", "e"], "FIELD_INVALID (system)"),
    ],
)
async def test_a_field_that_is_wrong_ends_with_65_and_is_not_repeated(
    opened_once: str, call: Call, arguments: list[str], said: str
) -> None:
    command, *options = arguments
    role = min(EVENTS[Event(command.replace("-", "_"))].roles - PROGRAMS)
    answer = await call(command, opened_once, *options, by=Actor(id="somebody-1", role=role, office=SOUTH))
    assert (answer.exit, answer.out) == (Exit.data, "")
    assert answer.err.startswith(f"{said}: ")
    assert NEW not in answer.err


async def test_an_application_that_is_wrong_ends_with_65_and_every_field(engine: Engine, call: Call) -> None:
    fields = json.loads(await application(engine))
    said = await call("open", "-", stdin=json.dumps(fields | {"new_number": NEW[:17], "name": ""}).encode())
    assert (said.exit, said.out) == (Exit.data, "")
    assert {line.split(":")[0] for line in said.err.splitlines()} == {"NUMBER_LENGTH (new_number)", "NAME_EMPTY (name)"}
    assert NEW[:17] not in said.err


async def test_a_system_comes_with_its_own_credential(
    engine: Engine, door: Door, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case = (await call("open", "-", "-o", "json", stdin=await application(engine))).json["case_id"]
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET, encoding="ascii")
    monkeypatch.delenv("CARDCASE_TOKEN_FILE")
    monkeypatch.setenv("CARDCASE_CLIENT_ID", BACK_OFFICE.id)
    monkeypatch.setenv("CARDCASE_CLIENT_SECRET_FILE", str(secret))
    monkeypatch.setenv("CARDCASE_TOKEN_URL", door.provider.token_url)
    assert (await call("show", case, "-o", "json")).exit == Exit.refused, "its region is another"
    secret.write_text("another", encoding="ascii")
    said = await call("show", case)
    assert (said.exit, said.err.split(":")[0]) == (Exit.configuration, "IDENTITY_INVALID")


async def test_a_register_is_imported_once_whatever_the_file_is_called(
    engine: Engine, call: Call, tmp_path: Path
) -> None:
    people = [await engine.insured(region=SOUTH) for _ in range(12)]
    rows = [cells(person) for person in people]
    rows[3]["number"] = rows[3]["number"][:17]
    rows.append(rows[5])
    text = csv_of([list(row.values()) for row in rows])
    first = (await call("import", write_csv(tmp_path / "r.csv", text, "gb18030"), "-o", "json")).json
    assert (first["readable"], first["opened"], first["repeated"], first["refused_rows"]) == (11, 11, 1, 1)
    opened = {line["row"]: line["case_id"] for line in first["rows"] if "case_id" in line}
    assert len(opened) == 11

    transitions = await engine.pool.fetchval("SELECT count(*) FROM transitions")
    renamed = write_csv(tmp_path / "renamed.csv", text)
    second = await call("import", renamed, "-o", "json")
    assert second.exit == Exit.data
    assert {line["row"]: line["case_id"] for line in second.json["rows"] if "case_id" in line} == opened
    assert await engine.pool.fetchval("SELECT count(*) FROM transitions") == transitions


async def test_an_import_goes_on_where_it_stopped_and_in_another_format(
    engine: Engine, call: Call, tmp_path: Path
) -> None:
    people = [await engine.insured(region=SOUTH) for _ in range(6)]
    part = write_jsonl(tmp_path / "part.jsonl", [cells(person) for person in people[:3]])
    assert (await call("import", part)).exit == Exit.fine
    whole = write_xlsx(tmp_path / "whole.xlsx", [list(cells(person).values()) for person in people])
    said = await call("import", whole, "-o", "json")
    # A number that happens to end in 000 is asked about beside its case.
    cases = {row["case_id"] for row in said.json["rows"] if "case_id" in row}
    assert (said.exit, said.json["opened"], len(cases)) == (Exit.fine, 6, 6)


@pytest.mark.parametrize(
    ("told", "status", "first"),
    [(signal.SIGINT, 130, 20_000), (signal.SIGTERM, 143, 20_040)],
    ids=["SIGINT", "SIGTERM"],
)
async def test_an_import_that_was_interrupted_begins_no_row_any_more_and_goes_on_when_it_is_repeated(
    engine: Engine, door: Door, call: Call, tmp_path: Path, told: signal.Signals, status: int, first: int
) -> None:
    # Nobody of them is insured: their cases end at once, which is enough here.
    rows = [row_of(person, region=SOUTH) for person in range(first, first + 20)]
    path = write_csv(tmp_path / "r.csv", csv_of(rows))
    token = log_in(tmp_path, CLERK)
    token.write_text(door.token(CLERK), encoding="ascii")
    settings = {"CARDCASE_INTAKE_URL": door.url, "CARDCASE_TOKEN_FILE": str(token)}
    before = set(await jobs_of(door))
    # The service runs no rows meanwhile.
    with interruptible():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "starter.py", "--lang", "en", "import", str(path), "-o", "jsonl",
            cwd=ROOT, env={"PATH": os.environ["PATH"]} | settings,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    try:
        job = await begun(door, before)
        process.send_signal(told)
        async with asyncio.timeout(60):
            _, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == status
    assert b"repeat the command" in err
    assert (await jobs_of(door))[job] == "cancelled"

    again = await call("import", path, "-o", "json")
    assert (again.exit, again.json["opened"]) == (Exit.fine, len(rows))
    cases = [line["case_id"] for line in again.json["rows"] if "case_id" in line]
    assert await engine.pool.fetchval("SELECT count(*) FROM cases WHERE case_id = ANY($1)", cases) == len(rows)
    assert await engine.pool.fetchval("SELECT max(generation) FROM cases WHERE case_id = ANY($1)", cases) == 1


@contextmanager
def interruptible() -> Iterator[None]:
    """Processes that are started in this block hear Ctrl-C.

    Shells start what runs in the background with SIGINT ignored, and whatever that starts inherits it.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("run")
async def test_an_import_that_is_interrupted_before_it_is_answered_opens_nothing_either(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "r.csv", csv_of([row_of(20_100, region=SOUTH)]))
    log_in(tmp_path, CLERK).write_text(door.token(CLERK), encoding="ascii")
    before = set(await jobs_of(door))
    async with answering_late(door, "/v1/registers") as late:
        monkeypatch.setenv("CARDCASE_INTAKE_URL", late.url)
        importing = asyncio.create_task(import_register(Invocation(), path))
        await late.has_answer.wait()
        ((job, state),) = [each for each in (await jobs_of(door)).items() if each[0] not in before]
        assert state == "running"
        importing.cancel()
        late.may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await importing
    assert (await jobs_of(door))[job] == "cancelled"


@dataclass
class Late:
    """A way to the service on which one answer is held up."""

    url: str = ""
    has_answer: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def answering_late(door: Door, held_up: str) -> AsyncIterator[Late]:
    """Everything goes on to the service at once; what it answers at one path comes when it may."""
    late = Late()

    async def pass_on(request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        answer = await door.http.request(
            request.method, f"{door.url}{request.path_qs}", headers=headers, content=await request.read()
        )
        if request.path == held_up:
            late.has_answer.set()
            await late.may_answer.wait()
        return web.Response(status=answer.status_code, body=answer.content, content_type="application/json")

    application = web.Application()
    application.add_routes([web.route("*", "/{path:.*}", pass_on)])
    async with serving(application) as late.url:
        yield late


async def begun(door: Door, before: set[str]) -> str:
    """The job that another process has begun since."""
    async with asyncio.timeout(60):
        while True:
            for job, state in (await jobs_of(door)).items():
                if job not in before and state != "staging":
                    return job
            await asyncio.sleep(0.1)  # a process of its own can only be asked


async def jobs_of(door: Door) -> dict[str, str]:
    """The jobs of the clerk, and how each stands."""
    jobs = (await door.asked("GET", "/v1/jobs", by=CLERK)).json()["jobs"]
    return {job["id"]: job["state"] for job in jobs}


async def test_rows_that_a_case_refuses_are_reported_by_row_and_end_with_1(
    engine: Engine, call: Call, tmp_path: Path
) -> None:
    one, other = [await engine.insured(region=SOUTH) for _ in range(2)]
    rows = [cells(one), cells(other), cells(one, category="转诊")]
    path = write_csv(tmp_path / "r.csv", csv_of([list(row.values()) for row in rows]))
    errors = tmp_path / "errors.csv"
    said = await call("import", path, "-o", "json", "--errors", errors)
    assert said.exit == Exit.refused
    assert [line["row"] for line in said.json["rows"] if line.get("code") == "CASE_ALREADY_OPEN"] == [4]
    assert [line.split(",")[:3] for line in errors.read_text(encoding="utf-8-sig").splitlines()[1:]] == [
        ["4", "", "CASE_ALREADY_OPEN"]
    ]


async def test_a_system_imports_only_what_clerks_of_the_directory_took_in(
    engine: Engine, call: Call, tmp_path: Path
) -> None:
    clerk = await engine.at_a_post(Actor(id="clerk-41", role=Role.clerk, office=SOUTH))
    rows = [cells(await engine.insured(region=SOUTH), submitter=name) for name in (clerk.id, "clerk-invented")]
    path = write_csv(tmp_path / "r.csv", csv_of([list(row.values()) for row in rows]))
    said = await call("import", path, "-o", "json", by=INTAKE)
    assert said.exit == Exit.refused
    assert [(line["row"], line.get("code")) for line in said.json["rows"] if line.get("code")] == [
        (3, "SUBMITTER_UNKNOWN")
    ]


async def test_the_program_itself_runs_as_documented(engine: Engine, door: Door, tmp_path: Path) -> None:
    token = log_in(tmp_path, CLERK)
    token.write_text(door.token(CLERK), encoding="ascii")
    settings = {"CARDCASE_INTAKE_URL": door.url, "CARDCASE_TOKEN_FILE": str(token)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "starter.py", "open", "-", "-o", "json",
        cwd=ROOT, env={"PATH": os.environ["PATH"], "LC_ALL": "C"} | settings,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(await application(engine))
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["status"] == "in_review"


async def test_a_wrong_program_call_ends_with_its_code() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "starter.py", "--lang", "en", "show",
        cwd=ROOT, env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert (process.returncode, out) == (64, b"")
    assert err.startswith(b"Wrong usage; see --help. ")
