"""The CRDs as a reader sees them: every field of a spec, and what a schema says against a value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]
Path_ = tuple[str, ...]
"""Steps from the spec inwards: a field's name, `[]` into a list, `{}` into a map."""
ITEM, VALUE = "[]", "{}"
_TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
}


@dataclass(frozen=True)
class Kind:
    """One CRD."""

    name: str
    plural: str
    spec: Schema
    status: Schema | None


def _kinds() -> Iterator[Kind]:
    for file in sorted((Path(__file__).parents[2] / "crds").glob("*.idla.dev.yaml")):
        document = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        parts = document["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        yield Kind(document["names"]["kind"], document["names"]["plural"], parts["spec"], parts.get("status"))


KINDS = {kind.name: kind for kind in _kinds()}


def leaves(schema: Schema, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every field that holds a value of its own; of a map, its names and its values are one."""
    if "properties" in schema:
        for name, part in schema["properties"].items():
            yield from leaves(part, (*path, name))
    elif "items" in schema:
        yield from leaves(schema["items"], (*path, ITEM))
    elif "additionalProperties" in schema:
        yield from leaves(schema["additionalProperties"], (*path, VALUE))
    else:
        yield path


def at(schema: Schema, path: Path_) -> Schema:
    """Return the schema of the field at `path`."""
    for step in path:
        inner = {ITEM: "items", VALUE: "additionalProperties"}.get(step)
        schema = schema["properties"][step] if inner is None else schema[inner]
    return schema


def shown(path: Path_) -> str:
    """Return a path for people, e.g. `objectives[].target`."""
    return ".".join(path).replace(f".{ITEM}", ITEM).replace(f".{VALUE}", VALUE)


def form_of(schema: Schema) -> str | None:
    """Return the regular expression that text must match as a whole, from the pattern or the rule that says it."""
    for rule in schema.get("x-kubernetes-validations", ()):
        found = re.fullmatch(r"self\.matches\(r'(.*)'\)", rule["rule"], re.DOTALL)
        if found:
            return found[1]
    pattern: str | None = schema.get("pattern")
    return pattern


def faults(schema: Schema, value: Any, place: str = "") -> Iterator[str]:
    """Yield what an API server would say of a value, rules that compare fields aside, or would drop silently."""
    kind = schema["type"]
    found = _TYPES.get(type(value), "null")
    if found != kind:
        yield f"{place}: {found} is no {kind}"
    elif kind == "object":
        yield from _object_faults(schema, value, place)
    elif kind == "array":
        yield from _list_faults(schema, value, place)
    elif kind == "integer":
        if not schema.get("minimum", -(2**63)) <= value <= schema.get("maximum", 2**63 - 1):
            yield f"{place}: {value} is out of bounds"
    elif kind == "string":
        yield from _text_faults(schema, value, place)


def _object_faults(schema: Schema, value: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from (f"{place}.{name}: is missing" for name in schema.get("required", ()) if name not in value)
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{place}: {len(value)} entries are too many"
    fields = schema.get("properties")
    for name, part in value.items():
        if fields is None:
            yield from faults(schema["additionalProperties"], part, f"{place}.{name}")
        elif name in fields:
            yield from faults(fields[name], part, f"{place}.{name}")
        else:
            yield f"{place}.{name}: is unknown"


def _list_faults(schema: Schema, value: Sequence[Any], place: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{place}: {len(value)} entries are too few or too many"
    for number, part in enumerate(value):
        yield from faults(schema["items"], part, f"{place}[{number}]")
    keys = schema.get("x-kubernetes-list-map-keys", ())
    if keys or schema.get("x-kubernetes-list-type") == "set":
        named = [tuple(part.get(key) for key in keys) if keys else part for part in value]
        yield from (f"{place}: {name} is there twice" for name in named if named.count(name) > 1)


def _text_faults(schema: Schema, value: str, place: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{place}: {len(value)} characters are too few or too many"
    if value not in schema.get("enum", [value]):
        yield f"{place}: {value!r} is none of the words"
    form = form_of(schema)
    if form is not None and not re.fullmatch(form, value, re.ASCII):
        yield f"{place}: {value!r} does not match {form}"
    if schema.get("format") == "date-time" and datetime.fromisoformat(value).tzinfo is None:
        yield f"{place}: {value!r} is no moment"
