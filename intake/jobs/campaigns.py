"""Campaigns as the service reaches them: begun, told their pace, and counted."""

import logging
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.campaign.opening import begin_campaign, report_of
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool
from cases.campaigns import CampaignReport, Paced, Progress, RateSet
from cases.errors import CaseError, Code
from cases.names import campaign_id
from intake.client import Unavailable
from workflows.campaign import Campaign

TIMEOUT: Final = timedelta(seconds=15)

log = logging.getLogger(__name__)


class Campaigns:
    """The campaigns of all clients.

    Where the engine does not answer what is told a campaign is `Unavailable`; where it refuses, a `CaseError`.
    """

    def __init__(self, pool: Pool, client: Client) -> None:
        self._pool = pool
        self._client = client

    async def begin(self, job: str) -> None:
        """Have a campaign run. Where the engine is away the comparison of register and runs has it run later."""
        try:
            await begin_campaign(self._client, self._pool, job)
        except (RPCError, OSError) as away:
            log.warning("a campaign begins later", extra={"job": job, "error": type(away).__name__})

    async def pause(self, job: str, by: str) -> None:
        """Begin no further page."""
        await self._tell(job, Campaign.pause, Paced(by=by))

    async def resume(self, job: str, by: str) -> None:
        """Go on."""
        await self._tell(job, Campaign.resume, Paced(by=by))

    async def set_rate(self, job: str, by: str, *, per_second: float) -> None:
        """Go on at another rate."""
        await self._tell(job, Campaign.set_rate, RateSet(by=by, per_second=per_second))

    async def cancelled(self, job: str, by: str) -> None:
        """Wake a campaign that the register has cancelled: by itself it looks there within minutes."""
        try:
            await self._tell(job, Campaign.cancel, Paced(by=by))
        except (Unavailable, CaseError) as untold:
            log.info("a cancelled campaign will see so itself", extra={"job": job, "code": untold.code.value})

    @case_errors_only
    async def report(self, job: str) -> CampaignReport | None:
        """What became of a campaign's rows."""
        return await report_of(self._pool, job)

    async def _tell(self, job: str, update: Any, said: Paced | RateSet) -> None:
        handle = self._client.get_workflow_handle_for(Campaign.run, campaign_id(job))
        try:
            await handle.execute_update(update, said, result_type=Progress, rpc_timeout=TIMEOUT)
        except WorkflowUpdateFailedError as failed:
            kind = failed.cause.type if isinstance(failed.cause, ApplicationError) else None
            raise CaseError(_CODES.get(kind or "", Code.INTERNAL)) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            raise Unavailable(Code.ENGINE_TIMEOUT) from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise CaseError(Code.JOB_NOT_RUNNING) from None
            raise Unavailable(Code.ENGINE_UNAVAILABLE) from None


_CODES: Final = {code.value: code for code in (Code.JOB_NOT_RUNNING, Code.PAYLOAD_INVALID)}
