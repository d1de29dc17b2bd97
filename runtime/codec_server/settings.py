"""Settings of the codec server beyond those of every program."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, Field

from runtime.notifying import EMPTY, LOOPBACK, Fault, fault_of_secret, listed, secret_in

PORT: Final = 8235


class CodecSettings(BaseModel):
    """Where the codec server listens, and whose pages may call it."""

    codec_host: str = "127.0.0.1"
    codec_port: Annotated[int, Field(ge=0, le=65535)] = PORT
    codec_url: str | None = None
    """Where browsers reach the codec server: scheme, host and port. To be said where something before it ends TLS."""
    ui_origins: Annotated[frozenset[str], BeforeValidator(listed)] = frozenset()
    """Origins of the Web UIs that may call it, scheme, host and port each, with commas between."""
    login_secret_file: Path | None = None
    """The secret that the identity provider gave to the codec server as its client; empty where it gave none."""

    def public_url(self) -> str:
        """Where browsers reach the codec server."""
        return self.codec_url or f"http://{self.codec_host}:{self.codec_port}"

    def login_secret(self) -> str:
        """The client's secret; empty where there is none."""
        return "" if self.login_secret_file is None else secret_in(self.login_secret_file)

    def codec_faults(self, *, production: bool) -> Iterator[Fault]:
        """Everything that keeps the codec server from being used; no value."""
        named = [("codec_url", self.codec_url)] if self.codec_url is not None else []
        for field, origin in [*named, *(("ui_origins", origin) for origin in sorted(self.ui_origins))]:
            scheme, host = _origin(origin)
            if not host:
                yield Fault(field, "is no origin", "Write scheme, host and port: https://host:port")
            elif production and scheme != "https" and host not in LOOPBACK:
                yield Fault(field, "has no TLS", "Use https://")
        file = self.login_secret_file
        if file is not None and (wrong := fault_of_secret(file)) is not None and wrong != EMPTY:
            yield Fault("login_secret_file", wrong, "Mend the file, and run chmod 600")


def _origin(text: str) -> tuple[str, str]:
    """Scheme and host of an origin; empty for what is none."""
    try:
        parts = urlsplit(text)
        plain = parts.scheme in {"http", "https"} and f"{parts.scheme}://{parts.netloc}" == text and parts.port != 0
    except ValueError:
        return "", ""
    return (parts.scheme, parts.hostname or "") if plain and "@" not in parts.netloc else ("", "")
