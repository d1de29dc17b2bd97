"""The invariants, each as a function that finds whoever breaks it and counts what it looked at."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from asyncpg import Record
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.registry.pool import Connection
from activities.registry.reading import broken_head, broken_link
from cases.answers import CaseView
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.names import VIEW, Kind, told_under
from tests.canary.scanner import Hit, Scanner
from tests.faults.checker.evidence import (
    OPENED,
    Call,
    Evidence,
    Gauge,
    Received,
    Said,
    Trouble,
    final_answers,
    now,
    overlap_seconds,
)
from workflows.search_attributes import ATTENTION, CATEGORY, DUE_AT, KIND, MILESTONE, REGION, STATUS, VERSION

HERE: Final = Path(__file__).parent


class Invariant(StrEnum):
    """The table of invariants."""

    I1 = "I1"
    I2 = "I2"
    I3 = "I3"
    I4 = "I4"
    I5 = "I5"
    I6 = "I6"
    I7 = "I7"
    I8 = "I8"
    I9 = "I9"
    I10 = "I10"
    I11 = "I11"
    I12 = "I12"
    I13 = "I13"
    I14 = "I14"


MEANING: Final[Mapping[Invariant, str]] = {
    Invariant.I1: "every acknowledged case exists and is finished or progressing",
    Invariant.I2: "one case per business key",
    Invariant.I3: "the audit rows of a case are a path of the state table, versions without gap or repeat",
    Invariant.I4: "each effect has one ID in its receiver's ledger; repetitions come only under it",
    Invariant.I5: "benefits released only after the number was committed; nothing for withdrawn or rejected cases",
    Invariant.I6: "of competing decisions exactly one wins, and each caller's answer agrees with it",
    Invariant.I7: "rungs: once, never early, at most 30 s late, none after the end",
    Invariant.I8: "each notification accepted once by a provider that knows keys; one key for each",
    Invariant.I9: "the register, the view and the search attributes agree at rest",
    Invariant.I10: "no failed workflow task but the injected; nothing dropped, nothing unretrieved in the logs",
    Invariant.I11: "no planted personal data anywhere it must not be",
    Invariant.I12: "the audit chain verifies",
    Invariant.I13: "connections within the pool, memory flat over the second half of a run, pollers alive",
    Invariant.I14: "the outbox is empty 60 s after the last fault",
}

LATEST: Final = timedelta(seconds=30)
"""How late a rung may fire, and how long all sides may take to agree."""
EMPTIED_WITHIN: Final = timedelta(seconds=60)
MEMORY_GROWTH: Final = 0.1
"""By which share of itself the memory of a process may grow over the second half of a run."""
FEWEST_GAUGES: Final = 8
"""Measurements of a process from which something can be said of its memory."""
AT_ONCE: Final = 16

BENIGN_CAUSES: Final = frozenset({"UNHANDLED_COMMAND"})
"""The server's word for something that arrived while a task was being answered: it hands the task out again."""
_STAMP: Final = re.compile(rb'"timestamp": "([^"]+)"')
IN_LOGS: Final = re.compile(
    rb"TMPRL11\d\d|[Dd]ropp(?:ed|ing) (?:a )?signal|never retrieved|was never awaited|Unretrieved|unfinished handlers"
)


class Finding(NamedTuple):
    """Something that breaks an invariant."""

    invariant: Invariant
    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.what}"


@dataclass
class Checked:
    """What was found, and how much was looked at for each invariant."""

    findings: list[Finding] = field(default_factory=list)
    looked_at: Counter[Invariant] = field(default_factory=Counter)

    def find(self, invariant: Invariant, subject: object, what: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(invariant, str(subject), what))

    def broken(self) -> frozenset[Invariant]:
        """The invariants that do not hold."""
        return frozenset(each.invariant for each in self.findings)

    def __str__(self) -> str:
        lines = []
        for invariant in Invariant:
            found = [each for each in self.findings if each.invariant is invariant]
            stands = "holds" if not found else f"BROKEN {len(found)} times"
            lines.append(f"{invariant:<4}{stands}, {self.looked_at[invariant]} looked at: {MEANING[invariant]}")
            lines += (f"      {each.subject}: {each.what}" for each in found[:20])
        return "\n".join(lines)


