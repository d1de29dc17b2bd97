"""Who calls a command that is written down: known by an identity token that is checked here.

What is told to cases is stamped by the gate. These commands tell no case anything; they look into the register, or use
Temporal's own means.
"""

from typing import Final

from cases.models import Actor
from gate.settings import IdentitySettings
from intake.stamping import TokenFile
from runtime.identity import IdentityTokens, public_keys
from runtime.settings import ConfigurationInvalid, Problem, read_settings

_NEEDED: Final = {
    "token_file": "Log in, and set it to the file that holds the identity token",
    "identity_issuer": "Set it to the issuer of identity tokens",
    "identity_keys": "Set it to the provider's jwks_uri, or to a file with its public keys",
}


async def checked_actor() -> Actor:
    """Who calls, by the token file of the settings.

    Raises `ConfigurationInvalid`, and `CaseError` as `runtime.identity.IdentityTokens.check`.
    """
    settings = read_settings(IdentitySettings)
    lacking = [name for name in _NEEDED if getattr(settings, name) is None]
    if settings.token_file is None or settings.identity_issuer is None or settings.identity_keys is None:
        raise ConfigurationInvalid(
            [Problem(f"CARDCASE_{name.upper()}", "is not set", _NEEDED[name]) for name in lacking]
        )
    async with public_keys(settings.identity_keys) as keys:
        tokens = IdentityTokens(
            keys,
            issuer=settings.identity_issuer,
            audience=settings.identity_audience,
            parties=settings.parties(),
        )
        return (await tokens.check(TokenFile(settings.token_file)())).actor
