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
from runtime import fetching, identity
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
        {"sub": f"z{PLANTED.lower()}"},
        {"sub": "clerk-13912345678"},
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


@pytest.mark.parametrize("claims", [{"azp": None}, {"azp": "canteen"}, {"azp": ["cardcase"]}, {}], ids=str)
async def test_a_token_for_several_applications_that_was_issued_to_another_one_is_refused(
    claims: dict[str, Any],
) -> None:
    several = {"aud": ["canteen", AUDIENCE], **claims}
    assert await refusal(ISSUER.token(OFFICER, **several)) is Code.IDENTITY_INVALID
    ours = IdentityTokens(ISSUER, issuer=ISSUER.url, audience=AUDIENCE, parties=["cardcase-intake"])
    assert await refusal(ISSUER.token(OFFICER, **several), ours) is Code.IDENTITY_INVALID
    for party in (AUDIENCE, "cardcase-intake"):
        assert (await ours.check(ISSUER.token(OFFICER, **several | {"azp": party}))).actor == OFFICER
    # Of one that is for us alone it is the provider's affair who got it.
    assert (await ours.check(ISSUER.token(OFFICER, aud=[AUDIENCE], azp="canteen"))).actor == OFFICER


@pytest.mark.parametrize("empty", ["", " "])
def test_without_an_issuer_or_an_audience_nobody_is_believed(empty: str) -> None:
    for issuer, audience in ((empty, AUDIENCE), (ISSUER.url, empty)):
        with pytest.raises(CaseError, match=Code.CONFIGURATION_INVALID):
            IdentityTokens(ISSUER, issuer=issuer, audience=audience)


BEYOND: Final = (
    *("1e400", "-1e400", "NaN", "1e18", "9" * 400, "9" * 5000),
    *("253402300800", "-99999999999999", '"1e400"', "[]", "{}"),
)


def with_number(claim: str, number: str) -> str:
    """A token that the provider signed, with a number in it as nobody writes one."""
    claims = json.dumps(claims_of(ISSUER.token(OFFICER)) | {claim: "HERE"}).replace('"HERE"', number)
    header = {"alg": "ES256", "kid": KEY_ID, "typ": "JWT"}
    return jwt.api_jws.PyJWS().encode(claims.encode(), ISSUER._private, algorithm="ES256", headers=header)


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("number", BEYOND, ids=range(len(BEYOND)))
async def test_numbers_beyond_range_are_refused_by_a_code(claim: str, number: str) -> None:
    said: Code | Actor
    try:
        said = (await tokens().check(with_number(claim, number))).actor
    except CaseError as refused:
        said = refused.code
    # A beginning that is long past is none to wait for.
    allowed = {Code.IDENTITY_INVALID, Code.IDENTITY_EXPIRED}
    assert said in (allowed | {OFFICER} if number == "-99999999999999" and claim != "exp" else allowed)


