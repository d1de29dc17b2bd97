"""The gate: who asks is who is stamped, whatever the caller says; what nobody may do is not stamped."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from activities.stamps import TrustedKeys
from cases.errors import CaseError, Code
from cases.events import FACTS, OPEN, ROLES, Act, Event
from cases.facts import CardProduced, Reject
from cases.kinds import case_id
from cases.manifests import LIFETIME, read_manifest
from cases.models import Actor, Role
from cases.stamps import Place, read
from cases.submitters import Citizen, SubmitterKind
from gate.gate import LARGEST_BATCH, Batch, Gate, ManifestWanted, Standing
from gate.quotas import AskedTooOften, Quotas
from gate.stamp_keys import EXIT_DATA, EXIT_USAGE, SigningKey, main
from runtime.identity import IdentityTokens
from runtime.limits import Limits
from stack.issuer import Everybody, Issuer
from tests import scenes
from tests.scenes import BUREAU, CLERK, ID_CARD, OFFICE, OFFICER, VERIFIER, number_change, replacement
from tests.stamping import KEY, NAMESPACE, STAMPS

CASE = "idc-" + "a" * 26
ISSUER = Issuer()
BASIS = "社会保险经办条例第三十一条"
PLANTED = "11010519491231002X"


@pytest.fixture
def gate() -> Gate:
    return ISSUER.gate(KEY, NAMESPACE)


def now() -> datetime:
    return datetime.now(UTC)


async def refusal(call: Any) -> CaseError:
    with pytest.raises(CaseError) as refused:
        await call
    assert PLANTED not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("event", FACTS)
async def test_a_fact_is_stamped_for_its_teller(gate: Gate, event: Event) -> None:
    fact = scenes.FACTS[event]
    stamped = await gate.stamp(ISSUER.token(fact.actor), CASE, event, fact)
    assert STAMPS.check_fact(stamped, CASE, event, now(), now()).actor == fact.actor
    assert stamped.model_copy(update={"stamp": None}) == fact.model_copy(update={"stamp": None})


async def test_whoever_the_caller_names_the_bearer_of_the_token_acts(gate: Gate) -> None:
    stamped = await gate.stamp(ISSUER.token(VERIFIER), CASE, Event.hold, scenes.FACTS[Event.hold])
    assert scenes.FACTS[Event.hold].actor == CLERK
    assert stamped.actor == VERIFIER
    again = await gate.stamp(ISSUER.token(CLERK), CASE, Event.hold, stamped)
    assert again.actor == CLERK
    assert again.stamp != stamped.stamp


async def test_each_stamp_is_another(gate: Gate) -> None:
    token, fact = ISSUER.token(CLERK), scenes.FACTS[Event.hold]
    stamps = [(await gate.stamp(token, CASE, Event.hold, fact)) for _ in range(50)]
    assert len({STAMPS.check_fact(each, CASE, Event.hold, now(), now()).jti for each in stamps}) == 50


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("event", FACTS)
async def test_a_role_without_power_gets_no_stamp(gate: Gate, event: Event, role: Role) -> None:
    actor = Actor(id="somebody-1", role=role, office=OFFICE)
    asked = gate.stamp(ISSUER.token(actor), CASE, event, scenes.FACTS[event])
    # The usual facts of other systems are those of medical insurance, for which nobody else speaks.
    foreign = {Event.confirm_downstream: {Role.bank, Role.pension}, Event.card_activated: {Role.bank}}
    if role in ROLES[event] - foreign.get(event, set()):
        assert (await asked).actor == actor
    else:
        assert (await refusal(asked)).code is Code.ROLE_NOT_ALLOWED


async def test_what_is_no_fact_of_the_event_or_for_no_case_is_not_stamped(gate: Gate) -> None:
    token = ISSUER.token(CLERK)
    wrong = await refusal(gate.stamp(token, CASE, Event.resume, scenes.FACTS[Event.hold]))
    assert wrong.code is Code.PAYLOAD_INVALID
    for case in (PLANTED, "", "deliver:x", CASE + "a"):
        assert (await refusal(gate.stamp(token, case, Event.hold, scenes.FACTS[Event.hold]))).code is (
            Code.CASE_ID_INVALID
        )


async def test_without_a_good_token_nothing_is_stamped(gate: Gate) -> None:
    fact = scenes.FACTS[Event.hold]
    assert (await refusal(gate.stamp("", CASE, Event.hold, fact))).code is Code.IDENTITY_MISSING
    assert (await refusal(gate.stamp(Issuer().token(CLERK), CASE, Event.hold, fact))).code is Code.IDENTITY_INVALID
    assert (await refusal(gate.bearer(""))).code is Code.IDENTITY_MISSING
    assert (await refusal(gate.stamp_opening("", number_change()))).code is Code.IDENTITY_MISSING


# --- openings -------------------------------------------------------------------------------------------------------


async def test_an_opening_is_stamped_for_its_submitter_and_for_a_system_that_names_them(gate: Gate) -> None:
    system = Actor(id="intake-1", role=Role.back_office, office="110000")
    for opening in (number_change(ID_CARD), replacement(ID_CARD)):
        for actor in (CLERK, system):
            stamped = await gate.stamp_opening(ISSUER.token(actor), opening)
            assert STAMPS.check_opening(stamped, now(), now()).actor == actor
            assert stamped.submitter == CLERK


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (VERIFIER, Code.STAMP_MISMATCH),
        (OFFICER, Code.STAMP_MISMATCH),
        (Actor(id="intake-1", role=Role.back_office, office="440000"), Code.OFFICE_NOT_COMPETENT),
    ],
    ids=["a colleague", "an officer", "a system of another province"],
)
async def test_nobody_else_opens_it(gate: Gate, actor: Actor, code: Code) -> None:
    assert (await refusal(gate.stamp_opening(ISSUER.token(actor), number_change()))).code is code


# --- what is typed into a form --------------------------------------------------------------------------------------


def typed(**fields: Any) -> bytes:
    return json.dumps({"case": CASE, "event": "reject", "legal_basis": BASIS} | fields, ensure_ascii=False).encode()


async def test_what_an_operator_types_becomes_a_stamped_fact(gate: Gate) -> None:
    fact = await gate.stamp_typed(OFFICER, typed())
    assert isinstance(fact, Reject)
    assert (fact.actor, fact.legal_basis) == (OFFICER, BASIS)
    assert STAMPS.check_fact(fact, CASE, Event.reject, now(), now()).case == CASE
    # Whoever they say they are does not matter.
    other = await gate.stamp_typed(OFFICER, typed(actor=CLERK.model_dump(mode="json"), stamp=PLANTED))
    assert other.actor == OFFICER


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"{", Code.REQUEST_NOT_JSON, None),
        (b"[]", Code.FIELD_INVALID, None),
        (b'"x"', Code.FIELD_INVALID, None),
        (b"null", Code.FIELD_INVALID, None),
        (b'{"event": "reject"}', Code.FIELD_MISSING, "case"),
        (typed(case=7), Code.FIELD_INVALID, "case"),
        (typed(case=PLANTED), Code.CASE_ID_INVALID, "case_id"),
        (typed(event=PLANTED), Code.FIELD_INVALID, "event"),
        (typed(event="screened"), Code.EVENT_NOT_ALLOWED, None),
        (typed(legal_basis=7), Code.FIELD_INVALID, "legal_basis"),
        (typed(**{PLANTED: 1}), Code.FIELD_UNKNOWN, None),
        (typed(note=f"号码{PLANTED}"), Code.PII_IN_TEXT, None),
        (json.dumps({"case": CASE, "event": "reject"}).encode(), Code.FIELD_MISSING, "legal_basis"),
    ],
    ids=range(13),
)
async def test_what_is_wrong_in_a_form_is_told_by_code_and_field(
    gate: Gate, raw: bytes, code: Code, field: str | None
) -> None:
    wrong = await refusal(gate.stamp_typed(OFFICER, raw))
    assert (wrong.code, wrong.field) == (code, field)


# --- many at once ---------------------------------------------------------------------------------------------------


async def test_many_are_answered_each_by_itself(gate: Gate) -> None:
    opening = number_change(ID_CARD)
    case = case_id(opening.kind, opening.person)
    asked = [
        {"case": CASE, "event": "hold", "content": {"reason": "waiting_for_id_card", "evidence": "E-1"}},
        {"case": CASE, "event": "approve", "content": {"content": "0" * 64}},
        {"case": CASE, "event": "hold", "content": {"reason": PLANTED, "evidence": "E-1"}},
        {"case": case, "event": OPEN, "content": opening.model_dump(mode="json", exclude_unset=True)},
        {"case": case, "event": OPEN, "content": {"kind": "IdNumberChange"}},
    ]
    answers = (await gate.stamp_all(CLERK, Batch.model_validate({"asked": asked}))).answered
    assert [answer.code for answer in answers] == [
        None,
        Code.ROLE_NOT_ALLOWED,
        Code.FIELD_INVALID,
        None,
        Code.FIELD_MISSING,
    ]
    assert PLANTED not in repr(answers)
    held = FACTS[Event.hold].model_validate(answers[0].content)
    assert STAMPS.check_fact(held, CASE, Event.hold, now(), now()).actor == CLERK
    opened = type(opening).model_validate(answers[3].content)
    assert STAMPS.check_opening(opened, now(), now()).actor == CLERK


def test_a_batch_has_bounds() -> None:
    one = {"case": CASE, "event": "hold", "content": {}}
    Batch.model_validate({"asked": [one] * LARGEST_BATCH})
    for wrong in ([], [one] * (LARGEST_BATCH + 1), [one | {"event": "screened", "x": 1}]):
        with pytest.raises(ValidationError):
            Batch.model_validate({"asked": wrong})


async def test_a_subject_gets_so_many_stamps_of_an_event_and_so_many_in_all() -> None:
    now = [0.0]
    quotas = Quotas(Limits(1, 5, lambda: now[0]), Limits(2, 100, lambda: now[0]))
    tokens = IdentityTokens(ISSUER, issuer=ISSUER.url, audience=ISSUER.audience)
    gate = Gate(tokens, KEY, audience=NAMESPACE, quotas=quotas)
    hold = {"case": CASE, "event": "hold", "content": {"reason": "waiting_for_id_card", "evidence": "E-1"}}
    resume = {"case": CASE, "event": "resume", "content": {}}

    async def stamped(*asked: dict[str, Any], by: Actor = CLERK) -> int:
        answers = (await gate.stamp_all(by, Batch.model_validate({"asked": asked}))).answered
        return sum(answer.content is not None for answer in answers)

    assert await stamped(*[hold] * 60, *[resume] * 30) == 90
    # All or nothing: what is refused is not counted.
    for _ in range(2):
        refused = await refusal(stamped(*[hold] * 50, *[resume] * 50))
        assert isinstance(refused, AskedTooOften)
        assert (refused.code, refused.retry_after) == (Code.REQUESTED_TOO_OFTEN, 5)
    assert (await stamped(*[resume] * 70), await stamped(*[hold] * 40)) == (70, 40)
    assert (await refusal(gate.stamp_typed(CLERK, json.dumps({"case": CASE, "event": "resume"}).encode()))).code is (
        Code.REQUESTED_TOO_OFTEN
    )
    assert await stamped(hold, by=VERIFIER) == 1
    now[0] = 0.5
    assert await stamped(hold) == 1
    for _ in range(5):
        assert await gate.bearer(ISSUER.token(CLERK)) == CLERK
    assert (await refusal(gate.bearer(ISSUER.token(CLERK)))).code is Code.REQUESTED_TOO_OFTEN
    assert await gate.bearer(ISSUER.token(VERIFIER)) == VERIFIER


def standing(places: dict[str, Place], asked: list[list[str]]) -> Standing:
    """Cases that stand somewhere, for those who ask."""

    async def places_of(cases: Sequence[str]) -> dict[str, Place]:
        asked.append(list(cases))
        return places

    return places_of


async def test_a_stamp_names_the_generation_and_the_version_of_its_case() -> None:
    asked: list[list[str]] = []
    tokens = IdentityTokens(ISSUER, issuer=ISSUER.url, audience=ISSUER.audience)
    gate = Gate(tokens, KEY, audience=NAMESPACE, standing=standing({CASE: Place(2, 7)}, asked))
    one = {"case": CASE, "event": "hold", "content": scenes.FACTS[Event.hold].model_dump(mode="json")}
    other = one | {"case": CASE.replace("idc", "crc")}
    actor = scenes.FACTS[Event.hold].actor
    answers = await gate.stamp_all(actor, Batch.model_validate({"asked": [one, other, one]}))
    claims = [read(str((answered.content or {})["stamp"])) for answered in answers.answered]
    assert [(each.generation, each.version) for each in claims] == [(2, 7), (None, None), (2, 7)]
    assert len(asked) == 1
    typed = json.dumps({**scenes.FACTS[Event.hold].model_dump(mode="json"), "case": CASE, "event": "hold"}).encode()
    assert read((await gate.stamp_typed(actor, typed)).stamp).generation == 2


async def test_while_the_register_is_away_a_stamp_is_for_whatever_generation_there_is() -> None:
    async def away(_cases: Sequence[str]) -> dict[str, Place]:
        raise CaseError(Code.DATABASE_UNAVAILABLE)

    tokens = IdentityTokens(ISSUER, issuer=ISSUER.url, audience=ISSUER.audience)
    gate = Gate(tokens, KEY, audience=NAMESPACE, standing=away)
    fact = scenes.FACTS[Event.hold]
    claims = read((await gate.stamp(ISSUER.token(fact.actor), CASE, Event.hold, fact)).stamp)
    assert (claims.generation, claims.version) == (None, None)


async def test_a_made_card_keeps_its_sealed_number(gate: Gate) -> None:
    made = scenes.FACTS[Event.card_produced]
    assert isinstance(made, CardProduced)
    stamped = await gate.stamp(ISSUER.token(BUREAU), CASE, Event.card_produced, made)
    assert isinstance(stamped, CardProduced)
    assert stamped.card_number == made.card_number


async def test_who_plays_all_parts_is_stamped_as_each(gate: Gate) -> None:
    everybody = Everybody(ISSUER, gate)
    assert everybody.actor is None
    for event in (Event.hold, Event.approve, Event.card_produced):
        stamped = await everybody.stamp(CASE, event, scenes.FACTS[event])
        assert stamped.actor == scenes.FACTS[event].actor
    assert STAMPS.check_opening(await everybody.stamp_opening(number_change()), now(), now()).actor == CLERK
    themself = Citizen(kind=SubmitterKind.applicant, ref=number_change().person)
    opening = await everybody.stamp_opening(number_change().model_copy(update={"submitter": themself}))
    assert STAMPS.check_opening(opening, now(), now()).actor.role is Role.back_office


# --- its key --------------------------------------------------------------------------------------------------------


def test_a_new_pair_is_made_by_a_command_and_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private, public = tmp_path / "gate.json", tmp_path / "public.json"
    assert main(["new", str(private), str(public)]) == 0
    assert private.stat().st_mode & 0o077 == 0
    key, trusted = SigningKey.load(private), TrustedKeys.load(public)
    assert list(trusted.keys) == [key.key_id]
    assert trusted.keys[key.key_id] == key.key.public_key()
    assert not trusted.is_sample
    before = private.read_bytes()
    assert main(["new", str(private), str(public)]) == EXIT_DATA
    assert private.read_bytes() == before
    assert main(["new"]) == EXIT_USAGE
    assert main(["new", str(tmp_path / "none" / "a"), str(public)]) == EXIT_DATA
    said = capsys.readouterr()
    assert json.loads(before)["keys"][0]["d"] not in said.out + said.err + repr(key)


def test_the_history_of_the_keys_grows_and_says_when_each_was_retired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusted, public = tmp_path / "trusted.json", tmp_path / "public.json"
    assert main(["new", str(tmp_path / "first"), str(trusted)]) == 0
    assert main(["new", str(tmp_path / "second"), str(public)]) == 0
    first, second = (SigningKey.load(tmp_path / name) for name in ("first", "second"))
    trusted.chmod(0o644)
    assert main(["add", str(trusted), str(public)]) == 0
    assert trusted.stat().st_mode & 0o777 == 0o644
    assert main(["retire", str(trusted), first.key_id, "2026-11-30T18:00+08:00"]) == 0
    read = TrustedKeys.load(trusted)
    assert set(read.keys) == {first.key_id, second.key_id}
    ends = datetime(2026, 11, 30, 10, tzinfo=UTC)
    assert dict(read.ends) == {first.key_id: ends}
    assert read.believed(first.key_id, ends - timedelta(seconds=1)) == first.key.public_key()
    assert read.believed(first.key_id, ends) is None
    assert read.believed(second.key_id, ends) == second.key.public_key()
    assert main(["retire", str(trusted), second.key_id]) == 0
    assert TrustedKeys.load(trusted).believed(second.key_id, datetime.now(UTC)) is None
    before = trusted.read_bytes()
    for wrong in (
        ["add", str(trusted), str(public)],
        ["add", str(trusted), str(tmp_path / "first")],
        ["retire", str(trusted), first.key_id],
        ["retire", str(trusted), "absent"],
        ["retire", str(tmp_path / "absent"), first.key_id],
    ):
        assert main(wrong) == EXIT_DATA
    assert main(["retire", str(public), second.key_id, "2026-11-30T18:00"]) == EXIT_DATA
    assert trusted.read_bytes() == before
    said = capsys.readouterr()
    assert json.loads((tmp_path / "first").read_bytes())["keys"][0]["d"] not in said.out + said.err


def test_the_published_key_is_known_as_such() -> None:
    assert SigningKey.sample().is_sample
    assert TrustedKeys.sample().is_sample
    assert not SigningKey.generate().is_sample


def manifest_of(*acts: Act, rows: int = 3) -> ManifestWanted:
    return ManifestWanted(acts=acts, rows=rows, root="r" * 43)


async def test_rows_of_a_job_get_one_manifest_in_the_name_of_its_bearer(gate: Gate) -> None:
    signed = await gate.stamp_manifest(BUREAU, manifest_of(Event.card_produced, Event.card_handed_over))
    said = read_manifest(signed.manifest)
    assert (said.actor, said.acts) == (BUREAU, (Event.card_produced, Event.card_handed_over))
    assert (said.rows, said.root, said.exp - said.iat) == (3, "r" * 43, LIFETIME.total_seconds())


async def test_no_manifest_covers_what_its_bearer_may_not_do(gate: Gate) -> None:
    for wanted in (manifest_of(OPEN), manifest_of(Event.card_produced, Event.approve), manifest_of(Event.screened)):
        refused = await refusal(gate.stamp_manifest(BUREAU, wanted))
        assert refused.code is Code.ROLE_NOT_ALLOWED


async def test_nobody_decides_for_a_week_ahead(gate: Gate) -> None:
    refused = await refusal(gate.stamp_manifest(CLERK, manifest_of(Event.verify_documents)))
    assert refused.code is Code.ROLE_NOT_ALLOWED
    # A register they may hand in, for each application is looked at afterwards.
    signed = await gate.stamp_manifest(CLERK, manifest_of(OPEN))
    assert read_manifest(signed.manifest).actor == CLERK
