"""Which pages may call: the Web UI's own, by exact origin, and nobody else's (CORS, Fetch standard of the WHATWG)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from cases.errors import CaseError, Code
from gate.refusals import refusal

ALLOWED_HEADERS: Final = "Authorization, Authorization-Extras, Content-Type, X-Namespace"
PREFLIGHT_SECONDS: Final = 600

_NO_STORE: Final = {"Cache-Control": "no-store"}
_EVERYWHERE: Final = {
    **_NO_STORE,
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer` a browser would say `null` for the origin of our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-site",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def origin_of(request: web.Request) -> str | None:
    """The origin of the page that calls; None where no page does, as with the command line."""
    return request.headers.get("Origin")


class Origins:
    """The pages that may call for an operator, by their origins: scheme, host and port, compared as they stand."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed

    def __contains__(self, origin: str | None) -> bool:
        return origin in self._allowed

    async def preflight(self, request: web.Request) -> web.Response:
        """Answer what a browser asks before it lets a page call."""
        if origin_of(request) not in self:
            return refusal(CaseError(Code.ORIGIN_NOT_ALLOWED))
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            },
        )

    def guarded(self, handler: Handler) -> Handler:
        """The handler for calls of allowed pages, and of programs, which send no origin."""

        async def guard(request: web.Request) -> web.StreamResponse:
            origin = origin_of(request)
            if origin is not None and origin not in self:
                return refusal(CaseError(Code.ORIGIN_NOT_ALLOWED))
            return await handler(request)

        return guard

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say on every answer who may read it, and that nobody keeps it."""
        response.headers.update(_EVERYWHERE)
        response.headers.update(self._shared_with(origin_of(request)))

    def _shared_with(self, origin: str | None) -> Mapping[str, str]:
        if origin is None or origin not in self:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
        }
