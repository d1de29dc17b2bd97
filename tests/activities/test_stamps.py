"""Stamps before the register: signed, in time, used once; what the database itself holds whoever writes to it.

All persons, names and numbers are synthetic.
"""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from temporalio.exceptions import ApplicationError

from activities.registry.reading import transitions_of
from activities.stamps import LONGEST_OUTAGE, Stamps, TrustedKeys
from cases import decide
from cases.errors import CaseError, Code
from cases.events import OPEN, ROLES, Event
from cases.facts import Approve, Fact, Reject, VerifyDocuments, Withdraw
from cases.machines.machine import Status
from cases.manifests import LIFETIME as LIFETIME_OF_MANIFESTS
from cases.manifests import TYPE as MANIFEST
from cases.manifests import Belonging, Tree, leaf_of
from cases.models import Actor, Role
from cases.stamps import ALGORITHM, ISSUER, LIFETIME, SKEW, TYPE, Place, digest_of
from cases.state import CaseState
from cases.steps import RegisterRequest
from gate.stamp_keys import SigningKey
from tests import scenes
from tests.activities.play import CERTIFIED, CLERK, NOON, NORTH, SECOND, SOUTH, THIRD, Play, eighteen, insured
from tests.stamping import KEY, NAMESPACE, STAMPS, stamp_of, stamped

CASE = "idc-" + "a" * 26
HOLD = scenes.FACTS[Event.hold]
OTHER_KEY = SigningKey("sample", SigningKey.generate().key)
"""Somebody else's key that is called as ours is."""


def refusal(fact: Fact, arrived: datetime = NOON, now: datetime | None = None, *, stamps: Stamps = STAMPS) -> Code:
    with pytest.raises(CaseError) as refused:
        stamps.check_fact(fact, CASE, Event.hold, arrived, now or arrived)
    return refused.value.code


def with_stamp(stamp: str) -> Fact:
    return HOLD.model_copy(update={"stamp": stamp})


def hand_made(key: Any = KEY.key, *, header: dict[str, Any] | None = None, **claims: Any) -> Fact:
    """A fact with a stamp whose claims and header somebody chose."""
    begins = int(NOON.timestamp())
    said = {
        "iss": ISSUER,
        "aud": NAMESPACE,
        "jti": "j" * 22,
        "iat": begins,
        "exp": begins + int(LIFETIME.total_seconds()),
        "case": CASE,
        "event": "hold",
        "digest": digest_of(HOLD),
        "sub": HOLD.actor.id,
        "role": HOLD.actor.role.value,
        "office": HOLD.actor.office,
    } | claims
    headers = {"typ": TYPE, "kid": KEY.key_id} | (header or {})
    return with_stamp(jwt.encode(said, key, algorithm=ALGORITHM, headers=headers))