class Queries:
    """Named queries of a file beside this one."""

    def __init__(self, file: str) -> None:
        _, *parts = re.split(r"^-- name: (.+)$", (HERE / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
        self.by_name: Final = dict(zip(parts[::2], parts[1::2], strict=True))

    async def all(self, register: Connection, name: str, cases: Sequence[str]) -> list[Record]:
        """All rows of a query about some cases."""
        rows: list[Record] = await register.fetch(self.by_name[name], cases)
        return rows


READING, BROKEN = Queries("reading.sql"), Queries("findings.sql")
_EVERY_CASE: Final = "SELECT DISTINCT case_id FROM cases ORDER BY case_id"


@dataclass
class Sides:
    """What is compared: the files of a run, the register, and Temporal."""

    evidence: Evidence
    register: Connection
    temporal: Client
    """It opens what is sealed; histories are read as the server holds them."""
    cases: list[str]
    patience: timedelta
    """How long what has to come to rest is waited for."""
    calls: list[Call]
    received: list[Received]
    runs: list[WorkflowExecution]

    def of_cases(self, case_id: str | None) -> bool:
        """Whether a case is asked about; what belongs to no case always is."""
        return case_id is None or case_id in self._asked

    def __post_init__(self) -> None:
        self._asked = frozenset(self.cases)


Check: TypeAlias = Callable[[Sides, Checked], Awaitable[None]]


async def check(
    evidence: Evidence,
    register: Connection,
    temporal: Client,
    *,
    cases: Iterable[str] | None = None,
    patience: timedelta = LATEST,
) -> Checked:
    """Ask every invariant. `cases` are those that are asked about; the others of the register are left alone."""
    named = [row["case_id"] for row in await register.fetch(_EVERY_CASE)] if cases is None else sorted(cases)
    asked = frozenset(named)
    if patience:
        # What is sent while it is waited for is in the ledgers only afterwards.
        await until_emptied(evidence, register, named)
    calls = evidence.calls()
    if cases is not None:
        calls = [call for call in calls if call.case_id in asked]
    runs = [run async for run in temporal.list_workflows("WorkflowId IS NOT NULL") if cases is None or run.id in asked]
    sides = Sides(evidence, register, temporal, named, patience, calls, evidence.received(), runs)
    checked = Checked()
    for ask in CHECKS:
        await ask(sides, checked)
    return checked


async def _until(patience: timedelta, found: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """What is found, once nothing is or the patience is at its end."""
    until = now() + patience
    while (findings := await found()) and now() < until:  # noqa: ASYNC110 - nobody says when all has come to rest
        await asyncio.sleep(1)
    return findings


# --- callers and the register -----------------------------------------------------------------------------------------


async def acknowledged(sides: Sides, checked: Checked) -> None:
    """I1: what a caller was told is there, and every open case goes on or waits for somebody."""
    rows = {(row["case_id"], row["generation"]) for row in await READING.all(sides.register, "cases", sides.cases)}
    known = {case for case, _ in rows}
    told = {
        (row["case_id"], row["event"], told_under(row["told_as"]))
        for row in await READING.all(sides.register, "told", sides.cases)
    }
    for call in sides.calls:
        if call.answer is not Said.ok:
            continue
        checked.looked_at[Invariant.I1] += 1
        if call.case_id is None or call.case_id not in known:
            checked.find(Invariant.I1, call.case_id, f"{call.act} {call.key} was acknowledged, and there is no case")
        elif call.act == OPENED:
            if call.generation is not None and (call.case_id, call.generation) not in rows:
                checked.find(
                    Invariant.I1, call.case_id, f"generation {call.generation} was acknowledged and is not there"
                )
        elif (call.case_id, call.act, told_under(call.key)) not in told:
            checked.find(Invariant.I1, call.case_id, f"{call.act} {call.key} was acknowledged and has no step")
    checked.findings += await _until(sides.patience, lambda: _standing_still(sides))


async def _standing_still(sides: Sides) -> list[Finding]:
    found: list[Finding] = []
    waiting = {row["case_id"] for row in await sides.register.fetch("SELECT case_id FROM turn_waiters")}
    for row in await READING.all(sides.register, "cases", sides.cases):
        if not (row["is_open"] and row["is_newest"]):
            continue
        case = row["case_id"]
        run = await _described(sides.temporal, case)
        if run is None or run.status is not WorkflowExecutionStatus.RUNNING:
            found.append(Finding(Invariant.I1, case, "is open, and nothing runs"))
            continue
        info = run.raw_description
        if info.HasField("pending_workflow_task") and info.pending_workflow_task.attempt > 1:
            found.append(Finding(Invariant.I1, case, f"its task fails, attempt {info.pending_workflow_task.attempt}"))
        found += (
            Finding(Invariant.I1, case, f"{each.activity_type.name} is at attempt {each.attempt}")
            for each in info.pending_activities
            if each.attempt > 1
        )
        step = MACHINES[Kind(row["kind"])].statuses[Status(row["status"])].engine_step
        if step is not None and not info.pending_activities and row["due_at"] is None and case not in waiting:
            found.append(Finding(Invariant.I1, case, f"rests in {row['status']}, where {step} is the engine's to make"))
    return found


async def one_case(sides: Sides, checked: Checked) -> None:
    """I2: in the register, and in the answers of callers."""
    await _ask_tables(sides, checked, Invariant.I2)
    cases: dict[str, set[tuple[str | None, int | None]]] = defaultdict(set)
    for call in sides.calls:
        if call.act == OPENED and call.answer is Said.ok:
            cases[call.key].add((call.case_id, call.generation))
    checked.looked_at[Invariant.I2] += len(cases)
    for key, opened in cases.items():
        if len(opened) > 1:
            checked.find(Invariant.I2, key, f"was answered with {sorted(opened, key=repr)}")


async def a_path(sides: Sides, checked: Checked) -> None:
    """I3: versions, statuses, and the rows of the machine's table."""
    await _ask_tables(sides, checked, Invariant.I3)
    for row in await READING.all(sides.register, "steps", sides.cases):
        checked.looked_at[Invariant.I3] += 1
        way = MACHINES[Kind(row["kind"])].table
        if not any(
            (each.status, each.event, each.to) == (row["from_status"], row["event"], row["to_status"]) for each in way
        ):
            step = f"{row['from_status']} -{row['event']}-> {row['to_status']}"
            checked.find(Invariant.I3, row["case_id"], f"version {row['version']} is no row of the table: {step}")


async def one_id(sides: Sides, checked: Checked) -> None:
    """I4: an effect comes under one ID, an ID means one effect, and the register knows of it."""
    await _ask_tables(sides, checked, Invariant.I4)
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    effects: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in sides.received:
        if each.receiver.startswith(MESSAGES):
            continue
        ids[each.receiver, each.effect].add(each.id)
        effects[each.receiver, each.id].add(each.effect)
    checked.looked_at[Invariant.I4] += len(ids)
    for (receiver, effect), under in ids.items():
        if len(under) > 1:
            checked.find(Invariant.I4, receiver, f"{effect} came under {len(under)} IDs")
    for (receiver, key), meant in effects.items():
        if len(meant) > 1:
            checked.find(Invariant.I4, receiver, f"{key} meant {len(meant)} effects")


async def in_order(sides: Sides, checked: Checked) -> None:
    """I5: nothing is released for nothing."""
    await _ask_tables(sides, checked, Invariant.I5)


async def one_wins(sides: Sides, checked: Checked) -> None:
    """I6: of rivals one is told that it won, and no refused one left a step."""
    told = {
        (row["case_id"], row["event"], told_under(row["told_as"]))
        for row in await READING.all(sides.register, "told", sides.cases)
    }
    final = final_answers(sides.calls)
    rivals: dict[str, list[Call]] = defaultdict(list)
    for call in final.values():
        if call.act == OPENED:
            continue
        checked.looked_at[Invariant.I6] += 1
        has_step = (call.case_id, call.act, told_under(call.key)) in told
        if call.answer is Said.refused and has_step:
            checked.find(Invariant.I6, call.case_id, f"{call.act} {call.key} was refused ({call.code}) and has a step")
        if call.rivals is not None:
            rivals[call.rivals].append(call)
    for call in sides.calls:
        last = final[call.case_id or "", call.act, call.key]
        if call.answer is Said.ok and last.answer is Said.refused:
            checked.find(Invariant.I6, call.case_id, f"{call.act} {call.key} was acknowledged and refused afterwards")
    for name, calls in rivals.items():
        won = [call for call in calls if (call.case_id, call.act, told_under(call.key)) in told]
        if len(won) != 1:
            checked.find(Invariant.I6, name, f"{len(won)} of {len(calls)} rivals have a step")
        elif won[0].answer is Said.refused:
            checked.find(Invariant.I6, name, "the winner was told that it lost")


async def one_answer(sides: Sides, checked: Checked) -> None:
    """I6: whoever says the same again is answered the same."""
    given: dict[tuple[str, str, str], set[tuple[str | None, int | None]]] = defaultdict(set)
    for call in sides.calls:
        if call.answer is Said.ok:
            given[call.case_id or "", call.act, call.key].add((call.status, call.version))
    for (case, act, key), answers in given.items():
        if len(answers) > 1:
            checked.find(Invariant.I6, case, f"{act} {key} was answered in {len(answers)} ways")


async def rungs(sides: Sides, checked: Checked) -> None:
    """I7: once, not early, not after the end, and late only by what nobody could help."""
    await _ask_tables(sides, checked, Invariant.I7)
    stops = [(each.begun_at, each.ended_at) for each in sides.evidence.troubles() if each.stops]
    missing = await READING.all(sides.register, "overdue_rungs", sides.cases)
    fired = await READING.all(sides.register, "rungs", sides.cases)
    checked.looked_at[Invariant.I7] += len(fired)
    for row in fired:
        _check_late(row["case_id"], row["rung"], row["due_at"], row["fired_at"], stops, checked)
    for row in missing:
        _check_late(row["case_id"], row["rung"], row["due_at"], now(), stops, checked)


def _check_late(
    case: str, rung: int, due: datetime, fired: datetime, stops: Sequence[tuple[datetime, datetime]], checked: Checked
) -> None:
    late = (fired - due).total_seconds() - overlap_seconds(stops, due, fired)
    if late > LATEST.total_seconds():
        checked.find(Invariant.I7, case, f"rung {rung} is {late:.1f} s late")


MESSAGES: Final = "messages"
"""How the names of receivers begin that are providers of messages; the others are told of events."""


async def accepted_once(sides: Sides, checked: Checked) -> None:
    """I8: by the provider's ledger, by the register, and by both together."""
    await _ask_tables(sides, checked, Invariant.I8)
    deliveries = {row["key"]: row for row in await READING.all(sides.register, "deliveries", sides.cases)}
    firsts: Counter[str] = Counter()
    texts: dict[str, set[str]] = defaultdict(set)
    for each in sides.received:
        if not each.receiver.startswith(MESSAGES):
            continue
        firsts[each.id] += each.first
        texts[each.id].add(each.effect)
    checked.looked_at[Invariant.I8] += len(firsts)
    for key, times in firsts.items():
        if times > 1:
            checked.find(Invariant.I8, key, f"was accepted {times} times")
        if len(texts[key]) > 1:
            checked.find(Invariant.I8, key, f"came with {len(texts[key])} texts")
        if key not in deliveries and not await _is_of_another(sides, key):
            checked.find(Invariant.I8, key, "was sent, and the register knows nothing of it")
    if not firsts:
        return
    for key, row in deliveries.items():
        if row["state"] in {"accepted", "delivered"} and not firsts[key]:
            checked.find(Invariant.I8, row["case_id"], "counts as accepted, and no provider has it")


async def _is_of_another(sides: Sides, key: str) -> bool:
    """Whether a key belongs to a message of a case that is not asked about, or of no case."""
    known: bool = await sides.register.fetchval(
        "SELECT EXISTS (SELECT FROM deliveries JOIN notifications ON notifications.id = notification_id "
        "WHERE idempotency_key = $1 AND (case_id IS NULL OR NOT case_id = ANY ($2)))",
        *(key, sides.cases),
    )
    return known


# --- both sides -------------------------------------------------------------------------------------------------------


async def agree(sides: Sides, checked: Checked) -> None:
    """I9: row, view and search attributes of the newest generation of each case."""
    rows = [row for row in await READING.all(sides.register, "cases", sides.cases) if row["is_newest"]]
    checked.looked_at[Invariant.I9] += len(rows)

    async def found() -> list[Finding]:
        rows = [row for row in await READING.all(sides.register, "cases", sides.cases) if row["is_newest"]]
        return [each async for each in _each(rows, lambda row: _differences(sides.temporal, row))]

    checked.findings += await _until(sides.patience, found)


async def _each(rows: Sequence[Record], ask: Callable[[Record], Awaitable[list[Finding]]]) -> AsyncIterator[Finding]:
    for begin in range(0, len(rows), AT_ONCE):
        for findings in await asyncio.gather(*map(ask, rows[begin : begin + AT_ONCE])):
            for finding in findings:
                yield finding


_COMPARED: Final = ("status", "milestone", "version", "generation", "region", "category", "due_at")


async def _differences(temporal: Client, row: Record) -> list[Finding]:
    case = row["case_id"]
    run = await _described(temporal, case)
    if run is None:
        # What a case that is closed has left to Temporal may be gone.
        return [Finding(Invariant.I9, case, "is open, and Temporal knows nothing of it")] if row["is_open"] else []
    shown = run.typed_search_attributes
    attributes = {
        "kind": shown.get(KIND),
        "status": shown.get(STATUS),
        "milestone": shown.get(MILESTONE),
        "version": shown.get(VERSION),
        "region": shown.get(REGION),
        "category": shown.get(CATEGORY),
        "due_at": shown.get(DUE_AT),
        "attention": sorted(shown.get(ATTENTION) or ()),
    }
    held = {**{name: row[name] for name in _COMPARED}, "kind": row["kind"], "attention": sorted(row["attention"])}
    found = _unequal(case, "search attribute", attributes, held)
    try:
        view: CaseView = await temporal.get_workflow_handle(case).query(VIEW, result_type=CaseView)
    except (RPCError, WorkflowQueryFailedError) as unanswered:
        why = unanswered.status.name if isinstance(unanswered, RPCError) else type(unanswered).__name__
        return [*found, Finding(Invariant.I9, case, f"answers no question: {why}")]
    viewed = {name: getattr(view, name) for name in (*_COMPARED, "kind")}
    return found + _unequal(case, "view", {**viewed, "attention": sorted(view.attention)}, held)


def _unequal(case: str, where: str, shown: Mapping[str, Any], held: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding(Invariant.I9, case, f"{where} {name} is {value}, the register has {held[name]}")
        for name, value in shown.items()
        if value != held[name]
    ]


async def _described(temporal: Client, case: str) -> Any:
    try:
        return await temporal.get_workflow_handle(case).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


# --- what the processes leave -----------------------------------------------------------------------------------------


async def quiet(sides: Sides, checked: Checked) -> None:
    """I10: histories and logs."""
    troubles = [each for each in sides.evidence.troubles() if each.fails_tasks]
    for run in sides.runs:
        checked.looked_at[Invariant.I10] += 1
        for event in await _history(sides.temporal, run):
            if event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                continue
            cause = WorkflowTaskFailedCause.Name(event.workflow_task_failed_event_attributes.cause)
            cause = cause.removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")
            at = event.event_time.ToDatetime(tzinfo=sides.evidence.run.begun_at.tzinfo)
            injected = any(
                cause in each.fails_tasks
                and each.begun_at <= at <= each.ended_at + LATEST
                and (not each.fails_cases or run.id in each.fails_cases)
                for each in troubles
            )
            if cause not in BENIGN_CAUSES and not injected:
                failure = event.workflow_task_failed_event_attributes.failure
                kind = failure.application_failure_info.type
                checked.find(Invariant.I10, run.id, f"a task failed: {cause} {kind}".rstrip())
    for path in sides.evidence.logs():
        checked.looked_at[Invariant.I10] += 1
        for line in path.read_bytes().splitlines():
            for match in IN_LOGS.finditer(line):
                said = match[0].decode()
                if not any(said in each.says and _is_within(line, each) for each in sides.evidence.troubles()):
                    checked.find(Invariant.I10, path.name, f"says {said!r}")


def _is_within(line: bytes, trouble: Trouble) -> bool:
    """Whether a line was said while a fault was there, or a moment later."""
    stamped = _STAMP.search(line)
    if stamped is None:
        return False
    said_at = datetime.fromisoformat(stamped[1].decode())
    return any(
        trouble.begun_at <= said_at - wrong <= trouble.ended_at + LATEST
        for wrong in (timedelta(), *trouble.clocks_off_by)
    )


async def _history(temporal: Client, run: WorkflowExecution) -> Sequence[HistoryEvent]:
    """The events of a run as the server holds them; none where it has forgotten them meanwhile."""
    try:
        return (await temporal.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()).events
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return ()


async def private(sides: Sides, checked: Checked) -> None:
    """I11: logs, the callers' log, the receivers' ledgers, histories, what can be searched for, and every table."""
    planted = sides.evidence.planted()
    if not planted:
        return
    scanner = Scanner(planted)
    hits: list[Hit] = []
    for path in sides.evidence.logs():
        checked.looked_at[Invariant.I11] += 1
        hits += scanner.search_file(path, path.name)[1]
    for name in ("calls.jsonl", "received.jsonl", "troubles.jsonl", "gauges.jsonl"):
        path = sides.evidence.folder / name
        if path.exists():
            checked.looked_at[Invariant.I11] += 1
            hits += scanner.search_file(path, name)[1]
    for run in sides.runs:
        checked.looked_at[Invariant.I11] += 1
        hits += scanner.search(run.raw_info.SerializeToString(), f"run {run.id}")
        for event in await _history(sides.temporal, run):
            hits += scanner.search(event.SerializeToString(), f"history {run.id}")
    tables = await sides.register.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
    )
    for (table,) in tables:
        checked.looked_at[Invariant.I11] += 1
        rows = await sides.register.fetch(f'SELECT to_jsonb(each)::text FROM "{table}" AS each')  # noqa: S608 - the catalogue's own name
        hits += scanner.search("\n".join(row[0] for row in rows).encode(), f"table {table}")
    for where, what in sorted({(hit.where, f"{hit.kind} of {hit.owner} as {hit.form}") for hit in hits}):
        checked.find(Invariant.I11, where, what)


async def unbroken(sides: Sides, checked: Checked) -> None:
    """I12: every link and every head."""
    links = _by_case(await READING.all(sides.register, "audit", sides.cases))
    heads = _by_case(await READING.all(sides.register, "heads", sides.cases))
    for case in sides.cases:
        checked.looked_at[Invariant.I12] += 1
        found = broken_link(links.get(case, [])) or broken_head(links.get(case, []), heads.get(case, []))
        if found is not None:
            generation, version, what = found
            checked.find(Invariant.I12, case, f"{what} of version {version} in generation {generation}")


def _by_case(rows: Iterable[Record]) -> dict[str, list[Record]]:
    return {case: list(of_case) for case, of_case in groupby(rows, key=lambda row: row["case_id"])}


async def bounded(sides: Sides, checked: Checked) -> None:
    """I13: what was measured."""
    gauges: dict[tuple[str, str], list[Gauge]] = defaultdict(list)
    for gauge in sides.evidence.gauges():
        gauges[gauge.what, gauge.of].append(gauge)
    begun_at = sides.evidence.run.begun_at
    ended_at = max((each.at for measured in gauges.values() for each in measured), default=begun_at)
    for (what, of), measured in gauges.items():
        checked.looked_at[Invariant.I13] += len(measured)
        values = [each.value for each in sorted(measured, key=lambda each: each.at)]
        if what == "connections":
            beyond = [each.value for each in measured if each.limit is not None and each.value > each.limit]
            if beyond:
                checked.find(Invariant.I13, of, f"had {max(beyond):.0f} connections")
        elif what == "pollers":
            if values[-1] < 1:
                checked.find(Invariant.I13, of, "has no poller at the end")
        elif what == "memory" and len(settled := _of_second_half(measured, begun_at, ended_at)) >= FEWEST_GAUGES:
            grown = _growth(settled)
            if grown > MEMORY_GROWTH:
                checked.find(Invariant.I13, of, f"grew by {grown:.0%} over the second half of the run")


def _of_second_half(measured: Sequence[Gauge], begun_at: datetime, ended_at: datetime) -> list[float]:
    """What a process had in the second half of a run. None of one that came later than in its first quarter: a process
    that has just begun fills its memory with what it needs.
    """
    in_order = sorted(measured, key=lambda each: each.at)
    if in_order[0].at > begun_at + (ended_at - begun_at) / 4:
        return []
    return [each.value for each in in_order if each.at >= begun_at + (ended_at - begun_at) / 2]


def _growth(values: Sequence[float]) -> float:
    """By which share of their mean the straight line through some values rises from the first to the last."""
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    slope = sum((place - middle) * value for place, value in enumerate(values)) / sum(
        (place - middle) ** 2 for place in range(len(values))
    )
    return slope * (len(values) - 1) / mean


async def emptied(sides: Sides, checked: Checked) -> None:
    """I14: nothing is left to be sent that might have been sent for a minute."""
    checked.looked_at[Invariant.I14] += len(sides.cases)
    since = sides.evidence.quiet_since()
    for row in await READING.all(sides.register, "outbox", sides.cases):
        if not sides.patience or max(row["since"], since) + EMPTIED_WITHIN <= now():
            checked.find(Invariant.I14, row["subject"], row["what"])


async def until_emptied(evidence: Evidence, register: Connection, cases: Sequence[str] | None = None) -> None:
    """Wait until nothing is left to be sent that may still be left."""
    quiet = evidence.quiet_since()
    if cases is None:
        cases = [row["case_id"] for row in await register.fetch(_EVERY_CASE)]

    async def may_be_left() -> bool:
        outbox = await READING.all(register, "outbox", cases)
        return any(max(row["since"], quiet) + EMPTIED_WITHIN > now() for row in outbox)

    while await may_be_left():  # noqa: ASYNC110 - nobody says when it is empty
        await asyncio.sleep(1)


async def _ask_tables(sides: Sides, checked: Checked, invariant: Invariant) -> None:
    """Ask the queries of one invariant."""
    for name in BROKEN.by_name:
        which, _, rule = name.partition(" ")
        if which != invariant:
            continue
        checked.looked_at[invariant] += len(sides.cases)
        for row in await BROKEN.all(sides.register, name, sides.cases):
            checked.find(invariant, row["subject"], f"{rule}: {row['what']}")


CHECKS: Final[tuple[Check, ...]] = (
    emptied,
    acknowledged,
    one_case,
    a_path,
    one_id,
    in_order,
    one_wins,
    one_answer,
    rungs,
    accepted_once,
    agree,
    quiet,
    private,
    unbroken,
    bounded,
)
