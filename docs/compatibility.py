"""What of a contract a program may have relied on and would miss: the differences between two descriptions that break.

Fields may be added to an answer, and values to its enumerations; what may be sent may become more. Everything else that
differs is named, with where it stands: a route, a parameter, a field, a value or a type that is gone, and whatever is
asked for that was not.

There are tools that compare descriptions of interfaces; those that are kept well are programs of their own in other
languages, and all take a value that an answer no longer has for an improvement, and one that it has now for a break.
Here it is the other way round: programs are told to leave alone what they do not know, and branch on what they do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Schema = Mapping[str, Any]

_METHODS: Final = ("get", "put", "post", "delete", "patch")
_EXACT: Final = ("pattern", "format", "const")
"""What a reader of an answer may rely on, and what narrows what may be sent where it changes."""
_AT_MOST: Final = ("maxLength", "maxItems", "maximum", "exclusiveMaximum")
_AT_LEAST: Final = ("minLength", "minItems", "minimum", "exclusiveMinimum")
_ALL_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def major(version: str) -> int:
    """The first part of a version: what breaks raises it."""
    return int(version.partition(".")[0])


def breaking(before: Schema, after: Schema) -> list[str]:
    """What breaks between two OpenAPI descriptions, two of AsyncAPI, or two JSON Schemas of what is told."""
    if "paths" in before:
        return list(_of_interfaces(before, after))
    if "asyncapi" in before:
        return list(_of_messages(before, after))
    return list(_Reader(before, after).schema("", before, after))


def _of_interfaces(before: Schema, after: Schema) -> Iterator[str]:
    for path, methods in before["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = after["paths"].get(path, {}).get(method)
                where = f"{method.upper()} {path}"
                if operation is None:
                    yield f"{where}: gone"
                else:
                    yield from _of_operations(where, before, methods[method], after, operation)


def _of_operations(where: str, before: Schema, was: Schema, after: Schema, now: Schema) -> Iterator[str]:
    if was["operationId"] != now["operationId"]:
        yield f"{where}: another operationId"
    if not all(any(alternative <= before for alternative in _alternatives(now)) for before in _alternatives(was)):
        yield f"{where}: needs another scope"
    sent, read = _Sender(before, after), _Reader(before, after)
    yield from _of_parameters(where, sent, was.get("parameters", ()), now.get("parameters", ()))
    yield from _of_bodies(where, sent, was.get("requestBody"), now.get("requestBody"))
    for status, response in was["responses"].items():
        answer = now["responses"].get(status)
        if answer is None:
            # A refusal that does not happen any more is nobody's loss.
            if status.startswith(("2", "3")):
                yield f"{where}: {status}: gone"
            continue
        said, says = sent.of_before(response), sent.of_after(answer)
        yield from _of_contents(f"{where}: {status}", read, said.get("content", {}), says.get("content", {}))
        for name, header in said.get("headers", {}).items():
            still = says.get("headers", {}).get(name)
            if still is None or (header.get("required", False) and not still.get("required", False)):
                yield f"{where}: {status}: header {name}: gone"


def _alternatives(operation: Schema) -> list[frozenset[str]]:
    """Sets of scopes, any of which is enough; one more of them takes nothing from anybody."""
    sufficient = [
        frozenset(scope for scopes in each.values() for scope in scopes) for each in operation.get("security", ())
    ]
    return sufficient or [frozenset()]


def _of_parameters(where: str, compared: "_Comparison", was: Sequence[Schema], now: Sequence[Schema]) -> Iterator[str]:
    before = {(each["in"], each["name"]): each for each in was}
    after = {(each["in"], each["name"]): each for each in now}
    for key, parameter in before.items():
        at = f"{where}: {key[0]} {key[1]}"
        if key not in after:
            yield f"{at}: gone"
            continue
        if after[key].get("required", False) and not parameter.get("required", False):
            yield f"{at}: needed now"
        yield from compared.schema(at, parameter["schema"], after[key]["schema"])
    for key in after.keys() - before.keys():
        if after[key].get("required", False):
            yield f"{where}: {key[0]} {key[1]}: needed now"


def _of_bodies(where: str, compared: "_Comparison", was: Schema | None, now: Schema | None) -> Iterator[str]:
    if now is not None and now.get("required", False) and (was is None or not was.get("required", False)):
        yield f"{where}: body: needed now"
    if was is not None:
        yield from _of_contents(f"{where}: body", compared, was["content"], {} if now is None else now["content"])


def _of_contents(where: str, compared: "_Comparison", was: Schema, now: Schema) -> Iterator[str]:
    for media_type, content in was.items():
        if media_type in now:
            yield from compared.schema(where, content["schema"], now[media_type]["schema"])
        else:
            yield f"{where}: {media_type}: gone"


def _of_messages(before: Schema, after: Schema) -> Iterator[str]:
    for name in before["channels"].keys() - after["channels"].keys():
        yield f"channel {name}: gone"
    read = _Reader(before, after)
    for name, message in before["components"]["messages"].items():
        now = after["components"]["messages"].get(name)
        if now is None:
            yield f"message {name}: gone"
            continue
        for part in ("payload", "headers"):
            yield from read.schema(f"message {name}: {part}", message[part], now[part])


@dataclass
class _Comparison:
    """Compares schemas of two documents, each that is referred to once."""

    before: Schema
    after: Schema
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def schema(self, where: str, was: Schema, now: Schema) -> Iterator[str]:
        """What breaks for whoever knows the first of two schemas."""
        names = (was.get("$ref", ""), now.get("$ref", ""))
        if all(names):
            if names in self._seen:
                return
            self._seen.add(names)
        was, now = self.of_before(was), self.of_after(now)
        if "allOf" in was and "allOf" in now and len(was["allOf"]) == len(now["allOf"]):
            for part, other in zip(was["allOf"], now["allOf"], strict=True):
                yield from self.schema(where, part, other)
            return
        branches = [list(self._branches(each)) for each in (was, now)]
        if len(branches[0]) > 1 or len(branches[1]) > 1:
            yield from self.any_of(where, branches[0], branches[1])
            return
        yield from self.one(where, was, now)

    def any_of(self, where: str, was: Sequence[Schema], now: Sequence[Schema]) -> Iterator[str]:
        """What breaks where a value is one of several."""
        raise NotImplementedError

    def one(self, where: str, was: Schema, now: Schema) -> Iterator[str]:
        """What breaks between two schemas that are one thing each."""
        raise NotImplementedError

    def suits(self, was: Schema, now: Schema) -> bool:
        """Whether nothing breaks between two schemas."""
        return not list(type(self)(self.before, self.after).schema("", was, now))

    def parts(self, where: str, was: Schema, now: Schema) -> Iterator[str]:
        """What breaks in fields and items that both have."""
        fields, others = was.get("properties", {}), now.get("properties", {})
        for name in sorted(fields.keys() & others.keys()):
            yield from self.schema(f"{where}/{name}", fields[name], others[name])
        for name in ("items", "additionalProperties"):
            if isinstance(was.get(name), Mapping) and isinstance(now.get(name), Mapping):
                yield from self.schema(f"{where}/*", was[name], now[name])

    def of_before(self, schema: Schema) -> Schema:
        """What a schema of the first document refers to."""
        return _resolved(self.before, schema)

    def of_after(self, schema: Schema) -> Schema:
        """What a schema of the second document refers to."""
        return _resolved(self.after, schema)

    @staticmethod
    def _branches(schema: Schema) -> Iterator[Schema]:
        yield from schema.get("anyOf") or schema.get("oneOf") or [schema]


class _Sender(_Comparison):
    """For whoever sends: what was taken is taken still."""

    def any_of(self, where: str, was: Sequence[Schema], now: Sequence[Schema]) -> Iterator[str]:
        """Each of what could be sent is one of what can be sent."""
        for branch in was:
            if not any(self.suits(branch, each) for each in now):
                yield f"{where}: {_named(branch)} is not taken any more"

    def one(self, where: str, was: Schema, now: Schema) -> Iterator[str]:
        """Nothing more is asked for, and nothing less allowed."""
        if lost := _types(was) - _types(now):
            yield f"{where}: no {', '.join(sorted(lost))} any more"
        if "enum" in now and "enum" not in was:
            yield f"{where}: only some values any more"
        for value in was.get("enum", ()):
            if "enum" in now and value not in now["enum"]:
                yield f"{where}: value {value} is gone"
        yield from self._narrower(where, was, now)
        yield from self._fields(where, was, now)
        yield from self.parts(where, was, now)

    @staticmethod
    def _narrower(where: str, was: Schema, now: Schema) -> Iterator[str]:
        for word in _EXACT:
            if word in now and now[word] != was.get(word):
                yield f"{where}: another {word}"
        for word in _AT_MOST:
            if word in now and now[word] < was.get(word, float("inf")):
                yield f"{where}: {word} is less"
        for word in _AT_LEAST:
            if word in now and now[word] > was.get(word, 0):
                yield f"{where}: {word} is more"

    @staticmethod
    def _fields(where: str, was: Schema, now: Schema) -> Iterator[str]:
        for name in sorted(set(now.get("required", ())) - set(was.get("required", ()))):
            yield f"{where}/{name}: needed now"
        if now.get("additionalProperties", True) is False:
            if was.get("additionalProperties", True) is not False and "properties" in was:
                yield f"{where}: unknown fields are refused now"
            for name in sorted(was.get("properties", {}).keys() - now.get("properties", {}).keys()):
                yield f"{where}/{name}: gone"


class _Reader(_Comparison):
    """For whoever reads: what was told is told still, and is what it was."""

    def any_of(self, where: str, was: Sequence[Schema], now: Sequence[Schema]) -> Iterator[str]:
        """Each of what is told is one of what could be told."""
        for branch in now:
            if not any(self.suits(each, branch) for each in was):
                yield f"{where}: {_named(branch)} is told, and was not"

    def one(self, where: str, was: Schema, now: Schema) -> Iterator[str]:
        """Everything is there, and nothing is of another type."""
        if new := _types(now) - _types(was):
            yield f"{where}: {', '.join(sorted(new))} now"
        if "enum" in was and "enum" not in now and "const" not in now:
            yield f"{where}: any value now"
        for value in was.get("enum", ()):
            if value not in now.get("enum", [now.get("const")]):
                yield f"{where}: value {value} is gone"
        for word in _EXACT:
            if word in was and now.get(word) != was[word]:
                yield f"{where}: another {word}"
        for name in sorted(was.get("properties", {}).keys() - now.get("properties", {}).keys()):
            yield f"{where}/{name}: gone"
        for name in sorted(set(was.get("required", ())) - set(now.get("required", ()))):
            if name in now.get("properties", {}):
                yield f"{where}/{name}: may be missing now"
        yield from self.parts(where, was, now)


def _types(schema: Schema) -> frozenset[str]:
    """The types of a schema; whole numbers are numbers."""
    said = schema.get("type", ())
    types = frozenset([said] if isinstance(said, str) else said) or _of_values(schema) or _ALL_TYPES
    return types | {"integer"} if "number" in types else types


def _of_values(schema: Schema) -> frozenset[str]:
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return frozenset({"string"}) if values and all(isinstance(value, str) for value in values) else frozenset()


def _resolved(document: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        schema = found
    return schema


def _named(schema: Schema) -> str:
    return str(schema.get("$ref", "").rpartition("/")[2] or schema.get("title") or schema.get("type", "a value"))
