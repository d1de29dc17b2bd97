"""Stamps: the gate's signed word on who decides what about which case, as far as it can be judged without a key.

A stamp is a compact JWS (RFC 7515) that stands in the fact, or the opening, which it is about. Here it is read and
compared with what it stands in; its signature, its expiry and that it is used once are judged by the register
(`activities.stamps`), in the transaction that writes the decision. A row of a job says in its place to which manifest
it belongs (`cases.manifests`).
"""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import StringConstraints

from cases.errors import CaseError, Code
from cases.events import OPEN, Act
from cases.facts import Fact
from cases.kinds import case_id
from cases.manifests import Belonging, Manifest, belongs, is_within, leaf_of, read_belonging, read_manifest
from cases.models import Actor, Record, RegionCode, Role, StaffId
from cases.openings import Opening
from cases.rules.people import NAMES_THE_SUBMITTER, check_role

ISSUER: Final = "cardcase-gate"
TYPE: Final = "cardcase-stamp"
"""The `typ` of a stamp's header, so that no other token passes for one."""
ALGORITHM: Final = "EdDSA"

LIFETIME: Final = timedelta(minutes=5)
"""How long a stamp is good for."""
SKEW: Final = timedelta(minutes=1)
"""By how much the gate's clock may be ahead of the engine's."""


class Place(NamedTuple):
    """Where a case stood."""

    generation: int
    version: int


class Claims(Record):
    """What a stamp says. `iat` and `exp` are seconds since 1970, `digest` is base64url of a SHA-256."""

    iss: str
    aud: str
    jti: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,43}$")]
    iat: int
    exp: int
    case: str
    event: str
    digest: str
    sub: StaffId
    role: Role
    office: RegionCode
    generation: int | None = None
    """Of the case as it stood by the register when the stamp was given.

    None for openings, for rows of manifests, and for what was stamped while the register was away.
    """
    version: int | None = None

    @property
    def actor(self) -> Actor:
        """Who it was given to."""
        return Actor(id=self.sub, role=self.role, office=self.office)

    def is_for(self, generation: int, version: int) -> bool:
        """Whether it may move a case of a generation to a version: of the one it was given for, onward from there."""
        of_another = self.generation not in {None, generation}
        return not of_another and (self.version is None or version > self.version)


def digest_of(content: Fact | Opening) -> str:
    """SHA-256, as base64url, of a fact or an opening without its stamp, in the one canonical form of its JSON."""
    plain = content.model_dump(mode="json", exclude={"stamp"}, exclude_defaults=True)
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def read(stamp: str | None) -> Claims:
    """What a stamp says, its signature unseen. Raises `CaseError` STAMP_MISSING or STAMP_INVALID."""
    if stamp is None:
        raise CaseError(Code.STAMP_MISSING)
    payload = stamp.split(".")[1:2]
    try:
        raw = base64.b64decode(payload[0] + "=" * (-len(payload[0]) % 4), altchars=b"-_", validate=True)
        return Claims.model_validate_json(raw)
    except (IndexError, ValueError):
        raise CaseError(Code.STAMP_INVALID) from None


def stamp_id(stamp: str | None) -> str:
    """By which the register knows a stamp: its own ID, or the manifest's and the row's place. Raises as `read`."""
    if stamp is not None and belongs(stamp):
        belonging = read_belonging(stamp)
        return _id_of_row(read_manifest(belonging.manifest), belonging)
    return read(stamp).jti


def _id_of_row(manifest: Manifest, belonging: Belonging) -> str:
    return f"{manifest.jti}-{belonging.place}"


def _claims_of(content: Fact | Opening, case: str, act: Act) -> Claims:
    """What the stamp of a content says; of a row of a manifest, what the gate would have said of that row alone.

    Raises `CaseError`: STAMP_MISSING, STAMP_INVALID; STAMP_MISMATCH for a row that does not belong to its manifest as
    it stands, for that case and event.
    """
    stamp = content.stamp
    if stamp is None or not belongs(stamp):
        return read(stamp)
    belonging = read_belonging(stamp)
    manifest = read_manifest(belonging.manifest)
    digest = digest_of(content)
    if act not in manifest.acts or not is_within(leaf_of(belonging.place, case, act, digest), belonging, manifest):
        raise CaseError(Code.STAMP_MISMATCH)
    return Claims(
        iss=manifest.iss,
        aud=manifest.aud,
        jti=_id_of_row(manifest, belonging),
        iat=manifest.iat,
        exp=manifest.exp,
        case=case,
        event=str(act),
        digest=digest,
        sub=manifest.sub,
        role=manifest.role,
        office=manifest.office,
    )


def check_fact(fact: Fact, case: str, event: Act) -> Claims:
    """What the stamp of a fact says, where it was given for this fact, this case, this event and this actor.

    Raises `CaseError`: STAMP_MISSING, STAMP_INVALID, FORM_OF_ANOTHER_CASE, FORM_OF_ANOTHER_EVENT, STAMP_MISMATCH.
    """
    claims = _claims_of(fact, case, event)
    # Whoever entered it chose the case and the event once more where they sent it, and may have chosen wrongly.
    if claims.case != case:
        raise CaseError(Code.FORM_OF_ANOTHER_CASE)
    if claims.event != event:
        raise CaseError(Code.FORM_OF_ANOTHER_EVENT)
    if (claims.actor, claims.digest) != (fact.actor, digest_of(fact)):
        raise CaseError(Code.STAMP_MISMATCH)
    return claims


def names_a_clerk(claims: Claims, opening: Opening) -> bool:
    """Whether a system says which clerk took an application in, who did not act themself."""
    return claims.role in NAMES_THE_SUBMITTER and isinstance(opening.submitter, Actor)


def check_opening(opening: Opening) -> Claims:
    """What the stamp of an opening says, where it was given for this opening to somebody who may open it.

    A system of the back office says who took the application in, of an office that answers for the region as well;
    everybody else did so themselves. Raises `CaseError` as `check_fact`, and as `cases.rules.people.check_role`.
    """
    case = case_id(opening.kind, opening.person)
    claims = _claims_of(opening, case, OPEN)
    named = claims.role in NAMES_THE_SUBMITTER
    submitter = opening.submitter if named else claims.actor
    said = (claims.case, claims.event, submitter, claims.digest)
    if said != (case, OPEN, opening.submitter, digest_of(opening)):
        raise CaseError(Code.STAMP_MISMATCH)
    check_role(claims.actor, OPEN, opening.region)
    if isinstance(opening.submitter, Actor):
        check_role(opening.submitter, OPEN, opening.region)
    return claims
