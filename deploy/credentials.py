"""Makes the passwords and keys that `deploy/compose.yaml` hands to its containers as files.

    python -m deploy.credentials [DIRECTORY]

Only their owner can read them. What is there already stays as it is, so that a run after an update adds what is new; a
password is rotated by removing its file first (docs/runbook.md).
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from activities.notifications import callback_secrets
from activities.person_keys import DirectoryKeys
from activities.sealing import KeyRing
from gate.stamp_keys import SigningKey

DIRECTORY: Final = Path(__file__).with_name("secrets")
KEY_RING: Final = "keys.toml"
PERSON_KEYS: Final = "person_keys"
"""The store of persons' keys, whose backups are its own and live for days only."""
STAMP_KEY: Final = "stamp_key.json"
"""By which the gate stamps decisions; nobody else has it."""
STAMP_TRUST: Final = "stamp_trust.json"
"""Its public half, which workers believe."""
WEBHOOK_KEY: Final = "webhook_key.json"
"""By which workers sign what they send to subscribers."""
WEBHOOK_TRUST: Final = "webhook_trust.json"
"""Its public half, which the intake service shows to them."""
_PAIRS: Final[Mapping[str, str]] = {STAMP_KEY: STAMP_TRUST, WEBHOOK_KEY: WEBHOOK_TRUST}
PASSWORDS: Final[Mapping[str, str]] = {
    "postgres_password": "{}",
    "temporal_password": "{}",
    # The form of a libpq password file: host, port, database, user, password.
    "owner_pgpass": "*:*:*:cardcase_owner:{}",
    "worker_pgpass": "*:*:*:cardcase_worker:{}",
    "reader_pgpass": "*:*:*:cardcase_reader:{}",
    "intake_pgpass": "*:*:*:cardcase_intake:{}",
    "desk_pgpass": "*:*:*:cardcase_desk:{}",
}
GIVEN: Final = ("sms_token", "mail_password", "mail_trust", "login_secret", "intake_secret", "heads_key")
"""What providers give: made empty, to be filled by whoever has it."""
HEADS: Final = "heads"
CALLBACKS: Final = "callbacks"
"""A folder of secrets with which providers sign what they tell of messages, one for each channel."""
_PASSWORD_BYTES: Final = 32


def make(directory: Path) -> list[str]:
    """Make what is missing in a directory; answers the names of those that are new."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = (*PASSWORDS, *GIVEN, KEY_RING, PERSON_KEYS, CALLBACKS, *_PAIRS)
    missing = [name for name in wanted if not (directory / name).exists()]
    for name in tuple(missing):
        if name == KEY_RING:
            KeyRing.generate(directory / name)
        elif name == PERSON_KEYS:
            DirectoryKeys.begin(directory / name)
        elif name == CALLBACKS:
            callback_secrets.begin(directory / name)
        elif name in _PAIRS:
            SigningKey.generate().write(directory / name, directory / _PAIRS[name])
            missing.append(_PAIRS[name])
        elif name in GIVEN:
            _write(directory / name, "")
        else:
            _write(directory / name, PASSWORDS[name].format(secrets.token_hex(_PASSWORD_BYTES)))
    return missing


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)


def main(arguments: list[str]) -> int:
    """Make the files and say which are new; and beside them the directory to which heads are published."""
    directory = Path(arguments[0]) if arguments else DIRECTORY
    new = make(directory)
    # Its owner is who runs the container that writes there; one that is mounted stays as it is.
    directory.with_name(HEADS).mkdir(mode=0o700, exist_ok=True)
    sys.stdout.write(f"made: {', '.join(new)}\n" if new else "nothing was missing\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
