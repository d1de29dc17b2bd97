"""What the Web UI shows and sends, as payloads: opened and masked on the way out, stamped and sealed on the way in.

The Web UI names the namespace and no workflow. A sealed payload says by itself which case it belongs to; what an
operator enters is sealed as an entry, which opens for any case and there as nothing but a fact that names its case.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from temporalio.api.common.v1 import Payload

from activities.sealing import Sealer
from cases.errors import CaseError, Code
from cases.kinds import read_case_id
from cases.models import Actor
from cases.stamps import read
from gate.gate import Gate
from gate.masking import in_clear, masked, shown
from runtime.codec import ENTRY, PayloadSealer, bound_of, is_sealed, refusal_in, refusal_of, workflow_bound
from runtime.converter import IN_CLEAR

MOST_PAYLOADS: Final = 1000
"""In one request; the Web UI asks for those of one event at a time."""

_BOUND_TO_A_CASE: Final = workflow_bound("")
_JSON: Final = b"json/"

SeenBy = Callable[[Actor, Collection[str]], Awaitable[Mapping[str, bool]]]
"""The cases among some that an operator may see just now, each with whether names and numbers show in clear."""

log = logging.getLogger(__name__)


class _Read(NamedTuple):
    """A payload as it was given and, where it opens, what it holds and of which case it is."""

    given: Payload
    opened: Payload | None
    case: str | None


class Translator:
    """Opens and seals payloads of one namespace for operators."""

    def __init__(self, payloads: PayloadSealer, fields: Sealer, gate: Gate, namespace: str) -> None:
        self._payloads = payloads
        self._fields = fields
        self._gate = gate
        self._namespace = namespace

    async def decode(self, given: Iterable[Payload], viewer: Actor, seen_by: SeenBy) -> list[Payload]:
        """The payloads as this operator may see them.

        What is not sealed, does not open, or is of a case that the operator's office does not answer for, comes back
        as it is: the Web UI shows a ciphertext then. What belongs to no case holds nobody's name or number.
        """
        # Beside the loop, on which others are answered.
        opened = await asyncio.to_thread(lambda: [self._read(payload) for payload in given])
        cases = frozenset(each.case for each in opened if each.case is not None)
        seen = await seen_by(viewer, cases) if cases else {}
        hidden = cases - seen.keys()
        if hidden:
            log.warning("cases are not theirs to see", extra={"staff": viewer.id, "cases": len(hidden)})
        return await asyncio.to_thread(lambda: [self._shown(each, seen) for each in opened])

    def _read(self, payload: Payload) -> _Read:
        if not is_sealed(payload):
            return _Read(payload, None, None)
        bound = bound_of(payload)
        case = _case_of(bound)
        try:
            opened = self._payloads.open(payload, namespace=self._namespace)
            if bound == ENTRY:
                case = _case_of_entry(opened)
        except CaseError as broken:
            log.warning("a payload does not open", extra={"code": broken.code.value, "of_case": case})
            return _Read(payload, None, None)
        return _Read(payload, opened, case)

    def _shown(self, read: _Read, seen: Mapping[str, bool]) -> Payload:
        given, opened, case = read
        if opened is None or case is None:
            return opened or given
        if case not in seen:
            return given
        if opened.metadata.get("encoding", b"").startswith(_JSON):
            _, person = read_case_id(case)
            opened.data = shown(opened.data, person, self._fields, in_clear if seen[case] else masked)
        return opened

    async def stamp_and_seal(self, given: Iterable[Payload], bearer: Actor) -> list[Payload]:
        """What an operator entered, stamped with who they are and sealed; where it is refused, the refusal.

        Raises `CaseError` PAYLOAD_INVALID where it is not one JSON object.
        """
        match list(given):
            case [Payload(metadata={"encoding": b"json/plain"}) as payload]:
                pass
            case _:
                raise CaseError(Code.PAYLOAD_INVALID)
        try:
            fact = await self._gate.stamp_typed(bearer, payload.data)
        except CaseError as refused:
            return self.refusal(refused)
        (entry,) = IN_CLEAR.payload_converter.to_payloads([fact])
        return [self._sealed(entry)]

    def refusal(self, refused: CaseError) -> list[Payload]:
        """A refusal, sealed in the place of what was entered.

        The Web UI hides the answer of a codec server that refuses, and shows what the case says of the update.
        """
        log.info("an entry is refused", extra={"code": refused.code.value})
        return [self._sealed(refusal_of(refused))]

    def _sealed(self, entry: Payload) -> Payload:
        return self._payloads.seal(entry, namespace=self._namespace, bound=ENTRY)


def _case_of(bound: str) -> str | None:
    """The case of which something says it is a payload; None for what belongs to none."""
    if not bound.startswith(_BOUND_TO_A_CASE):
        return None
    return _read_case(bound.removeprefix(_BOUND_TO_A_CASE))


def _case_of_entry(opened: Payload) -> str | None:
    """The case that an entry was stamped for; None for a refusal, which holds a code.

    Raises `CaseError` where it says of no case that it is for it: then nobody's office answers for it.
    """
    if refusal_in(opened) is not None:
        return None
    try:
        stamp = json.loads(opened.data)["stamp"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CaseError(Code.STAMP_MISSING) from None
    case = _read_case(read(stamp).case)
    if case is None:
        raise CaseError(Code.CASE_ID_INVALID)
    return case


def _read_case(case: str) -> str | None:
    try:
        read_case_id(case)
    except CaseError:
        return None
    return case
