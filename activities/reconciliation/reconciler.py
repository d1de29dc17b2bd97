"""The reconciliation's activities: every half minute over what moved, every night over all."""

import logging
from collections.abc import Callable

from temporalio import activity
from temporalio.client import Client, WorkflowExecution
from temporalio.common import MetricCounter

from activities.calendar import official_calendar
from activities.campaign.opening import take_up_campaigns
from activities.occasions import check_scheduled
from activities.reconciliation.comparing import Comparing, Difference, total
from activities.reconciliation.pairing import Misfit, beat, hold, paired
from activities.reconciliation.watching import Watchdog
from activities.registry.clock import Clock
from activities.registry.errors import codes_only
from activities.registry.pool import Pool
from cases.clocks import WorkingCalendar
from cases.occasions import Occasion, Reconciled, Scheduled
from cases.standstills import Standstill

COUNTER = "cardcase_differences"
"""Metric: differences between register and runs that were found, by `kind`; each time that they are found.

The kind `pair` says that register and Temporal do not belong together at all.
"""

GAUGE = "cardcase_standing_still"
"""Metric: what stands still, by `kind`, as of the last look."""

log = logging.getLogger(__name__)


class Reconciler:
    """Activities that compare register and runs, and look at what stands still. They write only what they found."""

    def __init__(
        self,
        pool: Pool,
        client: Client,
        *,
        clock: Clock = Clock.register,
        calendar: Callable[[], WorkingCalendar] = official_calendar,
    ) -> None:
        self._watchdog = Watchdog(pool, client, calendar)
        self._pool = pool
        self._client = client
        self._clock = clock

    @activity.defn
    @codes_only
    async def reconcile_moved(self, occasion: Occasion) -> Reconciled:
        """Compare the cases that have moved, bring them into step, and look at what stands still."""
        check_scheduled(Scheduled.reconciliation)
        pairing = await paired(self._pool, self._client)
        mark = await beat(self._pool, pairing)
        if pairing.misfit is not None:
            log.error("register and Temporal do not fit", extra={"kind": pairing.misfit.name})
            _counter().add(1, {"kind": "pair"})
        now = await self._clock.now(self._pool, occasion.at)
        answer = Reconciled(compared=0)
        failing: tuple[WorkflowExecution, ...] = ()
        async for compared in Comparing(self._pool, self._client).moved(now):
            answer = total(answer, compared)
            failing += compared.failing
            _count(compared.differences)
            activity.heartbeat(compared.place)
        if taken_up := await take_up_campaigns(self._client, self._pool, now):
            log.warning("campaigns are taken up of which nothing was heard", extra={"campaigns": taken_up})
        standing = await self._watchdog.look(now, failing)
        gauge = activity.metric_meter().create_gauge(GAUGE, "Cases, messages and others that stand still")
        for kind in Standstill:
            gauge.set(standing[kind.value], {"kind": kind.value})
        seal = pairing.seal.of(mark, activity.info().workflow_run_id or "")
        return answer.model_copy(update={"mark": mark, "seal": seal, "standing_still": standing.total()})

    @activity.defn
    @codes_only
    async def reconcile_all(self, occasion: Occasion) -> Reconciled:
        """Compare every open case and every run."""
        check_scheduled(Scheduled.full_reconciliation)
        now = await self._clock.now(self._pool, occasion.at)
        answer = Reconciled(compared=0)
        async for compared in Comparing(self._pool, self._client).all(now):
            answer = total(answer, compared)
            _count(compared.differences)
            activity.heartbeat(answer.compared)
        await self._seen_to_agree(answer)
        return answer

    async def _seen_to_agree(self, done: Reconciled) -> None:
        """A register that is elsewhere, as a standby that took over, holds where it lacks nothing of what runs."""
        pairing = await paired(self._pool, self._client)
        if pairing.misfit is not Misfit.elsewhere or pairing.lacks_a_beat or done.behind or done.without_row:
            return
        log.warning("the register is elsewhere than before, and lacks nothing of what runs")
        await hold(self._pool, pairing)


def _count(differences: tuple[Difference, ...]) -> None:
    for difference in differences:
        _counter().add(1, {"kind": difference.kind.value})


def _counter() -> MetricCounter:
    meter = activity.metric_meter()
    return meter.create_counter(COUNTER, "Differences between register and runs of cases that were found")