class TestASignature:
    def test_of_a_trusted_key_is_believed(self) -> None:
        assert STAMPS.check_fact(hand_made(), CASE, Event.hold, NOON, NOON).sub == HOLD.actor.id

    def test_of_another_key_is_not_even_under_its_name(self) -> None:
        assert refusal(hand_made(OTHER_KEY.key)) is Code.STAMP_INVALID

    def test_of_a_key_that_nobody_trusts_is_not(self) -> None:
        assert refusal(hand_made(header={"kid": "another"})) is Code.STAMP_INVALID

    def test_is_not_done_without(self) -> None:
        stamp = hand_made().stamp or ""
        claims = jwt.decode(stamp, options={"verify_signature": False})
        unsigned = jwt.encode(claims, "", algorithm="none", headers={"typ": TYPE, "kid": KEY.key_id})
        assert refusal(with_stamp(unsigned)) is Code.STAMP_INVALID
        assert refusal(with_stamp(unsigned + "A" * 86)) is Code.STAMP_INVALID

    def test_made_with_the_public_key_as_a_secret_is_none(self) -> None:
        public = KEY.key.public_key().public_bytes_raw()
        claims = jwt.decode(hand_made().stamp or "", options={"verify_signature": False})
        confused = jwt.encode(claims, public, algorithm="HS256", headers={"typ": TYPE, "kid": KEY.key_id})
        assert refusal(with_stamp(confused)) is Code.STAMP_INVALID

    def test_of_another_kind_is_none(self) -> None:
        claims = jwt.decode(hand_made().stamp or "", options={"verify_signature": False})
        headers = {"typ": TYPE, "kid": KEY.key_id}
        other = jwt.encode(claims, generate_private_key(SECP256R1()), algorithm="ES256", headers=headers)
        assert refusal(with_stamp(other)) is Code.STAMP_INVALID

    def test_covers_every_claim(self) -> None:
        header, body, signature = (hand_made().stamp or "").split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        forged = base64.urlsafe_b64encode(json.dumps(claims | {"jti": "k" * 22}).encode()).decode().rstrip("=")
        assert refusal(with_stamp(f"{header}.{forged}.{signature}")) is Code.STAMP_INVALID

    def test_under_a_token_of_another_kind_is_no_stamp(self) -> None:
        assert refusal(hand_made(header={"typ": "JWT"})) is Code.STAMP_INVALID

    def test_for_another_engine_or_of_another_issuer_is_worth_nothing_here(self) -> None:
        assert refusal(hand_made(aud="elsewhere")) is Code.STAMP_INVALID
        assert refusal(hand_made(iss="somebody")) is Code.STAMP_INVALID
        assert refusal(hand_made(), stamps=Stamps(TrustedKeys.sample(), "elsewhere")) is Code.STAMP_INVALID

    def test_is_believed_of_the_old_and_of_the_new_key_while_they_change(self) -> None:
        new = SigningKey.generate()
        both = Stamps(TrustedKeys({**KEY.trusted.keys, **new.trusted.keys}), NAMESPACE)
        old_stamp, new_stamp = (
            stamp_of(HOLD, CASE, Event.hold, actor=HOLD.actor, at=NOON, key=key) for key in (KEY, new)
        )
        for stamp in (old_stamp, new_stamp):
            assert both.check_fact(with_stamp(stamp), CASE, Event.hold, NOON, NOON).case == CASE
        assert refusal(with_stamp(new_stamp)) is Code.STAMP_INVALID

    def test_is_believed_until_its_key_was_retired_and_for_what_was_written_before_for_ever(self) -> None:
        trusted = TrustedKeys(KEY.trusted.keys, {KEY.key_id: NOON + timedelta(minutes=2)})
        retired = Stamps(trusted, NAMESPACE)
        fact = stamped(HOLD, CASE, Event.hold, NOON)
        assert retired.check_fact(fact, CASE, Event.hold, NOON, NOON).case == CASE
        # Whoever has the key dates what they stamp as they like, and says that it arrived in time.
        assert refusal(fact, NOON, NOON + timedelta(minutes=2), stamps=retired) is Code.STAMP_INVALID
        written = NOON + timedelta(minutes=1)
        assert retired.recheck_fact(fact, CASE, Event.hold, written).sub == HOLD.actor.id
        with pytest.raises(CaseError) as late:
            retired.recheck_fact(fact, CASE, Event.hold, written + timedelta(minutes=1))
        assert late.value.code is Code.STAMP_INVALID


class TestWhatWasWritten:
    def test_may_have_waited_for_as_long_as_an_outage_lasts(self) -> None:
        fact = stamped(HOLD, CASE, Event.hold, NOON)
        for waited in (timedelta(), timedelta(hours=1), LONGEST_OUTAGE):
            assert STAMPS.recheck_fact(fact, CASE, Event.hold, NOON + waited).jti
        refused_for(fact, NOON + LIFETIME + LONGEST_OUTAGE, Code.STAMP_EXPIRED)

    def test_was_not_written_before_it_was_stamped(self) -> None:
        refused_for(stamped(HOLD, CASE, Event.hold, NOON), NOON - SKEW - timedelta(seconds=1), Code.STAMP_INVALID)

    @pytest.mark.parametrize("ends", [-(10**18), 0, 10**18])
    def test_names_any_end_without_being_believed(self, ends: int) -> None:
        refused_for(hand_made(exp=ends), NOON, Code.STAMP_INVALID if ends > 0 else Code.STAMP_EXPIRED)


def refused_for(fact: Fact, written: datetime, code: Code) -> None:
    with pytest.raises(CaseError) as refused:
        STAMPS.recheck_fact(fact, CASE, Event.hold, written)
    assert refused.value.code is code


