"""What settings are made of: lists, and secrets in files; and what is wrong with one."""

from pathlib import Path
from typing import Final, NamedTuple

EMPTY: Final = "is empty"
"""What is wrong with a secret that nobody has written down yet."""


class Fault(NamedTuple):
    """What is wrong with a setting: its field, what, and how to mend it. No value."""

    field: str
    what: str
    mend: str


def split_list(text: object) -> object:
    """A list as it stands in the environment: words with commas between."""
    return frozenset(filter(None, (word.strip() for word in text.split(",")))) if isinstance(text, str) else text


def secret_in(path: Path) -> str:
    """What a file holds, without the blanks around it."""
    return path.read_text(encoding="utf-8").strip()


def fault_of_secret(path: Path) -> str | None:
    """What keeps a file from being used as a secret; None where nothing does."""
    try:
        open_to_others = path.stat().st_mode & 0o077
        empty = not secret_in(path)
    except (OSError, ValueError):
        return "names no readable file"
    if open_to_others:
        return "is readable by others"
    return EMPTY if empty else None
