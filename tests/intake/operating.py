"""Somebody at the command line with an identity token, for the commands that are written down."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cases.models import Actor
from stack.issuer import Issuer
from tests.engine import Engine
from tests.intake.calling import Run, Said, sample_keys


class Desk:
    """The command line of an office: the settings of a process, and a token of whoever sits there."""

    def __init__(self, run: Run, monkeypatch: pytest.MonkeyPatch, engine: Engine, folder: Path) -> None:
        self._run = run
        self._issuer = Issuer()
        self._token = folder / "token"
        for name, value in {
            "CARDCASE_DATABASE_URL": engine.database_url,
            "CARDCASE_KEY_FILE": str(sample_keys(folder)),
            "CARDCASE_PROFILE": "local",
            "CARDCASE_TOKEN_FILE": str(self._token),
            "CARDCASE_IDENTITY_ISSUER": self._issuer.url,
            "CARDCASE_IDENTITY_KEYS": str(self._issuer.write_keys(folder / "jwks.json")),
            "TEMPORAL_ADDRESS": engine.client.service_client.config.target_host,
            "TEMPORAL_NAMESPACE": engine.client.namespace,
        }.items():
            monkeypatch.setenv(name, value)

    async def call(self, actor: Actor | None, *arguments: Any, stdin: bytes = b"") -> Said:
        """Call a command as somebody, or as nobody; it has an event loop of its own."""
        self._token.unlink(missing_ok=True)
        if actor is not None:
            self._token.touch(mode=0o600)
            self._token.write_text(self._issuer.token(actor), encoding="ascii")
        return await asyncio.to_thread(lambda: self._run(*arguments, stdin=stdin))
