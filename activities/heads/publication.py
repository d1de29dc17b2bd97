"""What is published of the register, a line of JSON each time: the newest links of chains that grew, and the schema.

Each publication names the SHA-256 of the one before, so that none can be taken out of the middle, put in, or changed.
A link that was published cannot be another one any more: its hash covers all links before it.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import AwareDatetime, Field

from cases.errors import CaseError, Code
from cases.models import Record, Sha256

BEGINNING: Final = "0" * 64
"""What the first publication names as the one before it."""

MOST_HEADS: Final = 20_000
"""Heads of one publication; a round that has more is published in parts."""

_HEAD: Final = re.compile(
    r"([a-z]{3}-[a-z2-7]{26}|journal(?::[a-z0-9-]{1,32}){0,2}) ([1-9][0-9]{0,8}) (0|[1-9][0-9]{0,8}) ([0-9a-f]{64})"
)


class Head(NamedTuple):
    """A link that was the newest of its chain when it was published.

    A chain is that of a case, or one of the journal, whose links are numbered as versions of one generation.
    """

    case_id: str
    generation: int
    version: int
    hash: str

    def __str__(self) -> str:
        return f"{self.case_id} {self.generation} {self.version} {self.hash}"

    @classmethod
    def read(cls, text: str) -> Self:
        """A head as it is written. Raises ValueError."""
        found = _HEAD.fullmatch(text)
        if found is None:
            raise ValueError("no head")
        return cls(found[1], int(found[2]), int(found[3]), found[4])


class Publication(Record):
    """One publication. What is written between two of them is covered by the second."""

    format: Literal[1] = 1
    number: Annotated[int, Field(ge=1)]
    at: AwareDatetime
    """As of which moment, by the register's clock."""
    every: Annotated[float, Field(gt=0)]
    """Seconds within which the next one is due."""
    written_where: str
    """Cluster, timeline and database: after a restore all heads are published anew."""
    before: Annotated[int, Field(ge=0)]
    """What transactions before this one wrote is covered by this publication and those before it."""
    complete: bool
    """Whether this is the last part of its round."""
    release: Sha256
    """Digest of the migrations that the register has had."""
    schema_digest: Sha256
    """Digest of the catalogue."""
    catalogue: dict[str, Sha256] | None = None
    """A digest of each object of the schema; where it is not as it was published last."""
    heads: tuple[str, ...] = ()
    previous: Sha256

    @property
    def line(self) -> str:
        """The bytes that are published, without the line feed."""
        return self.model_dump_json(exclude_none=True)


def digest_of(text: str) -> str:
    """SHA-256 of a publication, or of a file of heads, as the next one names it."""
    return sha256(text.encode()).hexdigest()


def digest_of_catalogue(catalogue: Mapping[str, str]) -> str:
    """The one figure for a whole catalogue."""
    return digest_of(json.dumps(catalogue, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def read_publication(line: str) -> Publication:
    """A publication as it was written. Raises `CaseError` HEADS_BROKEN."""
    try:
        read = Publication.model_validate_json(line)
        for head in read.heads:
            Head.read(head)
    except ValueError:
        raise CaseError(Code.HEADS_BROKEN, "published") from None
    if read.line != line:
        raise CaseError(Code.HEADS_BROKEN, "published")
    return read


class Altered(NamedTuple):
    """An object of the schema that is not as it was published, although the register has the same migrations."""

    number: int
    """Of the publication that found it so."""
    name: str


class Published:
    """All that was published, to compare a register with. It lies in a file of its own that goes with the process."""

    def __init__(self) -> None:
        self._heads = sqlite3.connect("", isolation_level=None)
        self._heads.execute(
            "CREATE TABLE head (chain TEXT, generation INTEGER, version INTEGER, hash TEXT, "
            "PRIMARY KEY (chain, generation, version, hash)) WITHOUT ROWID"
        )
        self.newest: Publication | None = None
        """The newest that ends a round: all that had been written by then is covered."""
        self.altered: list[Altered] = []
        self._previous = BEGINNING
        self._plain = sha256()
        self._number = 0
        self._catalogue: Mapping[str, str] = {}
        self._release = ""

    @classmethod
    def read(cls, lines: Iterable[str]) -> Self:
        """A whole log: lines of publications, or of heads alone, as they were published once.

        Raises `CaseError` HEADS_BROKEN where something was taken out, put in or changed.
        """
        log = cls()
        for line in lines:
            log.take(line)
        return log

    def take(self, line: str) -> None:
        """The next line. Raises `CaseError` HEADS_BROKEN."""
        # What broke off while it was being written was written once more, as a line of its own.
        if line.startswith("{") and not line.endswith("}"):
            return
        if not line.startswith("{"):
            self._plain.update(f"{line}\n".encode())
            self._keep([line])
            return
        publication = read_publication(line)
        if (publication.number, publication.previous) != (self._number + 1, self._previous):
            raise CaseError(Code.HEADS_BROKEN, "published")
        self._number, self._previous = publication.number, digest_of(line)
        self._keep(publication.heads)
        self._compare(publication)
        if publication.complete:
            self.newest = publication

    @property
    def digest(self) -> str:
        """The one figure for all of it: SHA-256 of the newest publication, which names the one before, and so on.

        Of heads alone, SHA-256 of their file.
        """
        return self._previous if self._number else self._plain.hexdigest()

    def altered_since(self, catalogue: Mapping[str, str], release: str) -> list[Altered]:
        """Objects that are not as they were published last, where no migration came since."""
        if self.newest is None or release != self._release:
            return []
        return [Altered(self._number + 1, name) for name in _differing(self._catalogue, catalogue)]

    def of(self, chain: str) -> list[Head]:
        """The heads of a chain that were published, oldest first; they are looked at once."""
        found = self._heads.execute("DELETE FROM head WHERE chain = ? RETURNING *", (chain,)).fetchall()
        return sorted(Head(*row) for row in found)

    def left(self) -> Iterator[Head]:
        """Published heads of chains that were not asked for."""
        with closing(self._heads.execute("SELECT * FROM head ORDER BY chain, generation, version")) as rows:
            yield from (Head(*row) for row in rows)

    def _keep(self, heads: Iterable[str]) -> None:
        try:
            read = [Head.read(head) for head in heads]
        except ValueError:
            raise CaseError(Code.HEADS_BROKEN, "published") from None
        self._heads.execute("BEGIN")
        self._heads.executemany("INSERT OR IGNORE INTO head VALUES (?, ?, ?, ?)", read)
        self._heads.execute("COMMIT")

    def _compare(self, publication: Publication) -> None:
        """What became of the schema between two publications; a migration may have changed it."""
        catalogue = self._catalogue if publication.catalogue is None else publication.catalogue
        if digest_of_catalogue(catalogue) != publication.schema_digest:
            raise CaseError(Code.HEADS_BROKEN, "published")
        if publication.release == self._release:
            differing = _differing(self._catalogue, catalogue)
            self.altered += [Altered(publication.number, name) for name in differing]
        self._catalogue, self._release = catalogue, publication.release


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def is_overdue(publication: Publication, now: datetime, rounds: int = 3) -> bool:
    """Whether more than some rounds have passed since a publication."""
    return (now - publication.at).total_seconds() > rounds * publication.every