class TestTime:
    def test_runs_out_after_five_minutes(self) -> None:
        fact = stamped(HOLD, CASE, Event.hold, NOON)
        last = NOON + LIFETIME - timedelta(seconds=1)
        STAMPS.check_fact(fact, CASE, Event.hold, last, last)
        assert refusal(fact, NOON + LIFETIME) is Code.STAMP_EXPIRED

    def test_of_the_gate_may_be_a_minute_ahead_and_no_more(self) -> None:
        STAMPS.check_fact(stamped(HOLD, CASE, Event.hold, NOON + SKEW), CASE, Event.hold, NOON, NOON)
        early = stamped(HOLD, CASE, Event.hold, NOON + SKEW + timedelta(seconds=1))
        assert refusal(early) is Code.STAMP_INVALID

    def test_cannot_be_made_longer_by_whoever_stamps(self) -> None:
        begins = int(NOON.timestamp())
        assert refusal(hand_made(exp=begins + 3600)) is Code.STAMP_INVALID
        assert refusal(hand_made(exp=begins)) is Code.STAMP_INVALID

    def test_of_arrival_may_be_as_long_ago_as_an_outage_lasts_and_no_longer(self) -> None:
        fact = stamped(HOLD, CASE, Event.hold, NOON)
        STAMPS.check_fact(fact, CASE, Event.hold, NOON, NOON + LONGEST_OUTAGE)
        assert refusal(fact, NOON, NOON + LONGEST_OUTAGE + timedelta(seconds=1)) is Code.STAMP_EXPIRED

    def test_of_arrival_is_now_at_the_latest_whatever_is_said_of_it(self) -> None:
        ahead = stamped(HOLD, CASE, Event.hold, NOON + timedelta(hours=1))
        assert refusal(ahead, NOON + timedelta(hours=1), NOON) is Code.STAMP_INVALID
        STAMPS.check_fact(stamped(HOLD, CASE, Event.hold, NOON), CASE, Event.hold, NOON + LIFETIME, NOON)


# --- in the register's transaction ----------------------------------------------------------------------------------


async def reviewed(play: Play, **more: Any) -> CaseState:
    person = insured(**more)
    await play.load(person)
    return await play.reviewed(play.change(person))


def in_a_manifest(
    *contents: Fact, at: datetime = NOON, key: Any = KEY.key, lives: timedelta = LIFETIME_OF_MANIFESTS, **claims: Any
) -> list[Fact]:
    """Facts that belong to one manifest, whose claims somebody chose."""
    tree = Tree(leaf_of(place, CASE, Event.hold, digest_of(content)) for place, content in enumerate(contents))
    kind = claims.pop("typ", MANIFEST)
    said = {
        "iss": ISSUER,
        "aud": NAMESPACE,
        "jti": "m" * 22,
        "iat": int(at.timestamp()),
        "exp": int((at + lives).timestamp()),
        "acts": ["hold"],
        "rows": tree.rows,
        "root": tree.root,
        "sub": HOLD.actor.id,
        "role": HOLD.actor.role.value,
        "office": HOLD.actor.office,
    } | claims
    signed = jwt.encode(said, key, algorithm=ALGORITHM, headers={"typ": kind, "kid": KEY.key_id})
    return [
        content.model_copy(update={"stamp": str(Belonging(signed, place, tree.way(place)))})
        for place, content in enumerate(contents)
    ]


