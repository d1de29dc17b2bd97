"""A throw-away identity provider for the local stack: OpenID Connect without a password, for whoever chooses a name.

No part of the product. It speaks the authorization code flow with PKCE for people, client credentials (RFC 6749, 4.4)
for systems, and token exchange (RFC 8693) for the intake service; listens on 127.0.0.1, and its key is gone when it
ends.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

from aiohttp import web

from cases.errors import CaseError, Code
from cases.models import Actor, Role
from cases.offices import MINISTRY
from intake.service.scopes import SCOPES
from runtime.identity import IdentityTokens
from stack.issuer import AUDIENCE, Issuer
from stack.ports import LOOPBACK


class Operator(NamedTuple):
    """Somebody who may be chosen on the provider's page."""

    actor: Actor
    label: str


SAMPLE_OPERATORS: Final = (
    Operator(Actor(id="sample-clerk", role=Role.clerk, office="130102"), "经办人员 clerk"),
    Operator(Actor(id="sample-officer", role=Role.officer, office="130102"), "复核审批人员 officer"),
    Operator(Actor(id="sample-supervisor", role=Role.supervisor, office="130000"), "主管 supervisor"),
)
"""Three who may do different things; of the agency 130102 and the province above it."""


@dataclass(frozen=True)
class System:
    """A program with a credential of its own, by its client ID."""

    actor: Actor
    secret: str
    scopes: frozenset[str] = frozenset()
    """What its tokens may be used for at most; it may ask for less."""
    may_exchange: bool = False
    """Whether it gets tokens for the gate in the name of whoever called it."""


def sample_systems(secret: Callable[[str], str]) -> dict[str, System]:
    """Systems to play with on this machine, each with the secret of its name; and the intake service's own.

    They work for all regions, as the demonstration's card bureau, bank and insurers do.
    """
    region = MINISTRY
    roles = (
        Role.back_office,
        Role.bank,
        Role.medical_insurance,
        Role.pension,
        Role.card_bureau,
        Role.insured_register,
    )
    names = {role: f"sample-{role.value.replace('_', '-')}" for role in roles}
    systems = {
        name: System(Actor(id=name, role=role, office=region), secret(name), frozenset(SCOPES))
        for role, name in names.items()
    }
    itself = Actor(id="intake", role=Role.operator, office=region)
    return systems | {INTAKE_CLIENT: System(itself, secret(INTAKE_CLIENT), may_exchange=True)}


INTAKE_CLIENT: Final = "cardcase-intake"
"""As which client the intake service exchanges tokens."""
_A_DAY: Final = timedelta(days=1)
_OF_A_SYSTEM: Final = timedelta(minutes=15)
_EXCHANGED: Final = timedelta(minutes=2)
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name
SERVICE_AUDIENCE: Final = "cardcase-intake"
"""To whom tokens of systems are made out: the intake service."""
_ASKED: Final = ("client_id", "redirect_uri", "state", "nonce", "code_challenge")


@dataclass(frozen=True)
class _Grant:
    """What a code stands for, until it is used."""

    actor: Actor
    redirect_uri: str
    nonce: str
    challenge: str


