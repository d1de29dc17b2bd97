"""Writes the models of the Python client from the description of the intake service.

    python -m docs.client_models

writes `clients/python/cardcase_client/models.py`. A test fails when the committed file is not what this prints.
"""

import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from intake.service.app import described_alone

FILE: Final = Path(__file__).parents[1] / "clients" / "python" / "cardcase_client" / "models.py"

_WIDTH: Final = 120
_FACT: Final = re.compile(r"/v1/cases/\{case\}/events/(?P<event>[a-z_]+)")
_OF_A_PERSON: Final = frozenset(
    {"address", "card_number", "name", "new_name", "new_number", "number", "personal_number", "phone", "replaces"}
)
"""Fields that no `repr` shows."""
SAID_BY_CALL: Final = frozenset({"reopen"})
"""Fields that the client's methods say beside a model."""
_CONSTRAINTS: Final = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
}
_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_FORMATS: Final = {"date-time": "AwareDatetime", "date": "date"}
_HEAD: Final = '''\
"""What is sent to the intake service, and what it answers.

Written by `python -m docs.client_models` from the service's description; change that, not this.

What is sent is checked before it leaves. What is answered may have more fields, and closed sets more members, than this
release of the client knows: the interface only ever grows.
"""

# Its words are those of the description, however long.
# ruff: noqa: D205
'''
_IMPORTS: Final = """
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AwareDatetime, Field, JsonValue

from cardcase_client.base import Fact, Open, Sent, Shared, Told
"""


