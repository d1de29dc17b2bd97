"""How a caller's decisions are stamped: their token is exchanged for one for the gate, which stamps in their own name.

The service has no token of its own that the gate would take, and no stamping key: what it has stamped is what the
caller who is asking may have stamped (OAuth 2.0 Token Exchange, RFC 8693).
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from activities.bodies import body_of
from cases.errors import CaseError, Code
from intake.service.callers import Caller
from intake.stamping import GateAtUrl

GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
_SECONDS: Final = 5.0
_FINE: Final = 200
_LARGEST_ANSWER: Final = 64 * 1024


class Exchange:
    """Gets tokens for the gate, in the names of callers, at the identity provider. None is kept."""

    def __init__(
        self, session: aiohttp.ClientSession, token_url: str, *, audience: str, client: str, secret: str
    ) -> None:
        self._session = session
        self._url = token_url
        self._audience = audience
        self._headers = {"Authorization": aiohttp.encode_basic_auth(client, secret)}

    async def token_for(self, caller: Caller) -> str:
        """A token for the gate. Raises `CaseError` GATE_UNAVAILABLE, or IDENTITY_INVALID where there is none."""
        form = {
            "grant_type": GRANT,
            "audience": self._audience,
            "subject_token": caller.token,
            "subject_token_type": ACCESS_TOKEN,
        }
        try:
            async with self._session.post(
                self._url,
                data=form,
                headers=self._headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
            ) as answer:
                body = await body_of(answer, _LARGEST_ANSWER) if answer.status == _FINE else None
                refused = answer.status in {400, 403}
        except (aiohttp.ClientError, TimeoutError):
            raise CaseError(Code.GATE_UNAVAILABLE) from None
        try:
            told = json.loads(body) if body is not None else None
        except (ValueError, RecursionError):
            raise CaseError(Code.GATE_UNAVAILABLE) from None
        token = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(token, str):
            raise CaseError(Code.IDENTITY_INVALID if refused else Code.GATE_UNAVAILABLE)
        return token


class Gates:
    """The gate, asked in the name of one caller after the other."""

    def __init__(self, session: aiohttp.ClientSession, gate_url: str, exchange: Exchange) -> None:
        self._session = session
        self._url = gate_url
        self._exchange = exchange

    async def for_(self, caller: Caller) -> GateAtUrl:
        """The gate as a caller reaches it. Raises `CaseError` as `Exchange.token_for`."""
        token = await self._exchange.token_for(caller)
        return GateAtUrl(self._session, self._url, lambda: token)


@asynccontextmanager
async def gates_at(gate_url: str, token_url: str, *, audience: str, client: str, secret: str) -> AsyncIterator[Gates]:
    """The gate and the provider for the length of a block."""
    # What is set in the name of one caller is not sent in that of another.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Gates(session, gate_url, Exchange(session, token_url, audience=audience, client=client, secret=secret))
