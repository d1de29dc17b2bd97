"""What is judged of a request before anything that it says: who asks, and whether they may."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from cases.errors import CaseError, Code
from intake.applications import InputRefused, Problem, may_be_named
from intake.service.reach import Reach

SCHEME: Final = "client_credentials"
"""Under which a route's description says which scopes it needs."""
ROLES: Final = "x-roles"
"""Where a route's description says which roles may ask for it, if not every one."""


def judged_by(reach: Reach) -> type[APIRoute]:
    """Routes that know their caller, and refuse who may not ask and what nobody may, before the framework reads it.

    Whoever has no right to something learns nothing of how it is asked for. Of several scopes the route itself says
    which it takes, by what is asked.
    """

    class Judged(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()
            needed = [scope for each in (self.openapi_extra or {})["security"] for scope in each[SCHEME]]
            roles = (self.openapi_extra or {}).get(ROLES)
            known = frozenset(_parameters_of(self))

            async def judge(request: Request) -> Response:
                if needed:
                    caller = request.state.caller = await reach.callers.of(request)
                    if len(needed) == 1:
                        caller.need(needed[0])
                    if roles is not None and caller.actor.role not in roles:
                        raise CaseError(Code.ROLE_NOT_ALLOWED)
                if request.scope["query_string"] and (unknown := request.query_params.keys() - known):
                    raise InputRefused(Problem(_named(each), Code.FIELD_UNKNOWN) for each in sorted(unknown))
                return await answer(request)

            return judge

    return Judged


def _parameters_of(route: APIRoute) -> Iterator[str]:
    """The parameters of its query, those of models by themselves."""
    for parameter in route.dependant.query_params:
        model = parameter.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from model.model_fields
        else:
            yield parameter.alias


def _named(parameter: str) -> str:
    return f"?{parameter}" if may_be_named(parameter) else "?"
