"""What an answer of Temporal's means to a caller: refused only where nothing is and nothing will be in effect."""

import pytest
from temporalio.service import RPCError, RPCStatusCode

from cases.errors import Code
from intake.client import Refused, Unavailable, of_rpc

REFUSED = {
    RPCStatusCode.NOT_FOUND: Code.CASE_UNKNOWN,
    RPCStatusCode.INVALID_ARGUMENT: Code.PAYLOAD_INVALID,
    RPCStatusCode.UNAUTHENTICATED: Code.CONFIGURATION_INVALID,
    RPCStatusCode.PERMISSION_DENIED: Code.CONFIGURATION_INVALID,
    RPCStatusCode.UNIMPLEMENTED: Code.CONFIGURATION_INVALID,
}


@pytest.mark.parametrize("status", [status for status in RPCStatusCode if status is not RPCStatusCode.OK])
def test_the_outcome_is_unknown_unless_the_server_says_that_it_has_done_nothing(status: RPCStatusCode) -> None:
    denied = of_rpc(RPCError("Unable to perform workflow execution update", status, b""))
    assert denied.code is REFUSED.get(status, denied.code)
    assert isinstance(denied, Refused if status in REFUSED else Unavailable)


def test_a_case_whose_task_fails_just_now_has_an_unknown_outcome() -> None:
    denied = of_rpc(RPCError("Workflow Task in failed state", RPCStatusCode.FAILED_PRECONDITION, b""))
    assert isinstance(denied, Unavailable)
    assert denied.code is Code.ENGINE_UNAVAILABLE
