"""What the service counts of itself, what of the register is still to be told, and whether it is ready."""

import asyncio
import math
import re
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from temporalio.client import Client

from activities.registry.pool import create_pool
from intake.service.metrics import Metrics
from intake.service.readiness import Readiness, is_ready
from tests.engine import Engine
from tests.intake.service.door import BACK_OFFICE, Door
from tests.intake.service.test_cases import opened
from tests.intake.service.test_feed import published, publishing

LINE = re.compile(r"(?P<name>[a-z_]+)(\{(?P<labels>[^}]*)\})? (?P<value>[0-9.e+-]+|NaN|\+Inf)")
MAY_BE_SAID = {"operation", "status", "le"}
"""All labels that there are."""


def figures_of(text: str) -> dict[tuple[str, str], float]:
    """Every figure by name and labels."""

    def read() -> Iterator[tuple[tuple[str, str], float]]:
        for line in text.splitlines():
            if not line.startswith("#"):
                found = LINE.fullmatch(line)
                assert found is not None, line
                yield (found["name"], found["labels"] or ""), float(found["value"])

    return dict(read())


async def counted(door: Door) -> dict[tuple[str, str], float]:
    answer = await door.http.get(f"{door.url}/metrics")
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    return figures_of(answer.text)


async def test_requests_are_counted_by_operation_and_status_and_by_nothing_that_was_sent(door: Door) -> None:
    before = await counted(door)
    case = (await opened(door, await door.engine.insured())).json()["case_id"]
    await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)
    await door.asked("GET", "/v1/cases/planted-case", by=BACK_OFFICE)
    await door.asked("GET", "/v1/planted-route", by=BACK_OFFICE)
    await door.asked("GET", "/v1/cases", by=None)
    await door.http.request("PLANTED", f"{door.url}/v1/cases?planted=planted")
    after = await counted(door)
    grown = {which: after[which] - before.get(which, 0) for which in after}
    for operation, status in (
        ("open_case", 201),
        ("read_case", 200),
        ("read_case", 404),
        ("list_cases", 401),
        ("none", 404),
    ):
        labels = f'operation="{operation}",status="{status}"'
        assert grown["cardcase_intake_requests_total", labels] == 1, (operation, status)
    assert grown["cardcase_intake_request_seconds_count", 'operation="read_case"'] == 2
    assert after["cardcase_intake_requests_in_progress", ""] == 1
    said = {name for _, labels in after for name in re.findall(r'([a-z]+)="', labels)}
    assert said == MAY_BE_SAID
    assert not any("planted" in labels.lower() or case in labels for _, labels in after)


async def test_a_request_that_waits_is_counted_while_it_does(door: Door) -> None:
    case = (await opened(door, await door.engine.insured())).json()["case_id"]
    seen = {"If-None-Match": (await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)).headers["etag"]}
    waiting = asyncio.create_task(door.asked("GET", f"/v1/cases/{case}?wait=2", by=BACK_OFFICE, headers=seen))
    running = 0.0
    while not waiting.done() and running < 2:
        running = (await counted(door))["cardcase_intake_requests_in_progress", ""]
    assert running == 2
    assert (await waiting).status_code == HTTPStatus.NOT_MODIFIED


async def test_what_is_still_to_be_told_is_counted_until_it_is(door: Door) -> None:
    engine = door.engine

    async def figures() -> dict[tuple[str, str], float]:
        # Of figures that were never asked for before: what is known is said again for a while.
        return figures_of((await Metrics().text(engine.pool)).decode())

    await opened(door, await engine.insured())
    untold = await figures()
    assert untold["cardcase_register_up", ""] == 1
    assert untold["cardcase_feed_untold", ""] >= 2
    assert untold["cardcase_feed_untold_oldest_seconds", ""] >= 0
    async with publishing(engine) as publisher:
        await published(publisher)
    told = await figures()
    assert told["cardcase_feed_untold", ""] < untold["cardcase_feed_untold", ""]
    queue = await engine.pool.fetch(
        "SELECT queue.state, count(*) FROM subscription_queue AS queue JOIN subscriptions AS s ON s.id = subscription "
        "WHERE s.state <> 'ended' GROUP BY 1"
    )
    rows = {row["state"]: row["count"] for row in queue}
    assert told["cardcase_webhooks_pending", ""] == rows.get("pending", 0)
    assert told["cardcase_webhooks_dead", ""] == rows.get("dead", 0)


async def test_how_long_ago_register_and_runs_were_compared_is_seen_without_temporal(engine: Engine) -> None:
    async def ago() -> float:
        return figures_of((await Metrics().text(engine.pool)).decode())["cardcase_compared_seconds_ago", ""]

    await engine.pool.execute("UPDATE pair SET beat_at = NULL")
    assert math.isnan(await ago()), "they never were"
    await engine.pool.execute("UPDATE pair SET beat_at = clock_timestamp() - interval '1 hour'")
    assert await ago() >= 3600
    await engine.pool.execute("UPDATE pair SET beat = beat")
    assert await ago() < 60


async def test_without_a_register_its_figures_are_not_a_number_and_the_service_is_not_ready(engine: Engine) -> None:
    pool = await create_pool(engine.database_url, size=1)
    await pool.close()
    figures = figures_of((await Metrics().text(pool)).decode())
    assert figures["cardcase_register_up", ""] == 0
    assert math.isnan(figures["cardcase_feed_untold", ""])
    readiness = Readiness(pool, engine.client)
    readiness.serving = True
    missing = await readiness.missing()
    assert (missing, is_ready(missing)) == (("register",), False)


async def test_without_temporal_it_says_so_and_goes_on_answering(engine: Engine) -> None:
    nobody = await Client.connect("127.0.0.1:1", lazy=True)
    readiness = Readiness(engine.pool, nobody)
    readiness.serving = True
    missing = await readiness.missing()
    assert (missing, is_ready(missing)) == (("temporal",), True)


@pytest.mark.parametrize("serving", [True, False])
async def test_before_it_has_started_and_once_it_is_told_to_stop_it_is_not_ready(
    engine: Engine, *, serving: bool
) -> None:
    readiness = Readiness(engine.pool, engine.client)
    readiness.serving = serving
    missing = await readiness.missing()
    assert (missing, is_ready(missing)) == (((), True) if serving else (("start",), False))


async def test_what_is_missing_is_said_where_readiness_is_asked_for(door: Door) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{door.url}/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "missing": []})
