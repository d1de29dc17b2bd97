"""Who may ask what, cell by cell: every route of the description with tokens, scopes, roles and regions.

What stands here was drawn by hand; a route that has no row yet fails.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import httpx
import pytest
import pytest_asyncio

from activities.publishing.feed import Reader
from activities.publishing.subscribing import subscribe
from cases.errors import Code
from cases.kinds import KINDS
from cases.models import Actor, Role
from cases.names import Kind
from cases.rules.people import SPEAKS_FOR
from intake.service.problems import STATUS
from intake.service.scopes import IMPORT, OPEN, SCOPES, TELLS_OF_PROGRAMS
from stack.identity import SERVICE_AUDIENCE
from stack.issuer import Issuer
from tests.cases.rules.test_people import cells
from tests.intake.service.contract import DESCRIPTION
from tests.intake.service.door import BACK_OFFICE, ELSEWHERE, TAKES_IN, VERIFIER, Door
from tests.intake.service.test_anything import job_of, leave_nothing_open
from tests.intake.service.test_cases import opened, ordered
from tests.intake.service.test_feed import verified
from tests.scenes import OFFICE

OPERATIONS: Final = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
}
TOLD: Final = {
    f"tell_{act}": frozenset({role for each, role, may in cells() if each == act and may}) for act, *_ in cells()
}
EVERYBODY: Final = frozenset(Role)
SEES_CHANGES: Final = EVERYBODY - {Role.applicant, Role.insured_register}
"""An applicant is spoken for by a channel, and has no token of this service; the register's source asks for no case."""
SEES_CARDS: Final = SEES_CHANGES - {Role.pension}
COUNTER: Final = frozenset({Role.clerk, Role.back_office})
PROGRAMS: Final = frozenset({Role.back_office, Role.bank, Role.medical_insurance, Role.pension, Role.card_bureau})
CAMPAIGNS: Final = ("pause_job", "resume_job", "set_job_rate", "read_job_report")
"""Of registers alone."""
MAY: Final = {
    "open_case": COUNTER,
    "look_up_case": SEES_CHANGES,
    "list_cases": EVERYBODY,
    "read_overview": frozenset({Role.supervisor, Role.operator}),
    "read_case": SEES_CHANGES,
    "read_progress": SEES_CHANGES,
    "read_history": SEES_CHANGES,
    "read_outcome": SEES_CHANGES,
    "read_subject": frozenset({Role.bank, Role.medical_insurance, Role.pension}),
    "read_delivery": frozenset({Role.card_bureau}),
    "read_feed": EVERYBODY,
    "read_feed_end": EVERYBODY,
    "subscribe": EVERYBODY,
    "list_subscriptions": EVERYBODY,
    "read_subscription": EVERYBODY,
    "end_subscription": EVERYBODY,
    "pause_subscription": EVERYBODY,
    "resume_subscription": EVERYBODY,
    "resend_subscription": EVERYBODY,
    "replay_subscription": EVERYBODY,
    "read_webhook_keys": EVERYBODY,
    "hand_in_register": COUNTER,
    "hand_in_event_batch": PROGRAMS,
    "list_jobs": EVERYBODY,
    "read_job": EVERYBODY,
    "list_job_rows": EVERYBODY,
    "cancel_job": EVERYBODY,
    **dict.fromkeys(CAMPAIGNS, EVERYBODY),
    "feed_persons": frozenset({Role.insured_register}),
} | {name: roles for name, roles in TOLD.items() if name != f"tell_{OPEN}" and name in OPERATIONS}
"""Which roles a route is for. Whoever is not among them is refused, whatever their token is for."""
NEEDS: Final = {
    "open_case": {OPEN},
    "look_up_case": {"cases:read"},
    "list_cases": {"cases:read"},
    "read_overview": {"cases:read"},
    **{
        name: {"cases:read"} for name, (_, path, _) in OPERATIONS.items() if "{case}" in path and "/events/" not in path
    },
    **{name: {"feed:read"} for name in OPERATIONS if "subscription" in name or "feed" in name or name == "subscribe"},
    **{name: {f"events:tell:{name.removeprefix('tell_')}"} for name in OPERATIONS if name.startswith("tell_")},
    "hand_in_register": {IMPORT},
    "hand_in_event_batch": set(TELLS_OF_PROGRAMS),
    **{name: {IMPORT, *TELLS_OF_PROGRAMS} for name, (_, path, _) in OPERATIONS.items() if "/jobs" in path},
    "feed_persons": {"persons:feed"},
    **{name: {IMPORT} for name in CAMPAIGNS},
    "read_webhook_keys": set(),
}
"""By which scopes, of which one will do."""
UNSEEN: Final = {"case": Code.CASE_UNKNOWN, "subscription": Code.SUBSCRIPTION_UNKNOWN, "job": Code.JOB_UNKNOWN}
"""What is said of one that is another region's or another client's: the same as of one that there is not."""
FROM_ELSEWHERE: Final = {
    "open_case": Code.OFFICE_NOT_COMPETENT,
    "look_up_case": Code.CASE_UNKNOWN,
    # Nothing of others is among what is answered.
    **dict.fromkeys(
        ("list_cases", "read_overview", "read_feed", "read_feed_end", "list_subscriptions", "list_jobs"), None
    ),
    # What is handed in is the caller's own; rows about others are refused one by one (`test_jobs.py`).
    **dict.fromkeys(("subscribe", "hand_in_register", "hand_in_event_batch"), None),
    # Lines about others are refused one by one (`test_persons.py`).
    "feed_persons": None,
}
"""What a caller of another region is told by routes that name nothing in their path."""


