"""Examples for the description of the interface. All of them are synthetic: nobody has these numbers and names."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from pydantic import BaseModel

from activities.publishing.entries import Challenge, Entry, Moved, Told, type_of
from activities.publishing.subscribing import State, Subscription
from activities.registry.loading import Suspended
from activities.registry.overview import (
    Campaign,
    Day,
    Decisions,
    Duration,
    LateCases,
    OpenCases,
    Overview,
    Remaining,
)
from activities.registry.reading import CaseRow
from cases.answers import Answer, CaseView, Left, Outcome, Receipt
from cases.campaigns import CampaignReport
from cases.clocks import SHANGHAI
from cases.errors import Code
from cases.events import EVENTS, OPEN, Event
from cases.facts import HandOver
from cases.machines.machine import Awaits, Milestone, Status
from cases.models import Category, Role, System
from cases.names import Kind
from cases.numbers import Road
from cases.openings import ApplicationChannel
from cases.progress import Progress
from cases.submitters import SubmitterKind
from intake.jobs.store import CampaignPace, Job, JobKind, JobState, RowCounts, RowState
from intake.persons import LineAnswer, LineError, LineOutcome
from intake.service.feed import Events, FeedEnd
from intake.service.feeding import PersonsAnswer
from intake.service.jobs import JobRow, JobRows, Jobs, refused_finding
from intake.service.keys import PublishedKey, WebhookKeySet
from intake.service.looking import DeliveryRead, Found, History, Page, SubjectRead, TransitionRead
from intake.service.problems import problem_of, written
from intake.service.subscriptions import Subscriptions

MARK: Final = "Synthetic"
"""Stands over every example."""

_CASE: Final = "idc-abcdefghijklmnopqrstuvwxyz"
_PLACE: Final = "abcdefghij.1204"
_SUBSCRIPTION: Final = "sub-abcdefghijklmnopqrstuvwxyz"
_PUBLICATION: Final = "pub-abcdefghijklmnopqrstuvwxyz"
_DIGEST: Final = "0123456789abcdef" * 4
_REGION: Final = "130102"
_OLD_NUMBER, _NUMBER = "110105021018775", "110105190210187751"
_DOCUMENT: Final = {
    "kind": "resident_id_card",
    "uri": "doc://store/d-1",
    "media_type": "image/jpeg",
    "size": 20480,
    "sha256": _DIGEST,
}
_AT: Final = datetime(2026, 9, 1, 10, 30, tzinfo=SHANGHAI)
_DUE: Final = datetime(2026, 9, 23, tzinfo=SHANGHAI)

CHANGE: Final[Mapping[str, Any]] = {
    "kind": "IdNumberChange",
    "channel": "counter",
    "submitter": {"id": "clerk-1", "role": "clerk", "office": _REGION},
    "personal_number": "SN0034",
    "name": "测癸寅",
    "new_number": _NUMBER,
    "region": _REGION,
    "category": "resettled",
    "documents": [_DOCUMENT],
}
REPLACEMENT: Final[Mapping[str, Any]] = {
    "kind": "CardReplacement",
    "channel": "counter",
    "submitter": {"id": "clerk-1", "role": "clerk", "office": _REGION},
    "personal_number": "SN0034",
    "name": "测癸寅",
    "number": _NUMBER,
    "reason": "data_changed",
    "region": _REGION,
    "documents": [_DOCUMENT],
}
APPLICATIONS: Final = {Kind.id_number_change: CHANGE, Kind.card_replacement: REPLACEMENT}
"""One of each kind of case."""
LOOKED_FOR: Final[Mapping[str, Any]] = {"kind": "IdNumberChange", "personal_number": "SN0034"}
WANTED: Final[Mapping[str, Any]] = {
    "sink": "https://back-office.example.invalid/cardcase",
    "types": [type_of(Told.case_moved)],
}
SAID: Final = """\
{"personal_number": "SN0034", "source_version": 41, "phone": "10001446818"}
{"personal_number": "SN0034", "source_version": 42, "died_on": "2026-03-01"}
"""
"""Two changes of one person, as JSON Lines."""
FROM: Final[Mapping[str, Any]] = {"after": _PLACE}
REGISTER: Final = f"""\
个人编号,姓名,证件号码,经办机构区划,材料清单,受理人
SN0034,测癸寅,{_NUMBER},{_REGION},居民身份证|doc://store/d-1|image/jpeg|20480|{_DIGEST},clerk-1
"""
"""A register, as CSV."""
BATCH: Final = f"""\
案件编号,事项,流水号,变更通知编号,是否变更成功,回执编号
{_CASE},外部系统确认,2026-09-01/1,{_PUBLICATION},是,YH-2026-1
"""
"""A bank's returns, as CSV."""
IN_A_WORKBOOK: Final = "The table of the CSV example in the first visible sheet; every cell is formatted as text."
"""Said of a file of which JSON can hold no example."""


