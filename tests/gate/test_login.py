"""Logging in: the code flow with PKCE against a provider over HTTP, and everything that may be wrong with it."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from cases.errors import CaseError, Code
from gate.login import LONGEST_LOGIN_SECONDS, Attempt, Login
from runtime.identity import IdentityTokens, KeyUrl
from stack.identity import SAMPLE_OPERATORS, IdentityProvider
from stack.issuer import AUDIENCE

BACK = "http://127.0.0.1:1/login/done"
CLERK = SAMPLE_OPERATORS[0].actor
KEY = b"a key of the gate's own"


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider([BACK]) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as running:
        yield running


@pytest.fixture
def login(provider: IdentityProvider, session: aiohttp.ClientSession) -> Login:
    return login_at(provider, session)


def login_at(provider: IdentityProvider, session: aiohttp.ClientSession, *, audience: str = AUDIENCE) -> Login:
    tokens = IdentityTokens(KeyUrl(provider.jwks_url), issuer=provider.issuer.url, audience=audience)
    return Login(session, tokens, issuer=provider.issuer.url, client=AUDIENCE, key=KEY)


async def chosen(session: aiohttp.ClientSession, page: str, staff: str = CLERK.id) -> tuple[str, str]:
    """State and code with which the provider sends the browser back."""
    parts = urlsplit(page)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    async with session.get(url, params=asked) as shown:
        assert shown.status == 200
        assert staff in await shown.text()
    async with session.post(url, data={**asked, "sub": staff}, allow_redirects=False) as answer:
        assert answer.status == 303
        told = parse_qs(urlsplit(answer.headers["Location"]).query)
    return told["state"][0], told["code"][0]


async def refusal(login: Login, attempt: Attempt, state: str, code: str, back: str = BACK) -> Code:
    with pytest.raises(CaseError) as refused:
        await login.end(attempt, state, code, back)
    return refused.value.code


async def test_ends_with_the_token_of_whoever_was_chosen(login: Login, session: aiohttp.ClientSession) -> None:
    attempt = Attempt.begin()
    state, code = await chosen(session, await login.page(attempt, BACK))
    token, identity = await login.end(login.opened(login.sealed(attempt)), state, code, BACK)
    assert identity.actor == CLERK
    assert token.count(".") == 2


async def test_a_code_is_good_for_one_use(login: Login, session: aiohttp.ClientSession) -> None:
    attempt = Attempt.begin()
    state, code = await chosen(session, await login.page(attempt, BACK))
    await login.end(attempt, state, code, BACK)
    assert await refusal(login, attempt, state, code) is Code.LOGIN_FAILED


async def test_another_browser_cannot_end_it(login: Login, session: aiohttp.ClientSession) -> None:
    state, code = await chosen(session, await login.page(Attempt.begin(), BACK))
    assert await refusal(login, Attempt.begin(), state, code) is Code.LOGIN_FAILED


async def test_a_try_ends_once_however_it_ends(login: Login, session: aiohttp.ClientSession) -> None:
    attempt = Attempt.begin()
    state, code = await chosen(session, await login.page(attempt, BACK))
    assert await refusal(login, attempt, state, "guessed") is Code.LOGIN_FAILED
    # The provider has not been asked by this code; neither is it now.
    assert await refusal(login, attempt, state, code) is Code.LOGIN_FAILED


async def test_a_stolen_code_is_worth_nothing_without_the_verifier(
    login: Login, session: aiohttp.ClientSession
) -> None:
    attempt = Attempt.begin()
    state, code = await chosen(session, await login.page(attempt, BACK))
    thief = Attempt(attempt.state, attempt.nonce, Attempt.begin().verifier)
    assert await refusal(login, thief, state, code) is Code.LOGIN_FAILED


async def test_a_token_that_was_made_for_another_login_is_refused(login: Login, session: aiohttp.ClientSession) -> None:
    attempt = Attempt.begin()
    state, code = await chosen(session, await login.page(attempt, BACK))
    other = Attempt(attempt.state, Attempt.begin().nonce, attempt.verifier)
    assert await refusal(login, other, state, code) is Code.LOGIN_FAILED


async def test_a_code_is_bound_to_where_the_browser_was_sent_back_to(
    login: Login, session: aiohttp.ClientSession
) -> None:
    attempt = Attempt.begin()
    state, code = await chosen(session, await login.page(attempt, BACK))
    assert await refusal(login, attempt, state, code, "http://127.0.0.1:2/login/done") is Code.LOGIN_FAILED


async def test_a_token_for_somebody_else_is_refused(provider: IdentityProvider, session: aiohttp.ClientSession) -> None:
    login, attempt = login_at(provider, session, audience="another"), Attempt.begin()
    state, code = await chosen(session, await login.page(attempt, BACK))
    assert await refusal(login, attempt, state, code) is Code.IDENTITY_INVALID


@pytest.mark.parametrize(
    "kept", ["", ".", "..", "a.b", "a.b.c", "a.b.c.9999999999", "a.b.c.9999999999." + "0" * 64, "é", "\udcff.\udcff"]
)
async def test_a_browser_that_kept_nothing_of_ours_has_not_begun(login: Login, kept: str) -> None:
    with pytest.raises(CaseError, match=Code.LOGIN_FAILED):
        login.opened(kept)


async def test_a_try_lasts_ten_minutes_and_is_nobody_elses_to_make(
    provider: IdentityProvider, session: aiohttp.ClientSession
) -> None:
    now = [1_000_000.0]
    tokens = IdentityTokens(provider.issuer, issuer=provider.issuer.url, audience=AUDIENCE)
    ours, other = [
        Login(session, tokens, issuer=provider.issuer.url, client=AUDIENCE, key=key, clock=lambda: now[0])
        for key in (KEY, b"another")
    ]
    attempt = Attempt.begin()
    kept = ours.sealed(attempt)
    now[0] += LONGEST_LOGIN_SECONDS
    assert ours.opened(kept) == attempt
    later = kept.replace(str(1_000_600), str(1_000_601))
    for wrong in (later, other.sealed(attempt), kept[:-1], kept.upper()):
        with pytest.raises(CaseError, match=Code.LOGIN_FAILED):
            ours.opened(wrong)
    now[0] += 1
    with pytest.raises(CaseError, match=Code.LOGIN_FAILED):
        ours.opened(kept)


def test_what_the_provider_learns_first_is_the_digest_of_the_verifier() -> None:
    # The example of RFC 7636, appendix B.
    attempt = Attempt("s", "n", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_provider_that_is_away_is_said_to_be_away(session: aiohttp.ClientSession) -> None:
    async with IdentityProvider([BACK]) as provider:
        gone = login_at(provider, session)
    with pytest.raises(CaseError, match=Code.GATE_UNAVAILABLE):
        await gone.page(Attempt.begin(), BACK)


async def test_a_description_by_somebody_else_is_not_believed(
    provider: IdentityProvider, session: aiohttp.ClientSession
) -> None:
    tokens = IdentityTokens(provider.issuer, issuer="https://other.invalid", audience=AUDIENCE)
    # The very same provider, asked for under another name than the one it gives itself.
    login = Login(
        session, tokens, issuer=provider.issuer.url.replace("127.0.0.1", "localhost"), client=AUDIENCE, key=KEY
    )
    with pytest.raises(CaseError, match=Code.GATE_UNAVAILABLE):
        await login.page(Attempt.begin(), BACK)


async def test_the_sample_provider_sends_nobody_to_an_unknown_place(
    login: Login, session: aiohttp.ClientSession
) -> None:
    page = await login.page(Attempt.begin(), "http://127.0.0.1:2/elsewhere")
    async with session.get(page) as answer:
        assert answer.status == 400
