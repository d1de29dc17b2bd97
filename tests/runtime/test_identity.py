"""Identity tokens: of the right issuer, for us, in time, signed by a key of the provider; all others are refused."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from cases.errors import CaseError, Code
from cases.models import Actor, Role
from runtime import identity
from runtime.identity import LARGEST_TOKEN, IdentityTokens, KeyFile, KeyUrl, PublicKeys, claimed_by
from stack.issuer import AUDIENCE, KEY_ID, Issuer
from tests.scenes import OFFICER

PLANTED: Final = "11010519491231002X"
ISSUER: Final = Issuer()


def tokens(keys: PublicKeys = ISSUER, issuer: str = ISSUER.url, audience: str = AUDIENCE) -> IdentityTokens:
    return IdentityTokens(keys, issuer=issuer, audience=audience)


async def refusal(token: str, checker: IdentityTokens | None = None) -> Code:
    with pytest.raises(CaseError) as refused:
        await (checker or tokens()).check(token)
    assert PLANTED not in str(refused.value)
    assert refused.value.__cause__ is None
    return refused.value.code


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_a_token_says_who_its_bearer_is_in_which_role_and_office() -> None:
    identity = await tokens().check(ISSUER.token(OFFICER))
    assert identity.actor == OFFICER
    assert claimed_by(ISSUER.token(OFFICER)) == OFFICER


async def test_no_token_is_another_thing_than_a_wrong_one() -> None:
    assert await refusal("") is Code.IDENTITY_MISSING
    for wrong in (PLANTED, "a.b.c", "e30.e30.", "e30.e30.e30", "é.é.é", "." * 3):
        assert await refusal(wrong) is Code.IDENTITY_INVALID


async def test_an_expired_token_is_told_apart() -> None:
    assert await refusal(ISSUER.token(OFFICER, lifetime=timedelta(minutes=-5))) is Code.IDENTITY_EXPIRED


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"iss": "https://elsewhere.example.invalid"},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": PLANTED},
        {"sub": ""},
        {"sub": 7},
        {"cardcase_role": "wizard"},
        {"cardcase_role": None},
        {"cardcase_role": ["officer"]},
        {"cardcase_office": "11"},
        {"cardcase_office": 110105},
    ],
    ids=str,
)
async def test_a_token_with_a_wrong_claim_is_refused(claims: dict[str, Any]) -> None:
    assert await refusal(ISSUER.token(OFFICER, **claims)) is Code.IDENTITY_INVALID


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "aud", "sub", "cardcase_role", "cardcase_office"])
async def test_a_token_without_a_claim_is_refused(claim: str) -> None:
    claims = claims_of(ISSUER.token(OFFICER))
    del claims[claim]
    lacking = jwt.encode(claims, ISSUER._private, algorithm="ES256", headers={"kid": KEY_ID})
    assert await refusal(lacking) is Code.IDENTITY_INVALID


async def test_a_token_that_nobody_signed_is_refused() -> None:
    claims = claims_of(ISSUER.token(OFFICER))
    for name in ("none", "None", "NONE"):
        header = base64.urlsafe_b64encode(json.dumps({"alg": name, "kid": KEY_ID}).encode()).decode().rstrip("=")
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        for unsigned in (f"{header}.{body}.", f"{header}.{body}"):
            assert await refusal(unsigned) is Code.IDENTITY_INVALID


async def test_a_token_of_another_key_is_refused_under_whatever_name() -> None:
    other = Issuer()
    assert await refusal(other.token(OFFICER)) is Code.IDENTITY_INVALID
    claims = claims_of(ISSUER.token(OFFICER))
    for headers in ({"kid": "unknown"}, {}, {"kid": KEY_ID, "jwk": other.jwks["keys"][0]}):
        forged = jwt.encode(claims, other._private, algorithm="ES256", headers=headers)
        assert await refusal(forged) is Code.IDENTITY_INVALID


async def test_a_public_key_is_no_secret_to_sign_with() -> None:
    claims = claims_of(ISSUER.token(OFFICER))
    point = ISSUER._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for secret in (point, base64.urlsafe_b64encode(point)):
        confused = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": KEY_ID})
        assert await refusal(confused) is Code.IDENTITY_INVALID


async def test_a_changed_token_is_refused() -> None:
    header, body, signature = ISSUER.token(OFFICER).split(".")
    promoted = claims_of(f"{header}.{body}.{signature}") | {"cardcase_role": "supervisor"}
    forged = base64.urlsafe_b64encode(json.dumps(promoted).encode()).decode().rstrip("=")
    assert await refusal(f"{header}.{forged}.{signature}") is Code.IDENTITY_INVALID


async def test_a_token_that_is_too_long_is_not_even_looked_at() -> None:
    assert await refusal(ISSUER.token(OFFICER, note="x" * LARGEST_TOKEN)) is Code.IDENTITY_INVALID


# --- keys -----------------------------------------------------------------------------------------------------------


def entry_of(key: Any, algorithm: type[OKPAlgorithm] | type[RSAAlgorithm], **more: str) -> dict[str, Any]:
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), **more}


def signed(key: Any, algorithm: str, key_id: str) -> str:
    return jwt.encode(claims_of(ISSUER.token(OFFICER)), key, algorithm=algorithm, headers={"kid": key_id})


def key_file(folder: Path, *entries: dict[str, Any]) -> KeyFile:
    path = folder / "jwks.json"
    path.write_text(json.dumps({"keys": list(entries)}), encoding="ascii")
    return KeyFile(path)


async def test_three_algorithms_are_taken_and_each_only_from_a_key_of_its_own(tmp_path: Path) -> None:
    rsa, edwards = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    keys = key_file(
        tmp_path,
        entry_of(rsa, RSAAlgorithm, kid="rsa", alg="RS256"),
        entry_of(edwards, OKPAlgorithm, kid="ed", alg="EdDSA"),
        ISSUER.jwks["keys"][0],
    )
    checker = tokens(keys)
    for token in (signed(rsa, "RS256", "rsa"), signed(edwards, "EdDSA", "ed"), ISSUER.token(OFFICER)):
        assert (await checker.check(token)).actor == OFFICER
    for token in (signed(rsa, "PS256", "rsa"), signed(rsa, "RS512", "rsa"), signed(rsa, "RS256", "ed")):
        assert await refusal(token, checker) is Code.IDENTITY_INVALID


async def test_keys_that_do_not_sign_tokens_are_passed_over(tmp_path: Path) -> None:
    rsa = generate_private_key(65537, 2048)
    secret = base64.urlsafe_b64encode(b"s" * 32).decode()
    keys = key_file(
        tmp_path,
        entry_of(rsa, RSAAlgorithm, kid="for-secrecy", alg="RS256", use="enc"),
        entry_of(rsa, RSAAlgorithm, kid="longer", alg="RS512"),
        {"kty": "oct", "kid": "shared", "k": secret, "alg": "HS256"},
        {"kty": "EC", "kid": "broken", "crv": "P-256"},
        {"kty": "RSA"},
    )
    for token in (signed(rsa, "RS256", "for-secrecy"), signed(rsa, "RS512", "longer"), signed(rsa, "RS256", "broken")):
        assert await refusal(token, tokens(keys)) is Code.IDENTITY_INVALID
    shared = jwt.encode(claims_of(ISSUER.token(OFFICER)), b"s" * 32, algorithm="HS256", headers={"kid": "shared"})
    assert await refusal(shared, tokens(keys)) is Code.IDENTITY_INVALID


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": 7}', '{"keys": [7]}', '{"keyz": []}'])
def test_a_file_that_is_no_key_set_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(text)
    with pytest.raises(CaseError) as refused:
        KeyFile(path)
    assert refused.value.code is Code.CONFIGURATION_INVALID


class Provider:
    """Publishes keys over HTTP, and counts who asks."""

    def __init__(self) -> None:
        self.published: dict[str, Any] = ISSUER.jwks
        self.status = 200
        self.asked = 0
        self.was_asked, self.answers = asyncio.Event(), asyncio.Event()
        self.answers.set()

    async def keys(self, _request: web.Request) -> web.Response:
        self.asked += 1
        self.was_asked.set()
        await self.answers.wait()
        return web.json_response(self.published, status=self.status)


@asynccontextmanager
async def published() -> AsyncIterator[tuple[Provider, KeyUrl]]:
    provider, application = Provider(), web.Application()
    application.router.add_get("/jwks", provider.keys)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield provider, KeyUrl(f"http://127.0.0.1:{runner.addresses[0][1]}/jwks")
    finally:
        await runner.cleanup()


async def test_keys_are_fetched_once_and_again_where_one_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with published() as (provider, keys):
        checker = tokens(keys)
        for _ in range(3):
            await checker.check(ISSUER.token(OFFICER))
        assert provider.asked == 1
        new = Ed25519PrivateKey.generate()
        provider.published = {"keys": [entry_of(new, OKPAlgorithm, kid="new", alg="EdDSA")]}
        token = signed(new, "EdDSA", "new")
        # Anybody can name a key; the provider is asked now and then.
        assert await refusal(token, checker) is Code.IDENTITY_INVALID
        assert provider.asked == 1
        monkeypatch.setattr(identity, "_ASK_AGAIN_SECONDS", 0.0)
        assert (await checker.check(token)).actor == OFFICER
        assert await refusal(ISSUER.token(OFFICER), checker) is Code.IDENTITY_INVALID


async def test_nobody_waits_behind_somebody_who_names_keys_that_there_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_ASK_AGAIN_SECONDS", 0.0)
    async with published() as (provider, keys):
        checker = tokens(keys)
        await checker.check(ISSUER.token(OFFICER))
        provider.was_asked.clear()
        provider.answers.clear()
        stranger = asyncio.create_task(refusal(signed(Ed25519PrivateKey.generate(), "EdDSA", "none"), checker))
        await provider.was_asked.wait()
        assert (await checker.check(ISSUER.token(OFFICER))).actor == OFFICER
        provider.answers.set()
        assert await stranger is Code.IDENTITY_INVALID


async def test_a_key_that_was_taken_back_is_not_believed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async with published() as (provider, keys):
        checker = tokens(keys)
        await checker.check(ISSUER.token(OFFICER))
        provider.published = {"keys": []}
        monkeypatch.setattr(identity, "_OLDEST_SECONDS", 0.0)
        assert await refusal(ISSUER.token(OFFICER), checker) is Code.IDENTITY_INVALID


async def test_a_provider_that_does_not_answer_is_no_reason_to_believe_anybody() -> None:
    async with published() as (provider, keys):
        provider.status = 500
        assert await refusal(ISSUER.token(OFFICER), tokens(keys)) is Code.GATE_UNAVAILABLE
        provider.status, provider.published = 200, {"keys": PLANTED}
        assert await refusal(ISSUER.token(OFFICER), tokens(keys)) is Code.CONFIGURATION_INVALID
        provider.published = ISSUER.jwks
        assert (await tokens(keys).check(ISSUER.token(OFFICER))).actor == OFFICER


def test_whoever_carries_a_token_may_read_it_unchecked() -> None:
    bureau = Actor(id="bureau-1", role=Role.card_bureau, office="110000")
    assert claimed_by(Issuer().token(bureau)) == bureau
    for wrong in ("", PLANTED, "e30.e30."):
        with pytest.raises(CaseError) as refused:
            claimed_by(wrong)
        assert refused.value.code is Code.IDENTITY_INVALID
