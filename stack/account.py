"""Under which account PostgreSQL, which refuses to run as root, runs here."""

import asyncio
import os
import pwd
import signal
from pathlib import Path

from stack.errors import StackError
from stack.launch import NOBODY, Account
from stack.process import launch_command


async def account_for_postgres(binaries: Path) -> Account:
    """The first account under which the PostgreSQL programs in a directory can be started and will agree to run.

    An ordinary user runs it as themselves. Root, and a user without an entry in the passwd file (as some containers
    have it, and initdb refuses), runs it as `nobody`, real or in a user namespace. As root the namespace comes second:
    in it the server would lose root's access to a checkout that belongs to somebody else.

    Raises StackError when a container allows neither.
    """
    user = os.geteuid()
    if user != 0 and _has_entry(user):
        return Account.OWN
    candidates = (Account.NOBODY, Account.NAMESPACE) if user == 0 else (Account.NAMESPACE,)
    for account in candidates:
        if await _starts(binaries, account):
            return account
    raise StackError(
        "PostgreSQL refuses to run under this account, and nothing here may change accounts or make a user namespace:"
        " run as an ordinary user, or name a PostgreSQL server in CARDCASE_DATABASE_URL"
    )


def owner_of_files(account: Account) -> int:
    """The user ID that files of a program under this account have, as this process sees it."""
    return NOBODY if account is Account.NOBODY else os.geteuid()


def _has_entry(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


async def _starts(binaries: Path, account: Account) -> bool:
    # Unlike the others, this program looks for its own directory even when it has nothing else to do.
    process = await asyncio.create_subprocess_exec(
        *launch_command([binaries / "pg_config", "--bindir"], account=account, death_signal=signal.SIGKILL),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0
