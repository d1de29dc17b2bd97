"""The provider that this machine tries things out with gives what one to whom is needed, and to nobody else."""

import json
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from cases.models import Actor, Role
from runtime.identity import IdentityTokens
from stack.identity import SERVICE_AUDIENCE, IdentityProvider, Operator, System
from tests.scenes import OFFICE, OFFICER

SYSTEM: Final = System(Actor(id="intake", role=Role.operator, office=OFFICE), "secret", may_exchange=True)
AUTHORIZATION: Final = {"Authorization": aiohttp.encode_basic_auth("intake", SYSTEM.secret)}
EXCHANGE: Final = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
}


async def exchanged(provider: IdentityProvider, token: str) -> tuple[int, Any]:
    form = {**EXCHANGE, "audience": provider.issuer.audience, "subject_token": token}
    async with (
        aiohttp.ClientSession() as session,
        session.post(provider.token_url, data=form, headers=AUTHORIZATION) as answer,
    ):
        return answer.status, json.loads(await answer.read())


async def test_a_token_that_was_written_for_an_operator_is_exchanged_for_the_gates(tmp_path: Path) -> None:
    async with IdentityProvider([], [Operator(OFFICER, "officer")], systems={"intake": SYSTEM}) as provider:
        provider.write_tokens(tmp_path / "tokens")
        (written,) = (tmp_path / "tokens").iterdir()
        status, told = await exchanged(provider, written.read_text(encoding="ascii"))
        assert status == 200
        tokens = IdentityTokens(provider.issuer, issuer=provider.issuer.url, audience=provider.issuer.audience)
        assert (await tokens.check(told["access_token"])).actor == OFFICER


@pytest.mark.parametrize("claims", [{"azp": "another"}, {}, {"aud": "another"}])
async def test_one_that_was_issued_to_another_application_is_not(claims: dict[str, Any]) -> None:
    async with IdentityProvider([], [Operator(OFFICER, "officer")], systems={"intake": SYSTEM}) as provider:
        told = {"aud": [SERVICE_AUDIENCE, provider.issuer.audience], **claims}
        assert (await exchanged(provider, provider.issuer.token(OFFICER, **told)))[0] == 400
