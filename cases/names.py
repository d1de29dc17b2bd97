"""Names that other systems rely on: types, task queues, queries, search attributes and keyed tokens."""

import hashlib
import hmac
import re
from base64 import b32encode
from enum import StrEnum
from typing import Final

from cases.errors import CaseError, Code

TASK_QUEUE_CASES: Final = "cases"
TASK_QUEUE_NOTIFICATIONS: Final = "notifications"
TASK_QUEUE_CAMPAIGNS: Final = "campaigns"

RECEIPT: Final = "receipt"
"""The update that answers when a case is durably registered and screened."""
VIEW: Final = "view"
"""The query for everything about a case that may be shown."""
HISTORY: Final = "history"
"""The query for the transitions so far."""
ANSWER: Final = "answer"
"""The query for the answer to an update that moved the case."""
TOLD_AFTER_CLOSING: Final = "ToldAfterClosing"
"""The workflow type of what tells the register something about a case that is closed."""
CAMPAIGN: Final = "Campaign"
"""The workflow type of what has a large register opened, page by page."""
LOOK_AT_REGISTER: Final = "look_at_register"
"""The signal by which a case is told that the register may have moved without it."""
NEIGHBOUR_MOVED: Final = "neighbour_moved"
"""The signal by which a case is told what concerns it; whether it is so the register says."""
CALENDAR_GREW: Final = "calendar_grew"
"""The update by which the engine itself tells a case that years were published; nobody decides anything by it."""


class Kind(StrEnum):
    """The kinds of case; the value is the workflow type. What is true of one stands in its record (`cases.kinds`)."""

    id_number_change = "IdNumberChange"
    card_replacement = "CardReplacement"

    @classmethod
    def _missing_(cls, value: object) -> "Kind | None":
        return _FURTHER.get(value) if isinstance(value, str) else None

    @classmethod
    def further(cls, name: str, workflow_type: str) -> "Kind":
        """A kind beside those of this release, for whoever brings its record along; the same one each time."""
        kind = _FURTHER.get(workflow_type)
        if kind is None:
            kind = str.__new__(cls, workflow_type)
            kind._name_, kind._value_ = name, workflow_type
            _FURTHER[workflow_type] = kind
        return kind


_FURTHER: Final[dict[str, Kind]] = {}


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
    version = "CaseVersion"


TOKEN_LENGTH: Final = 26
_PERSONAL_NUMBER = re.compile(r"[0-9A-Z]{4,20}")


def _keyed_token(key: bytes, purpose: str, text: str) -> str:
    digest = hmac.digest(key, f"cardcase/{purpose}\0{text}".encode(), hashlib.sha256)
    return _base32(digest)


def _base32(digest: bytes) -> str:
    """The first 130 bits, as 26 characters of lower-case base32."""
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


def delivery_key(key: bytes, identity: str) -> str:
    """Keyed name of a delivery: 64 hexadecimal digits. A provider knows those that it was given, and finds no other."""
    return hmac.digest(key, f"cardcase/delivery\0{identity}".encode(), hashlib.sha256).hex()


def order_id(case: str, generation: int, version: int) -> str:
    """Identity of an order of a card: it goes out with the order and comes back with whatever answers it.

    `version` is that of the case after the transition that ordered: asking again is another order. Anybody who knows
    the case can name its orders; the identity is no secret and proves nothing.
    """
    return _request_id("ord", case, generation, version)


def publication_id(case: str, generation: int, version: int) -> str:
    """Identity of a publication of a changed number, the same for all systems that are told.

    As `order_id`: publishing again is another publication.
    """
    return _request_id("pub", case, generation, version)


def _request_id(prefix: str, case: str, generation: int, version: int) -> str:
    digest = hashlib.sha256(f"cardcase/{prefix}\0{case}\0{generation}\0{version}".encode()).digest()
    return f"{prefix}-{_base32(digest)}"


def after_closing_id(case: str, told_as: str) -> str:
    """Workflow ID by which a closed case is told something; the same for the same identity of what is told."""
    digest = hashlib.sha256(f"cardcase/told\0{case}\0{told_as}".encode()).digest()
    return f"told-{case}-{_base32(digest)}"


def asking_of(stamp: str | None) -> str | None:
    """What one asking is called, by its stamp, of which no two are alike; None for what nobody stamped."""
    return None if stamp is None else hashlib.sha256(stamp.encode()).hexdigest()[:16]


def asked_anew(identity: str, asking: str) -> str:
    """Update ID for asking again what was refused once: the server answers an ID it has answered as it did then."""
    return f"{identity}~{asking}"


def campaign_id(job: str) -> str:
    """Workflow ID of the campaign that has a job's rows opened: one for each job, whoever starts it."""
    return f"campaign-{job.removeprefix('job-')}"


def told_under(update_id: str) -> str:
    """The identity of what is told, whichever asking it is."""
    return update_id.partition("~")[0]