def as_lines(table: str) -> str:
    """A table of CSV as JSON Lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in csv.DictReader(io.StringIO(table)))


_MOVED: Final = Entry(
    id=_PLACE,
    source="/cardcase/default",
    type=type_of(Told.case_moved),
    subject=_CASE,
    time=_AT,
    sequence="1204",
    data=Moved(
        case_id=_CASE,
        kind=Kind.id_number_change,
        generation=1,
        version=3,
        event=Event.commit.value,
        status=Status.applying,
        milestone=Milestone.documents_verified,
        awaits=Awaits.downstream,
        due_at=_DUE,
    ),
)
_TOLD: Final = Subscription(
    id=_SUBSCRIPTION,
    sink="https://back-office.example.invalid/cardcase",
    types=(type_of(Told.case_moved),),
    region=_REGION,
    state=State.active,
    pending=0,
    dead=0,
    failures=0,
    created_at=_AT,
)
_JOB: Final = Job(
    id="job-abcdefghijklmnopqrstuvwxyz",
    kind=JobKind.register,
    state=JobState.running,
    rows=RowCounts(read=5000, done=1204, refused=1, waiting=3795, cancelled=0),
    begun_at=_AT,
    campaign=CampaignPace(per_second=20, paused=False, answered=291),
)
RATE: Final[Mapping[str, Any]] = {"per_second": 5}
"""Half a season's pace, while interactive work is slow."""
_EXAMPLES: Final[tuple[BaseModel, ...]] = (
    Receipt(
        case_id=_CASE,
        generation=1,
        status=Status.in_review,
        milestone=Milestone.submitted,
        road=Road.pure_upgrade,
        due_at=_DUE,
        due_left=Left(after=date(2026, 9, 1), working_days=15),
    ),
    Answer(case_id=_CASE, status=Status.verified, milestone=Milestone.documents_verified, version=2),
    Found(case_id=_CASE),
    CaseView(
        case_id=_CASE,
        kind=Kind.id_number_change,
        generation=1,
        version=4,
        status=Status.applying,
        status_zh="正在变更",
        milestone=Milestone.documents_verified,
        region=_REGION,
        category=Category.resettled,
        road=Road.pure_upgrade,
        policy="north/1",
        awaits=Awaits.downstream,
        events=(Event.confirm_downstream, Event.person_ended),
        due_at=_DUE,
        due_event=Event.confirmation_overdue,
        channel=ApplicationChannel.counter,
        submitter_kind=SubmitterKind.staff,
        submitter="clerk-1",
        verifier="clerk-2",
        awaited=(System.bank,),
        publication=_PUBLICATION,
    ),
    Page(
        cases=(
            CaseRow(
                case_id=_CASE,
                generation=1,
                kind=Kind.id_number_change,
                region=_REGION,
                category=Category.resettled,
                status=Status.applying,
                milestone=Milestone.documents_verified,
                version=4,
                road=Road.pure_upgrade,
                policy="north/1",
                due_at=_DUE,
                attention=(),
                opened_at=_AT,
                moved_at=_AT,
                closed_at=None,
            ),
        ),
        next="WyJpZGMtYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoiLDFd",
    ),
    Progress(
        zh="您的证件号码变更已提交审核。您目前无须办理任何事项。",
        en="Your number change is being checked; you need not do anything now.",
        cases=(_CASE,),
        acts=False,
    ),
    History(
        case_id=_CASE,
        transitions=(
            TransitionRead(
                generation=1,
                version=2,
                at=_AT,
                event=Event.verify_documents.value,
                status=Status.in_review,
                to=Status.verified,
                actor="clerk-2",
                role=Role.clerk.value,
                office=_REGION,
            ),
        ),
    ),
    Outcome(
        case_id=_CASE,
        generation=1,
        status=Status.done,
        milestone=Milestone.benefits_unblocked,
        transitions=9,
    ),
    Overview(
        office="110000",
        at=datetime(2026, 8, 3, 9, 30, tzinfo=SHANGHAI),
        since=date(2026, 8, 2),
        open=(OpenCases(region="110105", kind=Kind.id_number_change, status=Status.in_review, cases=412, overdue=3),),
        late=(LateCases(region="110105", rung=3, cases=3),),
        days=(
            Day(day=date(2026, 8, 2), opened=0, closed=4),
            Day(day=date(2026, 8, 3), opened=120, closed=96),
        ),
        durations=(Duration(kind=Kind.id_number_change, cases=100, median_days=3.5, p90_days=8.25),),
        remaining=(Remaining(region="110105", category=Category.general, persons=2100, with_case=412),),
        campaign=(
            Campaign(
                region="110105",
                remaining=2100,
                a_day=84.0,
                done_on=date(2026, 8, 28),
                ends_on=date(2026, 8, 31),
                in_time=True,
            ),
        ),
        decisions=(Decisions(actor="c-0417", office="110105", role=Role.clerk, decisions=61, cases=58),),
    ),
    SubjectRead(case_id=_CASE, number=_NUMBER, replaces=_OLD_NUMBER),
    DeliveryRead(case_id=_CASE, order=EVENTS[Event.card_lost_on_way].form.example["order"], delivery=HandOver.post),
    PersonsAnswer(
        applied=1,
        unchanged=0,
        older=0,
        refused=1,
        unknown=0,
        lines=(
            LineAnswer(
                line=1,
                outcome=LineOutcome.applied,
                suspended=(Suspended(pointer="/claims/0", legal_basis="社会保险经办条例第十条"),),
            ),
            LineAnswer(
                line=2,
                outcome=LineOutcome.refused,
                errors=(LineError(pointer="/number", code=Code.NUMBER_CHECK_DIGIT),),
            ),
        ),
    ),
    Events(events=(_MOVED,), next=_PLACE, is_end=True),
    FeedEnd(next=_PLACE),
    _TOLD,
    Subscriptions(subscriptions=(_TOLD,)),
    _JOB,
    Jobs(jobs=(_JOB,)),
    CampaignReport(
        job=_JOB.id,
        state="done",
        read=5000,
        done=4989,
        refused=11,
        cancelled=0,
        waiting=0,
        opened=4702,
        answered=291,
        codes={Code.ALREADY_18_DIGITS.value: 287, Code.PERSON_UNKNOWN.value: 4, Code.NUMBER_CHECK_DIGIT.value: 7},
        statuses={Status.in_review.value: 4702, Status.not_needed.value: 287},
    ),
    JobRows(
        rows=(
            JobRow(
                row=17,
                state=RowState.refused,
                findings=(refused_finding("number", Code.NUMBER_CHECK_DIGIT),),
            ),
            JobRow(row=18, state=RowState.done, case_id=_CASE, event=OPEN, status=Status.in_review.value),
        ),
        next="17",
    ),
    WebhookKeySet(keys=(PublishedKey(kid="2026-09", x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),)),
)
_BY_MODEL: Final[Mapping[type[BaseModel], BaseModel]] = {type(example): example for example in _EXAMPLES}


def of_answer(model: type[BaseModel]) -> Any:
    """An answer, as JSON. Raises KeyError for a model that has no example yet: it is written here."""
    return _BY_MODEL[model].model_dump(mode="json")


def of_refusal(code: Code) -> Any:
    """A refusal with a code, as JSON."""
    return json.loads(written(problem_of(code)))


def of_entry(kind: Told) -> Any:
    """What a sink is told of a kind, as JSON."""
    return _MOVED.model_copy(update={"type": type_of(kind)}).model_dump(mode="json")


def of_challenge() -> Any:
    """The first message to a sink, as JSON."""
    return Challenge(subscription=_SUBSCRIPTION, challenge="nHhBhJ0zqzPcrMrcxXUXvBwRJjPqLDPR").model_dump(mode="json")


def of_event(event: Event) -> Any:
    """What a case is told as an event, in clear, as JSON."""
    fields = dict(EVENTS[event].form.example)
    if fields.pop("card_token", None) is not None:
        fields["card_number"] = "T00000001"
    if fields.pop("address_token", None) is not None:
        fields["address"] = "示例市示例区示例路1号"
    return fields
