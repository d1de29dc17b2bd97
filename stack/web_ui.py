"""The Web UI as a production runs it: told by its own settings which codec server to ask, and to send cookies along.

The dev server's Web UI can be told the codec server's address and nothing else, so that each browser would have to be
set up by hand. This stands before it and answers the one question about settings as the container image `temporalio/ui`
does when `TEMPORAL_CODEC_…` are set; everything else it hands through.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiohttp import hdrs, web

from stack.ports import LOOPBACK

SETTINGS: Final = "/api/v1/settings"

_HOP_BY_HOP: Final = frozenset(
    {
        hdrs.CONNECTION,
        hdrs.CONTENT_LENGTH,
        hdrs.HOST,
        hdrs.KEEP_ALIVE,
        hdrs.TRANSFER_ENCODING,
        hdrs.UPGRADE,
        hdrs.TE,
        hdrs.TRAILER,
    }
)
_BY_CONTENT: Final = "/_app/immutable/"
"""Where the Web UI keeps its program, in files named after their content: 250 of them for one page."""
_FOR_GOOD: Final = (hdrs.CACHE_CONTROL, "public, max-age=31536000, immutable")

_CHUNK: Final = 64 * 1024
_LARGEST_REQUEST: Final = 4 * 1024 * 1024
_LONGEST_LINE: Final = 256 * 1024
"""The Web UI asks its server to render the details of a case, all of them in one URL."""


_SWITCHED_OFF: Final = dict.fromkeys(
    (
        "BatchActionsDisabled",
        "StartWorkflowDisabled",
        "WorkflowCancelDisabled",
        "WorkflowPauseDisabled",
        "WorkflowResetDisabled",
        "WorkflowSignalDisabled",
        "WorkflowTerminateDisabled",
    ),
    True,
)
"""A case is told by updates. What would move it past its own rules is for the command line, which writes it down."""


@dataclass(frozen=True)
class CodecSettings:
    """What the Web UI is told of the codec server."""

    endpoint: str
    login_url: str
    """Where somebody goes who is not logged in; shown as a link beside `hint`."""
    hint: str = "数据未解密：未登录，或无权查看。请先登录，再刷新本页："

    def applied_to(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The Web UI's settings with these in them."""
        codec = {
            "Endpoint": self.endpoint,
            "PassAccessToken": False,
            "IncludeCredentials": True,
            "DefaultErrorMessage": self.hint,
            "DefaultErrorLink": self.login_url,
        }
        return {**settings, **_SWITCHED_OFF, "Codec": codec}


@asynccontextmanager
async def web_ui_served(behind: str, codec: CodecSettings, port: int) -> AsyncIterator[str]:
    """Serve the Web UI that runs at the URL `behind`; yields where."""
    # A history is waited for as long as nothing happens in it.
    patience = aiohttp.ClientTimeout(total=None, connect=5)
    async with aiohttp.ClientSession(timeout=patience, auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            headers = _end_to_end(request.headers)
            async with session.request(
                request.method,
                behind + request.raw_path,
                headers=headers,
                data=await request.read() or None,
                allow_redirects=False,
            ) as answer:
                headers = _end_to_end(answer.headers)
                if answer.status == HTTPStatus.OK and request.path.startswith(_BY_CONTENT):
                    headers = _kept(headers)
                response = web.StreamResponse(status=answer.status, headers=headers)
                await response.prepare(request)
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    await response.write(chunk)
                return response

        async def settings(_request: web.Request) -> web.Response:
            async with session.get(behind + SETTINGS, headers={hdrs.ACCEPT_ENCODING: "identity"}) as answer:
                told: dict[str, Any] = await answer.json()
                # The Web UI's own token against forgery comes with this answer.
                cookies = answer.headers.getall(hdrs.SET_COOKIE, [])
            response = web.json_response(codec.applied_to(told))
            for cookie in cookies:
                response.headers.add(hdrs.SET_COOKIE, cookie)
            return response

        application = web.Application(client_max_size=_LARGEST_REQUEST)
        application.add_routes([web.get(SETTINGS, settings), web.route("*", "/{path:.*}", pass_on)])
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=0.2,
            handler_cancellation=True,
            max_line_size=_LONGEST_LINE,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, LOOPBACK, port).start()
            yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def _end_to_end(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Headers that are not of one connection alone."""
    return [(name, value) for name, value in headers.items() if name.title() not in _HOP_BY_HOP]


def _kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of a file that a browser need not ask for twice; the server itself says nothing of that, and adds a cookie."""
    own = {hdrs.SET_COOKIE.lower(), hdrs.CACHE_CONTROL.lower()}
    return [*((name, value) for name, value in headers if name.lower() not in own), _FOR_GOOD]
