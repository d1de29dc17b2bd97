"""Secrets with which providers sign what they tell of messages: a folder with a file for each channel, of its name.

Each provider has its own, so that none can speak for another.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from activities.setting import fault_of_secret, secret_in
from cases.delivery import Channel

_LEAST: Final = 16
"""Characters."""


def begin(folder: Path) -> None:
    """Make the secrets that are missing in a folder, and the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for channel in Channel:
        if not (folder / channel).exists():
            descriptor = os.open(folder / channel, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32))


def read(folder: Path) -> dict[Channel, bytes]:
    """The secret of each channel that has one."""
    return {Channel(file.name): secret_in(file).encode() for file in folder.iterdir()}


def fault_of(folder: Path) -> str | None:
    """What keeps a folder from being used, without a secret; None where nothing does."""
    try:
        open_to_others = folder.stat().st_mode & 0o077
        files = sorted(folder.iterdir())
    except OSError:
        return "names no readable folder"
    if open_to_others:
        return "is open to others"
    if not {file.name for file in files} <= set(Channel):
        return "holds what is named after no channel"
    faults = [fault for file in files if (fault := fault_of_secret(file)) is not None]
    return f"has a file that {faults[0]}" if faults else _fault_of([secret_in(file) for file in files])


def _fault_of(found: list[str]) -> str | None:
    if not found:
        return "holds no secret"
    if any(len(secret) < _LEAST for secret in found):
        return f"has a secret of fewer than {_LEAST} characters"
    if len(set(found)) < len(found):
        return "has one secret for two channels, so that one provider could speak for the other"
    return None
