"""Who supervises whom: offices along the administrative hierarchy, and the posts that are told of late cases.

Social insurance departments work at four levels, each supervising the one below (Administrative Measures on Social
Security Cards, art. 3): agency, municipality, province, ministry. Under the central government directly there is no
municipality between an agency and its province; the province then does the work of both.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints

from cases.errors import Code
from cases.models import Contract, Impersonal, IsoDate, RegionCode, Role, StaffId
from cases.text import check_text

MINISTRY: Final = "100000"
"""The office at the top."""


class Level(StrEnum):
    """Levels of the hierarchy, the lowest first."""

    agency = "agency"
    municipality = "municipality"
    province = "province"
    ministry = "ministry"

    @property
    def height(self) -> int:
        """0 for an agency, 3 for the ministry."""
        return tuple(Level).index(self)


class Duty(StrEnum):
    """What somebody is told about cases as: the role of a post."""

    clerk = "clerk"
    team_lead = "team_lead"
    supervisor = "supervisor"
    head = "head"


class Recipient(StrEnum):
    """Whom a rung tells, or a digest."""

    applicant = "applicant"
    clerk = "clerk"
    team_lead = "team_lead"
    agency_supervisor = "agency_supervisor"
    municipal = "municipal"
    municipal_head = "municipal_head"
    provincial = "provincial"
    ministry = "ministry"


DUTY_OF: Final[Mapping[Recipient, Duty]] = {
    Recipient.clerk: Duty.clerk,
    Recipient.team_lead: Duty.team_lead,
    Recipient.agency_supervisor: Duty.supervisor,
    Recipient.municipal: Duty.supervisor,
    Recipient.municipal_head: Duty.head,
    Recipient.provincial: Duty.supervisor,
    Recipient.ministry: Duty.supervisor,
}
"""The post that a recipient is, at the office that is told."""

LEVEL_OF: Final[Mapping[Recipient, Level]] = {
    Recipient.clerk: Level.agency,
    Recipient.team_lead: Level.agency,
    Recipient.agency_supervisor: Level.agency,
    Recipient.municipal: Level.municipality,
    Recipient.municipal_head: Level.municipality,
    Recipient.provincial: Level.province,
    Recipient.ministry: Level.ministry,
}
"""At which level of the hierarchy a recipient sits."""

_DUTIES: Final[Mapping[Level, frozenset[Duty]]] = {
    Level.agency: frozenset({Duty.clerk, Duty.team_lead, Duty.supervisor}),
    Level.municipality: frozenset({Duty.supervisor, Duty.head}),
    Level.province: frozenset({Duty.supervisor}),
    Level.ministry: frozenset({Duty.supervisor}),
}
"""The posts without which somebody whom the ladder tells would not exist."""

HOLDER: Final = 0
"""The rank of who holds a post; deputies have 1, 2 …"""


def _without_personal_data(text: str) -> str:
    return check_text(text).text


OfficeName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_without_personal_data)
]


class Office(Contract):
    """A social insurance department or one of its agencies."""

    code: RegionCode
    level: Level
    parent: RegionCode | None = None
    """The office that supervises it; none above the ministry."""
    name: OfficeName
    address: OfficeName | None = None
    """Where its counter is."""
    hours: OfficeName | None = None
    """When its counter is open."""
    phone: Annotated[str, StringConstraints(pattern=r"^[0-9+][0-9 ,、/转()（）-]{2,39}$"), Impersonal] | None = None
    """Whom people call."""


class Post(Contract):
    """Somebody at a post: its holder, or a deputy who stands in while those before them are absent."""

    office: RegionCode
    role: Duty
    staff: Annotated[StaffId, Impersonal]
    rank: Annotated[int, Field(ge=0, le=9)] = HOLDER
    absent_from: IsoDate | None = None
    absent_to: IsoDate | None = None
    """The last day of the absence; none while nobody knows."""

    def is_present(self, day: date) -> bool:
        """Whether they are there on a civil day of Asia/Shanghai."""
        if self.absent_from is None:
            return True
        return day < self.absent_from or (self.absent_to is not None and day > self.absent_to)


class Bearer(Contract):
    """Somebody, or a system, to whom the identity provider gives a role at an office: as whom they may decide."""

    office: RegionCode
    role: Role
    staff: Annotated[StaffId, Impersonal]


class Directory(Contract):
    """All offices and posts there are, and who may decide as what."""

    offices: tuple[Office, ...] = ()
    posts: tuple[Post, ...] = ()
    bearers: tuple[Bearer, ...] = ()
    """What the identity provider says of roles, so that it can be said years later; the audit is compared with it."""


class Fault(NamedTuple):
    """What is wrong with an entry of a directory. Its place is counted from 0 among entries of its kind; no value."""

    kind: type[Office] | type[Post] | type[Bearer]
    place: int
    field: str
    code: Code


def faults_of(directory: Directory) -> tuple[Fault, ...]:
    """Everything that keeps a directory from being used: a level that has a gap is one that nobody climbs.

    Every office has its parent, up to the ministry; every post has a holder, a different person at each rank, and
    somebody present on every day; every office has the posts that the ladder tells.
    """
    offices = {office.code: office for office in reversed(directory.offices)}
    return (
        *_of_offices(directory.offices, offices),
        *_of_posts(directory.posts, offices),
        *_missing_posts(directory, offices),
        *(
            Fault(Bearer, place, "office", Code.OFFICE_UNKNOWN)
            for place, bearer in enumerate(directory.bearers)
            if bearer.office not in offices
        ),
    )


def chain_of(offices: Iterable[Office], code: str) -> tuple[Office, ...]:
    """An office and those above it, up to the ministry; empty for an office that is not among them."""
    known = {office.code: office for office in offices}
    chain: list[Office] = []
    while (office := known.get(code)) is not None and office not in chain:
        chain.append(office)
        code = office.parent or ""
    return tuple(chain)


def acting(chain: Sequence[Office], level: Level) -> Office | None:
    """Who does the work of a level for the office that a chain begins with: the nearest at or above that level."""
    return next((office for office in chain if office.level.height >= level.height), None)


def _of_offices(offices: Sequence[Office], known: Mapping[str, Office]) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, office in enumerate(offices):
        if office.code in seen:
            yield Fault(Office, place, "code", Code.OFFICE_REPEATED)
        seen.add(office.code)
        if (office.level is Level.ministry) is not (office.code == MINISTRY):
            yield Fault(Office, place, "level", Code.OFFICE_LEVEL_WRONG)
        elif (office.level is Level.ministry) is not (office.parent is None):
            yield Fault(Office, place, "parent", Code.OFFICE_PARENT_WRONG)
        elif office.parent is not None:
            parent = known.get(office.parent)
            if parent is None:
                yield Fault(Office, place, "parent", Code.OFFICE_UNKNOWN)
            # Whoever supervises is above, so nobody is above themselves.
            elif parent.level.height <= office.level.height:
                yield Fault(Office, place, "parent", Code.OFFICE_PARENT_WRONG)


def _of_posts(posts: Sequence[Post], offices: Mapping[str, Office]) -> Iterator[Fault]:
    together: dict[tuple[str, Duty], list[tuple[int, Post]]] = defaultdict(list)
    for place, post in enumerate(posts):
        together[post.office, post.role].append((place, post))
        if post.office not in offices:
            yield Fault(Post, place, "office", Code.OFFICE_UNKNOWN)
        if _ends_before_it_begins(post):
            yield Fault(Post, place, "absent_to", Code.DATE_INVALID)
    for people in together.values():
        yield from _of_one_post(people)


def _ends_before_it_begins(post: Post) -> bool:
    if post.absent_to is None:
        return False
    return post.absent_from is None or post.absent_to < post.absent_from


def _of_one_post(people: Sequence[tuple[int, Post]]) -> Iterator[Fault]:
    ranks = Counter(post.rank for _, post in people)
    staff = Counter(post.staff for _, post in people)
    first, _ = people[0]
    if HOLDER not in ranks:
        yield Fault(Post, first, "rank", Code.POST_HOLDER_MISSING)
    for place, post in people:
        if ranks[post.rank] > 1:
            yield Fault(Post, place, "rank", Code.POST_RANK_REPEATED)
        if staff[post.staff] > 1:
            yield Fault(Post, place, "staff", Code.POST_DEPUTY_REPEATED)
        # The number of those present falls on the first day of somebody's absence and on no other.
        away = post.absent_from
        if away is not None and not any(other.is_present(away) for _, other in people):
            yield Fault(Post, place, "absent_from", Code.POST_UNCOVERED)


def _missing_posts(directory: Directory, offices: Mapping[str, Office]) -> Iterator[Fault]:
    held: dict[str, set[Duty]] = defaultdict(set)
    for post in directory.posts:
        held[post.office].add(post.role)
    needed = {code: set(_DUTIES[office.level]) for code, office in offices.items()}
    for office in offices.values():
        above = offices.get(office.parent or "")
        if office.level is Level.agency and above is not None:
            needed[above.code] |= _DUTIES[Level.municipality]
    for place, office in enumerate(directory.offices):
        missing = needed.pop(office.code, set()) - held[office.code]
        yield from (Fault(Office, place, duty.value, Code.POST_MISSING) for duty in sorted(missing))
