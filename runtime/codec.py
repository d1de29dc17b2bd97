"""Payloads on their way to Temporal and back: sealed, and bound to the one place where they may be opened.

`PayloadSealer` seals and opens single payloads with the keys of one ring; `CaseCodec` is what Temporal's client and
workers call. A sealed payload says in clear by which key and algorithm it was sealed and what it is bound to; all of
that, and the namespace, is authenticated (GCM, NIST SP 800-38D; SM4: GB/T 32907, in GCM as in RFC 8998).
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256, SM3, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError, Message
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from activities.sealing import KeyRing
from cases.errors import CaseError, Code
from cases.occasions import Scheduled
from runtime.algorithms import Algorithm
from runtime.deflating import deflate, inflate

SEALED: Final = b"binary/cardcase-sealed"
"""Encoding of a sealed payload."""
REFUSED: Final = b"binary/cardcase-refused"
"""Encoding of what stands in the place of a payload that is refused: one that did not open or, inside the seal of an
entry, one that the codec server refused."""
ENTRY: Final = "entry"
"""What a payload is bound to that an operator enters where the workflow is not known: a fact that names its case."""

_JSON: Final = {"encoding": b"json/plain"}
_WHOLE: Final = b"\x00"
"""First byte inside a seal: the payload follows, metadata included."""
_AS_JSON: Final = b"\x01"
"""First byte inside a seal: the data of a payload of JSON follow."""
_DEFLATED_JSON: Final = b"\x02"
"""First byte inside a seal: the same follow, deflated by the first dictionary, as nearly always."""
_WORTH_DEFLATING: Final = 64
"""Bytes of JSON from which on it is tried."""
_FORM: Final = 2
"""Version of the form of sealed payloads."""
_LABEL_BYTES: Final = 4
"""Of a label before what the payload is bound to: form, algorithm, and how long that is."""
_PLACES_KEPT: Final = 1024
"""For how many places the values computed for each are kept."""
_NONCE_BYTES: Final = 12
_random: Final = getattr(os, "getrandom", os.urandom)
"""The kernel's random bytes. `getrandom` keeps the interpreter's lock for the microsecond that it takes; `urandom`
gives it away, and waits twenty for it where other threads are busy."""
_TAG_BYTES: Final = 16
_OF_SCHEDULE: Final = re.compile(
    r"({})-\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}:\d{{2}}:\d{{2}}Z".format(
        "|".join(each.name.replace("_", "-") for each in Scheduled)
    )
)
"""Workflow IDs of our schedules: the server appends the nominal time."""

_ENTRY: Final = ENTRY.encode()


class _Cipher(Protocol):
    """An authenticated cipher; the tag stands behind the ciphertext. `decrypt` raises `InvalidTag`."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


