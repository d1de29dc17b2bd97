"""What the Web UI shows and sends, as payloads: opened and masked on the way out, stamped and sealed on the way in.

The Web UI names the namespace and no workflow. A sealed payload says by itself which case it belongs to; what an
operator enters is sealed as an entry, which opens for any case and there as nothing but a fact that names its case.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from temporalio.api.common.v1 import Payload

from activities.sealing import Sealer
from cases.errors import CaseError, Code
from cases.kinds import read_case_id
from cases.models import Actor
from gate.gate import Gate
from gate.masking import in_clear, masked, shown
from runtime.codec import ENTRY, PayloadSealer, bound_of, is_sealed, refusal_of, workflow_bound
from runtime.converter import IN_CLEAR

MOST_PAYLOADS: Final = 1000
"""In one request; the Web UI asks for those of one event at a time."""

_BOUND_TO_A_CASE: Final = workflow_bound("")
_JSON: Final = b"json/"

IsRevealed = Callable[[Actor, str], Awaitable[bool]]
"""Whether an operator may see the names and numbers of a case in clear just now."""

log = logging.getLogger(__name__)


class Translator:
    """Opens and seals payloads of one namespace for operators."""

    def __init__(self, payloads: PayloadSealer, fields: Sealer, gate: Gate, namespace: str) -> None:
        self._payloads = payloads
        self._fields = fields
        self._gate = gate
        self._namespace = namespace

    async def decode(self, given: Iterable[Payload], viewer: Actor, is_revealed: IsRevealed) -> list[Payload]:
        """The payloads as this operator may see them.

        What is not sealed, or does not open, comes back as it is: the Web UI shows a ciphertext then.
        """
        revealed: dict[str, bool] = {}
        answer = []
        for payload in given:
            case = _case_of(payload)
            if case is not None and case not in revealed:
                revealed[case] = await is_revealed(viewer, case)
            answer.append(self._opened(payload, case, in_full=case is not None and revealed[case]))
        return answer

    def _opened(self, payload: Payload, case: str | None, *, in_full: bool) -> Payload:
        if not is_sealed(payload):
            return payload
        try:
            opened = self._payloads.open(payload, namespace=self._namespace)
        except CaseError as broken:
            log.warning("a payload does not open", extra={"code": broken.code.value, "of_case": case})
            return payload
        if case is not None and opened.metadata.get("encoding", b"").startswith(_JSON):
            _, person = read_case_id(case)
            opened.data = shown(opened.data, person, self._fields, in_clear if in_full else masked)
        return opened

    async def stamp_and_seal(self, given: Iterable[Payload], token: str) -> list[Payload]:
        """What an operator entered, stamped with who they are and sealed.

        Where it is refused, the refusal itself is sealed in its place: the Web UI hides the answer of a codec server
        that refuses, and shows what the case says of the update. Raises `CaseError` PAYLOAD_INVALID where it is not one
        JSON object.
        """
        match list(given):
            case [Payload(metadata={"encoding": b"json/plain"}) as payload]:
                pass
            case _:
                raise CaseError(Code.PAYLOAD_INVALID)
        try:
            fact = await self._gate.stamp_typed(token, payload.data)
        except CaseError as refused:
            log.info("an entry is refused", extra={"code": refused.code.value})
            entry = refusal_of(refused)
        else:
            (entry,) = IN_CLEAR.payload_converter.to_payloads([fact])
        return [self._payloads.seal(entry, namespace=self._namespace, bound=ENTRY)]


def _case_of(payload: Payload) -> str | None:
    """The case that a sealed payload belongs to; None for what belongs to none."""
    bound = bound_of(payload) if is_sealed(payload) else ""
    if not bound.startswith(_BOUND_TO_A_CASE):
        return None
    case = bound.removeprefix(_BOUND_TO_A_CASE)
    try:
        read_case_id(case)
    except CaseError:
        return None
    return case
