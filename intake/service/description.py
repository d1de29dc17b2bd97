"""The description of the interface (OpenAPI 3.1): written from the models and from what each route says of itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from cases.errors import Code
from cases.events import EVENTS
from cases.models import Role
from intake.service import examples
from intake.service.bodies import COMPONENTS, JSON
from intake.service.judging import ROLES, SCHEME
from intake.service.problems import MEDIA_TYPE, Problem
from intake.service.refusals import ALWAYS, TOKEN, Codes, by_status
from intake.service.scopes import FEED, IMPORT, OPEN, PERSONS, READ, SCOPES, tell

VERSION: Final = "1.0.0"
"""Of the interface. Its first part is that of the routes (`/v1`), and grows where something is taken away."""
KEY_SET: Final = "application/jwk-set+json"

DESCRIPTION: Final = """\
Cases of social security cards: changes of resident ID numbers and card replacements.

Every request carries an access token of the agency's identity provider, made out to this service (OAuth 2 client
credentials); its scopes narrow what the role of its bearer may do. What is not within a bearer's region or part is
answered as if it were not there (404). Repeating a request is always safe. What is refused is
`application/problem+json` with a stable `code`; values are never repeated.

Moments are RFC 3339 with a zone, days are `YYYY-MM-DD` of Asia/Shanghai, sizes are bytes, waits are seconds, time
limits are working days of the official calendar. Fields are added and so are values of enumerations: a program leaves
alone what it does not know. All examples are synthetic.
"""
_TAGS: Final = (
    {"name": "cases", "description": "Opening cases, reading them, and waiting for them to move."},
    {"name": "events", "description": "Telling a case what happened."},
    {"name": "offices", "description": "How offices stand, in figures."},
    {"name": "jobs", "description": "Handing in whole registers and batches of events, done row by row."},
    {"name": "persons", "description": "Keeping the register of insured persons up to date."},
    {"name": "feed", "description": "Being told, for networks that let nothing in: what happened, in order."},
    {"name": "subscriptions", "description": "Being told by webhook, signed after Standard Webhooks."},
)
_ETAG: Final = {
    "ETag": {"description": "Where the case stands.", "required": True, "schema": {"type": "string"}},
}
_LOCATION: Final = {
    "Location": {"description": "Where it is read.", "required": True, "schema": {"type": "string"}},
}
_LOCATED: Final = frozenset({HTTPStatus.CREATED, HTTPStatus.ACCEPTED})
_OF_REFUSALS: Final[Mapping[HTTPStatus, Mapping[str, Any]]] = {
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {"description": "`Bearer`.", "required": True, "schema": {"type": "string"}}
    },
}
_RETRY: Final = {
    "Retry-After": {
        "description": "Seconds after which to repeat the request.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_ASK_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, kw_only=True)
class Says:
    """What a route says of itself."""

    name: str
    """Its operation, after which generated clients name a method; it never changes."""
    tag: str
    summary: str
    answer: type[BaseModel]
    answered: str
    """What the answer is."""
    scope: str | None
    """The scope that a token needs; None where nobody has to say who they are."""
    or_scopes: tuple[str, ...] = ()
    """Others, of which any one will do as well."""
    roles: frozenset[Role] | None = None
    """The roles that may ask for it at all, where no case decides; None for every role."""
    refuses: Codes = frozenset()
    """The codes of it, beside those of a token and of the service itself."""
    status: HTTPStatus = HTTPStatus.OK
    also: Mapping[HTTPStatus, str] = field(default_factory=dict)
    """Other answers that are none of a refusal."""
    body: Mapping[str, Any] | None = None
    """The schema of its body (`intake.service.bodies.described`)."""
    takes: tuple[str, ...] = (JSON,)
    """The media types of its body."""
    example: Mapping[str, Any] | None = None
    """What may stand in its body, by name; where it is a file, by media type, None for what JSON cannot hold."""
    etag: bool = False
    """Whether the answer says where a case stands."""
    media_type: str = JSON
    description: str | None = None
    """In place of the docstring of its handler."""


def add(router: APIRouter, method: str, path: str, handler: Callable[..., Any], says: Says) -> None:
    """Serve a route, and describe it."""
    router.add_api_route(
        f"/v1{path}",
        handler,
        methods=[method],
        status_code=says.status,
        response_model=says.answer,
        response_description=says.answered,
        operation_id=says.name,
        summary=says.summary,
        description=says.description,
        tags=[says.tag],
        openapi_extra=_operation(says),
        response_class=JSONResponse if says.media_type == JSON else _Keys,
    )


class _Keys(JSONResponse):
    media_type = KEY_SET


def _operation(says: Says) -> dict[str, Any]:
    scopes = () if says.scope is None else (says.scope, *says.or_scopes)
    operation: dict[str, Any] = {"security": [{SCHEME: [scope]} for scope in scopes]}
    if says.roles is not None:
        operation[ROLES] = sorted(says.roles)
    if says.body is not None:
        content = {kind: {"schema": deepcopy(says.body), "examples": _examples(says, kind)} for kind in says.takes}
        operation["requestBody"] = {"required": True, "content": content}
    responses: dict[str, Any] = {str(int(says.status)): _answer(says)}
    for status, what in says.also.items():
        responses[str(int(status))] = {"description": what, **_headers(says)} | (
            {} if status == HTTPStatus.NOT_MODIFIED else _answer(says) | {"description": what}
        )
    judged = frozenset() if says.roles is None else frozenset({Code.ROLE_NOT_ALLOWED})
    codes = says.refuses | judged | ALWAYS | (TOKEN if says.scope is not None else frozenset())
    for status, of_it in by_status(codes).items():
        responses[str(int(status))] = {
            "description": f"Refused: {', '.join(of_it)}.",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": f"{COMPONENTS}{Problem.__name__}"},
                    "examples": {of_it[0].value: _marked(examples.of_refusal(of_it[0]))},
                }
            },
            CODES: [code.value for code in of_it],
        }
        if headers := {**_OF_REFUSALS.get(status, {}), **(_RETRY if status in _ASK_AGAIN else {})}:
            responses[str(int(status))]["headers"] = headers
    operation["responses"] = responses
    return operation


def _examples(says: Says, kind: str) -> dict[str, Any]:
    known = says.example or {}
    if kind not in known:
        return {name: _marked(value) for name, value in known.items()}
    if known[kind] is None:
        return {"example": {"summary": examples.MARK, "description": examples.IN_A_WORKBOOK}}
    return {"example": _marked(known[kind])}


CODES: Final = "x-codes"
"""Where a refusal's codes stand in the description of its route."""


