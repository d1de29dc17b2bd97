"""The columns of a register, by their Chinese and English headings, and the words that may stand in them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from itertools import islice, zip_longest
from typing import Any, Final, NamedTuple

from cases.errors import Code
from cases.facts import HandOver
from cases.kinds import KINDS
from cases.words import APPLICATION_CHANNEL_ZH, CATEGORY_ZH, DOCUMENT_ZH, REASON_ZH, SUBMITTER_ZH, WORDS
from intake.applications import InputRefused, Problem


class HeadingsRefused(InputRefused):
    """The headings of a table do not do; each problem is of a column, and `row` is where they stand."""

    def __init__(self, problems: Iterable[Problem], row: int, missing: int) -> None:
        super().__init__(problems)
        self.row = row
        self.missing = missing
        """How many required columns are not there: headings that lack none are headings all the same."""


class Column(StrEnum):
    """A column; the value is its English heading."""

    personal_number = "personal_number"
    name = "name"
    new_name = "new_name"
    kind = "kind"
    old_number = "old_number"
    number = "number"
    phone = "phone"
    region = "region"
    category = "category"
    reason = "reason"
    documents = "documents"
    channel = "channel"
    submitter = "submitter"
    submitter_kind = "submitter_kind"
    submitter_number = "submitter_number"
    authority = "authority"
    authority_until = "authority_until"
    identity_provider = "identity_provider"
    identity_at = "identity_at"
    identity_reference = "identity_reference"
    delivery = "delivery"
    note = "note"

    @property
    def zh(self) -> str:
        """The Chinese heading."""
        return _CHINESE[self]


_CHINESE: Final = {
    Column.personal_number: "个人编号",
    Column.name: "姓名",
    Column.new_name: "变更后姓名",
    Column.kind: "申请事项",
    Column.old_number: "原证件号码",
    Column.number: "证件号码",
    Column.phone: "手机号",
    Column.region: "经办机构区划",
    Column.category: "人员类别",
    Column.reason: "补换卡原因",
    Column.documents: "材料清单",
    Column.channel: "申请渠道",
    Column.submitter: "受理人",
    Column.submitter_kind: "提交人类型",
    Column.submitter_number: "提交人证件号码",
    Column.authority: "授权材料摘要",
    Column.authority_until: "授权有效期至",
    Column.identity_provider: "实名核验机构",
    Column.identity_at: "实名核验时间",
    Column.identity_reference: "实名核验流水号",
    Column.delivery: "领卡方式",
    Column.note: "备注",
}

REQUIRED: Final = (Column.personal_number, Column.name, Column.number, Column.region)
"""Without these nothing can be applied for; `submitter` is required too unless one is named for the whole file."""

NOT_READ: Final[frozenset[StrEnum]] = frozenset({Column.phone, Column.note})
"""Known, and of no use to a case."""

WORDS_OF_COLUMN: Final[Mapping[Column, Mapping[str, Any]]] = {
    Column.kind: {
        word: record.kind for record in KINDS.values() for word in (record.zh, record.kind.name, record.kind.value)
    },
    **{
        column: {word: member for member, zh in words.items() for word in (zh, member.value)}
        for column, words in (
            (Column.channel, APPLICATION_CHANNEL_ZH),
            (Column.submitter_kind, SUBMITTER_ZH),
            (Column.delivery, WORDS[HandOver]),
            (Column.category, CATEGORY_ZH),
            (Column.reason, REASON_ZH),
        )
    },
}
"""What may stand in a column of few words, and what each means."""
DOCUMENT_OF_WORD: Final = {word: kind for kind, zh in DOCUMENT_ZH.items() for word in (zh, kind.value)}


class Slot(Enum):
    """A place in a row that is no column of ours."""

    unnamed = "unnamed"
    """Nothing stands over it, so nothing may stand in it."""
    ignored = "ignored"
    """Its heading is not known, and whoever reads the file said that this does not matter."""


_MOST_TOLD: Final = 100
"""Columns that are told of a file to be unknown; a line has room for thousands."""
_MEANS_NOTHING: Final = re.compile(
    "[\\s_*:：\u00ad\u200b-\u200f\u2060\ufeff]|[(\\[【]\\s*(?:必填|必填项|选填|非必填|required|optional)\\s*[)\\]】]"
)
"""In a heading, after compatibility folding: blanks and line breaks, what is invisible, marks of obligation."""


def plain_heading(heading: str) -> str:
    """A heading as it is compared: full width, letter case, blanks and marks of obligation do not count."""
    return _MEANS_NOTHING.sub("", unicodedata.normalize("NFKC", heading).casefold())


_COLUMN_OF_HEADING: Final = {plain_heading(each): column for column in Column for each in (column.value, column.zh)}


def column_of(heading: str) -> Column | None:
    """The column of a register that a heading names."""
    return _COLUMN_OF_HEADING.get(plain_heading(heading))


@dataclass(frozen=True)
class Layout:
    """Which columns a table of ours has: how they are found by their headings, and without which it is not read."""

    column_of: Callable[[str], StrEnum | None]
    required: tuple[StrEnum, ...]
    not_read: frozenset[StrEnum] = frozenset()
    """Known, and of no use."""
    ignore_unknown: bool = False
    """Columns that are not known are passed over."""
    has_truth_values: bool = False
    """A cell of JSON Lines may be true or false."""

    def places(self, headings: Sequence[object], row: int) -> tuple[StrEnum | Slot, ...]:
        """What stands where in each row below the headings, which stand in `row`.

        Raises `HeadingsRefused` before any row is read: HEADINGS_MISSING where none is known, COLUMN_MISSING and
        COLUMN_DUPLICATE by the column's name, COLUMN_UNKNOWN by its place, because what stands over it may be
        somebody's data.
        """
        places = tuple(self._place_of(heading) for heading in headings)
        known = Counter(place for place in places if not isinstance(place, Slot))
        missing = [column for column in self.required if column not in known]
        if not known:
            # Each cell of a row of data would be told as a column, and each column as missing.
            raise HeadingsRefused([Problem("", Code.HEADINGS_MISSING)], row, len(missing))
        problems = [Problem(column, Code.COLUMN_MISSING) for column in missing]
        problems += [Problem(column, Code.COLUMN_DUPLICATE) for column, times in known.items() if times > 1]
        if not self.ignore_unknown:
            unknown = (number for number, place in enumerate(places, start=1) if place is Slot.ignored)
            problems += [Problem(place_name(number), Code.COLUMN_UNKNOWN) for number in islice(unknown, _MOST_TOLD)]
        if problems:
            raise HeadingsRefused(problems, row, len(missing))
        return places

    def _place_of(self, heading: object) -> StrEnum | Slot:
        if heading is None or (isinstance(heading, str) and not heading.strip()):
            return Slot.unnamed
        return (self.column_of(heading) if isinstance(heading, str) else None) or Slot.ignored


ROWS_BEFORE_HEADINGS: Final = 20
"""Rows that are not blank among which the headings are looked for: titles and instructions may stand above them."""


class Headings(NamedTuple):
    """The headings of a table, as they were found."""

    places: tuple[StrEnum | Slot, ...]
    """What stands where in each row below them."""
    row: int
    """Where they stand; the last row of two."""
    has_rows_above: bool
    """Whether something stands above them that was not read."""


def find_headings(layout: Layout, rows: Iterable[tuple[int, Sequence[object] | None]]) -> Headings:
    """The first row, or two rows one below the other, that hold all required headings; no row below them is taken.

    `rows` are their numbers and cells, None where a row cannot be taken apart. Raises `HeadingsRefused` as
    `Layout.places`, of the row that holds most of the headings.
    """
    above: Sequence[object] = ()
    looked_at = 0
    nearest: HeadingsRefused | None = None
    for number, cells in rows:
        if cells is None or all(each is None or (isinstance(each, str) and not each.strip()) for each in cells):
            continue
        looked_at += 1
        for candidate, rows_above in ((cells, looked_at - 1), (_one_below_the_other(above, cells), looked_at - 2)):
            try:
                return Headings(layout.places(candidate, number), number, has_rows_above=rows_above > 0)
            except HeadingsRefused as refused:
                if not refused.missing:
                    raise
                if nearest is None or refused.missing < nearest.missing:
                    nearest = refused
            if not above:
                break
        above = cells
        if looked_at == ROWS_BEFORE_HEADINGS:
            break
    if nearest is not None:
        raise nearest
    return Headings(layout.places((), 1), 1, has_rows_above=False)


def _one_below_the_other(upper: Sequence[object], lower: Sequence[object]) -> list[object]:
    """Headings over two rows: a heading of several columns stands over theirs, and one of its own over nothing."""
    return [
        under if under is not None and str(under).strip() else over
        for over, under in zip_longest(upper, lower, fillvalue=None)
    ]


def register_layout(*, ignore_unknown: bool, has_submitter: bool) -> Layout:
    """The layout of a register; `has_submitter` says that a submitter is named for the whole file."""
    required = REQUIRED if has_submitter else (*REQUIRED, Column.submitter)
    return Layout(column_of, required, NOT_READ, ignore_unknown=ignore_unknown)


def place_name(number: int) -> str:
    """A column that has no name of ours: its place, counted from 1, and its letter in a spreadsheet."""
    letters, rest = "", number
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"column {number} ({letters})"