class TestARowOfAManifest:
    def test_is_taken_as_if_it_had_a_stamp_of_its_own(self) -> None:
        other = HOLD.model_copy(update={"note": "two"})
        for place, fact in enumerate(in_a_manifest(HOLD, other, HOLD)):
            claims = STAMPS.check_fact(fact, CASE, Event.hold, NOON, NOON)
            assert (claims.actor, claims.jti) == (HOLD.actor, f"{'m' * 22}-{place}")

    def test_is_taken_days_later_and_not_weeks(self) -> None:
        (fact,) = in_a_manifest(HOLD)
        later = NOON + LIFETIME_OF_MANIFESTS - timedelta(seconds=1)
        assert STAMPS.check_fact(fact, CASE, Event.hold, later, later).actor == HOLD.actor
        assert refusal(fact, NOON + LIFETIME_OF_MANIFESTS) is Code.STAMP_EXPIRED
        assert refusal(fact, NOON - SKEW - timedelta(seconds=1)) is Code.STAMP_INVALID

    def test_is_proved_as_long_after_as_it_could_be_taken(self) -> None:
        (fact,) = in_a_manifest(HOLD)
        last = NOON + LIFETIME_OF_MANIFESTS
        assert (
            STAMPS.recheck_fact(fact, CASE, Event.hold, last + LONGEST_OUTAGE - timedelta(seconds=1)).sub
            == HOLD.actor.id
        )
        refused_for(fact, last + LONGEST_OUTAGE + timedelta(seconds=1), Code.STAMP_EXPIRED)

    def test_is_refused_with_another_content_and_under_another_place(self) -> None:
        one, other = in_a_manifest(HOLD, HOLD.model_copy(update={"note": "two"}))
        assert refusal(one.model_copy(update={"note": "changed"})) is Code.STAMP_MISMATCH
        assert refusal(one.model_copy(update={"stamp": other.stamp})) is Code.STAMP_MISMATCH

    def test_is_refused_for_an_event_that_the_manifest_is_not_for(self) -> None:
        (fact,) = in_a_manifest(HOLD, acts=["open", "withdraw"])
        assert refusal(fact) is Code.STAMP_MISMATCH

    def test_is_refused_of_a_manifest_that_nobody_trusted_has_signed(self) -> None:
        (fact,) = in_a_manifest(HOLD, key=OTHER_KEY.key)
        assert refusal(fact) is Code.STAMP_INVALID

    def test_is_refused_of_one_that_lives_longer_than_the_gate_lets_them(self) -> None:
        (fact,) = in_a_manifest(HOLD, lives=LIFETIME_OF_MANIFESTS + timedelta(seconds=1))
        assert refusal(fact) is Code.STAMP_INVALID

    def test_is_refused_of_one_for_another_namespace(self) -> None:
        (fact,) = in_a_manifest(HOLD, aud="another")
        assert refusal(fact) is Code.STAMP_INVALID

    def test_a_stamp_passes_for_no_manifest_and_a_manifest_for_no_stamp(self) -> None:
        (fact,) = in_a_manifest(HOLD, typ=TYPE)
        assert refusal(fact) is Code.STAMP_INVALID
        (fact,) = in_a_manifest(HOLD, case=CASE, event="hold", digest=digest_of(HOLD))
        manifest = (fact.stamp or "").partition("~")[0]
        assert refusal(fact.model_copy(update={"stamp": manifest})) is Code.STAMP_INVALID


async def test_the_stamp_stands_in_the_audit_beside_what_it_was_given_for(play: Play) -> None:
    state = await reviewed(play)
    withdrawn = await play.move(state, Event.withdraw, Withdraw(actor=CLERK, note="另行申请"))
    rows = await transitions_of(play.pool, state.case_id)
    opened, withdrawal = rows[0], rows[-1]
    fact = Withdraw.model_validate(withdrawal.fact)
    claims = STAMPS.check_fact(fact, state.case_id, Event.withdraw, play.at, play.at)
    assert (withdrawal.actor, withdrawal.role, withdrawal.office) == (claims.sub, claims.role, claims.office)
    again = withdrawn.opening.model_copy(update={"stamp": (opened.fact or {})["stamp"]})
    assert STAMPS.check_opening(again, play.at, play.at).sub == opened.actor
    assert withdrawn.opening.stamp is None
    ids = await play.rows("SELECT stamp FROM transitions WHERE stamp IS NOT NULL")
    assert len({row["stamp"] for row in ids}) == len(ids) == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"stamp": None}, Code.STAMP_MISSING),
        ({"note": "另一说明"}, Code.STAMP_MISMATCH),
        ({"actor": SECOND}, Code.STAMP_MISMATCH),
    ],
    ids=["no stamp", "other content", "other person"],
)
async def test_what_the_workflow_was_made_to_overlook_the_register_refuses(
    play: Play, changed: dict[str, Any], code: Code
) -> None:
    state = await reviewed(play)
    fact = stamped(Withdraw(actor=CLERK), state.case_id, Event.withdraw, play.at)
    request = play.request(state, Event.withdraw, fact)
    forged = fact.model_copy(update=changed).model_dump(mode="json", exclude_unset=True)
    before = await play.contents()
    result = await play.registry.advance(request.model_copy(update={"fact": forged}))
    assert (result.moves, result.refused) == ((), code)
    assert await play.contents() == before


async def test_a_stamp_of_another_case_is_refused(play: Play) -> None:
    one, other = await reviewed(play), await reviewed(play)
    fact = stamped(Withdraw(actor=CLERK), one.case_id, Event.withdraw, play.at)
    assert await play.refusal(other, Event.withdraw, fact) is Code.FORM_OF_ANOTHER_CASE


