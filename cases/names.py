"""Names that other systems rely on: types, task queues, queries, search attributes and case IDs, made and read here."""

import hashlib
import hmac
import re
from base64 import b32encode
from enum import StrEnum
from typing import Final

from cases.errors import CaseError, Code

TASK_QUEUE_CASES: Final = "cases"
TASK_QUEUE_NOTIFICATIONS: Final = "notifications"

RECEIPT: Final = "receipt"
"""The update that answers when a case is durably registered and screened."""
VIEW: Final = "view"
"""The query for everything about a case that may be shown."""
HISTORY: Final = "history"
"""The query for the transitions so far."""
ANSWER: Final = "answer"
"""The query for the answer to an update that moved the case."""
CALENDAR_GREW: Final = "calendar_grew"
"""The update by which the engine itself tells a case that years were published; nobody decides anything by it."""


class Kind(StrEnum):
    """The two kinds of case; the value is the workflow type."""

    id_number_change = "IdNumberChange"
    card_replacement = "CardReplacement"

    @property
    def prefix(self) -> str:
        """First letters of the case ID."""
        return "idc" if self is Kind.id_number_change else "crc"


class SearchAttribute(StrEnum):
    """Search attributes of a case; of which type each is, `workflows.search_attributes` says."""

    kind = "CaseKind"
    status = "CaseStatus"
    milestone = "CaseMilestone"
    region = "CaseRegion"
    category = "CaseCategory"
    attention = "CaseAttention"
    rung = "CaseRung"
    due_at = "CaseDueAt"


TOKEN_LENGTH: Final = 26
_PERSONAL_NUMBER = re.compile(r"[0-9A-Z]{4,20}")
_CASE_ID = re.compile(r"(idc|crc)-([a-z2-7]{26})")


def _keyed_token(key: bytes, purpose: str, text: str) -> str:
    digest = hmac.digest(key, f"cardcase/{purpose}\0{text}".encode(), hashlib.sha256)
    return b32encode(digest[:17]).decode().lower()[:TOKEN_LENGTH]


def person_token(key: bytes, personal_number: str) -> str:
    """The person ref: 26 characters of lower-case base32, a keyed hash of the personal number (个人编号).

    Keyed because the space of such numbers is small enough to be searched through: a plain hash would be as good as
    clear text. Raises `CaseError` PERSONAL_NUMBER_INVALID.
    """
    if not _PERSONAL_NUMBER.fullmatch(personal_number):
        raise CaseError(Code.PERSONAL_NUMBER_INVALID, "personal_number")
    return _keyed_token(key, "person", personal_number)


def number_token(key: bytes, number: str) -> str:
    """Keyed token of a resident ID number or card number, for look-up and uniqueness where the number is sealed."""
    return _keyed_token(key, "number", number)


def content_token(key: bytes, content: str) -> str:
    """Keyed token of a request's whole content; equal requests have equal tokens and nothing else can be learnt."""
    return _keyed_token(key, "content", content)


def case_id(kind: Kind, person: str) -> str:
    """Case ID = workflow ID of a person's case of one kind."""
    return f"{kind.prefix}-{person}"


def read_case_id(text: str) -> tuple[Kind, str]:
    """Kind and person ref of a case ID. Raises `CaseError` CASE_ID_INVALID for anything that is not one."""
    found = _CASE_ID.fullmatch(text)
    if found is None:
        raise CaseError(Code.CASE_ID_INVALID, "case_id")
    return (Kind.id_number_change if found[1] == "idc" else Kind.card_replacement), found[2]
