"""What Temporal's visibility is asked."""

from typing import Any

import pytest
from temporalio.client import WorkflowExecutionAsyncIterator

from tests.engine import Engine


def lists_of(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries of all lists that an engine's client asks for from now on; further pages of one are not counted."""
    asked: list[str] = []
    ask = engine.client.list_workflows

    def noted(query: str | None = None, **options: Any) -> WorkflowExecutionAsyncIterator:
        asked.append(query or "")
        return ask(query, **options)

    monkeypatch.setattr(engine.client, "list_workflows", noted)
    return asked
