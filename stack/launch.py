"""Becomes another program that cannot outlive the process that started it.

    python -I -S launch.py [--parent PID] [--account ACCOUNT] --death-signal NAME -- PROGRAM [ARGUMENT ...]

A program of its own instead of a ``preexec_fn``, because Python code must not run between fork and exec in a process
that has threads, and the Temporal SDK always has some. It therefore uses the standard library alone.
"""

import argparse
import ctypes
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Final

NOBODY: Final = 65534
"""User and group ID of the account that owns nothing; unlike a made-up ID it has an entry in every passwd file,
which initdb insists on."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_SECUREBITS: Final = 28
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_CAP_DAC_OVERRIDE: Final = 1
_SECBIT_NO_SETUID_FIXUP: Final = 1 << 2
_CAPABILITY_VERSION_3: Final = 0x20080522
_CLONE_NEWUSER: Final = 0x10000000


class Account(StrEnum):
    """Under which account the program runs."""

    OWN = "own"
    """The one that asks."""
    NOBODY = "nobody"
    """`nobody`, which keeps one capability of root: to pass file permissions. So it reaches the data directory and the
    binaries under a private home without a change to any permission on the way. Only root can ask for it."""
    NAMESPACE = "namespace"
    """The one that asks, which a user namespace shows to the program as `nobody`. Needs no privilege, but a kernel and
    a container that allow user namespaces."""


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityWord(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def _require(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _prctl(option: int, argument: int, second: int = 0) -> None:
    unsigned = ctypes.c_ulong
    _require(_libc.prctl(option, unsigned(argument), unsigned(second), unsigned(0), unsigned(0)))


def _become_nobody() -> None:
    # Keeps capabilities across the change of user, and lets access(2), by which PostgreSQL looks for its own programs,
    # respect them as every other call does.
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    only = 1 << _CAP_DAC_OVERRIDE
    words = (_CapabilityWord * 2)(_CapabilityWord(only, only, only), _CapabilityWord(0, 0, 0))
    _require(_libc.capset(ctypes.byref(_CapabilityHeader(_CAPABILITY_VERSION_3, 0)), words))
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    _require(_libc.unshare(_CLONE_NEWUSER))
    proc = Path("/proc/self")
    # The kernel accepts a group map of an unprivileged process only after setgroups has been given up.
    (proc / "setgroups").write_text("deny", encoding="ascii")
    (proc / "uid_map").write_text(f"{NOBODY} {user} 1", encoding="ascii")
    (proc / "gid_map").write_text(f"{NOBODY} {group} 1", encoding="ascii")


def _end_with_parent(death_signal: signal.Signals, parent: int | None) -> None:
    _prctl(_PR_SET_PDEATHSIG, death_signal)
    # A parent that died before the line above sends no signal any more.
    if parent is not None and os.getppid() != parent:
        sys.exit("the process that asked for this server has ended")


def main() -> None:
    """Change the account, bind the life of this process to its parent's, and become the program.

    Exits with status 1 and a line on standard error when the account cannot be had or the parent is gone already.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int)
    parser.add_argument("--account", type=Account, choices=list(Account), default=Account.OWN)
    parser.add_argument("--death-signal", type=lambda name: signal.Signals["SIG" + name], required=True)
    parser.add_argument("program", nargs="+")
    arguments = parser.parse_args()
    if arguments.account is Account.NOBODY:
        _become_nobody()
    elif arguments.account is Account.NAMESPACE:
        _enter_namespace()
    # Only now: a change of credentials clears the setting.
    _end_with_parent(arguments.death_signal, arguments.parent)
    # Python ignores SIGPIPE, and what is ignored stays ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(arguments.program[0], arguments.program)  # noqa: S606 - to become another program is the purpose


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"launch: {error}")
