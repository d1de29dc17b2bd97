"""Which addresses may be spoken with: nobody listens on the way, because it is TLS or does not leave this machine.

The one judge of addresses. An address says one thing: what different readers could take for different hosts is none.
"""

from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_OVER_TLS: Final = frozenset({"https", "smtps", "jsons"})
_REGISTERS: Final = frozenset({"postgres", "postgresql"})
OF_A_REGISTER: Final = frozenset(
    {"passfile", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslrootcert", "target_session_attrs"}
)
"""What may be said of the way to a register beside where it is; other words name another host, or set up a session."""
NO_REGISTER: Final = "must be postgresql://user:password@host:port/name"
NO_TLS: Final = "has no TLS"


def read_url(url: str) -> SplitResult | None:
    """The parts of a URL; None for what is none, has no host or no possible port, or could be read in two ways."""
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in ' \\<>"{}|^`'):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or port == 0 or parts.netloc.endswith(":") or "%" in parts.netloc.rpartition("@")[2]:
        return None
    return parts


def is_private(scheme: str, host: str) -> bool:
    """Whether nobody listens on the way: it is TLS by its scheme, or does not leave this machine."""
    return scheme in _OVER_TLS or host in LOOPBACK


def is_web(url: str, *, may_ask: bool = False) -> bool:
    """Whether secrets may travel to a URL: https, or http on this machine, without a password in it.

    A query it has only where it `may_ask`; a fragment never.
    """
    parts = read_url(url)
    if parts is None or parts.scheme not in {"http", "https"} or "@" in parts.netloc or "#" in url:
        return False
    return is_private(parts.scheme, parts.hostname or "") and (may_ask or "?" not in url)


def fault_of_register(url: str, *, needs_tls: bool) -> str | None:
    """What is wrong with the URL of a register, without a value; None where nothing is.

    A parameter that stands there twice is read by the last one, and some override the host: neither is taken.
    """
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
    except ValueError:
        return NO_REGISTER
    if parts.scheme not in _REGISTERS or not parts.hostname or parts.path in {"", "/"} or parts.fragment:
        return NO_REGISTER
    names = [name for name, _ in parameters]
    if len(set(names)) < len(names):
        return "says something twice"
    if not set(names) <= OF_A_REGISTER:
        return "says what may not stand there"
    if needs_tls and parts.hostname not in LOOPBACK and dict(parameters).get("sslmode") != "verify-full":
        return NO_TLS
    return None
