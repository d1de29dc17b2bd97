"""What a server answers in a crowd and means "ask again", and what it does not."""

import asyncio

import pytest
from temporalio.service import RPCError, RPCStatusCode

from intake.crowds import until_not_dropped

DROPPED = [
    RPCError("operation was aborted", RPCStatusCode.ABORTED, b""),
    RPCError("workflow update was aborted", RPCStatusCode.UNAVAILABLE, b""),
    RPCError(
        "limit on number of concurrent in-flight updates has been reached (10)", RPCStatusCode.RESOURCE_EXHAUSTED, b""
    ),
]
OTHERS = [
    RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b""),
    RPCError("namespace rate limit exceeded", RPCStatusCode.RESOURCE_EXHAUSTED, b""),
    RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b""),
]


class Server:
    """Answers with these errors, one call after the other, and then with a receipt."""

    def __init__(self, *errors: RPCError) -> None:
        self._errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return "receipt"


async def test_an_update_that_was_dropped_is_asked_for_again_until_it_is_answered() -> None:
    server = Server(*DROPPED)
    assert await until_not_dropped(server) == "receipt"
    assert server.calls == len(DROPPED) + 1


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: error.status.name)
async def test_any_other_answer_is_the_callers(error: RPCError) -> None:
    server = Server(error)
    with pytest.raises(RPCError) as raised:
        await until_not_dropped(server)
    assert raised.value is error
    assert server.calls == 1


async def test_the_time_of_the_caller_is_the_limit() -> None:
    server = Server(*DROPPED * 100)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await until_not_dropped(server)
    assert 1 < server.calls < len(DROPPED) * 100