async def test_brackets_in_brackets_are_refused_by_a_code() -> None:
    for part in (b"[" * 4000, b'{"a":' * 1000):
        segment = base64.urlsafe_b64encode(part).decode().rstrip("=")
        assert await refusal(f"{segment}.e30.e30") is Code.IDENTITY_INVALID
    token = with_number("nested", "[" * 2500 + "]" * 2500)
    assert await refusal(token) is Code.IDENTITY_INVALID
    with pytest.raises(CaseError, match=Code.IDENTITY_INVALID):
        claimed_by(token)


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
        self.published: Any = ISSUER.jwks
        self.status = 200
        self.asked = 0
        self.was_asked, self.answers = asyncio.Event(), asyncio.Event()
        self.answers.set()
        self.now = 1000.0
        """What time it is for whoever keeps the keys."""

    async def keys(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.was_asked.set()
        await self.answers.wait()
        if isinstance(self.published, bytes):
            response = web.StreamResponse(status=self.status)
            response.enable_chunked_encoding()
            await response.prepare(request)
            for place in range(0, len(self.published), 50):
                await response.write(self.published[place : place + 50])
            return response
        return web.json_response(self.published, status=self.status)


@asynccontextmanager
async def published() -> AsyncIterator[tuple[Provider, KeyUrl]]:
    provider, application = Provider(), web.Application()
    application.router.add_get("/jwks", provider.keys)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield provider, KeyUrl(f"http://127.0.0.1:{runner.addresses[0][1]}/jwks", lambda: provider.now)
    finally:
        provider.answers.set()
        await runner.cleanup()


def of_a_stranger(key_id: str = "none") -> str:
    return signed(Ed25519PrivateKey.generate(), "EdDSA", key_id)


async def test_keys_are_fetched_once_and_again_where_one_is_unknown_but_once_a_minute() -> None:
    async with published() as (provider, keys):
        checker = tokens(keys)
        for _ in range(3):
            await checker.check(ISSUER.token(OFFICER))
        assert provider.asked == 1
        new = Ed25519PrivateKey.generate()
        provider.published = {"keys": [entry_of(new, OKPAlgorithm, kid="new", alg="EdDSA")]}
        token = signed(new, "EdDSA", "new")
        # Anybody can name a key; the provider is asked now and then.
        provider.now += 59
        for _ in range(20):
            assert await refusal(token, checker) is Code.IDENTITY_INVALID
        assert provider.asked == 1
        provider.now += 1
        assert (await checker.check(token)).actor == OFFICER
        assert await refusal(ISSUER.token(OFFICER), checker) is Code.IDENTITY_INVALID
        assert provider.asked == 2


async def test_nobody_waits_behind_somebody_who_names_keys_that_there_are_not() -> None:
    async with published() as (provider, keys):
        checker = tokens(keys)
        await checker.check(ISSUER.token(OFFICER))
        provider.was_asked.clear()
        provider.answers.clear()
        provider.now += 60
        strangers = [asyncio.create_task(refusal(of_a_stranger(f"none-{each}"), checker)) for each in range(20)]
        await provider.was_asked.wait()
        assert (await checker.check(ISSUER.token(OFFICER))).actor == OFFICER
        provider.answers.set()
        assert set(await asyncio.gather(*strangers)) == {Code.IDENTITY_INVALID}
        # All of them together cost the provider one question.
        assert provider.asked == 2


@pytest.mark.parametrize("wrong", ["away", "an error page", "no key set", "endless"])
async def test_known_keys_are_served_while_the_provider_is_away_and_it_is_asked_once_a_minute(wrong: str) -> None:
    async with published() as (provider, keys):
        checker = tokens(keys)
        await checker.check(ISSUER.token(OFFICER))
        provider.status = 503 if wrong == "away" else 200
        provider.published = {
            "away": ISSUER.jwks,
            "an error page": b"<html>" + PLANTED.encode(),
            "no key set": {"keys": PLANTED},
            "endless": json.dumps({**ISSUER.jwks, "more": "x" * identity.LARGEST_KEY_SET}).encode(),
        }[wrong]
        provider.now += 3600
        for _ in range(20):
            assert await refusal(of_a_stranger(), checker) is Code.GATE_UNAVAILABLE
            assert (await checker.check(ISSUER.token(OFFICER))).actor == OFFICER
        assert provider.asked == 2
        provider.now += 24 * 3600
        assert await refusal(ISSUER.token(OFFICER), checker) is Code.GATE_UNAVAILABLE
        assert provider.asked == 3


async def test_a_provider_that_is_away_from_the_start_is_asked_once_a_minute_whoever_comes() -> None:
    async with published() as (provider, keys):
        provider.status = 500
        for _ in range(20):
            assert await refusal(ISSUER.token(OFFICER), tokens(keys)) is Code.GATE_UNAVAILABLE
        assert provider.asked == 1
        provider.now, provider.status = provider.now + 60, 200
        assert (await tokens(keys).check(ISSUER.token(OFFICER))).actor == OFFICER


async def test_keys_that_come_in_many_parts_are_read_to_the_end() -> None:
    async with published() as (provider, keys):
        provider.published = json.dumps(ISSUER.jwks).encode()
        assert (await tokens(keys).check(ISSUER.token(OFFICER))).actor == OFFICER


async def test_keys_are_fetched_before_anybody_needs_them_and_one_that_was_taken_back_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "REFRESH_SECONDS", 0.0)
    async with published() as (provider, keys):
        provider.answers.clear()
        async with keys.refreshed():
            await provider.was_asked.wait()
            provider.answers.set()
            assert (await tokens(keys).check(ISSUER.token(OFFICER))).actor == OFFICER
            assert provider.asked == 1
            provider.published = {"keys": []}
            provider.was_asked.clear()
            provider.now += 60
            await provider.was_asked.wait()
            while keys._published._asking is not None:
                await keys._published.news()
            assert await refusal(ISSUER.token(OFFICER), tokens(keys)) is Code.IDENTITY_INVALID


def test_whoever_carries_a_token_may_read_it_unchecked() -> None:
    bureau = Actor(id="bureau-1", role=Role.card_bureau, office="110000")
    assert claimed_by(Issuer().token(bureau)) == bureau
    for wrong in ("", PLANTED, "e30.e30."):
        with pytest.raises(CaseError) as refused:
            claimed_by(wrong)
        assert refused.value.code is Code.IDENTITY_INVALID
