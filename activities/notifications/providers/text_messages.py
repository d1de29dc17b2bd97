"""Text messages through a gateway over HTTP.

The gateway's contract, which is that of most operators in other words: POST a JSON object `{"to", "text", "key"}` with
the header `Idempotency-Key`; answered `{"code": "OK", "id": "…"}`, or another code. The same key is sent out once. What
was told to have failed may be sent again under the same key, in a further round: `Idempotency-Round: 2` and so on.
"""

import json
import re
from typing import Final

import aiohttp

from activities.notifications.providers.answers import Answer, Parcel, accepted, postponed, refused
from activities.notifications.providers.http import Post, Said, call
from cases.errors import Code

OK: Final = "OK"
_PHONE: Final = re.compile(r"\+?[0-9]{5,15}")
_OF_ADDRESS: Final = frozenset({"ADDRESS_INVALID", "NUMBER_BLOCKED"})
_OF_MESSAGE: Final = frozenset({"TEXT_REFUSED"})


class TextMessages:
    """A gateway for text messages (短信)."""

    name = "sms-gateway"

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def send(self, parcel: Parcel) -> Answer:
        """Send the body; a text message has no subject."""
        if _PHONE.fullmatch(parcel.address) is None:
            return refused(Code.ADDRESS_INVALID)
        content = {"to": parcel.address, "text": parcel.body, "key": parcel.key}
        data = json.dumps(content, ensure_ascii=False).encode()
        return await call(self._session, Post(self._url, data, self._headers | parcel.headers), _judge)


def _judge(said: Said) -> Answer:
    code = said.get("code")
    if code == OK:
        reference = said.get("id")
        return accepted(reference[:128] if isinstance(reference, str) else None)
    if code in _OF_ADDRESS:
        return refused(Code.ADDRESS_INVALID)
    return refused() if code in _OF_MESSAGE else postponed()
