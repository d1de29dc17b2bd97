"""The local stack: a real PostgreSQL and a real Temporal server, from wheels, for the demo and the tests.

Both servers listen on 127.0.0.1 only, write into their own data directory only, find their data again at the next
start, and end with the process that started them, however that process ends. Linux only: the last promise rests on
``PR_SET_PDEATHSIG``.
"""

from stack.errors import DataDirectoryInUse, ServerNotStarted, StackError
from stack.local import LocalStack, together
from stack.ports import FREE_PORTS, STANDARD_PORTS, Ports
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