def _answer(says: Says) -> dict[str, Any]:
    content = {"examples": {"example": _marked(examples.of_answer(says.answer))}}
    return {
        "description": says.answered,
        "content": {says.media_type: {"schema": {"$ref": f"{COMPONENTS}{says.answer.__name__}"}} | content},
        **_headers(says),
    }


def _headers(says: Says) -> dict[str, Any]:
    headers = {**(_ETAG if says.etag else {}), **(_LOCATION if says.status in _LOCATED else {})}
    return {"headers": headers} if headers else {}


def _marked(value: Any) -> dict[str, Any]:
    return {"summary": examples.MARK, "value": value}


LOCAL_SERVICE: Final = "http://127.0.0.1:8237"
LOCAL_TOKENS: Final = "http://127.0.0.1:8236/token"
"""Where the local stack has both, which is all that a description knows that nobody serves."""


def describe(application: FastAPI, token_url: str | None = None) -> dict[str, Any]:
    """The framework's description, with what request bodies and refusals are made of beside its other models.

    `token_url` is where callers of the service that answers with it get their tokens.
    """
    if application.openapi_schema is not None:
        return application.openapi_schema
    schema = get_openapi(
        title=application.title,
        version=application.version,
        description=application.description,
        routes=application.routes,
        tags=[dict(tag) for tag in _TAGS],
    )
    _put_examples(schema["paths"], application.routes)
    models = schema.setdefault("components", {}).setdefault("schemas", {})
    # The framework's own refusals of parameters; ours are described by each route.
    for unused in ("HTTPValidationError", "ValidationError"):
        models.pop(unused, None)
    _, refused = models_json_schema([(Problem, "serialization")], ref_template=f"{COMPONENTS}{{model}}")
    _put(models, refused["$defs"])
    refusals: dict[str, Any] = {}
    for path in schema["paths"].values():
        for operation in path.values():
            operation["parameters"] = [_may_be_left_out(each) for each in operation.get("parameters", ())]
            operation["responses"] = {
                status: _once(refusals, HTTPStatus(int(status)), operation["operationId"], response)
                for status, response in sorted(operation["responses"].items())
                # The framework's own word for parameters that are wrong.
                if response["description"] != "Validation Error"
            }
            for content in operation.get("requestBody", {}).get("content", {}).values():
                _put(models, content["schema"].pop("$defs", {}))
    schema["components"]["responses"] = dict(sorted(refusals.items()))
    schema["components"]["schemas"] = _used(schema)
    schema["servers"] = [_SERVED if token_url is not None else _LOCAL]
    schema["components"]["securitySchemes"] = _security(token_url or LOCAL_TOKENS)
    schema["security"] = [{SCHEME: []}]
    application.openapi_schema = schema
    return schema


