"""What the types become: the committed files, the rules of structural schemas, and what cannot be expressed."""

import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from idla.api.meta import Matches, Rule, SpecModel
from idla.api.schema.crds import DEFINITIONS, KUSTOMIZATION, custom_resource_definition, render
from idla.api.schema.structural import SchemaError, structural_schema
from pydantic import Field, create_model

CRDS = Path(__file__).parents[3] / "crds"
BOUNDED = {"string": {"maxLength"}, "array": {"maxItems"}, "integer": {"format"}}
FORBIDDEN = {"$ref", "$defs", "title", "anyOf", "oneOf", "allOf", "not", "const", "nullable", "prefixItems"}
SCHEMAS = {
    definition.kind: custom_resource_definition(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for definition in DEFINITIONS
}


def parts(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema in `schema` with its path, values of lists and maps included."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from parts(part, f"{path}.{name}")
    if "items" in schema:
        yield from parts(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from parts(schema["additionalProperties"], f"{path}{{}}")


def test_the_committed_files_are_what_the_types_say() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in CRDS.iterdir()} == render()


def test_the_program_writes_them_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "idla.api.schema.crds", str(tmp_path / "new")], check=True)
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "new").iterdir()} == render()


def test_the_kustomization_lists_every_crd() -> None:
    listed = yaml.safe_load((CRDS / KUSTOMIZATION).read_text())["resources"]
    assert listed == sorted(path.name for path in CRDS.glob("*.idla.dev.yaml"))


def offences(path: str, part: dict[str, Any]) -> list[str]:
    """Return what of this part Kubernetes would refuse, or would let grow without end."""
    kind = part["type"]
    keys = part.get("x-kubernetes-list-map-keys", [])
    rules = {
        "a bound is missing": BOUNDED.get(kind, set()) <= part.keys() or "enum" in part,
        "a number has no end": not (kind == "integer" and path.startswith(".spec"))
        or {"minimum", "maximum"} <= part.keys(),
        "a keyword is not structural": part.keys().isdisjoint(FORBIDDEN),
        "an object has no or two shapes": kind != "object"
        or ("properties" in part) != ("additionalProperties" in part),
        "a map has no bound": "additionalProperties" not in part or "maxProperties" in part,
        "a required field is unknown": set(part.get("required", ())) <= part.get("properties", {}).keys(),
        "a list does not say how it is merged": kind != "array"
        or part["x-kubernetes-list-type"] in {"atomic", "set", "map"},
        "a key of a list is not required": set(keys) <= set(part.get("items", {}).get("required", ())),
        "the description is no sentence": path.endswith(("[]", "{}")) or part.get("description", "").endswith("."),
    }
    return [f"{path}: {offence}" for offence, kept in rules.items() if not kept]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_part_is_structural_bounded_and_described(kind: str) -> None:
    inside = [item for item in parts(SCHEMAS[kind]) if item[0].startswith((".spec", ".status"))]
    assert [offence for path, part in inside for offence in offences(path, part)] == []


@pytest.mark.parametrize(("kind", "schema"), SCHEMAS.items())
def test_nothing_is_filled_in_but_the_sign_that_nobody_has_looked_yet(kind: str, schema: dict[str, Any]) -> None:
    defaults = {path: part["default"] for path, part in parts(schema) if "default" in part}
    unseen = {".status": {"observedGeneration": -1}, ".status.observedGeneration": -1}
    assert defaults == ({} if kind == "ModelTemplate" else unseen)


class Colour(StrEnum):
    RED = "Red"
    """Like a rose."""
    BLUE = "Blue"
    """Like the sky."""


class Inner(SpecModel):
    """What is inside."""

    cel = (Rule(rule="self.size > 2", message="`size` must be above 2"),)

    size: int = Field(ge=0, le=9)
    """How large."""


class Outer(SpecModel):
    """What is outside."""

    inner: Inner | None = None
    """Another word for it."""
    inners: Annotated[tuple[Inner, ...], Field(max_length=2)] = ()
    """Several."""
    colour: Colour | None = None
    """How it looks."""
    words: dict[str, Annotated[str, Field(max_length=3)]] | None = Field(default=None, max_length=4)
    """Words by name."""
    yes: bool = True
    """Whether."""


