"""How the state of a case rests in the register: three texts, and the digest that stands for all of them.

The opening never changes and the screening hardly ever; they stand in a row of their own, so that a transition writes
only what decides how the case goes on, and does not repeat the documents that came with the opening. What is hashed is
what is stored, byte for byte.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from activities.registry.audit import sha256_of
from cases.openings import Opening
from cases.screening import Screening
from cases.state import CaseState

_APART: Final = {"opening", "screening"}


class Stored(NamedTuple):
    """The texts of a state."""

    opening: str
    screening: str
    state: str

    @property
    def digest(self) -> str:
        """SHA-256 over the SHA-256 of each text, in hexadecimal and in this order."""
        return digest_of_texts(self.opening, self.screening, self.state)

    @property
    def whole(self) -> CaseState:
        """The state they are of. Raises `pydantic.ValidationError`."""
        apart = f'{{"opening":{self.opening},"screening":{self.screening}'
        rest = self.state.strip()
        state = CaseState.model_validate_json(apart + ("}" if rest == "{}" else f",{rest[1:]}"))
        if "documents" in state.model_fields_set:
            return state
        return state.model_copy(update={"documents": state.opening.handed_in})


def digest_of_texts(opening: str, screening: str, state: str) -> str:
    """The digest of a state by its texts."""
    return sha256_of("".join(sha256_of(text) for text in (opening, screening, state)))


def texts_of(state: CaseState, before: "Copy | None" = None) -> Stored:
    """The texts of a state; what is the same as `before` is not written out again."""
    opening = screening = None
    if before is not None:
        opening = before.texts.opening if state.opening is before.state.opening else None
        screening = before.texts.screening if state.screening is before.state.screening else None
    return Stored(
        opening if opening is not None else _text_of(state.opening),
        screening if screening is not None else _text_of(state.screening),
        _changing(state),
    )


def _changing(state: CaseState) -> str:
    """The text of what a transition may change. It names the documents where they are not those of the opening."""
    if state.documents == state.opening.handed_in:
        return state.model_dump_json(exclude=_APART | {"documents"}, exclude_defaults=True)
    text = state.model_dump_json(exclude=_APART, exclude_defaults=True)
    # None at all is a default as well, which nobody would see.
    return text if state.documents else f'{{"documents":[]{"" if text == "{}" else ","}{text[1:]}'


def _text_of(part: Opening | Screening | None) -> str:
    return "null" if part is None else part.model_dump_json(exclude_defaults=True)


class Copy(NamedTuple):
    """A case as the register was seen to hold it. Whoever writes on its ground has the register compare the digest."""

    state: CaseState
    texts: Stored
    digest: str
    """Of the texts; kept, because it is asked for with every step."""

    @classmethod
    def of(cls, state: CaseState, before: "Copy | None" = None) -> "Copy":
        """The copy of a state that is being written."""
        texts = texts_of(state, before)
        return cls(state, texts, texts.digest)


class Copies:
    """The newest copies that a process has, so that a case is neither fetched nor read again at each of its steps."""

    def __init__(self, most: int = 2_000) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, int], Copy] = OrderedDict()

    def find(self, case_id: str, generation: int) -> Copy | None:
        """The copy of a case, None where there is none; what it says may be out of date."""
        return self._kept.get((case_id, generation))

    def keep(self, copy: Copy) -> None:
        """Keep a copy, in the place of the one that was used least recently where there is no room."""
        key = (copy.state.case_id, copy.state.generation)
        self._kept[key] = copy
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def drop(self, case_id: str, generation: int) -> None:
        """Forget a copy."""
        self._kept.pop((case_id, generation), None)
