"""A campaign: a large register is opened page by page, at a pace that people set.

What is to be opened, and what was, the register knows (`activities.campaign.opening`). The workflow says when the next
page is begun: not while it is paused, not sooner than its rate allows, and later where the engine does not answer. It
holds no content and opens no case itself; each case is a workflow of its own.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.campaign.opening import Pages
    from activities.options import PAGE, REGISTRY_DURABLE
    from cases.campaigns import (
        PAGES_OF_A_RUN,
        CampaignBegun,
        CampaignReport,
        Paced,
        PaceKept,
        PageAsked,
        PageDone,
        Progress,
        RateSet,
        details_of,
        rows_of_a_page,
    )
    from cases.errors import Code
    from cases.models import StaffId
    from cases.names import CAMPAIGN
    from workflows.case import failure_of

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

LOOK_AGAIN: Final = timedelta(minutes=10)
"""After which a paused campaign looks whether it was cancelled in the register."""
SHORTEST_PAUSE: Final = timedelta(seconds=1)
DOUBLED_AT_MOST: Final = 6
"""How often the pause is doubled after which an engine that does not answer is asked again: to a minute."""


@workflow.defn(name=CAMPAIGN)
class Campaign:
    """Has the rows of one job opened."""

    @workflow.init
    def __init__(self, begun: CampaignBegun) -> None:
        self._progress = Progress(job=begun.job, pace=begun.pace, pages=begun.pages)
        self._pages_before = begun.pages
        self._fruitless = 0
        """Pages in a row of which the engine did not answer for every row."""
        self._is_cancelled = False
        self._is_over = False

    @workflow.run
    async def run(self, begun: CampaignBegun) -> CampaignReport:
        """Open page after page until nothing is left, or somebody has cancelled it."""
        await self._look_at_register()
        while True:
            await self._pause()
            if self._is_paused:
                await self._look_at_register()
                continue
            if (await self._open_page()).rows == 0:
                break
            if self._progress.pages - self._pages_before >= PAGES_OF_A_RUN:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(
                    CampaignBegun(job=self._progress.job, pace=self._progress.pace, pages=self._progress.pages)
                )
        self._is_over = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        return await self._look_at_register()

    @property
    def _is_paused(self) -> bool:
        return self._progress.pace.paused and not self._is_cancelled

    async def _pause(self) -> None:
        """Wait while it is paused, for some minutes at most, or while the engine is left in peace."""
        if self._is_paused:
            await _until_or(lambda: not self._is_paused, LOOK_AGAIN, "已暂停 · paused")
        elif self._fruitless:
            pause = SHORTEST_PAUSE * 2 ** min(self._fruitless, DOUBLED_AT_MOST)
            await _until_or(lambda: self._is_cancelled, pause, "引擎未应答，稍后重试 · the engine is left in peace")

    async def _open_page(self) -> PageDone:
        at, pace = self._progress, self._progress.pace
        asked = PageAsked(job=at.job, page=at.pages, rows=rows_of_a_page(pace), pace=pace)
        done = await _ask(Pages.open_page, asked, PAGE, f"第 {at.pages + 1} 批 · page {at.pages + 1}")
        self._fruitless = self._fruitless + 1 if done.unanswered else 0
        at = self._progress
        # Whoever set the pace meanwhile has said nothing of what the engine bears.
        pace = at.pace.model_copy(update={"in_flight": done.in_flight})
        self._show(
            at.model_copy(
                update={
                    "pace": pace,
                    "pages": at.pages + 1,
                    "opened": at.opened + done.opened,
                    "answered": at.answered + done.answered,
                    "refused": at.refused + done.refused,
                    "waiting": done.waiting,
                    "stands": Code.ENGINE_UNAVAILABLE if done.unanswered else None,
                }
            )
        )
        return done

    async def _look_at_register(self) -> CampaignReport:
        summary = "统计办理结果 · count what became of the rows"
        report = await _ask(Pages.report, self._progress.job, REGISTRY_DURABLE, summary)
        self._is_cancelled = self._is_cancelled or report.is_cancelled
        self._show(
            self._progress.model_copy(
                update={
                    "opened": report.opened,
                    "answered": report.answered,
                    "refused": report.done + report.refused - report.opened - report.answered,
                    "waiting": report.waiting,
                }
            )
        )
        return report

    def _show(self, progress: Progress) -> None:
        self._progress = progress
        workflow.set_current_details(details_of(progress))

    # --- what people say ----------------------------------------------------------------------------------------------

    @workflow.update(description="暂停：办完本批后不再开案。Opens no further page until it is resumed.")
    async def pause(self, said: Paced) -> Progress:
        """Begin no further page."""
        return await self._set(said.by, paused=True)

    @workflow.update(description="继续：接着办理其余各行。Goes on with what is left.")
    async def resume(self, said: Paced) -> Progress:
        """Go on."""
        return await self._set(said.by, paused=False)

    @workflow.update(
        description="调整速度：每秒最多开案行数。How many rows a second are opened, at most; from the next page on."
    )
    async def set_rate(self, said: RateSet) -> Progress:
        """Go on at another rate."""
        return await self._set(said.by, per_second=said.per_second)

    @workflow.update(
        description="取消：未开始的行不再办理，已开案的不受影响。Opens no further row; what is open stays open."
    )
    async def cancel(self, said: Paced) -> Progress:
        """End it: what has begun is finished, and nothing is taken back."""
        await _ask(Pages.cancel, self._progress.job, REGISTRY_DURABLE, "取消 · cancel")
        self._is_cancelled = True
        return self._progress

    @pause.validator
    def _may_pause(self, said: Paced) -> None:
        self._check(said, Paced)

    @resume.validator
    def _may_resume(self, said: Paced) -> None:
        self._check(said, Paced)

    @set_rate.validator
    def _may_set_rate(self, said: RateSet) -> None:
        self._check(said, RateSet)

    @cancel.validator
    def _may_cancel(self, said: Paced) -> None:
        self._check(said, Paced)

    def _check(self, said: object, form: type) -> None:
        # An update without a payload, or with JSON's null, arrives as None.
        if not isinstance(said, form):
            raise _refused(Code.PAYLOAD_INVALID)
        if self._is_over or self._is_cancelled:
            raise _refused(Code.JOB_NOT_RUNNING)

    async def _set(self, by: StaffId, **changed: bool | float) -> Progress:
        """Write the pace down before it counts: a further run begins with what the register knows."""
        pace = self._progress.pace.model_copy(update=changed)
        kept = PaceKept(job=self._progress.job, pace=pace, by=by)
        await _ask(Pages.keep_pace, kept, REGISTRY_DURABLE, "记录办理速度 · write the pace down")
        self._show(self._progress.model_copy(update={"pace": self._progress.pace.model_copy(update=changed)}))
        return self._progress


def _refused(code: Code) -> ApplicationError:
    return failure_of(code)


async def _ask(
    activity: Callable[[Pages, Asked], Awaitable[Answered]],
    asked: Asked,
    patience: workflow.ActivityConfig,
    summary: str,
) -> Answered:
    seen_as: workflow.ActivityConfig = {**patience, "summary": summary}
    return await workflow.execute_activity_method(activity, asked, **seen_as)


async def _until_or(condition: Callable[[], bool], at_most: timedelta, summary: str) -> None:
    """Wait for a condition, and no longer than that."""
    try:
        await workflow.wait_condition(condition, timeout=at_most, timeout_summary=summary)
    except TimeoutError:
        return