async def test_an_expired_stamp_is_judged_by_the_moment_at_which_the_fact_arrived(play: Play) -> None:
    state = await reviewed(play)
    fact = stamped(Withdraw(actor=CLERK), state.case_id, Event.withdraw, play.at)
    play.later(minutes=6)
    assert await play.refusal(state, Event.withdraw, fact) is Code.STAMP_EXPIRED
    # The register did not answer for an hour; the decision was in time.
    waited = play.request(state, Event.withdraw, fact).model_copy(update={"arrived": play.at - timedelta(minutes=2)})
    assert [made.event for made in (await play.registry.advance(waited)).moves] == [Event.withdraw]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (Place(1, 1), None),
        (Place(1, 0), None),
        (Place(1, 2), Code.STAMP_MISMATCH),
        (Place(2, 0), Code.STAMP_MISMATCH),
    ],
    ids=["where the case stands", "where it stood before", "where it never stood", "in another generation"],
)
async def test_a_stamp_is_for_one_generation_onward_from_where_the_case_stood(
    play: Play, place: Place, code: Code | None
) -> None:
    person = insured()
    await play.load(person)
    state = await play.reviewed(play.change(person))
    assert (state.generation, state.version) == (1, 1)
    fact = Withdraw(actor=CLERK)
    stamp = stamp_of(fact, state.case_id, Event.withdraw, actor=CLERK, at=play.at, place=place)
    told = fact.model_copy(update={"stamp": stamp})
    if code is None:
        assert (await play.move(state, Event.withdraw, told)).version == 2
    else:
        assert await play.refusal(state, Event.withdraw, told) is code


async def test_a_stamp_is_used_once(play: Play) -> None:
    state = await reviewed(play)
    fact = stamped(HOLD, state.case_id, Event.hold, play.at)
    state = await play.move(state, Event.hold, fact)
    state = await play.move(state, Event.resume, scenes.FACTS[Event.resume])
    assert await play.refusal(state, Event.hold, fact) is Code.STAMP_USED
    assert (await play.move(state, Event.hold, stamped(HOLD, state.case_id, Event.hold, play.at))).status


async def test_an_opening_with_a_wrong_stamp_leaves_nothing_in_the_register(play: Play) -> None:
    person = insured()
    await play.load(person)
    state = play.change(person)
    before = await play.contents()
    unstamped = state.opening.model_copy(update={"stamp": None})
    foreign = stamp_of(unstamped, state.case_id, OPEN, actor=CLERK, at=play.at, key=OTHER_KEY)
    for stamp, code in ((None, Code.STAMP_MISSING), (foreign, Code.STAMP_INVALID)):
        forged = state.model_copy(update={"opening": unstamped.model_copy(update={"stamp": stamp})})
        assert (await play.register(forged)).refused is code
    late = RegisterRequest(opening=state.opening, at=play.at + LIFETIME, arrived=play.at + LIFETIME)
    assert (await play.registry.register(late)).refused is Code.STAMP_EXPIRED
    assert await play.contents() == before
    assert (await play.register(state)).refused is None


async def test_the_stamp_of_an_opening_opens_one_generation(play: Play) -> None:
    person = insured()
    await play.load(person)
    await play.move(await play.reviewed(play.change(person)), Event.withdraw, Withdraw(actor=CLERK))
    reopening = play.change(person, reopen=True)
    used = await play.value("SELECT stamp FROM transitions WHERE version = 0")
    claims = jwt.decode(reopening.opening.stamp or "", options={"verify_signature": False}) | {"jti": used}
    again = jwt.encode(claims, KEY.key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": KEY.key_id})
    repeated = reopening.model_copy(update={"opening": reopening.opening.model_copy(update={"stamp": again})})
    before = await play.contents()
    assert (await play.register(repeated)).refused is Code.STAMP_USED
    assert await play.contents() == before
    assert (await play.received(reopening)).generation == 2


# --- what the database holds whoever writes to it ---------------------------------------------------------------------

FORGE = """
    INSERT INTO transitions (
        case_id, generation, version, step, event, from_status, to_status, milestone, actor, role, office, stamp,
        state_after, salt, outcome, outcome_commitment, neighbours, at, prev_hash, hash
    )
    SELECT
        case_id, generation, 9, 'x.9', $2, to_status, to_status, milestone, $3, $4, $5, $6, state_after, salt, outcome,
        outcome_commitment, neighbours, at, hash, repeat('1', 64)
    FROM transitions WHERE case_id = $1 ORDER BY version DESC LIMIT 1
"""


async def test_the_matrix_in_the_database_is_that_of_the_code(play: Play) -> None:
    rows = await play.rows("SELECT role, event FROM role_events")
    assert {(row["role"], row["event"]) for row in rows} == {
        (role.value, "registered" if act == OPEN else str(act)) for act, roles in ROLES.items() for role in roles
    }


async def test_the_matrix_in_the_database_changes_by_migration_only(play: Play) -> None:
    for statement in (
        "INSERT INTO role_events (role, event) VALUES ('clerk', 'approve')",
        "DELETE FROM role_events",
        "UPDATE role_events SET role = 'clerk'",
        "TRUNCATE role_events CASCADE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await play.write(statement)


@pytest.mark.parametrize(
    ("event", "actor", "role", "office", "stamp", "constraint"),
    [
        ("approve", "clerk-2", "clerk", NORTH, "stamp-1", "transitions_role_may"),
        ("hold", "clerk-2", "wizard", NORTH, "stamp-1", "transitions_role_may"),
        ("hold", "clerk-2", "clerk", SOUTH, "stamp-1", "transitions_office_competent"),
        ("hold", "clerk-2", "clerk", "120000", "stamp-1", "transitions_office_competent"),
        ("hold", "clerk-2", "clerk", NORTH, None, "transitions_somebody_with_a_stamp"),
        ("hold", None, None, None, "stamp-1", "transitions_somebody_with_a_stamp"),
        ("hold", None, None, None, None, "transitions_told_with_a_stamp"),
    ],
)
async def test_the_database_refuses_a_decision_of_whoever_may_not_take_it(
    play: Play,
    event: str,
    actor: str | None,
    role: str | None,
    office: str | None,
    stamp: str | None,
    constraint: str,
) -> None:
    state = await reviewed(play)
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError)) as violation:
        await play.write(FORGE, state.case_id, event, actor, role, office, stamp)
    assert violation.value.constraint_name == constraint