def _put_examples(paths: Mapping[str, Any], routes: Iterable[BaseRoute]) -> None:
    """Put the examples of all routes in as they are: the framework leaves out of them whatever is null."""
    for route in routes:
        if isinstance(route, APIRoute) and route.openapi_extra:
            for method in route.methods or ():
                described = paths[route.path][method.lower()]
                for written, said in _contents(described, route.openapi_extra):
                    written["examples"] = deepcopy(said["examples"])


def _contents(described: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The contents of an operation that have examples, as the framework wrote them and as the route said them."""
    bodies = [(described["requestBody"], said["requestBody"])] if "requestBody" in said else []
    bodies += [(described["responses"][status], response) for status, response in said["responses"].items()]
    for written, body in bodies:
        for kind, content in body.get("content", {}).items():
            if "examples" in content:
                yield written["content"][kind], content


def _may_be_left_out(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out is not sent as null: there is none in a path, a query or a header."""
    schema = parameter["schema"]
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(kinds) == 1:
        parameter["schema"] = {name: said for name, said in schema.items() if name != "anyOf"} | kinds[0]
    return parameter


def _once(refusals: dict[str, Any], status: HTTPStatus, operation: str, response: dict[str, Any]) -> dict[str, Any]:
    """A refusal that many routes answer alike, described once and named after the first of them."""
    if CODES not in response:
        return response
    response["content"].pop(JSON, None)
    name = next((name for name, said in refusals.items() if said == response), None)
    if name is None:
        name = f"Refused{int(status)}_{operation}"
        refusals[name] = response
    return {"$ref": f"#/components/responses/{name}"}


def _put(models: dict[str, Any], others: Mapping[str, Any]) -> None:
    """Put models beside others. Raises ValueError where two of one name differ: clients would mix them up."""
    for name, schema in others.items():
        said = _without_null_defaults(schema)
        if models.setdefault(name, said) != said:
            raise ValueError(f"{name} is described in two ways")


def _used(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The models that something refers to: what only those fields were made of that are sent otherwise is left out."""
    models, used = schema["components"]["schemas"], dict[str, Any]()
    said: Any = [schema["paths"], schema["components"]["responses"]]
    while found := {name for name in _names(said) if name not in used}:
        used |= {name: models[name] for name in found}
        said = [models[name] for name in found]
    return dict(sorted(used.items()))


def _names(said: Any) -> Iterator[str]:
    if isinstance(said, list):
        for each in said:
            yield from _names(each)
    elif isinstance(said, dict):
        for name, each in said.items():
            if name == "$ref" and each.startswith(COMPONENTS):
                yield each.removeprefix(COMPONENTS)
            else:
                yield from _names(each)


def _without_null_defaults(schema: Any) -> Any:
    """As the framework writes models: what is null where nothing is said need not be told."""
    if isinstance(schema, list):
        return [_without_null_defaults(each) for each in schema]
    if isinstance(schema, dict):
        return {
            name: _without_null_defaults(value)
            for name, value in schema.items()
            if not (name == "default" and value is None)
        }
    return schema


_SCOPES: Final = {
    OPEN: "Open cases.",
    READ: "Read cases, and wait for them.",
    FEED: "Read the feed, and be told by webhook.",
    IMPORT: "Hand in registers, a case for each row.",
    PERSONS: "Say what is so of insured persons; for the register's source alone.",
} | {tell(event): f"Tell a case: {event.value} ({record.zh})." for event, record in EVENTS.items()}
_SERVED: Final = {"url": "/", "description": "The service that answers with this description."}
_LOCAL: Final = {
    "url": LOCAL_SERVICE,
    "description": "The local stack (`make demo`). In production it is the address that the agency names.",
}


def _security(token_url: str) -> dict[str, Any]:
    scopes = {scope: _SCOPES[scope] for scope in SCOPES}
    return {
        SCHEME: {
            "type": "oauth2",
            "flows": {"clientCredentials": {"tokenUrl": token_url, "scopes": scopes}},
            "description": "Tokens are given by the agency's identity provider, and by nothing of this service. A "
            "description that the service answers with names that provider's token endpoint; one that is read as a "
            "file names that of the local stack (`make demo`).",
        }
    }