class IdentityProvider:
    """The provider, for the length of a block: `async with IdentityProvider(...) as provider`."""

    def __init__(
        self,
        redirect_uris: Sequence[str],
        operators: Sequence[Operator] = SAMPLE_OPERATORS,
        *,
        port: int = 0,
        client: str = AUDIENCE,
        systems: Mapping[str, System] | None = None,
    ) -> None:
        self._systems: Final = dict(systems or {})
        self.operators: Final = {operator.actor.id: operator for operator in operators}
        self._redirect_uris = frozenset(redirect_uris)
        self._client = client
        self._port = port
        self._grants: dict[str, _Grant] = {}
        self._issuer: Issuer | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        application = web.Application(client_max_size=16 * 1024)
        application.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._describe),
                web.get("/jwks", self._keys),
                web.get("/authorize", self._ask_who),
                web.post("/authorize", self._grant),
                web.post("/token", self._token),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._port).start()
        self._port = self._runner.addresses[0][1]
        self._issuer = Issuer(f"http://{LOOPBACK}:{self._port}", self._client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def issuer(self) -> Issuer:
        """Who signs: its URL, its audience, its public keys. Raises RuntimeError before the start."""
        if self._issuer is None:
            raise RuntimeError("the identity provider has not been started")
        return self._issuer

    @property
    def token_url(self) -> str:
        """Where systems get their tokens."""
        return f"{self.issuer.url}/token"

    @property
    def jwks_url(self) -> str:
        """Where its public keys are."""
        return f"{self.issuer.url}/jwks"

    def write_tokens(self, folder: Path) -> None:
        """Write a token of each operator and each system to a file of their name, good for a day.

        Those of operators are made out to the intake service, and to the gate for upkeep; those of systems to the
        intake service, as they get them by their secret.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, operator in self.operators.items():
            everywhere = [SERVICE_AUDIENCE, self.issuer.audience]
            token = self.issuer.token(operator.actor, lifetime=_A_DAY, aud=everywhere, azp=self.issuer.audience)
            _write(folder / name, token)
        for name, system in self._systems.items():
            if not system.may_exchange:
                scope = " ".join(sorted(system.scopes))
                token = self.issuer.token(system.actor, lifetime=_A_DAY, aud=SERVICE_AUDIENCE, scope=scope)
                _write(folder / name, token)

    def write_token(self, actor: Actor, path: Path) -> None:
        """Write a token by which somebody comes to the intake service to a file, good for a day."""
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _write(path, self.issuer.token(actor, lifetime=_A_DAY, aud=SERVICE_AUDIENCE))

    async def _describe(self, _request: web.Request) -> web.Response:
        url = self.issuer.url
        return web.json_response(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": self.jwks_url,
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "client_credentials", TOKEN_EXCHANGE],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.issuer.jwks)

    async def _ask_who(self, request: web.Request) -> web.Response:
        asked = self._checked(request.query)
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value, quote=True)}">'
            for name, value in asked.items()
        )
        choices = "".join(
            f'<p><button name="sub" value="{escape(operator.actor.id)}"><b>{escape(operator.label)}</b><br>'
            f"{escape(operator.actor.id)} · {escape(operator.actor.office)}</button></p>"
            for operator in self.operators.values()
        )
        return web.Response(
            text=_PAGE.format(form=f'<form method="post" action="/authorize">{hidden}{choices}</form>'),
            content_type="text/html",
            headers=_OF_PAGES,
        )

    async def _grant(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = self._checked(form)
        operator = self.operators.get(form.get("sub", ""))
        if operator is None:
            raise web.HTTPBadRequest(text="nobody of that name")
        code = secrets.token_urlsafe(24)
        self._grants[code] = _Grant(operator.actor, asked["redirect_uri"], asked["nonce"], asked["code_challenge"])
        told = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=303, headers={"Location": f"{asked['redirect_uri']}?{told}"})

    def _checked(self, given: Mapping[str, str]) -> dict[str, str]:
        """What a login names, where this client may ask so. Raises `HTTPBadRequest`."""
        asked = {name: given.get(name, "") for name in _ASKED}
        known = asked["client_id"] == self._client and asked["redirect_uri"] in self._redirect_uris
        if not known or not all(asked.values()):
            raise web.HTTPBadRequest(text="not a login that this provider knows")
        return asked

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        match form.get("grant_type"):
            case "authorization_code":
                return self._of_a_login(form)
            case "client_credentials":
                return self._of_a_system(request, form)
            case grant if grant == TOKEN_EXCHANGE:
                return await self._exchanged(request, form)
        return web.json_response({"error": "unsupported_grant_type"}, status=400)

    def _system_of(self, request: web.Request, form: Mapping[str, str]) -> System | None:
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        given = request.headers.get("Authorization", "")
        if given.startswith("Basic "):
            try:
                name, _, secret = base64.b64decode(given.removeprefix("Basic "), validate=True).decode().partition(":")
            except ValueError:
                return None
        system = self._systems.get(name)
        if system is None or not hmac.compare_digest(secret.encode(), system.secret.encode()):
            return None
        return system

    def _of_a_system(self, request: web.Request, form: Mapping[str, str]) -> web.Response:
        system = self._system_of(request, form)
        if system is None:
            return web.json_response({"error": "invalid_client"}, status=401)
        asked = frozenset(form.get("scope", "").split()) or system.scopes
        if not asked <= system.scopes:
            return web.json_response({"error": "invalid_scope"}, status=400)
        token = self.issuer.token(
            system.actor, lifetime=_OF_A_SYSTEM, aud=SERVICE_AUDIENCE, scope=" ".join(sorted(asked))
        )
        return self._answer({"access_token": token, "expires_in": int(_OF_A_SYSTEM.total_seconds())})

    async def _exchanged(self, request: web.Request, form: Mapping[str, str]) -> web.Response:
        system = self._system_of(request, form)
        if system is None or not system.may_exchange:
            return web.json_response({"error": "invalid_client"}, status=401)
        # What it writes for operators is made out to both services, and issued to its one client of people.
        tokens = IdentityTokens(
            self.issuer, issuer=self.issuer.url, audience=SERVICE_AUDIENCE, parties=[self.issuer.audience]
        )
        try:
            if form.get("audience") != self._client or form.get("subject_token_type") != _ACCESS_TOKEN:
                raise CaseError(Code.IDENTITY_INVALID)
            subject = await tokens.check(form.get("subject_token", ""))
        except CaseError:
            return web.json_response({"error": "invalid_request"}, status=400)
        token = self.issuer.token(subject.actor, lifetime=_EXCHANGED, act={"sub": system.actor.id})
        told = {"access_token": token, "issued_token_type": _ACCESS_TOKEN}
        return self._answer({**told, "expires_in": int(_EXCHANGED.total_seconds())})

    def _answer(self, told: Mapping[str, Any]) -> web.Response:
        return web.json_response({"token_type": "Bearer", **told}, headers={"Cache-Control": "no-store"})

    def _of_a_login(self, form: Mapping[str, str]) -> web.Response:
        grant = self._grants.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            grant is None
            or form.get("client_id") != self._client
            or form.get("redirect_uri") != grant.redirect_uri
            or not hmac.compare_digest(challenge.decode().rstrip("="), grant.challenge)
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = self.issuer.token(grant.actor, nonce=grant.nonce)
        return self._answer({"id_token": token, "access_token": token, "expires_in": 3600})


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")


_OF_PAGES: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}
_PAGE: Final = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>cardcase: 示例登录 · sample login</title>
<style>
body {{ font: 16px/1.6 system-ui, "Noto Sans CJK SC", sans-serif; margin: 2rem auto; max-width: 30rem }}
button {{ font: inherit; padding: .6rem 1rem; width: 100%; text-align: left }}
</style>
<h1>示例登录 · Sample login</h1>
<p>仅供本机试用：无密码，选择身份即可。For trying things out on this machine: no password, choose who you are.</p>
{form}
</html>
"""
