"""Recorded histories: where they lie, how they are read, and what is left out of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

FOLDER: Final = Path(__file__).with_name("histories")

_NOT_OF_THE_CASE: Final = frozenset({"stackTrace", "encodedAttributes"})
"""Fields of failures that say where the code lay on somebody's machine."""


class Recorded(NamedTuple):
    """One recorded history; `KIND.ending.how.json` is its file."""

    path: Path

    @property
    def kind(self) -> str:
        """The workflow type."""
        return self.path.name.split(".")[0]

    @property
    def ending(self) -> str:
        """The status in which the case ended; `continued` or `failed` where its run ended otherwise."""
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
    """All recorded histories."""
    return [Recorded(path) for path in sorted(FOLDER.glob("*.json"))]


def keep(name: str, history: WorkflowHistory) -> None:
    """Write a history down: one event a line, so that a change can be read."""
    events = _without(json.loads(history.to_json()))["events"]
    lines = ",\n".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    (FOLDER / f"{name}.json").write_text(f'{{"events":[\n{lines}\n]}}\n', encoding="utf-8")


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
