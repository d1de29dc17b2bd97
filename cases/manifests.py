"""Manifests: the gate's one word on many rows, for a job that takes longer than a stamp is good for.

The gate signs the root of a Merkle tree (RFC 9162, section 2.1) whose leaves are what is opened or told, row by row:
which row, which case, which event, and the digest of the content. A row carries the manifest, its own place and the
hashes beside its way up to the root, and by them belongs to it or does not; nobody else has to be asked. Each place is
good once, as a stamp is (`cases.stamps`).
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import Field, StringConstraints

from cases.errors import CaseError, Code
from cases.events import Act
from cases.models import Actor, Record, RegionCode, Role, StaffId

TYPE: Final = "cardcase-manifest"
"""The `typ` of a manifest's header, so that it passes for no stamp, and no stamp for it."""
LIFETIME: Final = timedelta(days=7)
"""How long rows are taken by belonging to a manifest: a large register takes a day, and an outage may come between."""
MOST_ROWS: Final = 100_000
"""Rows of one manifest."""
MOST_ACTS: Final = 12
"""Different events that the rows of one manifest may tell; no system may tell more."""

_SEPARATOR: Final = "~"
_PLACE: Final = re.compile(r"0|[1-9][0-9]{0,5}")
_BYTES: Final = 32
_LEAF, _NODE = b"\0", b"\1"

Root = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""The root of a tree: base64url of a SHA-256."""


class Manifest(Record):
    """What a manifest says. `iat` and `exp` are seconds since 1970."""

    iss: str
    aud: str
    jti: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,30}$")]
    iat: int
    exp: int
    acts: Annotated[tuple[Act, ...], Field(min_length=1, max_length=MOST_ACTS)]
    """What its rows do: open cases, or tell these events."""
    rows: Annotated[int, Field(ge=1, le=MOST_ROWS)]
    root: Root
    sub: StaffId
    role: Role
    office: RegionCode

    @property
    def actor(self) -> Actor:
        """Who it was given to."""
        return Actor(id=self.sub, role=self.role, office=self.office)


class Belonging(NamedTuple):
    """What a row carries in the place of a stamp: the manifest as it was signed, and how the row belongs to it."""

    manifest: str
    place: int
    way: tuple[bytes, ...]
    """The hashes beside the way from the row to the root."""

    def __str__(self) -> str:
        return _SEPARATOR.join((self.manifest, str(self.place), encoded(b"".join(self.way))))


def belongs(stamp: str | None) -> bool:
    """Whether what stands in the place of a stamp says that a row belongs to a manifest."""
    return stamp is not None and _SEPARATOR in stamp


def read_belonging(stamp: str) -> Belonging:
    """What a row carries, apart. Raises `CaseError` STAMP_INVALID."""
    try:
        manifest, place, way = stamp.split(_SEPARATOR)
        raw = _decoded(way)
        if len(raw) % _BYTES:
            raise CaseError(Code.STAMP_INVALID)
        if not _PLACE.fullmatch(place):
            raise CaseError(Code.STAMP_INVALID)
        hashes = tuple(raw[start : start + _BYTES] for start in range(0, len(raw), _BYTES))
        return Belonging(manifest, int(place), hashes)
    except ValueError:
        raise CaseError(Code.STAMP_INVALID) from None


def read_manifest(signed: str) -> Manifest:
    """What a manifest says, its signature unseen. Raises `CaseError` STAMP_INVALID."""
    try:
        return Manifest.model_validate_json(_decoded(signed.split(".")[1]))
    except (IndexError, ValueError):
        raise CaseError(Code.STAMP_INVALID) from None


def leaf_of(place: int, case: str, act: Act, digest: str) -> bytes:
    """The leaf of one row, by the digest of its content (`cases.stamps.digest_of`)."""
    said = json.dumps([place, case, str(act), digest], separators=(",", ":"))
    return hashlib.sha256(_LEAF + said.encode()).digest()


def is_within(leaf: bytes, belonging: Belonging, manifest: Manifest) -> bool:
    """Whether the way from a leaf leads to the root that was signed (RFC 9162, section 2.1.3.2)."""
    at, last, found = belonging.place, manifest.rows - 1, leaf
    if at > last:
        return False
    for beside in belonging.way:
        if last == 0:
            return False
        if at % 2 or at == last:
            found = _node(beside, found)
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            found = _node(found, beside)
        at, last = at // 2, last // 2
    return last == 0 and encoded(found) == manifest.root


class Tree:
    """The tree over the rows of a job."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """At least one leaf. Each level holds the nodes over the one below; the last of an odd number goes up alone."""
        levels: list[Sequence[bytes]] = [list(leaves)]
        while len(levels[-1]) > 1:
            below = levels[-1]
            above = [_node(*below[first : first + 2]) for first in range(0, len(below) - 1, 2)]
            levels.append([*above, below[-1]] if len(below) % 2 else above)
        self._levels = levels

    @property
    def root(self) -> str:
        """The root, as it is signed."""
        return encoded(self._levels[-1][0])

    @property
    def rows(self) -> int:
        """How many leaves it has."""
        return len(self._levels[0])

    def way(self, place: int) -> tuple[bytes, ...]:
        """The hashes beside the way from a leaf to the root, from below."""
        beside = []
        for level in self._levels[:-1]:
            neighbour = place ^ 1
            if neighbour < len(level):
                beside.append(level[neighbour])
            place //= 2
        return tuple(beside)


def encoded(raw: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Raises `ValueError`."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        # Without what it quotes.
        raise ValueError from None


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
