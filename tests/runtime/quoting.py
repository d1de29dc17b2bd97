"""A workflow that quotes what it should not, in every way in which the SDK logs; for the tests of the logs."""

import asyncio

from temporalio import workflow

PLANTED = "110105190001010016"


@workflow.defn
class Quoting:
    """Leaves a task's error unretrieved, and fails its own workflow task."""

    @workflow.run
    async def run(self) -> None:
        """Fail, with the number in the text."""
        forgotten = asyncio.create_task(self._fail())
        await asyncio.sleep(0.01)
        del forgotten
        await self._fail()

    async def _fail(self) -> None:
        raise ValueError(PLANTED)
