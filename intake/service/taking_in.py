"""Taking a file in: its rows are read, sealed as they will be opened or told, staged, and committed to by a manifest.

Reading goes on in a thread, some rows at a time, so that other callers are answered meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from cases.campaigns import USUAL_PACE, Pace
from cases.errors import CaseError, Code
from cases.events import OPEN, Act, Event
from cases.facts import Fact
from cases.kinds import KINDS, case_id, read_case_id
from cases.manifests import MOST_ROWS, Tree, leaf_of
from cases.openings import Opening
from cases.rules.people import SPEAKS_FOR, check_fact
from cases.stamps import digest_of
from gate.gate import ManifestWanted
from intake.applications import InputRefused, Problem
from intake.client import CaseClient, EngineError
from intake.files.batch import BatchColumn, EventBatch, Line
from intake.files.columns import Column
from intake.files.register import Register
from intake.files.rows import Finding, Row, by_column
from intake.jobs import store
from intake.jobs.store import JobKind, Noticed, Staged, Where
from intake.service.acting import check_region, key_of
from intake.service.callers import Caller
from intake.service.pointing import MEANT
from intake.service.reach import Reach
from intake.service.scopes import tell
from intake.telling import fact_of

ROWS_AT_ONCE: Final = 200
"""Rows that are read, sealed and staged together."""


class Prepared(NamedTuple):
    """A row that was read: what is to be opened or told, unless it is refused."""

    number: int
    findings: tuple[Finding, ...]
    act: Act | None = None
    case: str | None = None
    content: Opening | Fact | None = None
    told_as: str | None = None


async def applications_of(register: Register, cases: CaseClient, caller: Caller) -> AsyncIterator[list[Prepared]]:
    """The rows of a register, sealed."""
    if register.findings:
        yield [Prepared(0, register.findings)]
    rows = _until_damaged(register, lambda found: Row(0, None, (found,)))
    while some := await asyncio.to_thread(_prepared, rows, partial(_application, cases=cases, caller=caller)):
        yield some


def _application(row: Row, cases: CaseClient, caller: Caller) -> Prepared:
    if row.application is None:
        return Prepared(row.number, row.findings)
    try:
        check_region(caller, row.application)
        opening = cases.sealed(row.application)
    except (CaseError, InputRefused, EngineError) as wrong:
        return Prepared(row.number, (*row.findings, *_refusals(row.number, wrong, by_column)))
    return Prepared(row.number, row.findings, OPEN, case_id(opening.kind, opening.person), opening)


async def facts_of(batch: EventBatch, reach: Reach, caller: Caller) -> AsyncIterator[list[Prepared]]:
    """The rows of a batch, card numbers in them sealed."""
    if batch.findings:
        yield [Prepared(0, batch.findings)]
    lines = _until_damaged(batch, lambda found: Line(0, (found,)))
    while some := await asyncio.to_thread(_taken, lines):
        known = await store.cases_of(reach.pool, {line.case for line in some if line.case})
        yield await asyncio.to_thread(_prepared, iter(some), partial(_fact, known=known, reach=reach, caller=caller))


def _fact(line: Line, known: Mapping[str, Where], reach: Reach, caller: Caller) -> Prepared:
    if line.fields is None or line.event is None:
        return Prepared(line.number, line.findings)
    try:
        fact = _checked_fact(line.case, line.event, line.fields, known, reach, caller)
        told_as = _own_key(caller, line)
    except (CaseError, InputRefused) as wrong:
        return Prepared(line.number, (*line.findings, *_refusals(line.number, wrong, _of_batch)))
    return Prepared(line.number, line.findings, line.event, line.case, fact, told_as)


def _own_key(caller: Caller, line: Line) -> str | None:
    """Raises `CaseError`."""
    try:
        return key_of(caller, line.key)
    except CaseError as wrong:
        raise CaseError(wrong.code, BatchColumn.key) from None


def _checked_fact(
    case: str, event: Event, fields: Mapping[str, object], known: Mapping[str, Where], reach: Reach, caller: Caller
) -> Fact:
    """The fact of a row, if its bearer may tell it. Raises `CaseError` and `InputRefused`."""
    caller.need(tell(event))
    try:
        read_case_id(case)
    except CaseError as wrong:
        raise CaseError(wrong.code, "case") from None
    where = known.get(case)
    if where is None or not caller.sees(where.kind, where.region):
        raise CaseError(Code.CASE_UNKNOWN, "case")
    if event not in KINDS[where.kind].machine.every_event:
        raise CaseError(Code.EVENT_NOT_ALLOWED, "event")
    said = dict(fields)
    if event is Event.confirm_downstream and caller.actor.role in SPEAKS_FOR:
        # Whoever hands a file in speaks for one system, which the file need not name in each row.
        said.setdefault("system", SPEAKS_FOR[caller.actor.role])
    fact = fact_of(caller.actor, case, event, said, reach.sealer)
    check_fact(event, fact, where.region)
    return fact


async def stage(
    reach: Reach,
    caller: Caller,
    job: str,
    kind: JobKind,
    chunks: AsyncIterator[list[Prepared]],
    pace: Pace = USUAL_PACE,
) -> None:
    """Stage all rows of a job and have it run; it is done at once where no row may be opened or told.

    A large register becomes a campaign, at a `pace`.

    Raises `CaseError` ROWS_TOO_MANY, UPLOAD_TOO_SLOW where it was given up meanwhile, and what the gate says.
    """
    leaves: list[bytes] = []
    acts: set[Act] = set()
    place = rows = 0
    async for some in chunks:
        if place + len(some) > MOST_ROWS:
            raise CaseError(Code.ROWS_TOO_MANY)
        staged = await asyncio.to_thread(_staged, some, place, leaves)
        place += len(some)
        # What is found in the file as a whole is none of its rows.
        rows += sum(row.number > 0 for row in some)
        acts.update(row.act for row in some if row.act is not None)
        if not await store.stage(reach.pool, job, staged):
            raise CaseError(Code.UPLOAD_TOO_SLOW)
    manifest = None
    if leaves:
        root = (await asyncio.to_thread(Tree, leaves)).root
        wanted = ManifestWanted(acts=tuple(sorted(acts)), rows=len(leaves), root=root)
        manifest = await reach.cases.manifest_for(caller, wanted)
    is_campaign = kind is JobKind.register and rows > store.CAMPAIGN_ROWS and manifest is not None
    if is_campaign and not await store.make_campaign(reach.pool, job, pace):
        raise CaseError(Code.UPLOAD_TOO_SLOW)
    if not await store.start(reach.pool, job, manifest, leaves):
        raise CaseError(Code.UPLOAD_TOO_SLOW)
    if is_campaign:
        await reach.campaigns.begin(job)
    else:
        reach.runner.wake()


def _staged(some: Iterable[Prepared], first: int, leaves: list[bytes]) -> list[Staged]:
    """Rows as they are staged, from a place on. Those that are to be opened or told get a leaf each."""
    staged = []
    for place, row in enumerate(some, start=first):
        found = tuple(
            Noticed(column=finding.column, code=finding.code.value, refused=finding.refused) for finding in row.findings
        )
        if row.content is None or row.case is None or row.act is None:
            staged.append(Staged(place=place, number=row.number, findings=found))
            continue
        leaf = len(leaves)
        leaves.append(leaf_of(leaf, row.case, row.act, digest_of(row.content)))
        staged.append(
            Staged(
                place=place,
                number=row.number,
                findings=found,
                leaf=leaf,
                case_id=row.case,
                act=str(row.act),
                told_as=row.told_as,
                content=row.content.model_dump_json(exclude_unset=True),
            )
        )
    return staged


Some = TypeVar("Some")


def _until_damaged(rows: Iterable[Some], damaged: Callable[[Finding], Some]) -> Iterator[Some]:
    """The rows of a file, and in the place of those that it turns out to be too broken for, what says so."""
    try:
        yield from rows
    except CaseError as found:
        yield damaged(Finding(0, found.field, found.code, refused=True))


def _taken(rows: Iterator[Some]) -> list[Some]:
    return list(islice(rows, ROWS_AT_ONCE))


def _prepared(rows: Iterator[Some], prepare: Callable[[Some], Prepared]) -> list[Prepared]:
    return [prepare(row) for row in _taken(rows)]


def _of_batch(problem: Problem) -> Problem:
    """What is wrong with a field of a fact, as it is with its column; of what has none the row as a whole is meant."""
    column = problem.field.partition(".")[0]
    return Problem(column if column in set(BatchColumn) else "", problem.code)


def column_meant(act: str, code: Code) -> str | None:
    """The column of a row that a case means when it refuses what the row opens or tells; None where it means none."""
    columns: frozenset[str] = frozenset(Column if act == OPEN else BatchColumn)
    by_its_column = by_column if act == OPEN else _of_batch
    found = (by_its_column(Problem(path, code)).field for path in MEANT.get(code, ()))
    return next((column for column in found if column in columns), None)


def _refusals(
    number: int, wrong: CaseError | InputRefused | EngineError, of_column: Callable[[Problem], Problem]
) -> tuple[Finding, ...]:
    match wrong:
        case InputRefused():
            problems = wrong.problems
        case EngineError():
            problems = (Problem("", wrong.code),)
        case _:
            problems = (Problem(wrong.field or "", wrong.code),)
    found = dict.fromkeys(map(of_column, problems))
    return tuple(Finding(number, problem.field or None, problem.code, refused=True) for problem in found)