class Sm4Gcm:
    """SM4 in Galois/counter mode, in the form of `AESGCM`. The key has 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The ciphertext, and its tag behind it."""
        encryptor = Cipher(self._key, GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """The plain bytes. Raises `InvalidTag`."""
        ciphertext, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
        if len(tag) != _TAG_BYTES:
            raise InvalidTag
        decryptor = Cipher(self._key, GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(ciphertext) + decryptor.finalize()


class _Suite(NamedTuple):
    """How one algorithm gets its key from a secret of the ring, and its cipher from the key."""

    key_bytes: int
    hash: HashAlgorithm
    cipher: Callable[[bytes], _Cipher]


def _aes_256_gcm(key: bytes) -> _Cipher:
    return AESGCM(key)


_SUITES: Final[dict[Algorithm, _Suite]] = {
    Algorithm.aes_256_gcm: _Suite(32, SHA256(), _aes_256_gcm),
    Algorithm.sm4_gcm: _Suite(16, SM3(), Sm4Gcm),
}


def _cipher(secret: bytes, algorithm: Algorithm) -> _Cipher:
    """The cipher of a key; each algorithm has a key of its own (HKDF, RFC 5869), so none can be taken for another."""
    suite = _SUITES[algorithm]
    info = f"cardcase payloads {algorithm}".encode()
    return suite.cipher(HKDF(suite.hash, suite.key_bytes, salt=None, info=info).derive(secret))


class PayloadSealer:
    """Seals and opens payloads with the keys of one ring: with the first of `algorithms`, and by any of them."""

    def __init__(self, ring: KeyRing, algorithms: Sequence[Algorithm] = (Algorithm.aes_256_gcm,)) -> None:
        self._ciphers = {
            (key_id.encode(), algorithm.mark): _cipher(secret, algorithm)
            for key_id, secret in ring.payload_keys.items()
            for algorithm in algorithms
        }
        self._allowed = frozenset(algorithm.mark for algorithm in algorithms)
        self._known = frozenset(key_id.encode() for key_id in ring.payload_keys)
        self._key_id = ring.payload_current.encode()
        self._mark = algorithms[0].mark
        self._metadata = {"encoding": SEALED, "kid": self._key_id}
        self._current = self._ciphers[self._key_id, self._mark]

    @property
    def current(self) -> str:
        """ID of the key that seals."""
        return self._key_id.decode()

    def seal(self, payload: Payload, *, namespace: str, bound: str) -> Payload:
        """The sealed form of a payload, metadata included, that opens in this namespace and place only."""
        label = _label(self._mark, bound)
        nonce = _random(_NONCE_BYTES)
        ciphertext = self._current.encrypt(nonce, _packed(payload), _associated_data(namespace, self._key_id, label))
        return Payload(metadata=self._metadata, data=label + nonce + ciphertext)

    def open(self, payload: Payload, *, namespace: str) -> Payload:
        """The payload that was sealed, wherever in the namespace it belongs: `bound_of` tells.

        Raises `CaseError`: PAYLOAD_UNSEALED, PAYLOAD_DOWNGRADED (an algorithm or a form that is not allowed),
        KEY_UNKNOWN, SEAL_BROKEN (changed, cut, or of another place or namespace).
        """
        return self.open_read(_Sealed.read(payload), namespace)

    def open_read(self, sealed: "_Sealed", namespace: str) -> Payload:
        """The same, of a payload whose label was read before."""
        label, key_id = sealed.label, sealed.key_id
        if len(label) < _LABEL_BYTES:
            raise CaseError(Code.SEAL_BROKEN)
        form, mark = label[0], label[1]
        if form != _FORM or mark not in self._allowed:
            raise CaseError(Code.PAYLOAD_DOWNGRADED)
        if key_id not in self._known:
            raise CaseError(Code.KEY_UNKNOWN)
        nonce, ciphertext = sealed.content[:_NONCE_BYTES], sealed.content[_NONCE_BYTES:]
        opened: Payload | None = None
        try:
            associated = _associated_data(namespace, key_id, label)
            opened = _unpacked(self._ciphers[key_id, mark].decrypt(nonce, ciphertext, associated))
        except (InvalidTag, ValueError, DecodeError):
            # What was raised may say more than a code, and an error raised here would carry it along.
            opened = None
        if opened is None:
            raise CaseError(Code.SEAL_BROKEN)
        return opened


@lru_cache(maxsize=_PLACES_KEPT)
def _label(mark: int, bound: str) -> bytes:
    """What stands in clear before the nonce: form and algorithm, a byte each, and in what place the payload opens."""
    place = bound.encode()
    return bytes([_FORM, mark]) + len(place).to_bytes(2) + place


@lru_cache(maxsize=_PLACES_KEPT)
def _associated_data(namespace: str, key_id: bytes, label: bytes) -> bytes:
    """What is authenticated beside the ciphertext; no two different lists give the same bytes."""
    return b"".join(len(part).to_bytes(4) + part for part in (namespace.encode(), key_id, label))


def _packed(payload: Payload) -> bytes:
    """What is sealed of a payload: all of it, or of JSON, as nearly all are, the data alone."""
    metadata, data = payload.metadata, payload.data
    if len(metadata) != 1 or metadata.get("encoding") != _JSON["encoding"]:
        return _WHOLE + payload.SerializeToString()
    if len(data) >= _WORTH_DEFLATING:
        deflated = deflate(data)
        if deflated is not None and len(deflated) < len(data):
            return _DEFLATED_JSON + deflated
    return _AS_JSON + data


def _unpacked(packed: bytes) -> Payload:
    """The payload that was packed. Raises `ValueError` or `DecodeError` for what nobody packs."""
    packing = packed[:1]
    if packing == _DEFLATED_JSON:
        return Payload(metadata=_JSON, data=inflate(packed[1:]))
    if packing == _AS_JSON:
        return Payload(metadata=_JSON, data=packed[1:])
    if packing == _WHOLE:
        return Payload.FromString(packed[1:])
    raise ValueError


class _Sealed(NamedTuple):
    """What a sealed payload says of itself, and what it holds."""

    key_id: bytes
    label: bytes
    content: bytes
    """Nonce, ciphertext and tag."""

    @classmethod
    def read(cls, payload: Payload) -> Self:
        """The parts of a sealed payload, of which nothing is proved yet. Raises `CaseError` PAYLOAD_UNSEALED."""
        metadata, data = payload.metadata, payload.data
        # Looked up in square brackets, a label that is not there would be added to the payload.
        if metadata.get("encoding") != SEALED:
            raise CaseError(Code.PAYLOAD_UNSEALED)
        ends = _LABEL_BYTES + int.from_bytes(data[2:_LABEL_BYTES])
        return cls(metadata.get("kid", b""), data[:ends], data[ends:])

    @property
    def bound(self) -> bytes:
        """What it says it is bound to."""
        return self.label[_LABEL_BYTES:]


def is_sealed(payload: Payload) -> bool:
    """Whether a payload says that it is sealed."""
    return payload.metadata.get("encoding", b"") == SEALED


def contents_length(payload: Payload) -> int:
    """How many bytes of JSON a sealed payload holds, deflated as they are. Raises `CaseError` PAYLOAD_UNSEALED."""
    return len(_Sealed.read(payload).content) - _NONCE_BYTES - _TAG_BYTES - len(_AS_JSON)


def bound_of(payload: Payload) -> str:
    """What a sealed payload says it is bound to. Raises `CaseError` PAYLOAD_UNSEALED."""
    return _Sealed.read(payload).bound.decode(errors="replace")


def key_of(payload: Payload) -> str:
    """ID of the key that a sealed payload says it was sealed with."""
    return payload.metadata.get("kid", b"").decode(errors="replace")


def payloads_in(message: Message) -> Iterator[Payload]:
    """Every payload in a message of Temporal's, wherever it stands."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inside = value.values()
        else:
            inside = value if field.is_repeated else [value]
        for each in inside:
            if isinstance(each, Message):
                yield from payloads_in(each)


def workflow_bound(workflow_id: str) -> str:
    """What payloads of a workflow are bound to.

    The workflows of a schedule share one place, because the server hands the result of one to the next, and keeps what
    it starts them with under the ID that they have in common.
    """
    scheduled = _OF_SCHEDULE.fullmatch(workflow_id)
    return f"case:{workflow_id if scheduled is None else scheduled[1]}"


def activity_bound(activity_id: str) -> str:
    """What payloads of an activity are bound to that no workflow asked for."""
    return f"activity:{activity_id}"


class Place(NamedTuple):
    """Where payloads are sealed and opened."""

    namespace: str
    bound: str
    label: bytes
    """The same, as it stands in a sealed payload."""
    of_workflow: bool
    """Whether a workflow is told, or answers. Only there may stand what an operator entered; and there a refusal is
    handed on, because what is to become of it depends on what else is known (`runtime.runner`).
    """


@lru_cache(maxsize=_PLACES_KEPT)
def place_of(context: SerializationContext) -> Place:
    """The place that Temporal says a payload has. Raises `CaseError` PAYLOAD_MISPLACED where it says too little."""
    match context:
        case WorkflowSerializationContext(namespace=namespace, workflow_id=workflow_id) if workflow_id:
            return _place(namespace, workflow_bound(workflow_id), of_workflow=True)
        case ActivitySerializationContext(namespace=namespace, workflow_id=str(workflow_id)) if workflow_id:
            return _place(namespace, workflow_bound(workflow_id))
        case ActivitySerializationContext(namespace=namespace, activity_id=str(activity_id)) if activity_id:
            return _place(namespace, activity_bound(activity_id))
        case _:
            raise CaseError(Code.PAYLOAD_MISPLACED)


def _place(namespace: str, bound: str, *, of_workflow: bool = False) -> Place:
    return Place(namespace, bound, bound.encode(), of_workflow)


class CaseCodec(PayloadCodec, WithSerializationContext):
    """The codec of client, workers and replayer. Without a place it neither seals nor opens."""

    def __init__(self, sealer: PayloadSealer, place: Place | None = None) -> None:
        self._sealer = sealer
        self._place = place

    def with_context(self, context: SerializationContext) -> Self:
        """See base class."""
        place = place_of(context)
        return self if place == self._place else type(self)(self._sealer, place)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal payloads for the place at hand. Raises `CaseError` PAYLOAD_MISPLACED where none is known."""
        place = self._at_hand()
        return [self._sealer.seal(payload, namespace=place.namespace, bound=place.bound) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open payloads of the place at hand.

        Raises `CaseError` as `PayloadSealer.open`, and PAYLOAD_MISPLACED for payloads of other places. For a workflow a
        refusal comes back in the payload's place instead (`refusal_in`); the payload converter raises it.
        """
        place = self._at_hand()
        return [self._opened(payload, place) for payload in payloads]

    def _at_hand(self) -> Place:
        if self._place is None:
            raise CaseError(Code.PAYLOAD_MISPLACED)
        return self._place

    def _opened(self, payload: Payload, place: Place) -> Payload:
        try:
            return self._opened_here(payload, place)
        except CaseError as refused:
            if not place.of_workflow:
                raise
            return refusal_of(refused)

    def _opened_here(self, payload: Payload, place: Place) -> Payload:
        sealed = _Sealed.read(payload)
        bound = sealed.bound
        entered = bound == _ENTRY and place.of_workflow
        if bound != place.label and not entered:
            raise CaseError(Code.PAYLOAD_MISPLACED)
        opened = self._sealer.open_read(sealed, place.namespace)
        if entered:
            opened.metadata[_ENTERED] = b""
        return opened


_ENTERED: Final = "entered"
"""Metadata of an opened payload that an operator entered."""


def is_entered(payload: Payload) -> bool:
    """Whether an opened payload was entered by an operator, and is therefore bound to no workflow by its seal."""
    return _ENTERED in payload.metadata


def refusal_in(payload: Payload) -> CaseError | None:
    """Why no payload stands here; None where one does."""
    if payload.metadata.get("encoding", b"") != REFUSED:
        return None
    code, _, field = payload.data.decode().partition(" ")
    return CaseError(Code(code), field or None)


def refusal_of(refused: CaseError) -> Payload:
    """What stands in the place of a refused payload, and tells the reader why."""
    return Payload(metadata={"encoding": REFUSED}, data=f"{refused.code} {refused.field or ''}".rstrip().encode())