def page(description: Mapping[str, Any] | None = None) -> str:
    """The whole module, of the service as it is or of another description."""
    written = "".join(_Writer(described_alone() if description is None else description).parts())
    formatter = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    return subprocess.run(formatter, input=written, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own


class _Writer:
    """Writes one module."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._schemas: dict[str, dict[str, Any]] = dict(description["components"]["schemas"])
        self._events: dict[str, str] = {}
        self._applications: list[str] = []
        sent: set[str] = set()
        answered: set[str] = set()
        for path, operations in description["paths"].items():
            for operation in operations.values():
                for schema in _contents(operation.get("requestBody", {})):
                    names = [self._named(each) for each in schema.get("oneOf", (schema,))]
                    if path == "/v1/cases":
                        self._applications += names
                    if (told := _FACT.fullmatch(path)) is not None:
                        self._events[names[0]] = told["event"]
                    for name in names:
                        self._reach(name, sent)
                for answer in operation["responses"].values():
                    refused = description["components"].get("responses", {}).get(_of_reference(answer))
                    for schema in _contents(refused or answer):
                        self._reach_in(schema, answered)
        self._bases = {
            name: "Shared" if name in sent and name in answered else "Sent" if name in sent else "Told"
            for name in sent | answered
        }

    def parts(self) -> Iterator[str]:
        """The module, part by part."""
        models = [self._model(name) for name in self._in_order()]
        enums = [self._enum(name) for name in sorted(self._bases) if "enum" in self._schemas[name]]
        aliases = [f"Application: TypeAlias = {' | '.join(self._applications)}"]
        body = "\n\n".join([*enums, *models, "\n".join(aliases)]) + "\n"
        yield _HEAD
        yield _used(_IMPORTS, body)
        yield "\n\n"
        yield body

    # --- which models there are ---------------------------------------------------------------------------------------

    def _named(self, schema: dict[str, Any]) -> str:
        """The name of a schema; one that stands where it is used gets a place beside the others."""
        if "$ref" in schema:
            return _of_reference(schema)
        name = str(schema["title"])
        self._schemas.setdefault(name, schema)
        return name

    def _reach(self, name: str, reached: set[str]) -> None:
        if name not in reached:
            reached.add(name)
            self._reach_in(self._schemas[name], reached)

    def _reach_in(self, schema: Any, reached: set[str]) -> None:
        if isinstance(schema, list):
            for each in schema:
                self._reach_in(each, reached)
        elif isinstance(schema, dict):
            if "$ref" in schema:
                self._reach(_of_reference(schema), reached)
            for name, each in schema.items():
                if name == "properties":
                    for field in each.values():
                        if field.get("type") == "object" and "properties" in field:
                            self._reach(self._named(field), reached)
                        self._reach_in(field, reached)
                elif name != "default":
                    self._reach_in(each, reached)

    def _in_order(self) -> list[str]:
        """Models by name, each after those that it is made of."""
        written: list[str] = []

        def write(name: str) -> None:
            if name in written or "enum" in self._schemas[name]:
                return
            parts: set[str] = set()
            for field in self._schemas[name].get("properties", {}).values():
                self._reach_in({"properties": {"": field}}, parts)
            for part in sorted(parts - {name}):
                write(part)
            written.append(name)

        for name in sorted(self._bases):
            write(name)
        return written

    # --- one of them --------------------------------------------------------------------------------------------------

    def _enum(self, name: str) -> str:
        schema = self._schemas[name]
        members = [f'    {_member(value)} = "{value}"' for value in schema["enum"]]
        return "\n".join(
            [f"class {name}(StrEnum):", _docstring(schema, f"`{name}` of the interface."), "", *members, ""]
        )

    def _model(self, name: str) -> str:
        schema, base = self._schemas[name], self._bases[name]
        event = self._events.get(name)
        lines = [
            f"class {name}({base if event is None else 'Fact'}):",
            _docstring(schema, f"`{name}` of the interface."),
        ]
        fields = list(schema.get("properties", {}).items())
        required = set(schema.get("required", ()))
        if event is not None:
            lines += ["", f"    event: ClassVar[str] = Event.{_member(event)}"]
        if fields:
            lines.append("")
        for field, described in fields:
            if field not in SAID_BY_CALL:
                needed = field in required and not _may_be_left_out(described, base)
                lines += self._field(field, described, is_required=needed, strict=base == "Sent")
        return "\n".join([*lines, ""])

    def _field(self, name: str, schema: dict[str, Any], *, is_required: bool, strict: bool) -> list[str]:
        type_ = self._type(schema, strict=strict)
        said: list[str] = []
        if name in _OF_A_PERSON:
            said.append("repr=False")
        attribute = name
        if keyword.iskeyword(name):
            attribute, said = f"{name}_", [f'alias="{name}"', *said]
        default = "" if is_required else self._default(schema)
        if not is_required and default == "None" and not type_.endswith("| None"):
            type_ = f"{type_} | None"
        if said:
            arguments = [*([] if is_required else [f"default={default}"]), *said]
            line = f"    {attribute}: {type_} = Field({', '.join(arguments)})"
        else:
            line = f"    {attribute}: {type_}" + ("" if is_required else f" = {default}")
        lines = [line]
        if schema.get("description") and "$ref" not in schema and "properties" not in schema:
            lines.append(_docstring(schema, ""))
        return lines

    def _default(self, schema: dict[str, Any]) -> str:
        default = schema.get("default", schema.get("const"))
        if isinstance(default, list):
            return "()"
        if isinstance(default, str):
            if "$ref" in schema:
                return f"{_of_reference(schema)}.{_member(default)}"
            return _quoted(default)
        return repr(default)

    def _type(self, schema: dict[str, Any], *, strict: bool) -> str:
        if "$ref" in schema or (schema.get("type") == "object" and "properties" in schema):
            name = self._named(schema)
            return f"Open[{name}]" if "enum" in self._schemas[name] and not strict else name
        if "anyOf" in schema:
            return " | ".join(self._type(each, strict=strict) for each in schema["anyOf"])
        if "const" in schema:
            return f"Literal[{_quoted(schema['const'])}]" if strict else "str"
        if "enum" in schema:
            return f"Literal[{', '.join(map(_quoted, schema['enum']))}]" if strict else "str"
        return self._constrained(self._plain(schema, strict=strict), schema, strict=strict)

    def _plain(self, schema: dict[str, Any], *, strict: bool) -> str:
        kind = schema.get("type")
        if kind == "array":
            return f"tuple[{self._type(schema.get('items', {}), strict=strict)}, ...]"
        if kind == "object":
            of = schema.get("additionalProperties", True)
            return f"dict[str, {self._type(of, strict=strict) if isinstance(of, dict) else 'Any'}]"
        if kind is None:
            return "JsonValue"
        return _FORMATS.get(str(schema.get("format")), _SCALARS[kind])

    def _constrained(self, type_: str, schema: dict[str, Any], *, strict: bool) -> str:
        found = [
            f'{ours}=r"{schema[theirs]}"' if theirs == "pattern" else f"{ours}={schema[theirs]}"
            for theirs, ours in _CONSTRAINTS.items()
            if theirs in schema
        ]
        return f"Annotated[{type_}, Field({', '.join(found)})]" if strict and found else type_


def _contents(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for content in part.get("content", {}).values():
        # A file is no model: it is sent as it is.
        schema = content.get("schema", {})
        if "contentSchema" in schema:
            yield schema["contentSchema"]
        elif schema and schema.get("format") != "binary":
            yield schema


def _may_be_left_out(schema: Mapping[str, Any], base: str) -> bool:
    """Whether a field that the interface has always may be missing for the client.

    What says which model it is need not be said again. An older service does not answer yet what this release knows.
    """
    if base == "Sent":
        return "const" in schema
    return "default" in schema or any(each.get("type") == "null" for each in schema.get("anyOf", ()))


def _of_reference(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _member(value: str) -> str:
    """The name of a member of a closed set: its value, as Python writes names."""
    name = value if value.isupper() else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value).lower()
    name = re.sub(r"\W", "_", name)
    return f"{name}_" if keyword.iskeyword(name) or name[:1].isdigit() else name


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _docstring(schema: Mapping[str, Any], otherwise: str) -> str:
    said = " ".join(str(schema.get("description") or otherwise).split())
    said = said if said.endswith((".", "。", "?")) else f"{said}."
    if len(said) + 10 <= _WIDTH:
        return f'    """{said}"""'
    lines = textwrap.wrap(said, _WIDTH - 10, break_long_words=False)
    return "\n".join(['    """' + lines[0], *(f"    {line}" for line in lines[1:]), '    """'])


def _used(imports: str, body: str) -> str:
    """The imports, without names that nothing uses."""
    lines = []
    for line in imports.splitlines():
        if not line.startswith("from "):
            lines.append(line)
            continue
        head, _, names = line.partition(" import ")
        used = [name for name in names.split(", ") if re.search(rf"\b{name}\b", body)]
        if used:
            lines.append(f"{head} import {', '.join(used)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