@pytest.mark.parametrize("event", sorted(str(act) for act in ROLES if act not in {OPEN, Event.recompute}))
async def test_the_database_knows_every_event_that_somebody_tells(play: Play, event: str) -> None:
    state = await reviewed(play)
    with pytest.raises(asyncpg.CheckViolationError) as violation:
        await play.write(FORGE, state.case_id, event, None, None, None, None)
    assert violation.value.constraint_name == "transitions_told_with_a_stamp"


@pytest.mark.parametrize("office", ["110105", "110100", "110000", "100000"])
async def test_the_database_takes_decisions_of_the_office_and_of_those_above_it(play: Play, office: str) -> None:
    state = await reviewed(play)
    play.tampered = True
    await play.write(FORGE, state.case_id, "hold", "clerk-2", "clerk", office, "stamp-1")
    with pytest.raises(asyncpg.UniqueViolationError) as violation:
        await play.write(
            FORGE.replace("9, 'x.9'", "10, 'x.10'"), state.case_id, "resume", "clerk-2", "clerk", office, "stamp-1"
        )
    assert violation.value.constraint_name == "transitions_stamp_once"


async def test_the_same_person_in_another_role_is_still_the_same_person(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = insured()
    await play.load(person)
    state = await play.reviewed(play.change(person, eighteen("11010519491231004"), documents=CERTIFIED))
    copies = tuple(document.sha256 for document in state.documents)
    state = await play.move(
        state, Event.verify_documents, VerifyDocuments(actor=SECOND, original_seen=True, copies=copies)
    )
    assert state.status is Status.awaiting_approval
    promoted = Actor(id=SECOND.id, role=Role.officer, office=NORTH)
    approval = Approve(actor=THIRD, content=state.content)
    own = approval.model_copy(update={"actor": promoted})
    assert await play.refusal(state, Event.approve, own) is Code.SAME_PERSON
    with monkeypatch.context() as overlooked:
        overlooked.delitem(decide.CHECKS, Event.approve)
        with pytest.raises(ApplicationError, match="DATABASE_REFUSED"):
            await play.ask(state, Event.approve, own)
    assert (await play.move(state, Event.approve, approval)).status is Status.verified


async def test_a_role_without_power_is_refused_by_the_register_and_by_the_database_even_with_a_stamp(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await reviewed(play)
    decision = Reject(actor=SECOND, legal_basis="社会保险经办条例第三十一条")
    assert await play.refusal(state, Event.reject, decision) is Code.ROLE_NOT_ALLOWED
    before = await play.contents()
    monkeypatch.setattr("cases.decide.check_fact", lambda *_overlooked: None)
    with pytest.raises(ApplicationError, match="DATABASE_REFUSED"):
        await play.ask(state, Event.reject, decision)
    assert await play.contents() == before
