"""The codec server before a real engine: who sees what, what enters, and what is refused. Everything is synthetic."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from activities.registry.journal import Kind, entries
from activities.registry.reveals import MOST_IN_AN_HOUR, reveal
from cases.errors import REMEDIES, CaseError, Code
from cases.events import FACTS, Event
from cases.kinds import MACHINES
from cases.machines.machine import Status
from cases.models import Actor, Role
from cases.names import Kind as CaseKind
from runtime.codec import ENTRY, bound_of
from stack.issuer import Issuer
from tests.engine import SEALED
from tests.gate.conftest import SUPERVISOR, UI, CodecServer
from tests.scenes import CLERK, ID_CARD, OFFICE, OFFICER, SECOND_OFFICER, SOUTH, VERIFIER

REASON = "核对登记信息与来件"
UNSIGNED = base64.urlsafe_b64encode(b'{"alg":"none","kid":"throw-away"}').decode().rstrip("=")
BANK = Actor(id="bank-1", role=Role.bank, office=OFFICE)


async def case_in_review(server: CodecServer) -> tuple[str, Any]:
    person = await server.engine.insured()
    receipt = await server.engine.open(server.engine.number_change(person, ID_CARD))
    assert receipt.status is Status.in_review
    return receipt.case_id, person


def verification(case: str, **more: Any) -> dict[str, Any]:
    return {"case": case, "event": "verify_documents", "original_seen": True, "copies": [ID_CARD.sha256], **more}


def explained(code: Code) -> str:
    return f"{code}: {REMEDIES[code].zh} {REMEDIES[code].en}"


class TestLooking:
    async def test_a_clerk_sees_a_case_with_names_and_numbers_masked(self, server: CodecServer) -> None:
        case, person = await case_in_review(server)
        seen = await server.decoded(await server.opening_of(case), by=CLERK)
        assert seen["name"] == f"{person.name[:1]}**"
        assert seen["number"] == f"{'*' * 16}{person.new[-2:]}"
        assert seen["submitter"]["id"] == CLERK.id

    @pytest.mark.parametrize(
        "stranger",
        [
            Actor(id="officer-8", role=Role.officer, office=SOUTH),
            Actor(id="clerk-8", role=Role.clerk, office="110106"),
            Actor(id="supervisor-8", role=Role.supervisor, office="440000"),
            Actor(id="operator-8", role=Role.operator, office=SOUTH),
        ],
        ids=["another province", "another agency", "a department elsewhere", "who keeps the servers elsewhere"],
    )
    async def test_whose_office_does_not_answer_for_a_case_sees_ciphertext(
        self, server: CodecServer, stranger: Actor
    ) -> None:
        case, _ = await case_in_review(server)
        typed = await server.entered({"case": case, "event": "acknowledge", "note": "已签收"}, by=VERIFIER)
        outcome = await server.told(case, Event.acknowledge, typed)
        # How it was opened, what was typed, and how it was answered.
        for payload in (await server.opening_of(case), typed, *outcome.success.payloads):
            status, body, _ = await server.asked("decode", [payload], by=stranger)
            assert status == 200
            assert json_format.ParseDict(body, Payloads()).payloads[0] == payload
            assert await server.decoded(payload, by=CLERK)

    @pytest.mark.parametrize("office", ["110105", "110000", "100000"])
    async def test_offices_above_see_the_cases_of_those_below(self, server: CodecServer, office: str) -> None:
        case, _ = await case_in_review(server)
        above = Actor(id="supervisor-7", role=Role.supervisor, office=office)
        assert (await server.decoded(await server.opening_of(case), by=above))["name"].endswith("**")

    async def test_a_case_that_the_register_does_not_know_is_nobodys_to_see(self, server: CodecServer) -> None:
        case = f"idc-{'b' * 26}"
        plain = Payload(metadata={"encoding": b"json/plain"}, data=b'{"note": "x"}')
        namespace = server.engine.client.namespace
        for bound in (f"case:{case}", ENTRY):
            sealed = SEALED.seal(plain, namespace=namespace, bound=bound)
            _, body, _ = await server.asked("decode", [sealed], by=OFFICER)
            assert json_format.ParseDict(body, Payloads()).payloads[0] == sealed

    async def test_nobody_sees_anything_without_a_token(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        status, body, headers = await server.asked("decode", [await server.opening_of(case)], by=None)
        assert (status, body["code"]) == (401, Code.IDENTITY_MISSING)
        assert headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ("expired", Code.IDENTITY_EXPIRED),
            ("audience", Code.IDENTITY_INVALID),
            ("issuer", Code.IDENTITY_INVALID),
            ("another key", Code.IDENTITY_INVALID),
            ("no algorithm", Code.IDENTITY_INVALID),
            ("no token", Code.IDENTITY_INVALID),
        ],
    )
    async def test_a_wrong_token_is_none(self, server: CodecServer, wrong: str, code: Code) -> None:
        right = server.token(OFFICER)
        body = right.split(".")[1]
        token = {
            "expired": server.token(OFFICER, lifetime=timedelta(minutes=-5)),
            "audience": server.token(OFFICER, aud="another"),
            "issuer": server.token(OFFICER, iss="https://other.invalid"),
            "another key": Issuer(server.provider.issuer.url).token(OFFICER),
            "no algorithm": f"{UNSIGNED}.{body}.",
            "no token": "x",
        }[wrong]
        status, answer, _ = await server.asked("decode", [], by=token)
        assert (status, answer["code"]) == (401, code)

    async def test_other_systems_see_no_case(self, server: CodecServer) -> None:
        status, body, _ = await server.asked("decode", [], by=BANK)
        assert (status, body["code"]) == (403, Code.ROLE_NOT_ALLOWED)

    @pytest.mark.parametrize("header", ["Authorization", "Authorization-Extras", "Cookie"])
    async def test_the_token_may_come_as_the_web_ui_sends_it(self, server: CodecServer, header: str) -> None:
        token = server.token(OFFICER)
        said = {
            "Authorization": {"Authorization": f"Bearer {token}"},
            # A Web UI that logged the operator in itself sends its access token beside it.
            "Authorization-Extras": {"Authorization": "Bearer opaque", "Authorization-Extras": token},
            "Cookie": {"Cookie": f"cardcase={token}"},
        }[header]
        status, body, _ = await server.asked("decode", [], by=None, more=said)
        assert (status, body) == (200, {})

    async def test_what_was_changed_or_never_sealed_comes_back_as_it_is(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        broken = await server.opening_of(case)
        broken.data = broken.data[:-1] + bytes([broken.data[-1] ^ 1])
        plain = Payload(metadata={"encoding": b"json/plain"}, data=b'"in_review"')
        status, body, _ = await server.asked("decode", [broken, plain], by=CLERK)
        assert status == 200
        assert [base64.b64decode(payload["data"]) for payload in body["payloads"]] == [broken.data, plain.data]

    async def test_another_namespace_is_not_ours_to_open(self, server: CodecServer) -> None:
        status, body, _ = await server.asked("decode", [], by=OFFICER, namespace="another")
        assert (status, body["code"]) == (400, Code.PAYLOAD_MISPLACED)

    @pytest.mark.parametrize("body", [b"", b"no JSON", b"[1]", b'{"payloads": 1}', b"\xff", b'{"a":' * 5000])
    async def test_what_is_no_request_is_refused(self, server: CodecServer, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {server.token(OFFICER)}", "X-Namespace": server.engine.client.namespace}
        async with server.session.post(f"{server.url}/decode", data=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, Code.REQUEST_NOT_JSON)

    async def test_a_request_has_an_end(self, server: CodecServer) -> None:
        plain = Payload(metadata={"encoding": b"json/plain"}, data=b"1")
        status, body, _ = await server.asked("decode", [plain] * 1001, by=OFFICER)
        assert (status, body["code"]) == (413, Code.REQUEST_TOO_LARGE)
        large = Payload(metadata={"encoding": b"json/plain"}, data=b"1" * 2 * 1024 * 1024)
        status, body, _ = await server.asked("decode", [large], by=OFFICER)
        assert (status, body["code"]) == (413, Code.REQUEST_TOO_LARGE)


class TestRevealing:
    async def test_shows_one_case_to_one_person_for_a_reason_that_is_written_down(self, server: CodecServer) -> None:
        (case, person), (other, _) = await case_in_review(server), await case_in_review(server)
        opening = await server.opening_of(case)
        async with await server.log_in(OFFICER) as browser:
            status, page = await server.reveal(browser, case, REASON)
        assert status == 200
        assert case in page
        seen = await server.decoded(opening, by=OFFICER)
        assert (seen["name"], seen["number"]) == (person.name, person.new)
        for actor, payload in (
            (SECOND_OFFICER, opening),
            (VERIFIER, opening),
            (OFFICER, await server.opening_of(other)),
        ):
            assert (await server.decoded(payload, by=actor))["name"].endswith("**")
        (entry,) = await entries(server.engine.pool, case)
        assert (entry.kind, entry.actor, entry.role, entry.office) == (Kind.reveal, OFFICER.id, "officer", OFFICE)
        assert entry.reason == REASON

    async def test_ends_by_itself(self, server: CodecServer) -> None:
        case, person = await case_in_review(server)
        opening = await server.opening_of(case)
        for ago, seen in ((timedelta(minutes=11), f"{'*' * 16}{person.new[-2:]}"), (timedelta(), person.new)):
            await reveal(server.engine.pool, OFFICER, case, REASON, datetime.now(UTC) - ago)
            assert (await server.decoded(opening, by=OFFICER))["number"] == seen

    async def test_is_counted_and_limited(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        busy, now = OFFICER.model_copy(update={"id": "officer-7"}), datetime.now(UTC)
        for minute in range(MOST_IN_AN_HOUR):
            await reveal(server.engine.pool, busy, case, REASON, now + timedelta(minutes=minute))
        # Whatever moment is named: the register counts by its own clock.
        for minutes in (30, 61):
            with pytest.raises(CaseError, match=Code.REVEALED_TOO_OFTEN):
                await reveal(server.engine.pool, busy, case, REASON, now + timedelta(minutes=minutes))

    async def test_is_not_for_clerks(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        async with await server.log_in(VERIFIER) as browser:
            status, page = await server.reveal(browser, case, REASON)
        assert status == 403
        assert Code.ROLE_NOT_ALLOWED in page
        assert (await server.decoded(await server.opening_of(case), by=VERIFIER))["name"].endswith("**")

    @pytest.mark.parametrize(
        ("reason", "code"),
        [("", Code.FIELD_MISSING), ("  a ", Code.FIELD_MISSING), ("核对110105190001010016", Code.PII_IN_TEXT)],
    )
    async def test_needs_a_reason_without_personal_data(self, server: CodecServer, reason: str, code: Code) -> None:
        case, _ = await case_in_review(server)
        async with await server.log_in(SUPERVISOR) as browser:
            status, page = await server.reveal(browser, case, reason)
        assert status == 400
        assert code in page
        assert "110105190001010016" not in page
        assert (await server.decoded(await server.opening_of(case), by=SUPERVISOR))["name"].endswith("**")

    async def test_of_a_case_that_is_not_there_is_refused(self, server: CodecServer) -> None:
        async with await server.log_in(SUPERVISOR) as browser:
            status, page = await server.reveal(browser, f"idc-{'a' * 26}", REASON)
        assert status == 404
        assert Code.CASE_UNKNOWN in page

    async def test_of_another_regions_case_is_refused(self, server: CodecServer) -> None:
        person = await server.engine.insured(region=SOUTH)
        receipt = await server.engine.open(server.engine.number_change(person, ID_CARD, region=SOUTH))
        async with await server.log_in(SUPERVISOR) as browser:
            status, page = await server.reveal(browser, receipt.case_id, REASON)
        assert status == 403
        assert Code.OFFICE_NOT_COMPETENT in page

    @pytest.mark.parametrize("origin", [UI, "http://evil.invalid", "null"])
    async def test_no_other_page_does_it_in_somebodys_name(self, server: CodecServer, origin: str) -> None:
        case, _ = await case_in_review(server)
        async with await server.log_in(SUPERVISOR) as browser:
            status, page = await server.reveal(browser, case, REASON, origin=origin)
        assert status == 403
        assert json.loads(page)["code"] == Code.ORIGIN_NOT_ALLOWED


class TestEntering:
    async def test_a_decision_moves_the_case_in_the_name_of_whoever_typed_it(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        entry = await server.entered(verification(case), by=VERIFIER)
        assert bound_of(entry) == ENTRY
        assert ID_CARD.sha256.encode() not in entry.data
        outcome = await server.told(case, Event.verify_documents, entry)
        assert outcome.WhichOneof("value") == "success", outcome
        (answer,) = [await server.decoded(each, by=VERIFIER) for each in outcome.success.payloads]
        assert answer["milestone"] == "documents_verified"
        assert (await server.engine.view(case)).verifier == VERIFIER.id

    async def test_whoever_a_form_says_acts_it_is_the_one_who_is_logged_in(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        typed = verification(case, actor={"id": "clerk-9", "role": "supervisor", "office": SOUTH})
        outcome = await server.told(case, Event.verify_documents, await server.entered(typed, by=VERIFIER))
        assert outcome.WhichOneof("value") == "success", outcome
        assert (await server.engine.view(case)).verifier == VERIFIER.id

    @pytest.mark.parametrize(
        ("typed", "actor", "says"),
        [
            ({"event": "verify_documents"}, VERIFIER, "FIELD_MISSING (original_seen)"),
            ({"event": "approve", "content": "0" * 64}, VERIFIER, "ROLE_NOT_ALLOWED"),
            ({"event": "no such thing"}, VERIFIER, "FIELD_INVALID (event)"),
            ({"event": "acknowledge"}, None, "IDENTITY_MISSING"),
            ({"event": "acknowledge", "planted": 1}, VERIFIER, "FIELD_UNKNOWN"),
            ({"event": "approve", "content": "110105190001010016"}, OFFICER, "FIELD_INVALID (content)"),
            ({"event": "acknowledge", "note": "见110105190001010016"}, OFFICER, "PII_IN_TEXT"),
        ],
    )
    async def test_a_wrong_one_is_refused_in_the_form_with_what_to_do(
        self, server: CodecServer, typed: dict[str, Any], actor: Actor | None, says: str
    ) -> None:
        case, _ = await case_in_review(server)
        entry = await server.entered({"case": case, **typed}, by=actor)
        outcome = await server.told(case, Event.verify_documents, entry)
        assert outcome.failure.message.startswith(says), outcome.failure.message
        assert REMEDIES[Code(says.partition(" ")[0])].zh in outcome.failure.message
        assert "110105190001010016" not in outcome.failure.message
        assert (await server.engine.view(case)).status is Status.in_review

    @pytest.mark.parametrize("typed", [b"", b"no JSON", b"[]", b"null", b'"text"', b"{" * 1000])
    async def test_what_is_no_form_is_refused_there_as_well(self, server: CodecServer, typed: bytes) -> None:
        case, _ = await case_in_review(server)
        outcome = await server.told(case, Event.verify_documents, await server.entered(typed, by=VERIFIER))
        assert outcome.failure.application_failure_info.type in {Code.REQUEST_NOT_JSON, Code.FIELD_INVALID}

    async def test_a_decision_for_one_case_is_worth_nothing_at_another(self, server: CodecServer) -> None:
        (case, _), (other, _) = await case_in_review(server), await case_in_review(server)
        entry = await server.entered(verification(case), by=VERIFIER)
        outcome = await server.told(other, Event.verify_documents, entry)
        assert outcome.failure.message == explained(Code.FORM_OF_ANOTHER_CASE)
        assert (await server.engine.view(other)).status is Status.in_review

    @pytest.mark.parametrize("event", FACTS)
    async def test_the_form_of_one_event_is_refused_as_such_by_every_other(
        self, server: CodecServer, event: Event
    ) -> None:
        case, _ = await case_in_review(server)
        if not any(row.event is event for row in MACHINES[CaseKind.id_number_change].table):
            pytest.skip("no event of this kind")
        # One whose fields are those of many events, and one whose fields are its own.
        for typed in ({"case": case, "event": "acknowledge"}, verification(case)):
            if typed["event"] == event.value:
                continue
            outcome = await server.told(case, event, await server.entered(typed, by=VERIFIER))
            assert outcome.failure.message == explained(Code.FORM_OF_ANOTHER_EVENT)
            assert outcome.failure.application_failure_info.type == Code.FORM_OF_ANOTHER_EVENT
        assert (await server.engine.view(case)).status is Status.in_review

    async def test_the_form_of_another_case_is_refused_as_such_also_where_nothing_of_it_is_possible(
        self, server: CodecServer
    ) -> None:
        (case, _), (other, _) = await case_in_review(server), await case_in_review(server)
        typed = {"case": case, "event": "resume"}
        outcome = await server.told(other, Event.resume, await server.entered(typed, by=VERIFIER))
        assert outcome.failure.message == explained(Code.FORM_OF_ANOTHER_CASE)

    async def test_a_decision_is_good_for_one_use(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        entry = await server.entered({"case": case, "event": "acknowledge"}, by=VERIFIER)
        first, second = [await server.told(case, Event.acknowledge, entry) for _ in range(2)]
        assert first.WhichOneof("value") == "success", first
        assert second.failure.message == explained(Code.STAMP_USED)

    async def test_what_does_not_come_through_the_codec_server_is_refused(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        plain = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(verification(case)).encode())
        outcome = await server.told(case, Event.verify_documents, plain)
        assert outcome.failure.message == explained(Code.PAYLOAD_UNSEALED)
        assert (await server.engine.view(case)).status is Status.in_review

    @pytest.mark.parametrize(
        "given",
        [
            [],
            [Payload(metadata={"encoding": b"binary/plain"}, data=b"{}")],
            [Payload(metadata={"encoding": b"json/plain"}, data=b"{}")] * 2,
        ],
    )
    async def test_one_json_object_is_taken_and_nothing_else(self, server: CodecServer, given: list[Payload]) -> None:
        status, body, _ = await server.asked("encode", given, by=VERIFIER)
        assert (status, body["code"]) == (400, Code.PAYLOAD_INVALID)

    async def test_programs_have_theirs_stamped_by_the_same_gate(self, server: CodecServer) -> None:
        case, _ = await case_in_review(server)
        batch = {"asked": [{"case": case, "event": "acknowledge", "content": {"note": "已签收"}}]}
        headers = {"Authorization": f"Bearer {server.token(VERIFIER)}"}
        async with server.session.post(f"{server.url}/stamp", json=batch, headers=headers) as answer:
            (answered,) = (await answer.json())["answered"]
        assert answered["content"]["actor"]["id"] == VERIFIER.id
        assert answered["content"]["stamp"].count(".") == 2


ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace"}


class TestOrigins:
    @pytest.mark.parametrize("path", ["decode", "encode"])
    async def test_the_web_ui_may_call_with_credentials(self, server: CodecServer, path: str) -> None:
        headers = {"Origin": UI, **ASKS}
        async with server.session.options(f"{server.url}/{path}?preserveStorageRefs=true", headers=headers) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == UI
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            assert answer.headers["Access-Control-Allow-Methods"] == "POST"
            allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
            assert allowed == {"content-type", "x-namespace", "authorization", "authorization-extras"}
            assert answer.headers["Vary"] == "Origin"

    @pytest.mark.parametrize(
        "origin",
        ["null", "http://evil.invalid", f"{UI}.evil.invalid", f"{UI}/", UI.replace("http", "https"), UI.upper(), ""],
    )
    async def test_no_other_page_may(self, server: CodecServer, origin: str) -> None:
        async with server.session.options(f"{server.url}/decode", headers={"Origin": origin, **ASKS}) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
        for path in ("decode", "encode"):
            status, body, answered = await server.asked(path, [], by=OFFICER, origin=origin)
            assert (status, body["code"]) == (403, Code.ORIGIN_NOT_ALLOWED)
            assert "Access-Control-Allow-Origin" not in answered

    async def test_a_program_sends_no_origin_and_is_answered(self, server: CodecServer) -> None:
        status, _, headers = await server.asked("decode", [], by=OFFICER, origin=None)
        assert status == 200
        assert "Access-Control-Allow-Origin" not in headers

    async def test_a_refusal_can_be_read_by_the_web_ui(self, server: CodecServer) -> None:
        _, body, headers = await server.asked("decode", [], by=None)
        assert headers["Access-Control-Allow-Origin"] == UI
        assert body["zh"] == REMEDIES[Code.IDENTITY_MISSING].zh


class TestPages:
    async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(self, server: CodecServer) -> None:
        async with await server.log_in(OFFICER) as browser:
            (kept,) = [cookie for cookie in browser.cookie_jar if cookie.key == "cardcase"]
        assert kept["httponly"]
        assert kept["samesite"] == "Lax"
        assert 0 < int(kept["max-age"]) <= 3600

    async def test_logging_out_forgets_it(self, server: CodecServer) -> None:
        async with await server.log_in(OFFICER) as browser:
            async with browser.post(f"{server.url}/logout", headers={"Origin": server.url}) as page:
                assert OFFICER.id not in await page.text()
            async with browser.get(f"{server.url}/") as page:
                assert OFFICER.id not in await page.text()

    async def test_a_page_runs_nothing_and_is_kept_by_nobody(self, server: CodecServer) -> None:
        async with server.session.get(f"{server.url}/") as page:
            text = await page.text()
            assert "<script" not in text
            assert page.headers["Cache-Control"] == "no-store"
            policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy

    @pytest.mark.parametrize("query", ["", "?state=a&code=b", "?code=b", "?error=access_denied"])
    async def test_an_end_without_a_beginning_is_no_login(self, server: CodecServer, query: str) -> None:
        async with server.session.get(f"{server.url}/login/done{query}") as page:
            assert page.status == 401
            assert Code.LOGIN_FAILED in await page.text()
            assert "Set-Cookie" not in page.headers

    async def test_what_is_typed_is_shown_escaped_or_not_at_all(self, server: CodecServer) -> None:
        async with await server.log_in(SUPERVISOR) as browser:
            _, page = await server.reveal(browser, "<script>alert(1)</script>", REASON)
        assert "<script" not in page


async def test_nothing_of_a_payload_is_logged(server: CodecServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    case, person = await case_in_review(server)
    opening = await server.opening_of(case)
    async with await server.log_in(SECOND_OFFICER) as browser:
        await server.reveal(browser, case, REASON)
    assert (await server.decoded(opening, by=SECOND_OFFICER))["number"] == person.new
    await server.entered({"case": case, "event": "hold", "note": f"见{person.new}"}, by=VERIFIER)
    said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "revealed" in said
    for secret in (person.new, person.old, person.name, REASON, server.token(SECOND_OFFICER).split(".")[1][:20]):
        assert secret not in said
