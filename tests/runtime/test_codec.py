"""Sealed payloads: whatever is done to one, it is refused by code and says nothing. All content is synthetic."""

import traceback
import zlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    NexusSerializationContext,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from activities.sealing import KeyRing
from cases.answers import ReceiptRequest
from cases.errors import REMEDIES, CaseError, Code
from cases.events import Event
from cases.facts import VerifyDocuments
from runtime.algorithms import Algorithm
from runtime.codec import (
    ENTRY,
    CaseCodec,
    PayloadSealer,
    Sm4Gcm,
    _associated_data,
    _label,
    bound_of,
    is_sealed,
    key_of,
    workflow_bound,
)
from runtime.codec import refusal_of as refusal_placeholder
from runtime.converter import data_converter
from runtime.deflating import DICTIONARY
from tests.scenes import FACTS

PLANTED = "110105190001010016"
NAMESPACE, CASE, OTHER = "cases-of-a-test", "idc-" + "a" * 26, "idc-" + "b" * 26
RING = replace(
    KeyRing.sample(), payload_keys={"p1": bytes(range(1, 33)), "p2": bytes(range(2, 34))}, payload_current="p1"
)
LABEL_OF_X = 5
"""Bytes in clear before the nonce of what is bound to `x`."""
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=f'{{"number":"{PLANTED}"}}'.encode())

algorithms = pytest.mark.parametrize("algorithm", Algorithm)


def sealed(algorithm: Algorithm = Algorithm.aes_256_gcm, *, bound: str = workflow_bound(CASE)) -> Payload:
    return PayloadSealer(RING, [algorithm]).seal(PLAIN, namespace=NAMESPACE, bound=bound)


def in_workflow(workflow_id: str = CASE, namespace: str = NAMESPACE) -> WorkflowSerializationContext:
    return WorkflowSerializationContext(namespace=namespace, workflow_id=workflow_id)


def in_activity(
    activity_id: str | None = "1", workflow_id: str | None = None, *, namespace: str = NAMESPACE, is_local: bool = False
) -> ActivitySerializationContext:
    return ActivitySerializationContext(
        namespace=namespace,
        activity_id=activity_id,
        activity_type="any",
        activity_task_queue="any",
        workflow_id=workflow_id,
        workflow_type=None,
        is_local=is_local,
    )


def converter(
    context: SerializationContext | None = None,
    *,
    ring: KeyRing = RING,
    allowed: tuple[Algorithm, ...] = (Algorithm.aes_256_gcm,),
) -> DataConverter:
    made = data_converter(PayloadSealer(ring, allowed))
    return made if context is None else made.with_context(context)


async def refusal_of(payload: Payload, reading: DataConverter, kind: type[Any] = dict) -> Code:
    """The code by which a payload is refused; that nothing else is said is looked at here."""
    with pytest.raises((CaseError, ApplicationError)) as refused:
        await reading.decode([payload], [kind])
    assert PLANTED not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__context__ is None
    error: Exception = refused.value
    if isinstance(error, ApplicationError):
        code = Code(str(error.type))
        assert error.message == f"{code}: {REMEDIES[code].zh} {REMEDIES[code].en}"
        return code
    assert isinstance(error, CaseError)
    assert str(error) == error.code
    return error.code


def changed(
    payload: Payload,
    *,
    kid: bytes | None = None,
    form: int | None = None,
    mark: int | None = None,
    bound: bytes | None = None,
) -> Payload:
    """The payload with another label before what is sealed."""
    data = payload.data
    ends = 4 + int.from_bytes(data[2:4])
    place = data[4:ends] if bound is None else bound
    first = bytes([data[0] if form is None else form, data[1] if mark is None else mark])
    return Payload(
        metadata={**payload.metadata, **({} if kid is None else {"kid": kid})},
        data=first + len(place).to_bytes(2) + place + data[ends:],
    )


LABEL = 4 + len(workflow_bound(CASE))
"""Bytes in clear before the nonce of what is bound to a case."""


def refused_where(place: int) -> Code:
    """The code by which a payload bound to a case is refused when this byte of it was changed."""
    return Code.PAYLOAD_DOWNGRADED if place < 2 else Code.PAYLOAD_MISPLACED if place < LABEL else Code.SEAL_BROKEN


