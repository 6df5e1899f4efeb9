"""Turns a pydantic type into the structural schema that a CRD takes, and refuses what such a schema cannot say."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel

Schema = dict[str, Any]

RULES = "x-kubernetes-validations"
_COMMON = {"type", "description", "enum", "format", RULES}
_BY_TYPE: dict[str, set[str]] = {
    "object": {"properties", "required", "additionalProperties", "maxProperties", "minProperties"},
    "array": {"items", "minItems", "maxItems", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"},
    "string": {"minLength", "maxLength", "pattern"},
    "integer": {"minimum", "maximum"},
    "boolean": set(),
}
_ORDER = ("description", "type", "format", "default", "enum")


class SchemaError(TypeError):
    """A type that a CRD cannot express; the message names the field."""


def structural_schema(model: type[BaseModel], *, in_words: bool = True) -> Schema:
    """Return the schema of `model` without references, titles, nulls and defaults.

    Absent means default: an API server that filled defaults in would rewrite what users keep in Git.

    Args:
        model: the type.
        in_words: what becomes of text of one form (`Matches`): a rule, whose refusal says what is allowed; or, where no
            person writes it, the pattern, which is cheaper to check and shown as it is.

    Raises:
        SchemaError: a part is untyped, recursive, a union other than with None, or uses a keyword that Kubernetes
            refuses in a structural schema.
    """
    document = model.model_json_schema(by_alias=True)
    converter = _Converter(document.get("$defs", {}), dict(_enum_notes(model)), in_words=in_words)
    return converter.convert(document, model.__name__, ())


class _Converter:
    """One conversion: the definitions that references lead to, and what the members of enums mean."""

    def __init__(self, definitions: Mapping[str, Schema], notes: Mapping[str, str], *, in_words: bool) -> None:
        self._definitions = definitions
        self._notes = notes
        self._said_twice = "pattern" if in_words else RULES

    def convert(self, schema: Schema, path: str, within: tuple[str, ...]) -> Schema:
        """Return the structural schema of the part at `path`, reached through the definitions `within`."""
        schema, within = self._resolve(schema, path, within)
        kind = schema.get("type")
        if kind not in _BY_TYPE:
            raise SchemaError(f"{path}: a CRD takes one type of {', '.join(_BY_TYPE)} here, not {kind or 'none'}")
        converted = {key: value for key, value in schema.items() if key not in {"$defs", "title", "default"}}
        if converted.get("additionalProperties") is False:
            del converted["additionalProperties"]  # the API server prunes or refuses unknown fields by itself
        unknown = sorted(converted.keys() - _COMMON - _BY_TYPE[kind])
        if unknown:
            raise SchemaError(f"{path}: a CRD cannot express {', '.join(unknown)} of type {kind}")
        if kind == "object":
            self._convert_object(converted, path, within)
        elif kind == "array":
            converted["items"] = self.convert(converted.get("items", {}), f"{path}[]", within)
            converted.setdefault("x-kubernetes-list-type", "atomic")
        elif kind == "integer":
            converted["format"] = "int64"
        elif {"pattern", RULES} <= converted.keys():
            del converted[self._said_twice]
        return {key: converted[key] for key in sorted(converted, key=_rank)}

    def _convert_object(self, converted: Schema, path: str, within: tuple[str, ...]) -> None:
        values = converted.get("additionalProperties")
        fields = converted.get("properties", {})
        if bool(values) == bool(fields) or values is True:
            raise SchemaError(f"{path}: an object has either named fields or values of one type")
        if values:
            converted["additionalProperties"] = self.convert(values, f"{path}{{}}", within)
        else:
            converted["properties"] = {n: self.convert(part, f"{path}.{n}", within) for n, part in fields.items()}

    def _resolve(self, schema: Schema, path: str, within: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Follow references and drop `null`; what stands beside a reference wins, rules of both hold."""
        while not schema.keys().isdisjoint({"$ref", "anyOf"}):
            beside = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}
            if "$ref" in schema:
                name = schema["$ref"].removeprefix("#/$defs/")
                if name in within:
                    raise SchemaError(f"{path}: {name} holds itself, and a CRD has no references")
                inner, within = self._definitions[name], (*within, name)
                if name in self._notes:
                    text = f"{beside.get('description', inner.get('description', ''))} {self._notes[name]}"
                    beside["description"] = text.strip()
            else:
                choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
                if len(choices) != 1:
                    raise SchemaError(f"{path}: a union; write optional sibling fields and a rule that one is given")
                inner = choices[0]
            schema = inner | beside
        return schema, within


def _rank(key: str) -> tuple[int, str]:
    return (_ORDER.index(key) if key in _ORDER else len(_ORDER), key)


def _enum_notes(model: type[BaseModel]) -> Iterable[tuple[str, str]]:
    """Yield the name of every enum below `model` with one line that explains its members, where they are explained."""
    for kind in sorted(_types_below(model), key=lambda kind: kind.__name__):
        if issubclass(kind, Enum):
            notes = member_notes(kind)
            text = " ".join(f"`{member.value}`: {notes[member.name]}" for member in kind if member.name in notes)
            if text:
                yield kind.__name__, text


def _types_below(model: type[BaseModel]) -> set[type]:
    found: set[type] = set()
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel | Enum) and kind not in found:
            found.add(kind)
            if issubclass(kind, BaseModel):
                waiting.extend(field.annotation for field in kind.model_fields.values())
    return found


def member_notes(kind: type[Enum]) -> dict[str, str]:
    """Return what the docstrings below the members of an enum say, by the member's name."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    notes: dict[str, str] = {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for before, after in itertools.pairwise(statements):
        if (
            isinstance(before, ast.Assign)
            and isinstance(before.targets[0], ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            notes[before.targets[0].id] = inspect.cleandoc(str(after.value.value))
    return notes
