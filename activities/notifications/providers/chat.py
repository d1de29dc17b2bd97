"""Messages into chats of DingTalk, WeCom and Feishu, and to webhooks: Apprise composes them, we carry them.

Apprise knows the address forms, URLs, shapes and signatures of each service. Its own way of sending answers yes or no
by the status alone; these services answer 200 with an error in the body, and a message that may have arrived must not
be taken for one that did not. So Apprise composes the request, and it is sent and judged as every other.

None of the three services knows idempotency keys: a call whose outcome is unknown is repeated, and may be read twice. A
webhook is told the key.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Final, NoReturn
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import aiohttp
import apprise
import requests
from apprise.exception import AppriseException
from apprise.plugins import custom_json, dingtalk, feishu, wecombot

from activities.addresses import is_private
from activities.notifications.providers.answers import Answer, Parcel, accepted, postponed, refused, unknown
from activities.notifications.providers.http import Post, Said, call
from cases.delivery import Channel
from cases.errors import Code

_PLUGINS: Final[Mapping[Channel, type[apprise.NotifyBase]]] = MappingProxyType(
    {
        Channel.dingtalk: dingtalk.NotifyDingTalk,
        Channel.wecom: wecombot.NotifyWeComBot,
        Channel.feishu: feishu.NotifyFeishu,
        Channel.webhook: custom_json.NotifyJSON,
    }
)
"""Who composes for each channel. Asking Apprise by the address alone would load its hundred and more other plugins."""

_SCHEMES: Final[Mapping[Channel, frozenset[str]]] = MappingProxyType(
    {
        Channel.dingtalk: frozenset({"dingtalk"}),
        Channel.wecom: frozenset({"wecombot"}),
        Channel.feishu: frozenset({"feishu"}),
        Channel.webhook: frozenset({"json", "jsons"}),
    }
)
"""Forms of addresses, which are Apprise's: `dingtalk://SECRET@TOKEN`, `wecombot://KEY`, `feishu://TOKEN`, `jsons://…`."""

_DINGTALK_BUSY: Final = frozenset({130101, 660026})
_WECOM_BUSY: Final = frozenset({-1, 45009, 45033})
_FEISHU_BUSY: Final = frozenset({11232, 99991400})
_DINGTALK_REFUSES: Final = frozenset({300001, 310000, 400013, 40035})
_WECOM_REFUSES: Final = frozenset({93000, 40008, 40058})
_FEISHU_REFUSES: Final = frozenset({9499, 19001, 19021, 19022, 19024})


class _Composed(Exception):
    """A plugin came to the point where it would send."""

    def __init__(self, post: Post) -> None:
        self.post = post
        super().__init__()


class _Composing:
    """Stands in a plugin in the place of `requests`, and takes the request that it composed instead of sending it."""

    codes = requests.codes
    RequestException = requests.RequestException

    def post(self, url: str, **request: Any) -> NoReturn:
        """Take a request."""
        self.request("POST", url, **request)

    def request(self, _method: str, url: str, **request: Any) -> NoReturn:
        """Take a request; all of these services want a POST."""
        parameters = urlencode(request.get("params") or {})
        joined = f"{url}{'&' if '?' in url else '?'}{parameters}" if parameters else url
        data = request["data"]
        headers = {name: value for name, value in request["headers"].items() if name != "User-Agent"}
        raise _Composed(Post(joined, data if isinstance(data, bytes) else data.encode(), headers))


def _composes(*plugins: ModuleType) -> None:
    for plugin in plugins:
        plugin.requests = _Composing()  # type: ignore[attr-defined]  # a module is what it holds


_composes(dingtalk, wecombot, feishu, custom_json)
# It would log addresses and messages.
logging.getLogger(apprise.LOGGER_NAME).setLevel(logging.CRITICAL + 1)


class Chat:
    """One of the chat services, or webhooks.

    `relay` is the base URL of a relay where nothing else may leave the network: it gets the service's host as the first
    part of the path. Webhooks are called at `hosts` and nowhere else, since their addresses are entered by people.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        channel: Channel,
        *,
        relay: str | None = None,
        hosts: frozenset[str] = frozenset(),
    ) -> None:
        self.name = channel.value
        self._session = session
        self._channel = channel
        self._relay = relay
        self._hosts = hosts

    async def send(self, parcel: Parcel) -> Answer:
        """Compose, call, and judge what the body says."""
        # A plugin is Python that may do as it likes; here it only composes, but not on the loop of everyone else.
        post = await asyncio.to_thread(self._compose, parcel)
        if post is None:
            return refused(Code.ADDRESS_INVALID)
        return await call(self._session, post, _JUDGES[self._channel])

    def _compose(self, parcel: Parcel) -> Post | None:
        plugin = _PLUGINS[self._channel]
        if urlsplit(parcel.address).scheme not in _SCHEMES[self._channel]:
            return None
        parsed = plugin.parse_url(parcel.address)
        if not parsed:
            return None
        try:
            plugin(**parsed).send(body=parcel.body, title=parcel.subject)
        except _Composed as composed:
            return self._addressed(composed.post, parcel)
        except (AppriseException, TypeError):
            # It does not take the address, and says which.
            return None
        return None

    def _addressed(self, post: Post, parcel: Parcel) -> Post | None:
        parts = urlsplit(post.url)
        if self._channel is Channel.webhook and not self._may_call(parts):
            return None
        url = post.url
        if self._relay is not None and self._channel is not Channel.webhook:
            query = f"?{parts.query}" if parts.query else ""
            url = f"{self._relay.rstrip('/')}/{quote(parts.netloc)}{parts.path}{query}"
        return Post(url, post.data, {**post.headers, **parcel.headers})

    def _may_call(self, parts: SplitResult) -> bool:
        return parts.netloc in self._hosts and is_private(parts.scheme, parts.hostname or "")


def _by_number(field: str, busy: frozenset[int], refuses: frozenset[int]) -> Callable[[Said], Answer]:
    def judge(said: Said) -> Answer:
        code = said.get(field)
        if code == 0:
            return accepted()
        if code in busy:
            return postponed(Code.CHANNEL_BUSY, 60.0)
        if code in refuses:
            return refused(Code.ADDRESS_INVALID)
        return postponed() if isinstance(code, int) else unknown()

    return judge


def _webhook(said: Said) -> Answer:
    """Whoever answers with a status of success has it, unless they say that they have not."""
    if "error" in said or said.get("ok") is False:
        return postponed()
    return accepted()


_JUDGES: Final[Mapping[Channel, Callable[[Said], Answer]]] = MappingProxyType(
    {
        Channel.dingtalk: _by_number("errcode", _DINGTALK_BUSY, _DINGTALK_REFUSES),
        Channel.wecom: _by_number("errcode", _WECOM_BUSY, _WECOM_REFUSES),
        Channel.feishu: _by_number("code", _FEISHU_BUSY, _FEISHU_REFUSES),
        Channel.webhook: _webhook,
    }
)
