"""How a system shows who it is: a client credential that gets it tokens, or a file that somebody else renews."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote_plus

from cardcase_client.problems import CredentialsRefused

_EARLY_SECONDS: Final = 30.0
_EARLY_SHARE: Final = 0.2
"""A token that lasts for a short while is renewed before so much of it is left."""


@dataclass(frozen=True)
class TokenAsked:
    """A request to a token endpoint (RFC 6749, 4.4)."""

    url: str
    form: dict[str, str]
    auth: tuple[str, str] = field(repr=False)
    keep: Callable[[int, bytes], None]
    """Keeps what was answered: its status and its content. Raises `CredentialsRefused`."""


class Credentials(Protocol):
    """What a client needs of whatever gives it tokens."""

    def held(self) -> str | None:
        """A token that is still good; None where another one has to be asked for."""

    def asked(self) -> TokenAsked:
        """How another one is asked for. Raises `CredentialsRefused` where nobody can be asked."""

    def ended(self, token: str) -> None:
        """The service says that a token has ended."""


class ClientCredentials:
    """A client credential, and the token endpoint of the identity provider.

    `secret` is the secret, or the file that it stands in. Ask for as few `scopes` as are needed; none asks for all.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        secret: str | Path,
        scopes: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = token_url
        self._id = client_id
        self._secret = secret
        self._scopes = tuple(scopes)
        self._clock = clock
        self._token: str | None = None
        self._renew_at = 0.0

    def held(self) -> str | None:
        """See `Credentials`."""
        return self._token if self._clock() < self._renew_at else None

    def asked(self) -> TokenAsked:
        """See `Credentials`."""
        secret = self._secret if isinstance(self._secret, str) else _read(self._secret)
        form = {"grant_type": "client_credentials"} | ({"scope": " ".join(self._scopes)} if self._scopes else {})
        return TokenAsked(self._url, form, (quote_plus(self._id), quote_plus(secret)), self._keep)

    def _keep(self, status: int, content: bytes) -> None:
        try:
            said = json.loads(content)
        except ValueError:
            said = None
        said = said if isinstance(said, dict) else {}
        token, lasts = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str):
            # One of the codes of RFC 6749, 5.2; anything else that stands there is nobody's to repeat.
            error = said.get("error")
            code = error if error in _ERRORS else "no token"
            raise CredentialsRefused(f"{code} (status {status})")
        seconds = float(lasts) if isinstance(lasts, int | float) else float("inf")
        self._token = token
        self._renew_at = self._clock() + seconds - min(_EARLY_SECONDS, seconds * _EARLY_SHARE)

    def ended(self, token: str) -> None:
        """See `Credentials`."""
        if token == self._token:
            self._token, self._renew_at = None, 0.0


_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)


class TokenFile:
    """A file with an access token in it, which somebody else renews in time; it is read anew for each request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended: str | None = None

    def held(self) -> str | None:
        """See `Credentials`."""
        token = _read(self._path)
        return None if token == self._ended else token

    def asked(self) -> TokenAsked:
        """See `Credentials`."""
        raise CredentialsRefused("the token in the file has ended")

    def ended(self, token: str) -> None:
        """See `Credentials`."""
        self._ended = token


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        text = ""
    if not text:
        raise CredentialsRefused(f"{path.name}: cannot be read, or is empty")
    return text
