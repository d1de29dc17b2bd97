"""A register that can be made to refuse, and the look back on what all tests of this folder have done."""

from collections.abc import Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.engine import Engine
from tests.workflows.refusals import Refusals

HERE = Path(__file__).parent
LOOKS_BACK = HERE / "test_looking_back.py"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def refusals(engine: Engine) -> Refusals:
    """Lets the database refuse single steps of single cases."""
    return await Refusals.installed(engine)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """The look back comes last, and is left out where only some of the tests run: it would miss the others."""
    here = [item for item in items if item.path.parent == HERE]
    collected = {item.nodeid for item in here if item.get_closest_marker("faults") is None}
    yield
    looking_back = [item for item in items if item.path == LOOKS_BACK]
    items[:] = [item for item in items if item.path != LOOKS_BACK]
    kept = {item.nodeid for item in [*items, *looking_back] if item.path.parent == HERE}
    modules = {item.path for item in [*items, *looking_back] if item.path.parent == HERE}
    if kept == collected and modules == set(HERE.glob("test_*.py")):
        items += looking_back
    else:
        config.hook.pytest_deselected(items=looking_back)
