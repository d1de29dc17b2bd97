"""The local stack: a real PostgreSQL and a real Temporal server, from wheels, for the demo and the tests.

Both servers listen on 127.0.0.1 only, write into their own data directory only, find their data again at the next
start, and end with the process that started them, however that process ends. Linux only: the last promise rests on
``PR_SET_PDEATHSIG``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from stack.errors import DataDirectoryInUse, ServerNotStarted, StackError
from stack.ports import FREE_PORTS, STANDARD_PORTS, Ports

if TYPE_CHECKING:
    from stack.local import LocalStack, together
    from stack.postgres import PostgresEndpoint, PostgresServer
    from stack.temporal import TemporalEndpoint, TemporalServer

__all__ = [
    "FREE_PORTS",
    "STANDARD_PORTS",
    "DataDirectoryInUse",
    "LocalStack",
    "Ports",
    "PostgresEndpoint",
    "PostgresServer",
    "ServerNotStarted",
    "StackError",
    "TemporalEndpoint",
    "TemporalServer",
    "together",
]

# Of a program that starts no server nobody imports clients of servers: they take a third of a second.
_WHERE: Final = {
    "LocalStack": "stack.local",
    "PostgresEndpoint": "stack.postgres",
    "PostgresServer": "stack.postgres",
    "TemporalEndpoint": "stack.temporal",
    "TemporalServer": "stack.temporal",
    "together": "stack.local",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(name)
    return getattr(import_module(_WHERE[name]), name)
