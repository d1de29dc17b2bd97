"""What was read of a file so far, to notice repetitions; memory does not grow with the file."""

import hashlib
import secrets
import sqlite3


class Seen:
    """Contents as digests under a key of this moment, in a file without a name."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        # A file may be read in one thread after the other, never in two at once.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, content: str) -> bool:
        """Whether the content is new."""
        digest = hashlib.blake2b(content.encode(), digest_size=16, key=self._key).digest()
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount == 1

    def close(self) -> None:
        """Forget them."""
        self._database.close()
