"""Log lines: codes and case IDs, never the text of an exception."""

import asyncio
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import structlog
from aiohttp.multipart import parse_content_disposition
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from cases.errors import CaseError, Code
from runtime.client import connect
from runtime.logs import configure_logging, core_runtime
from runtime.runner import RUNNER
from stack import LocalStack
from tests.engine import SEALED
from tests.runtime.quoting import PLANTED, Quoting


class Written:
    """The logging of a process, written to memory."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.configure("json")

    def configure(self, form: str, level: str = "INFO") -> None:
        configure_logging(form, level)
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(self._stream)

    def break_(self) -> None:
        self._stream.close()

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def line(self) -> dict[str, Any]:
        (only,) = self.lines
        return only


class Heard(logging.Handler):
    """Tells a test that a logger has said something, on whatever thread."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.event = asyncio.Event()

    def emit(self, _record: logging.LogRecord) -> None:
        self._loop.call_soon_threadsafe(self.event.set)


@pytest.fixture
def written() -> Iterator[Written]:
    """What is logged in a test; the test run's own logging comes back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    flags = workflow.logger.workflow_info_on_message, activity.logger.activity_info_on_message
    yield Written()
    root.handlers[:] = handlers
    root.setLevel(level)
    workflow.logger.workflow_info_on_message, activity.logger.activity_info_on_message = flags
    structlog.reset_defaults()


class Number(BaseModel):
    value: int


def of_pydantic() -> None:
    Number.model_validate({"value": PLANTED + "?"})


def of_the_standard_library() -> None:
    int(PLANTED + "?")


def of_a_look_up() -> None:
    dict[str, str]()[PLANTED]


def of_the_database() -> None:
    raise asyncpg.CheckViolationError(f"Failing row contains ({PLANTED})")


def of_a_chain() -> None:
    try:
        of_the_standard_library()
    except ValueError as cause:
        raise ApplicationError(PLANTED, PLANTED, type="SOME_TYPE") from cause


RAISING = [of_pydantic, of_the_standard_library, of_a_look_up, of_the_database, of_a_chain]


def caught(raising: Callable[[], None]) -> Exception:
    try:
        raising()
    except Exception as error:  # noqa: BLE001 - whatever it raises is what the test is about
        return error
    raise AssertionError("nothing was raised")


def test_a_warning_of_a_library_is_a_line_that_quotes_nothing(
    written: Written, capfd: pytest.CaptureFixture[str]
) -> None:
    # pytest has put its own back since the fixture was made.
    written.configure("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # More than one semicolon in the name of a file is no header to it.
        parse_content_disposition(f'form-data; name="a"; filename="{PLANTED};1;2.pdf"')
    assert (written.line["level"], written.line["warning"]) == ("warning", "BadContentDispositionHeader")
    assert PLANTED not in written.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("raising", RAISING)
def test_a_line_that_cannot_be_written_says_why_and_quotes_nothing(
    raising: Callable[[], None], written: Written, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", told)
    written.break_()
    try:
        raising()
    except Exception:
        logging.getLogger("library").exception("failed")
    assert told.getvalue() == "a log line of library could not be written: ValueError\n"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("raising", RAISING)
@pytest.mark.parametrize("form", ["json", "console"])
def test_the_text_of_an_exception_is_not_written(raising: Callable[[], None], form: str, written: Written) -> None:
    written.configure(form)
    error = caught(raising)
    library, ours = logging.getLogger("library"), structlog.get_logger("ours")
    library.error("failed", exc_info=error)
    library.error("failed: %s", error)
    library.error(f"failed: {error} or {error!r}", exc_info=error)
    library.error("failed", extra={"reason": error}, stack_info=True)
    ours.error("failed", exc_info=error, reason=error)
    ours.error(f"failed: {error}", exc_info=error)
    assert PLANTED not in written.text
    assert type(error).__name__ in written.text


def test_the_type_the_code_and_the_place_of_an_exception_are_written(written: Written) -> None:
    try:
        raise CaseError(Code.SEAL_BROKEN, "number")
    except CaseError:
        logging.getLogger("library").exception("failed")
    assert (written.line["error"], written.line["code"]) == ("CaseError", "SEAL_BROKEN")
    assert written.line["where"].startswith("test_logs.py:")
    assert "Traceback" not in written.text


def test_an_ordinary_line_is_left_as_it_is(written: Written) -> None:
    logging.getLogger("library").warning("%s of %d", "three", 5, extra={"place": "here"})
    assert (written.line["event"], written.line["place"], written.line["level"]) == ("three of 5", "here", "warning")


def test_what_is_logged_below_an_activity_names_its_case(written: Written) -> None:
    def work() -> None:
        logging.getLogger("library").warning("slow")
        activity.logger.warning("slower")

    environment = ActivityEnvironment()
    environment.run(work)
    case_id = environment.info.workflow_id
    assert [(line["event"], line["case_id"]) for line in written.lines] == [("slow", case_id), ("slower", case_id)]


def test_level_and_form_are_what_was_asked_for(written: Written) -> None:
    written.configure("console", "ERROR")
    logging.getLogger("library").warning("not this")
    logging.getLogger("library").error("but this")
    assert "but this" in written.text
    assert "not this" not in written.text
    with pytest.raises(json.JSONDecodeError):
        json.loads(written.text)


async def test_neither_the_sdk_nor_its_core_quotes_what_a_workflow_died_of(stack: LocalStack, written: Written) -> None:
    client = await connect(SEALED, stack.temporal_address, stack.namespace, runtime=core_runtime())
    queue = f"quoting-{uuid4()}"
    core, heard = logging.getLogger("temporal.core"), Heard()
    core.addHandler(heard)
    async with Worker(client, task_queue=queue, workflows=[Quoting], workflow_runner=RUNNER):
        handle = await client.start_workflow("Quoting", id=queue, task_queue=queue)
        async with asyncio.timeout(10):
            await heard.event.wait()
        await handle.terminate()
    core.removeHandler(heard)
    said = {line["event"].split("\n")[0]: line for line in written.lines}
    assert PLANTED not in written.text
    assert "Task exception was never retrieved" in said
    failed = next(line for event, line in said.items() if event.startswith("Failed activation"))
    assert (failed["case_id"], failed["error"]) == (queue, "ValueError")
    by_core = next(line for event, line in said.items() if event.endswith("Failing workflow task"))
    assert by_core["run_id"] == handle.result_run_id
    assert PLANTED not in (await handle.fetch_history()).to_json()
