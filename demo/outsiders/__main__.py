"""`python -m demo.outsiders NAME`: one outsider, until its standard input ends.

It does what it is cued to, one JSON object a line, and says what came of it in the same way. A cue says what somebody
does out there, a clerk of the bank or a machine of the bureau; when it can be done it is told.
"""

import asyncio
import json
import os
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

from cardcase_client import AsyncClient, ClientCredentials, ClientError, Patience, Refused
from demo.outsiders.asked import NotAsked
from demo.outsiders.feed import told_by_feed
from demo.outsiders.names import READY
from demo.outsiders.sink import told_by_webhook
from demo.outsiders.systems import OUTSIDERS, Outsider

_LONGEST_LINE: Final = 1 << 20
_PATIENCE: Final = Patience(seconds=300.0)
"""It tries again for as long as a busy machine may need."""
_WORKING: Final[set["asyncio.Task[None]"]] = set()


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def _do(outsider: Outsider, cue: dict[str, Any]) -> None:
    came: dict[str, Any]
    try:
        came = {"answer": (await outsider.do(cue)).model_dump(mode="json")}
    except Refused as refused:
        problem = None if refused.problem is None else refused.problem.model_dump(mode="json")
        came = {"refused": {"status": refused.status, "problem": problem}}
    except (ClientError, NotAsked) as wrong:
        sys.stderr.write(f"{type(wrong).__name__}: {wrong}\n")
        came = {"failed": type(wrong).__name__}
    _say({"id": cue["id"], **came})


async def _cues() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _told(client: AsyncClient, outsider: Outsider) -> AbstractAsyncContextManager[None]:
    """By webhook where it has a port for that, by the feed where it has none."""
    if port := os.environ.get("SINK_PORT"):
        return told_by_webhook(client, int(port), outsider.types, outsider.take)
    return told_by_feed(client, outsider.types, outsider.take)


async def _run(name: str) -> None:
    credentials = ClientCredentials(os.environ["TOKEN_URL"], os.environ["CLIENT_ID"], Path(os.environ["SECRET_FILE"]))
    async with AsyncClient(os.environ["INTAKE_URL"], credentials, patience=_PATIENCE) as client:
        outsider = OUTSIDERS[name](client)
        cues = await _cues()
        async with _told(client, outsider):
            _say(READY)
            async for line in cues:
                task = asyncio.create_task(_do(outsider, json.loads(line)))
                _WORKING.add(task)
                task.add_done_callback(_WORKING.discard)
            for task in tuple(_WORKING):
                task.cancel()
            await asyncio.gather(*_WORKING, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