class There(NamedTuple):
    """What there is to ask for."""

    door: Door
    change: str
    """A number change that was withdrawn: telling it something moves nothing."""
    card: str
    making: str
    """A case whose card is being made."""
    applying: str
    """A case that waits for all systems."""
    personal_number: str
    subscription: str
    job: str

    async def asked(self, name: str, by: Actor | str | None, role: Role = Role.back_office) -> httpx.Response:
        """Ask for an operation in the way of its example, as somebody of a role would."""
        method, path, operation = OPERATIONS[name]
        url = path.format(case=self._case(name), subscription=self.subscription, job=self.job)
        body = operation.get("requestBody", {}).get("content", {})
        if "text/csv" in body:
            # No file: whoever may hand one in is told what is wrong with it.
            return await self.door.asked(method, url, by=by, content=b"planted\n", headers={"Content-Type": "text/csv"})
        if name == "feed_persons":
            lines = body["application/jsonl"]["examples"]["example"]["value"].encode()
            headers = {"Content-Type": "application/jsonl"}
            return await self.door.asked(method, url, by=by, content=lines, headers=headers)
        sent = next(iter(body["application/json"]["examples"].values()))["value"] if body else None
        submitter = BACK_OFFICE.model_copy(update={"role": role}) if role is Role.clerk else TAKES_IN
        instead = {
            "open_case": {"region": OFFICE, "submitter": submitter.model_dump(mode="json")},
            "look_up_case": {"personal_number": self.personal_number},
            # A system speaks for itself.
            "tell_confirm_downstream": {"system": role.value if role in SPEAKS_FOR else "bank"},
            "tell_card_activated": {"function": "bank" if role is Role.bank else "social"},
        }.get(name, {})
        return await self.door.asked(method, url, by=by, json=None if sent is None else sent | instead)

    def _case(self, name: str) -> str:
        # Of a closed one nobody takes notice but who looks after what came too late.
        if name in {"read_subject", "tell_acknowledge"}:
            return self.applying
        if name == "read_delivery":
            return self.making
        return self.change if _hears(name) else self.card


def _hears(name: str) -> bool:
    """Whether it is something that a number change may be told, or asked for."""
    machine = KINDS[Kind.id_number_change].machine
    if name == "read_delivery":
        return False
    return not name.startswith("tell_") or any(f"tell_{event}" == name for event in machine.every_event)


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="there")
async def _there(door: Door) -> AsyncIterator[There]:
    person = await door.engine.insured()
    change, card = str((await opened(door, person)).json()["case_id"]), await ordered(door)
    for case in (change, card):
        ended = await door.asked("POST", f"/v1/cases/{case}/events/withdraw", by=VERIFIER, json={})
        assert ended.status_code == 200, ended.text
    now = datetime.now(UTC)
    reader = Reader(BACK_OFFICE, (Kind.id_number_change,))
    sink = "https://back-office.example.invalid/access"
    subscription = await subscribe(door.engine.pool, reader, sink, (), BACK_OFFICE.office, now)
    yield There(
        door,
        change,
        card,
        await ordered(door),
        await verified(door),
        person.personal_number,
        subscription,
        await job_of(door),
    )
    await leave_nothing_open(door)


def refused(answer: httpx.Response, code: Code) -> bool:
    """Whether that was the answer."""
    return (answer.status_code, answer.json().get("code")) == (int(STATUS[code]), code.value)


def let_in(answer: httpx.Response) -> bool:
    """Whether what was asked was judged by what it says, and not by who asked."""
    return answer.status_code not in {401, 403, 404}


def everything_but(*scopes: str) -> str:
    return " ".join(sorted({*SCOPES} - {*scopes}))


