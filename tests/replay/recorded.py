"""Recorded histories: where they lie, how they are read, and what is left out of them.

They lie by release, `histories/RELEASE/KIND.ending.how.json`, and bind: what a release has recorded is replayed by
every later one for as long as cases may be open that it began. So nothing writes a recorded history anew.
"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

FOLDER: Final = Path(__file__).with_name("histories")

_PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"

_NOT_OF_THE_CASE: Final = frozenset({"stackTrace", "encodedAttributes"})
"""Fields of failures that say where the code lay on somebody's machine."""


def release() -> str:
    """The release that this code is, or will be."""
    version: str = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"]
    return version


class Recorded(NamedTuple):
    """One recorded history; `RELEASE/KIND.ending.how.json` is its file."""

    path: Path

    @property
    def release(self) -> str:
        """The release that recorded it."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """By which it is told from all others: release, kind, ending and how."""
        return f"{self.release}/{self.path.stem}"

    @property
    def kind(self) -> str:
        """The workflow type."""
        return self.path.name.split(".")[0]

    @property
    def ending(self) -> str:
        """The status in which the case ended; `continued` or `failed` where its run ended otherwise.

        `completed` where the workflow is no case.
        """
        return self.path.name.split(".")[1]

    @property
    def history(self) -> WorkflowHistory:
        """The history, as the server had it."""
        return WorkflowHistory.from_json(self.path.stem, self.path.read_text(encoding="utf-8"))

    def payloads(self) -> Iterator[str]:
        """Every payload of the history as text."""
        for event in self.history.events:
            yield from _payloads_in(event)


def recorded() -> list[Recorded]:
    """All recorded histories, of every release."""
    return [Recorded(path) for path in sorted(FOLDER.glob("*/*.json"))]


def path_of(name: str) -> Path:
    """Where this release's history of a name lies, or is to lie."""
    return FOLDER / release() / f"{name}.json"


def keep(name: str, history: WorkflowHistory) -> None:
    """Write a history of this release down: one event a line, so that it can be read.

    Raises FileExistsError where there is one of this name, for what is recorded binds.
    """
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    events = _without(json.loads(history.to_json()))["events"]
    lines = ",\n".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    with path.open("x", encoding="utf-8") as file:
        file.write(f'{{"events":[\n{lines}\n]}}\n')


def _without(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without(value) for key, value in node.items() if key not in _NOT_OF_THE_CASE}
    return [_without(each) for each in node] if isinstance(node, list) else node


def _payloads_in(message: Any) -> Iterator[str]:
    if isinstance(message, Payload):
        yield message.data.decode()
        return
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if field.message_type.GetOptions().map_entry:
            entries = list(value.values())
        else:
            entries = list(value) if field.is_repeated else [value]
        for entry in entries:
            if hasattr(entry, "ListFields"):
                yield from _payloads_in(entry)