class TestSealing:
    @algorithms
    @given(data=st.binary(max_size=300), encoding=st.binary(max_size=20))
    async def test_opens_to_the_payload_that_was_sealed(
        self, algorithm: Algorithm, data: bytes, encoding: bytes
    ) -> None:
        sealer = PayloadSealer(RING, [algorithm])
        payload = Payload(metadata={"encoding": encoding, "messageType": b"any"}, data=data)
        assert sealer.open(sealer.seal(payload, namespace=NAMESPACE, bound="x"), namespace=NAMESPACE) == payload

    @algorithms
    def test_says_by_what_and_for_which_place_it_was_sealed_and_nothing_of_the_content(
        self, algorithm: Algorithm
    ) -> None:
        payload = sealed(algorithm)
        assert dict(payload.metadata) == {
            "encoding": b"binary/cardcase-sealed",
            "kid": b"p1",
        }
        place = b"case:" + CASE.encode()
        assert payload.data.startswith(bytes([2, 1 if algorithm is Algorithm.aes_256_gcm else 2, 0, 35]) + place)
        assert b"json" not in payload.SerializeToString()
        assert PLANTED.encode() not in payload.SerializeToString()
        assert (bound_of(payload), key_of(payload)) == (f"case:{CASE}", "p1")
        assert (is_sealed(payload), is_sealed(PLAIN)) == (True, False)

    @given(st.binary(max_size=600))
    def test_of_json_opens_to_the_same_json(self, data: bytes) -> None:
        sealer, payload = PayloadSealer(RING), Payload(metadata={"encoding": b"json/plain"}, data=data)
        small = sealer.seal(payload, namespace=NAMESPACE, bound="x")
        assert sealer.open(small, namespace=NAMESPACE) == payload
        assert len(small.data) <= len(data) + LABEL_OF_X + 12 + 16 + 1

    @algorithms
    def test_takes_less_room_than_what_our_contracts_say_and_opens_what_was_sealed_undeflated(
        self, algorithm: Algorithm
    ) -> None:
        sealer = PayloadSealer(RING, [algorithm])
        said = FACTS[Event.verify_documents].model_dump_json().encode()
        payload = Payload(metadata={"encoding": b"json/plain"}, data=said)
        small = sealer.seal(payload, namespace=NAMESPACE, bound="x")
        assert len(small.data) - LABEL_OF_X - 12 - 16 < len(said) * 2 / 3
        assert sealer.open(small, namespace=NAMESPACE) == payload
        label = _label(algorithm.mark, "x")
        before = sealer._current.encrypt(bytes(12), b"\1" + said, _associated_data(NAMESPACE, b"p1", label))
        large = Payload(metadata=small.metadata, data=label + bytes(12) + before)
        assert sealer.open(large, namespace=NAMESPACE) == payload

    def test_refuses_what_nobody_seals_though_its_seal_is_good(self) -> None:
        sealer, label = PayloadSealer(RING), _label(1, "x")
        flood = zlib.compressobj(wbits=-13, zdict=DICTIONARY)
        bomb = b"\2" + flood.compress(bytes(1_000_000)) + flood.flush()
        for packed in (b"", b"\3{}", b"\2{}", b"\0\xff", bomb):
            associated = _associated_data(NAMESPACE, b"p1", label)
            payload = sealed(bound="x")
            payload.data = label + bytes(12) + sealer._current.encrypt(bytes(12), packed, associated)
            with pytest.raises(CaseError) as refused:
                sealer.open(payload, namespace=NAMESPACE)
            assert refused.value.code is Code.SEAL_BROKEN

    def test_of_one_payload_differs_every_time(self) -> None:
        assert len({sealed().data for _ in range(100)}) == 100

    def test_by_sm4_agrees_with_the_example_of_rfc_8998(self) -> None:
        cipher = Sm4Gcm(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
        nonce = bytes.fromhex("00001234567800000000ABCD")
        associated = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
        plain = bytes.fromhex("".join(letter * 16 for letter in "ABCDEFEA"))
        expected = bytes.fromhex(
            "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
            "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
            "83DE3541E4C2B58177E065A9BF7B62EC"
        )
        assert cipher.encrypt(nonce, plain, associated) == expected
        assert cipher.decrypt(nonce, expected, associated) == plain
        for cut in (expected[:-1], expected[:15], b""):
            with pytest.raises(InvalidTag):
                cipher.decrypt(nonce, cut, associated)

    def test_opens_for_the_codec_server_wherever_it_belongs(self) -> None:
        sealer = PayloadSealer(RING)
        for bound in (workflow_bound(CASE), ENTRY, "activity:deliver:1"):
            payload = sealer.seal(PLAIN, namespace=NAMESPACE, bound=bound)
            assert (sealer.open(payload, namespace=NAMESPACE), bound_of(payload)) == (PLAIN, bound)


class TestRefusing:
    @algorithms
    async def test_a_payload_that_was_never_sealed(self, algorithm: Algorithm) -> None:
        assert await refusal_of(PLAIN, converter(in_workflow(), allowed=(algorithm,))) is Code.PAYLOAD_UNSEALED

    async def test_a_payload_that_pretends_to_be_a_refusal(self) -> None:
        forged = Payload(metadata={"encoding": b"binary/cardcase-refused"}, data=PLANTED.encode())
        assert await refusal_of(forged, converter(in_workflow())) is Code.PAYLOAD_UNSEALED

    @algorithms
    @given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
    async def test_a_payload_with_one_bit_flipped(self, algorithm: Algorithm, at: int, bit: int) -> None:
        payload = sealed(algorithm)
        data = bytearray(payload.data)
        place = at % len(data)
        data[place] ^= 1 << bit
        payload.data = bytes(data)
        code = await refusal_of(payload, converter(in_workflow(), allowed=(algorithm,)))
        assert code is refused_where(place)

    async def test_a_payload_with_any_bit_of_its_label_flipped(self) -> None:
        whole = sealed().data
        for place in range(LABEL):
            for bit in range(8):
                flipped = bytearray(whole)
                flipped[place] ^= 1 << bit
                payload = sealed()
                payload.data = bytes(flipped)
                assert await refusal_of(payload, converter(in_workflow())) is refused_where(place)

    @algorithms
    async def test_a_payload_that_was_cut_anywhere(self, algorithm: Algorithm) -> None:
        payload, reading = sealed(algorithm), converter(in_workflow(), allowed=(algorithm,))
        whole = payload.data
        for length in range(len(whole)):
            payload.data = whole[:length]
            expected = Code.PAYLOAD_MISPLACED if length < LABEL else Code.SEAL_BROKEN
            assert await refusal_of(payload, reading) is expected
            # Whoever opens it wherever it belongs, as the codec server does, is not told more.
            with pytest.raises(CaseError) as refused:
                PayloadSealer(RING, [algorithm]).open(payload, namespace=NAMESPACE)
            assert refused.value.code is Code.SEAL_BROKEN
        payload.data = whole[1:]
        assert await refusal_of(payload, reading) is Code.PAYLOAD_MISPLACED
        payload.data = whole + b"\0"
        assert await refusal_of(payload, reading) is Code.SEAL_BROKEN

    @algorithms
    async def test_a_payload_of_another_case_with_and_without_its_label_changed(self, algorithm: Algorithm) -> None:
        payload = sealed(algorithm, bound=workflow_bound(OTHER))
        reading = converter(in_workflow(), allowed=(algorithm,))
        assert await refusal_of(payload, reading) is Code.PAYLOAD_MISPLACED
        relabelled = changed(payload, bound=workflow_bound(CASE).encode())
        assert await refusal_of(relabelled, reading) is Code.SEAL_BROKEN
        assert await refusal_of(changed(payload, bound=b"entry"), reading) is Code.SEAL_BROKEN
        assert await refusal_of(changed(payload, bound=b"\xff"), reading) is Code.PAYLOAD_MISPLACED

    async def test_a_payload_of_another_namespace(self) -> None:
        assert await refusal_of(sealed(), converter(in_workflow(namespace="another"))) is Code.SEAL_BROKEN

    async def test_a_payload_that_lost_a_label(self) -> None:
        for lost, code in {"encoding": Code.PAYLOAD_UNSEALED, "kid": Code.KEY_UNKNOWN}.items():
            payload = sealed()
            del payload.metadata[lost]
            assert await refusal_of(payload, converter(in_workflow())) is code
        assert await refusal_of(changed(sealed(), bound=b""), converter(in_workflow())) is Code.PAYLOAD_MISPLACED

    @pytest.mark.parametrize("form", [0, 1, 3, 255])
    async def test_a_payload_of_another_form(self, form: int) -> None:
        assert await refusal_of(changed(sealed(), form=form), converter(in_workflow())) is Code.PAYLOAD_DOWNGRADED

    async def test_a_payload_by_an_algorithm_that_the_settings_do_not_name(self) -> None:
        for used, allowed in (tuple(Algorithm), tuple(Algorithm)[::-1]):
            reading = converter(in_workflow(), allowed=(allowed,))
            assert await refusal_of(sealed(used), reading) is Code.PAYLOAD_DOWNGRADED
            assert await refusal_of(changed(sealed(used), mark=0), reading) is Code.PAYLOAD_DOWNGRADED
            # Both are allowed, and what was sealed by one is said to be of the other.
            both = converter(in_workflow(), allowed=(allowed, used))
            assert await both.decode([sealed(used)], [dict]) == [{"number": PLANTED}]
            assert await refusal_of(changed(sealed(used), mark=allowed.mark), both) is Code.SEAL_BROKEN

    async def test_a_payload_whose_key_is_not_in_the_ring_or_another_one(self) -> None:
        reading = converter(in_workflow())
        assert await refusal_of(changed(sealed(), kid=b"p9"), reading) is Code.KEY_UNKNOWN
        assert await refusal_of(changed(sealed(), kid=b"p2"), reading) is Code.SEAL_BROKEN
        namesake = replace(RING, payload_keys={"p1": bytes(range(9, 41))})
        assert await refusal_of(sealed(), converter(in_workflow(), ring=namesake)) is Code.SEAL_BROKEN

    async def test_whatever_stands_in_no_place_at_all(self) -> None:
        placeless = converter()
        assert await refusal_of(sealed(), placeless) is Code.PAYLOAD_MISPLACED
        with pytest.raises(CaseError) as refused:
            await placeless.encode([PLANTED])
        assert refused.value.code is Code.PAYLOAD_MISPLACED

    @pytest.mark.parametrize(
        "context",
        [
            in_workflow(""),
            in_activity(None),
            in_activity(""),
            NexusSerializationContext(endpoint="any", service="any", operation="any"),
        ],
        ids=["no workflow", "no activity", "an empty activity", "nexus"],
    )
    def test_a_context_that_says_too_little(self, context: SerializationContext) -> None:
        with pytest.raises(CaseError) as refused:
            CaseCodec(PayloadSealer(RING)).with_context(context)
        assert refused.value.code is Code.PAYLOAD_MISPLACED


class TestPlaces:
    async def test_a_case_and_its_activities_are_one_place(self) -> None:
        places = [in_workflow(), in_activity(workflow_id=CASE), in_activity("2", CASE, is_local=True)]
        for written in places:
            for read in places:
                (payload,) = await converter(written).encode([PLANTED])
                assert await converter(read).decode([payload], [str]) == [PLANTED]

    async def test_an_activity_that_no_workflow_asked_for_is_a_place_of_its_own(self) -> None:
        (payload,) = await converter(in_activity("deliver:1")).encode([PLANTED])
        # The client names no workflow, and a worker an empty one.
        assert await converter(in_activity("deliver:1", "")).decode([payload], [str]) == [PLANTED]
        for elsewhere in (in_activity("deliver:2"), in_workflow("deliver:1"), in_activity("deliver:1", CASE)):
            assert await refusal_of(payload, converter(elsewhere), str) is Code.PAYLOAD_MISPLACED

    async def test_the_workflows_of_one_schedule_are_one_place(self) -> None:
        (payload,) = await converter(in_workflow("digests")).encode([PLANTED])
        for due in ("digests-2026-08-03T00:30:00Z", "digests-2026-08-04T00:30:00Z"):
            assert await converter(in_workflow(due)).decode([payload], [str]) == [PLANTED]
        for other in ("digests-2026-08-03", "digests2026-08-03T00:30:00Z", "invitations-2026-08-03T00:30:00Z"):
            assert await refusal_of(payload, converter(in_workflow(other)), str) is Code.PAYLOAD_MISPLACED

    async def test_no_case_shares_its_place_with_a_workflow_that_is_named_like_one_of_a_schedule(self) -> None:
        namesake = f"{CASE}-2026-08-03T00:30:00Z"
        assert await refusal_of(sealed(), converter(in_workflow(namesake))) is Code.PAYLOAD_MISPLACED


class TestEntries:
    async def test_are_told_to_whatever_workflow_they_are_sent_to(self) -> None:
        fact = FACTS[Event.verify_documents]
        plain = data_converter(None).payload_converter.to_payload(fact)
        entry = PayloadSealer(RING).seal(plain, namespace=NAMESPACE, bound=ENTRY)
        for workflow_id in (CASE, OTHER):
            assert await converter(in_workflow(workflow_id)).decode([entry], [VerifyDocuments]) == [fact]

    @pytest.mark.parametrize("kind", [ReceiptRequest, dict, str, None])
    async def test_are_facts_and_nothing_else(self, kind: Any) -> None:
        entry = sealed(bound=ENTRY)
        assert await refusal_of(entry, converter(in_workflow()), kind) is Code.PAYLOAD_MISPLACED

    @pytest.mark.parametrize("context", [in_activity("deliver:1"), in_activity(workflow_id=CASE)])
    async def test_are_no_input_and_no_result_of_an_activity(self, context: SerializationContext) -> None:
        entry = sealed(bound=ENTRY)
        assert await refusal_of(entry, converter(context), VerifyDocuments) is Code.PAYLOAD_MISPLACED

    async def test_that_the_codec_server_refused_are_refused_for_its_reason(self) -> None:
        refused = refusal_placeholder(CaseError(Code.FIELD_MISSING, "copies"))
        entry = PayloadSealer(RING).seal(refused, namespace=NAMESPACE, bound=ENTRY)
        with pytest.raises(ApplicationError, match=r"FIELD_MISSING \(copies\)") as raised:
            await converter(in_workflow()).decode([entry], [VerifyDocuments])
        assert raised.value.type == Code.FIELD_MISSING


class TestRotating:
    async def test_is_invisible_while_the_old_key_still_opens(self) -> None:
        before = sealed()
        turned = converter(in_workflow(), ring=RING.sealing_payloads_with("p2"))
        assert await turned.decode([before], [dict]) == [{"number": PLANTED}]
        (after,) = await turned.encode([PLANTED])
        assert key_of(after) == "p2"
        assert await converter(in_workflow()).decode([after], [str]) == [PLANTED]

    async def test_refuses_by_code_what_a_dropped_key_had_sealed(self) -> None:
        dropped = RING.sealing_payloads_with("p2").without_payload_key("p1")
        assert await refusal_of(sealed(), converter(in_workflow(), ring=dropped)) is Code.KEY_UNKNOWN


async def test_a_failure_is_sealed_but_for_its_type_and_comes_back_as_it_was() -> None:
    failure = Failure()
    said = ApplicationError(f"of {PLANTED}", {"detail": PLANTED}, type=Code.DATABASE_REFUSED)
    said.__cause__ = ApplicationError(f"because of {PLANTED}", type=Code.INTERNAL)
    await converter(in_workflow()).encode_failure(said, failure)
    assert PLANTED not in str(failure)
    assert PLANTED.encode() not in failure.SerializeToString()
    remedy = REMEDIES[Code.DATABASE_REFUSED]
    assert failure.application_failure_info.type == "DATABASE_REFUSED"
    assert failure.message == f"DATABASE_REFUSED: {remedy.zh} {remedy.en}"
    read = await converter(in_workflow()).decode_failure(failure)
    assert isinstance(read, ApplicationError)
    assert (read.message, read.details, str(read.cause)) == (
        f"of {PLANTED}",
        ({"detail": PLANTED},),
        f"INTERNAL: because of {PLANTED}",
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("FIELD_MISSING (documents.0.size): of {}", "FIELD_MISSING (documents.0.size): "),
        ("FIELD_MISSING ({}): of it", "FIELD_MISSING: "),
        ("FIELD_MISSING: of {}", "FIELD_MISSING: "),
        ("of {}", "FIELD_MISSING: "),
    ],
)
async def test_a_refusal_says_its_code_and_field_in_clear_and_nothing_else(said: str, shown: str) -> None:
    failure, remedy = Failure(), REMEDIES[Code.FIELD_MISSING]
    refused = ApplicationError(said.format(PLANTED), type=Code.FIELD_MISSING, non_retryable=True)
    await converter(in_workflow()).encode_failure(refused, failure)
    assert failure.message == f"{shown}{remedy.zh} {remedy.en}"


async def test_a_failure_that_is_none_of_ours_says_nothing_in_clear() -> None:
    failure = Failure()
    await converter(in_workflow()).encode_failure(ApplicationError(f"of {PLANTED}", type="ValueError"), failure)
    assert failure.message == "Encoded failure"