def test_every_route_has_its_rows() -> None:
    assert set(MAY) == set(NEEDS) == set(OPERATIONS)
    assert set(FROM_ELSEWHERE) | {name for name, (_, path, _) in OPERATIONS.items() if "{" in path} == set(
        OPERATIONS
    ) - {"read_webhook_keys"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_description_asks_for_the_scopes_that_were_drawn(name: str) -> None:
    operation = OPERATIONS[name][2]
    said = [scope for each in operation["security"] for scopes in each.values() for scope in scopes]
    assert (set(said), len(said)) == (NEEDS[name], len(NEEDS[name]))


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"read_webhook_keys"}))
async def test_nothing_is_answered_to_a_token_that_is_none_or_somebody_elses(there: There, name: str) -> None:
    door, ours = there.door, there.door.provider.issuer
    past = datetime.now(UTC) - timedelta(hours=2)
    wrong = {
        None: Code.IDENTITY_MISSING,
        "no-token": Code.IDENTITY_INVALID,
        # The name of the issuer, and a key that is not its own.
        Issuer(ours.url).token(BACK_OFFICE, aud=SERVICE_AUDIENCE): Code.IDENTITY_INVALID,
        door.token(BACK_OFFICE, iss="https://elsewhere.example.invalid"): Code.IDENTITY_INVALID,
        # As the gate takes it.
        door.token(BACK_OFFICE, aud=ours.audience): Code.IDENTITY_INVALID,
        door.token(BACK_OFFICE, exp=int(past.timestamp())): Code.IDENTITY_EXPIRED,
        door.token(BACK_OFFICE, cardcase_role="registrar"): Code.IDENTITY_INVALID,
        door.token(BACK_OFFICE, cardcase_office=None): Code.IDENTITY_INVALID,
        ours.token(BACK_OFFICE, aud=SERVICE_AUDIENCE, scope=["cases:read"]): Code.IDENTITY_INVALID,
    }
    for token, code in wrong.items():
        answer = await there.asked(name, token)
        assert refused(answer, code), (answer.status_code, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_keys_of_webhooks_are_anybodys(there: There) -> None:
    assert (await there.asked("read_webhook_keys", None)).status_code == 200


@pytest.mark.parametrize("name", sorted(name for name, needed in NEEDS.items() if needed))
async def test_a_token_is_good_for_what_its_scopes_name_and_nothing_else(there: There, name: str) -> None:
    role = Role.back_office if Role.back_office in MAY[name] else min(MAY[name])
    caller = BACK_OFFICE.model_copy(update={"role": role})
    others = await there.asked(name, there.door.token(caller, everything_but(*NEEDS[name])), role)
    if name == "list_jobs":
        # Other tests hand in batches of which no row may be told, and they ask for nothing.
        assert others.status_code == 200
        assert there.job not in others.text
    elif "{job}" in OPERATIONS[name][1] and name not in CAMPAIGNS:
        # A job of which the token is for nothing is none of its bearer's.
        assert refused(others, Code.JOB_UNKNOWN), others.text
    else:
        assert refused(others, Code.SCOPE_MISSING), others.text
    enough = IMPORT if IMPORT in NEEDS[name] else min(NEEDS[name])
    answer = await there.asked(name, there.door.token(caller, enough), role)
    assert let_in(answer), answer.text


@pytest.mark.parametrize("name", sorted(set(MAY) - {"read_webhook_keys"}))
async def test_a_route_is_for_the_roles_that_were_drawn(there: There, name: str) -> None:
    hidden = EVERYBODY - (SEES_CHANGES if _hears(name) else SEES_CARDS)
    about_a_case = "{case}" in OPERATIONS[name][1] or name == "look_up_case"
    # Those who may not first: what is told by the others may move something.
    for role in sorted(Role, key=lambda each: (each in MAY[name], each)):
        answer = await there.asked(name, BACK_OFFICE.model_copy(update={"role": role}), role)
        if role in MAY[name]:
            assert let_in(answer), (role, answer.status_code, answer.text)
        elif name == "open_case" and role in hidden:
            assert refused(answer, Code.OFFICE_NOT_COMPETENT), (role, answer.text)
        elif about_a_case and role in hidden:
            assert refused(answer, Code.CASE_UNKNOWN), (role, answer.text)
        else:
            assert refused(answer, Code.ROLE_NOT_ALLOWED), (role, answer.text)


@pytest.mark.parametrize("name", sorted(set(MAY) - {"read_webhook_keys"}))
async def test_another_region_and_another_client_see_nothing(there: There, name: str) -> None:
    role = Role.back_office if Role.back_office in MAY[name] else min(MAY[name])
    answer = await there.asked(name, ELSEWHERE.model_copy(update={"role": role}), role)
    path = OPERATIONS[name][1]
    within = [code for what, code in UNSEEN.items() if f"{{{what}}}" in path]
    code = within[0] if within else FROM_ELSEWHERE[name]
    if code is not None:
        assert refused(answer, code), answer.text
        return
    assert let_in(answer), answer.text
    for known in (there.change, there.card, there.making, there.applying, there.subscription, there.job):
        assert known not in answer.text