_SIZE = {"description": "How large.", "type": "integer", "format": "int64", "maximum": 9, "minimum": 0}
_INNER = {
    "type": "object",
    "properties": {"size": _SIZE},
    "required": ["size"],
    "x-kubernetes-validations": [{"rule": "self.size > 2", "message": "`size` must be above 2"}],
}


def test_a_type_becomes_a_schema() -> None:
    assert structural_schema(Outer) == {
        "description": "What is outside.",
        "type": "object",
        "properties": {
            "inner": {"description": "Another word for it.", **_INNER},
            "inners": {
                "description": "Several.",
                "type": "array",
                "items": {"description": "What is inside.", **_INNER},
                "maxItems": 2,
                "x-kubernetes-list-type": "atomic",
            },
            "colour": {
                "description": "How it looks. `Red`: Like a rose. `Blue`: Like the sky.",
                "type": "string",
                "enum": ["Red", "Blue"],
            },
            "words": {
                "description": "Words by name.",
                "type": "object",
                "additionalProperties": {"type": "string", "maxLength": 3},
                "maxProperties": 4,
            },
            "yes": {"description": "Whether.", "type": "boolean"},
        },
    }


class Coloured(SpecModel):
    """Text of one form."""

    colour: Annotated[str, Field(max_length=7), Matches(pattern=r"^#[0-9a-f]{6}$", allowed="e.g. #ff0000")]
    """How it looks."""


_RULE = {
    "rule": "self.matches(r'^#[0-9a-f]{6}$')",
    "message": "must be e.g. #ff0000",
    "messageExpression": """'"' + self + '" must be e.g. #ff0000'""",
}


@pytest.mark.parametrize(
    ("in_words", "form"),
    [(True, {"x-kubernetes-validations": [_RULE]}), (False, {"pattern": "^#[0-9a-f]{6}$"})],
    ids=["of a person", "of a program"],
)
def test_text_of_one_form_is_checked_once(*, in_words: bool, form: dict[str, Any]) -> None:
    [colour] = structural_schema(Coloured, in_words=in_words)["properties"].values()
    assert colour == {"description": "How it looks.", "type": "string", "maxLength": 7, **form}


@pytest.mark.parametrize(("kind", "schema"), SCHEMAS.items())
def test_no_person_is_refused_by_a_regular_expression(kind: str, schema: dict[str, Any]) -> None:
    spec = schema["properties"]["spec"]
    assert [path for path, part in parts(spec, kind) if "pattern" in part] == []


class Tree(SpecModel):
    """Holds itself."""

    value: "Tree | None" = None


ONE_TYPE = "a CRD takes one type of object, array, string, integer, boolean here"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        pytest.param(int | str, "a union; write optional sibling fields and a rule that one is given", id="a union"),
        pytest.param(Any, f"{ONE_TYPE}, not none", id="anything"),
        pytest.param(float, f"{ONE_TYPE}, not number", id="a float"),
        pytest.param(Literal["One"], "a CRD cannot express const of type string", id="one literal"),
        pytest.param(
            Annotated[int, Field(gt=0)], "a CRD cannot express exclusiveMinimum of type integer", id="an open bound"
        ),
        pytest.param(tuple[int, str], "a CRD cannot express prefixItems of type array", id="places of different types"),
        pytest.param(dict[str, Any], "an object has either named fields or values of one type", id="a map of anything"),
    ],
)
def test_what_a_crd_cannot_express_is_refused(kind: Any, message: str) -> None:
    model = create_model("Made", __base__=SpecModel, __doc__="Made here.", value=(kind, ...))
    with pytest.raises(SchemaError) as refusal:
        structural_schema(model)
    assert str(refusal.value) == f"Made.value: {message}"


def test_a_type_that_holds_itself_is_refused() -> None:
    with pytest.raises(SchemaError, match="Tree holds itself, and a CRD has no references"):
        structural_schema(Tree)
