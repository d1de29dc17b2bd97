"""Registers and batches are handed in whole, and done row by row, whatever becomes of the service."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from cases.documents import DocumentKind
from cases.models import Actor
from intake.jobs import store
from intake.service import uploads
from intake.service.jobs import MOST_OPEN
from tests.canary.forms import Kind, Planted
from tests.canary.scanner import Scanner
from tests.engine import Engine, Person, new_number
from tests.intake.applying import fields_of, paper, replacement
from tests.intake.archives import HOSTILE
from tests.intake.registering import csv_of, rewritten, write_xlsx
from tests.intake.service.door import BACK_OFFICE, BANK, BUREAU, ELSEWHERE, OFFICER, VERIFIER, Door, door_of
from tests.intake.service.test_cases import application_of, approved, code_of
from tests.scenes import OFFICE

CSV = "text/csv"
JSONL = "application/jsonl"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADINGS = ("个人编号", "姓名", "证件号码", "经办机构区划", "材料清单", "受理人")


@pytest_asyncio.fixture(loop_scope="session", name="door")
async def running(door: Door) -> AsyncIterator[Door]:
    """The door of all, with its jobs running for the length of a test."""
    async with door.runner.running():
        yield door


def document_cell(kind: DocumentKind = DocumentKind.resident_id_card) -> str:
    document = paper(kind)
    return f"{kind.value}|{document.uri}|{document.media_type}|{document.size}|{document.sha256}"


def row_of(person: Person, **changed: Any) -> list[str]:
    cells = {
        "personal_number": person.personal_number,
        "name": person.name,
        "number": person.new,
        "region": OFFICE,
        "documents": document_cell(),
        "submitter": "clerk-1",
    }
    return list((cells | changed).values())


async def handed_in(
    door: Door, path: str, content: str | bytes, media_type: str, *, by: Actor | str = BACK_OFFICE, **headers: str
) -> httpx.Response:
    raw = content.encode() if isinstance(content, str) else content
    told = {"Content-Type": media_type} | headers
    return await door.asked("POST", path, by=by, content=raw, headers=told)


async def ended(door: Door, job: str, *, by: Actor = BACK_OFFICE) -> dict[str, Any]:
    """The job when it is over."""
    async with asyncio.timeout(60):
        while True:
            answer = await door.asked("GET", f"/v1/jobs/{job}?wait=30", by=by)
            assert answer.status_code == 200, answer.text
            if (found := answer.json())["ended_at"] is not None:
                return dict(found)


async def rows_of(door: Door, job: str, *, by: Actor = BACK_OFFICE, **narrowed: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await door.asked("GET", f"/v1/jobs/{job}/rows", by=by, params={**narrowed, **cursor})
        assert answer.status_code == 200, answer.text
        rows += answer.json()["rows"]
        if (following := answer.json()["next"]) is None:
            return rows
        cursor = {"cursor": following}


def refused(rows: Sequence[dict[str, Any]]) -> list[tuple[int, str | None, str]]:
    return [(row["row"], each["column"], each["code"]) for row in rows for each in row["findings"] if each["refused"]]


async def people(engine: Engine, count: int) -> list[Person]:
    return [await engine.insured() for _ in range(count)]


async def test_a_register_is_opened_row_by_row_and_what_is_refused_is_named_by_row_column_and_code(door: Door) -> None:
    one, two, three = await people(door.engine, 3)
    rows = [
        row_of(one),
        row_of(two, number="11010519491231002Q", name=""),
        row_of(three, region="440103"),
        row_of(one),
        row_of(three),
    ]
    answer = await handed_in(door, "/v1/registers", csv_of(rows, HEADINGS).encode("gb18030"), CSV)
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/jobs/{job}"
    over = await ended(door, job)
    assert (over["kind"], over["state"]) == ("register", "done")
    assert over["rows"] == {"read": 5, "done": 2, "refused": 3, "waiting": 0, "cancelled": 0}
    assert refused(await rows_of(door, job, state="refused")) == [
        (3, "name", "NAME_EMPTY"),
        (3, "number", "NUMBER_CHARACTERS"),
        (4, None, "OFFICE_NOT_COMPETENT"),
        (5, None, "ROW_REPEATED"),
    ]
    done = await rows_of(door, job, state="done", limit=1)
    assert [(row["row"], row["status"]) for row in done] == [(2, "in_review"), (6, "in_review")]
    case = await door.asked("GET", f"/v1/cases/{done[0]['case_id']}", by=BACK_OFFICE)
    assert case.json()["status"] == "in_review"
    # The very same application by itself is the one that was opened.
    again = await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=application_of(one))
    assert again.status_code == 200


async def content_left(door: Door, job: str) -> int:
    return int(await door.engine.pool.fetchval("SELECT count(content) FROM job_rows WHERE job = $1", job))


async def test_the_same_file_in_another_format_opens_nothing_twice(door: Door, tmp_path: Path) -> None:
    (person,) = await people(door.engine, 1)
    workbook = write_xlsx(tmp_path / "register.xlsx", [row_of(person)], HEADINGS).read_bytes()
    jobs = []
    for content, media_type in ((csv_of([row_of(person)], HEADINGS).encode(), CSV), (workbook, XLSX)):
        answer = await handed_in(door, "/v1/registers", content, media_type)
        assert answer.status_code == 202, answer.text
        jobs.append(await ended(door, answer.json()["id"]))
    rows = [(await rows_of(door, job["id"]))[0] for job in jobs]
    assert rows[0] == rows[1]
    assert [await content_left(door, job["id"]) for job in jobs] == [0, 0]
    opened = "SELECT count(*) FROM transitions WHERE case_id = $1 AND event = 'registered'"
    assert await door.engine.pool.fetchval(opened, rows[0]["case_id"]) == 1


async def changing(door: Door, *, to: str = "applying") -> dict[str, Any]:
    """A case whose number other systems have to take over; its view."""
    (person,) = await people(door.engine, 1)
    case = (await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=application_of(person))).json()["case_id"]
    told = {"original_seen": True, "copies": [paper().sha256]}
    await door.asked("POST", f"/v1/cases/{case}/events/verify_documents", by=VERIFIER, json=told)
    await approved(door, case)
    view: dict[str, Any] = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).json()
    assert view["status"] == to
    return view


async def test_a_banks_returns_are_told_line_by_line_each_with_its_own_key(door: Door) -> None:
    one, two = await changing(door), await changing(door)
    unknown = f"idc-{'a' * 26}"
    lines = [
        ("案件编号", "流水号", "变更通知编号", "是否变更成功", "回执编号"),
        (one["case_id"], "r-1", one["publication"], "是", "bank/1"),
        (two["case_id"], "r-2", two["publication"], "是", "bank/2"),
        (unknown, "r-3", one["publication"], "是", "bank/3"),
        (two["case_id"], "r-4", two["publication"], "也许", "bank/4"),
        (two["case_id"], "r-5", "", "是", "bank/5"),
        (two["case_id"], "r-2", two["publication"], "是", "bank/2"),
        (two["case_id"], new_number(), two["publication"], "是", "bank/6"),
    ]
    file = "\n".join(",".join(line) for line in lines).encode("gb18030")
    path = "/v1/event-batches?event=confirm_downstream"
    # Which system answers is known by who hands the file in.
    answer = await handed_in(door, path, file, CSV, by=BANK)
    assert answer.status_code == 202, answer.text
    job = await ended(door, answer.json()["id"], by=BANK)
    assert job["rows"] == {"read": 7, "done": 2, "refused": 5, "waiting": 0, "cancelled": 0}
    rows = await rows_of(door, job["id"], by=BANK)
    assert refused(rows) == [
        (4, "case", "CASE_UNKNOWN"),
        (5, "confirmed", "FIELD_INVALID"),
        (6, "publication", "FIELD_MISSING"),
        (7, None, "ROW_REPEATED"),
        (8, "key", "PII_IN_TEXT"),
    ]
    assert [(row["key"], row["event"], row["status"]) for row in rows[:2]] == [
        ("r-1", "confirm_downstream", "applying"),
        ("r-2", "confirm_downstream", "applying"),
    ]
    for view in (one, two):
        now = (await door.asked("GET", f"/v1/cases/{view['case_id']}", by=VERIFIER)).json()
        assert set(view["awaited"]) - set(now["awaited"]) == {"bank"}
    # The same line told by itself, or in another file, is answered as it was; another content under its key is refused.
    again = await handed_in(door, path, file, CSV, by=BANK)
    repeated = await ended(door, again.json()["id"], by=BANK)
    versions = [row["version"] for row in await rows_of(door, repeated["id"], by=BANK, state="done")]
    assert versions == [row["version"] for row in rows[:2]]
    other = file.replace(b"bank/1", b"bank/9")
    changed = await ended(door, (await handed_in(door, path, other, CSV, by=BANK)).json()["id"], by=BANK)
    assert (2, "key", "IDEMPOTENCY_CONFLICT") in refused(await rows_of(door, changed["id"], by=BANK))


async def ordered(door: Door) -> dict[str, Any]:
    """A replacement whose card is being made; its view."""
    person = await door.engine.insured(number=new_number())
    fields = fields_of(replacement(person, reason="expired")) | {
        "submitter": {"id": "clerk-1", "role": "clerk", "office": OFFICE}
    }
    case = (await door.asked("POST", "/v1/cases", by=BACK_OFFICE, json=fields)).json()["case_id"]
    told = {"original_seen": True, "copies": [paper().sha256]}
    await door.asked("POST", f"/v1/cases/{case}/events/verify_documents", by=VERIFIER, json=told)
    await approved(door, case)
    view: dict[str, Any] = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).json()
    assert view["status"] == "in_production"
    return view


async def test_a_bureaus_results_are_of_several_events_and_told_in_the_order_of_the_file(door: Door) -> None:
    made, failed = await ordered(door), await ordered(door)
    lines = [
        {
            "case": made["case_id"],
            "event": "card_produced",
            "order": made["order"],
            "produced": True,
            "batch": "night-1",
            "card_number": "C55443322",
        },
        {
            "case": made["case_id"],
            "event": "card_handed_over",
            "order": made["order"],
            "by": "counter",
            "evidence": "counter/1",
        },
        {
            "case": failed["case_id"],
            "event": "制卡结果",
            "order": failed["order"],
            "produced": False,
            "batch": "night-1",
        },
        {"case": made["case_id"], "event": "withdraw"},
        {"case": made["case_id"], "event": "card_activated", "order": made["order"], "function": "bank"},
        {"case": made["case_id"], "event": "card_handed_over", "order": made["order"], "produced": True},
        {"case": made["case_id"], "event": "card_produced", "card_number": 5544332211},
        {"case": "planted", "event": "card_unclaimed", "record": "r/1"},
        {"case": made["case_id"], "event": "card_produced", "order": made["order"], "note": f"见{new_number()}"},
    ]
    file = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    answer = await handed_in(door, "/v1/event-batches", file, JSONL, by=BUREAU)
    assert answer.status_code == 202, answer.text
    job = await ended(door, answer.json()["id"], by=BUREAU)
    rows = await rows_of(door, job["id"], by=BUREAU)
    assert [(row["row"], row["status"]) for row in rows if row["state"] == "done"] == [
        (1, "ready"),
        (2, "handed_over"),
        (3, "in_production"),
    ]
    assert refused(rows) == [
        (4, None, "ROLE_NOT_ALLOWED"),
        (5, None, "ROLE_NOT_ALLOWED"),
        (6, "produced", "FIELD_UNKNOWN"),
        (7, "card_number", "NUMBER_SPREADSHEET_DAMAGED"),
        (8, "case", "CASE_ID_INVALID"),
        (9, "note", "PII_IN_TEXT"),
    ]
    facts = await door.engine.pool.fetch("SELECT fact FROM transitions WHERE case_id = $1", made["case_id"])
    assert not any("C55443322" in (row["fact"] or "") for row in facts)


async def staged_only(door: Door, *persons: Person) -> str:
    answer = await handed_in(door, "/v1/registers", csv_of(map(row_of, persons), HEADINGS).encode(), CSV)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_what_is_staged_is_sealed(engine: Engine) -> None:
    async with door_of(engine) as door:
        (person,) = await people(engine, 1)
        job = await staged_only(door, person)
        at_rest = await engine.pool.fetch(
            "SELECT jobs::text || job_rows::text FROM jobs JOIN job_rows ON job = id WHERE id = $1", job
        )
        assert [person.new in row_of(person), len(at_rest)] == [True, 1]
        planted = [Planted("a", Kind.number, person.new), Planted("b", Kind.name, person.name)]
        assert Scanner(planted).search(at_rest[0][0].encode(), "staged") == []
        assert person.personal_number not in at_rest[0][0]
        async with door.runner.running():
            assert (await ended(door, job))["rows"]["done"] == 1


async def test_a_row_that_was_changed_where_it_is_staged_belongs_to_its_manifest_no_more(engine: Engine) -> None:
    async with door_of(engine) as door:
        persons = await people(engine, 3)
        job = await staged_only(door, *persons)
        # The content of one row under the place of another.
        await engine.pool.execute(
            "UPDATE job_rows SET content = other.content, case_id = other.case_id FROM job_rows AS other "
            "WHERE job_rows.job = $1 AND job_rows.place = 1 AND other.job = $1 AND other.place = 2",
            job,
        )
        changed = "UPDATE job_rows SET content = jsonb_set(content::jsonb, '{category}', '\"refund\"')::text "
        await engine.pool.execute(changed + "WHERE job = $1 AND place = 0", job)
        async with door.runner.running():
            over = await ended(door, job)
        assert (over["rows"]["done"], over["rows"]["refused"]) == (1, 2)
        assert refused(await rows_of(door, job)) == [(2, None, "STAMP_MISMATCH"), (3, None, "STAMP_MISMATCH")]
        ref = engine.sealer.person_token(persons[0].personal_number)
        assert await engine.pool.fetchval("SELECT count(*) FROM cases WHERE person = $1", ref) == 0


@pytest.mark.parametrize(
    ("ago", "code"),
    [(timedelta(minutes=6), None), (timedelta(days=6), None), (timedelta(days=8), "STAMP_EXPIRED")],
)
async def test_a_job_outlives_a_stamp_and_not_its_manifest(engine: Engine, ago: timedelta, code: str | None) -> None:
    async def earlier(_case: str) -> datetime:
        return datetime.now(UTC) - ago

    async with door_of(engine, gate_clock=earlier) as door, door.runner.running():
        (person,) = await people(engine, 1)
        job = await staged_only(door, person)
        over = await ended(door, job)
        assert over["rows"]["done" if code is None else "refused"] == 1
        assert refused(await rows_of(door, job)) == ([] if code is None else [(2, None, code)])


async def test_what_is_cancelled_is_not_begun_any_more_and_is_forgotten(engine: Engine) -> None:
    async with door_of(engine) as door:
        persons = await people(engine, 3)
        job = await staged_only(door, *persons)
        begun = await store.claim(engine.pool, 1, timedelta(seconds=1))
        assert [row.job for row in begun] == [job]
        answer = await door.asked("POST", f"/v1/jobs/{job}:cancel", by=BACK_OFFICE)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert answer.json()["rows"] == {"read": 3, "done": 0, "refused": 0, "waiting": 1, "cancelled": 2}
        # Whoever had begun a row is gone: another one finishes it, for nobody knows what became of it.
        async with door.runner.running(), asyncio.timeout(30):
            while await content_left(door, job):  # noqa: ASYNC110 - the register tells nobody
                await asyncio.sleep(0.1)
        assert [row["row"] for row in await rows_of(door, job, state="done")] == [2]
        assert code_of(await door.asked("POST", f"/v1/jobs/{job}:cancel", by=BACK_OFFICE), 409) == "JOB_NOT_RUNNING"


async def test_a_client_has_so_many_jobs_and_one_of_them_runs(engine: Engine) -> None:
    async with door_of(engine) as door:
        persons = await people(engine, MOST_OPEN + 1)
        jobs = [await staged_only(door, person) for person in persons[:MOST_OPEN]]
        refused_one = await handed_in(door, "/v1/registers", csv_of([row_of(persons[-1])], HEADINGS).encode(), CSV)
        assert code_of(refused_one, 429) == "JOBS_TOO_MANY"
        assert int(refused_one.headers["retry-after"]) > 0
        listed = (await door.asked("GET", "/v1/jobs", by=BACK_OFFICE)).json()["jobs"]
        mine = [(each["id"], each["state"]) for each in reversed(listed) if each["id"] in jobs]
        assert mine == [(jobs[0], "running"), *((job, "waiting") for job in jobs[1:])]
        assert {row.job for row in await store.claim(engine.pool, 16, timedelta(seconds=1))} == {jobs[0]}
        async with door.runner.running():
            for job in jobs:
                assert (await ended(door, job))["rows"]["done"] == 1


async def test_a_key_is_one_job_and_other_content_under_it_is_refused(door: Door) -> None:
    one, other = await people(door.engine, 2)
    file = csv_of([row_of(one)], HEADINGS).encode()
    key = {"Idempotency-Key": "register-2026-11"}
    first = await handed_in(door, "/v1/registers", file, CSV, **key)
    again = await handed_in(door, "/v1/registers", file, CSV, **key)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["location"] == first.headers["location"]
    another = csv_of([row_of(other)], HEADINGS).encode()
    assert code_of(await handed_in(door, "/v1/registers", another, CSV, **key), 422) == "IDEMPOTENCY_CONFLICT"
    assert code_of(await handed_in(door, "/v1/registers?submitter=clerk-2", file, CSV, **key), 422)


async def test_a_job_is_its_clients_own_and_its_scopes(door: Door) -> None:
    (person,) = await people(door.engine, 1)
    job = await staged_only(door, person)
    line = json.dumps({"case": "nobody", "event": "withdraw"})
    all_refused = await handed_in(door, "/v1/event-batches", line, JSONL)
    assert all_refused.json()["rows"]["refused"] == 1
    other = BACK_OFFICE.model_copy(update={"id": "back-office-3"})
    narrow = door.token(BACK_OFFICE, "cases:read")
    for path in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/rows"):
        for by in (other, ELSEWHERE, BANK, narrow):
            assert code_of(await door.asked("GET", path, by=by), 404) == "JOB_UNKNOWN"
    assert code_of(await door.asked("POST", f"/v1/jobs/{job}:cancel", by=other), 404) == "JOB_UNKNOWN"
    assert (await door.asked("GET", "/v1/jobs", by=narrow)).json() == {"jobs": []}
    assert code_of(await door.asked("GET", "/v1/jobs/planted", by=BACK_OFFICE), 404) == "JOB_UNKNOWN"
    file = csv_of([row_of(person)], HEADINGS).encode()
    for by, path, code in (
        (narrow, "/v1/registers", "SCOPE_MISSING"),
        (BANK, "/v1/registers", "ROLE_NOT_ALLOWED"),
        (OFFICER, "/v1/event-batches", "ROLE_NOT_ALLOWED"),
        (door.token(BANK, "registers:import"), "/v1/event-batches", "SCOPE_MISSING"),
        (door.token(BANK, "events:tell:card_activated"), "/v1/event-batches?event=confirm_downstream", "SCOPE_MISSING"),
    ):
        assert code_of(await handed_in(door, path, file, CSV, by=by), 403) == code
    await ended(door, job)


async def test_a_file_that_does_not_do_is_refused_before_its_first_row(door: Door) -> None:
    before = await door.engine.pool.fetchval("SELECT count(*) FROM jobs")
    planted = "planted-heading"
    answer = await handed_in(door, "/v1/registers", f"个人编号,{planted}\n1,2\n".encode(), CSV)
    assert code_of(answer, 422) == "PAYLOAD_INVALID"
    assert planted not in answer.text
    assert {each["code"] for each in answer.json()["errors"]} == {"COLUMN_MISSING", "COLUMN_UNKNOWN"}
    for path, content, media_type, status, code in (
        ("/v1/registers", b"PK\x03\x04", XLSX, 422, "FILE_UNREADABLE"),
        ("/v1/registers", HOSTILE["elements without end"](), XLSX, 413, "FILE_TOO_LARGE"),
        ("/v1/event-batches", HOSTILE["elements in elements"](), XLSX, 422, "FILE_UNREADABLE"),
        ("/v1/registers", b"\0\0\xfe\xff\0\0\0a", CSV, 422, "FILE_ENCODING"),
        ("/v1/registers", b"", "application/json", 415, "MEDIA_TYPE_UNKNOWN"),
        ("/v1/event-batches", "流水号\n1\n".encode(), CSV, 422, "COLUMN_MISSING"),
        ("/v1/event-batches?event=planted", b"", CSV, 422, "FIELD_INVALID"),
    ):
        assert code_of(await handed_in(door, path, content, media_type), status) == code
    assert await door.engine.pool.fetchval("SELECT count(*) FROM jobs") == before


async def test_a_file_that_is_too_large_is_refused_while_it_is_received(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 1000)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    headers = {"Authorization": f"Bearer {door.token(BACK_OFFICE)}", "Content-Type": CSV}
    for content in (b"x" * 1001, endless()):
        answer = await door.http.post(f"{door.url}/v1/registers", content=content, headers=headers)
        assert code_of(answer, 413) == "REQUEST_TOO_LARGE"


async def test_what_a_case_refuses_of_a_row_is_said_of_its_column(door: Door) -> None:
    register = csv_of([row_of(await door.engine.insured(), submitter="clerk-99")], HEADINGS)
    job = (await handed_in(door, "/v1/registers", register, CSV)).json()["id"]
    await ended(door, job)
    assert refused(await rows_of(door, job)) == [(2, "submitter", "SUBMITTER_UNKNOWN")]


async def test_a_file_of_more_rows_than_are_taken_is_refused_before_anything_of_it_is_staged(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begun(*_: object) -> None:
        raise AssertionError("a job was begun")

    monkeypatch.setattr("intake.service.jobs.MOST_ROWS", 2)
    monkeypatch.setattr(store, "begin", begun)
    register = csv_of([row_of(await door.engine.insured()) for _ in range(3)], HEADINGS)
    assert code_of(await handed_in(door, "/v1/registers", register, CSV), 413) == "ROWS_TOO_MANY"
    batch = csv_of([["idc-" + "a" * 26, "withdraw"]] * 3, ("case", "event"))
    assert code_of(await handed_in(door, "/v1/event-batches", batch, CSV), 413) == "ROWS_TOO_MANY"


async def test_a_file_is_taken_in_of_each_client_one_at_a_time_and_in_time(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SECONDS", 1.0)
    address = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        f"POST /v1/registers HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {door.token(BACK_OFFICE)}\r\n"
        f"Content-Type: {CSV}\r\nContent-Length: 100\r\n\r\nhalf of it".encode()
    )
    await writer.drain()
    async with asyncio.timeout(10):
        while (answer := await handed_in(door, "/v1/registers", b"x", CSV)).status_code != 429:
            assert code_of(answer, 422)  # the other one has not arrived yet
    assert code_of(answer, 429) == "REQUESTED_TOO_OFTEN"
    assert answer.headers["retry-after"] == "10"
    # What the file of another client says is judged meanwhile.
    assert code_of(await handed_in(door, "/v1/registers", b"x", CSV, by=ELSEWHERE), 422)
    slow = await reader.readuntil(b"\r\n\r\n")
    assert slow.startswith(b"HTTP/1.1 408 ")
    writer.close()
    assert code_of(await handed_in(door, "/v1/registers", b"x", CSV), 422)


async def test_a_file_that_turns_out_to_be_damaged_is_done_as_far_as_it_can_be_read(door: Door, tmp_path: Path) -> None:
    (person,) = await people(door.engine, 1)
    file = write_xlsx(tmp_path / "register.xlsx", [row_of(person)], HEADINGS)
    sheet = "xl/worksheets/sheet1.xml"
    broken = rewritten(file, sheet, lambda raw: raw.replace(b"</sheetData>", b'<row r="1"></row></sheetData>'))
    answer = await handed_in(door, "/v1/registers", broken.read_bytes(), XLSX)
    assert answer.status_code == 202, answer.text
    job = await ended(door, answer.json()["id"])
    assert job["rows"] == {"read": 1, "done": 1, "refused": 0, "waiting": 0, "cancelled": 0}
    assert refused(await rows_of(door, job["id"])) == [(0, None, "FILE_UNREADABLE")]
