"""Objects drawn from the schemas of the CRDs.

Most fields of a drawn object are absent, since that is what users write; the others lie at a bound, are long, or hold
what people and attackers write.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.constraints import fitted, valid, without_refused
from tests.fuzz.schema import ITEM, KINDS, VALUE, Path_, Schema, at, form_of, leaves, shown

Draw = Callable[[st.SearchStrategy[Any]], Any]
Spec = dict[str, Any]
HOSTILE = (
    "", " ", "\t\n", "\x00", "\x0b", "null", "true", "NaN", "nan", "inf", "-Infinity", "1e999", "0x10", "1_000", "-1",
    "9" * 24, "../../etc/passwd", "pvc://a/../../b", "$(HOME)", "`id`", "; rm -rf / #", "' OR '1'='1", '"', "\\",
    "{{.}}", "<script>", "https://user:canary@h/x", "\u202etxt.exe", "\u05e2\u05d1\u05e8\u05d9\u05ea", "\u0663",
    "\u65e5\u672c\u8a9e", "e\u0301", "\U0001f642", "\ufeff", "\u2028", "a" * 300, "\U0001f642" * 3000,
)  # fmt: skip
"""Texts that go wrong somewhere in the world."""
_WORDS: dict[str, tuple[Any, ...]] = {
    "data.storageUri": ("sample://digits", "pvc://faces/all.npz", "https://h.example/x.csv", "s3://faces/x.csv"),
    "data.access.region": ("eu-central-1", "us-east-1"),
    "data.access.endpoint": ("https://s3.example", "https://s3.example:9000"),
    "data.access.secretRef.name": ("s3-read", "other"),
    "data.columns.label": ("label", "../x", "$(HOME)"),
    "data.testStorageUri": ("pvc://faces/test.csv",),
    "model.templateRefs[].name": ("resnet-small", "vgg-small"),
    "model.workflowRef.name": ("digits",),
    "model.storageUri": ("pvc://models/models/x", "https://models.example/$(HOME)"),
    "outputs.storageUri": ("pvc://models",),
    "outputs.size": ("1Gi", "1Mi", "1000000"),
    "deployment.name": ("digits", "other"),
    "podTemplate.spec.nodeSelector{}": ("ml",),
    "podTemplate.sidecarQuitUrl": ("http://127.0.0.1:15020/quitquitquit", "http://localhost:4191/shutdown"),
    "podTemplate.spec.tolerations[].key": ("team", "nvidia.com/gpu"),
    "constraints[].maximum": ("1", "0.1", "20"),
    "activeDeadlineSeconds": (3600, 86400),
    "resources.requests{}": ("500m", "1", "0", "512Mi"),
    "resources.limits{}": ("2", "1Gi", "4Gi"),
    "searchSpace[].name": ("width", "learningRate", "weightDecay"),
    "searchSpace[].minimum": ("1", "0", "0.001"),
    "searchSpace[].maximum": ("32", "0.5", "128"),
    "hyperparameters[].value": ("16", "0.5", "relu", *HOSTILE[5:14]),
}
"""What is drawn for a field as often as what its schema alone allows."""
_RESOURCES = ("cpu", "memory", "ephemeral-storage", "nvidia.com/gpu")
_ANY_NAME = "[ -~]{1,20}"
_FORM_OF_KEYS = r"self\.all\(name, name\.matches\('(.*)'\)( && name\.size\(\) <= \d+)?\)"
LEAVES = {name: tuple(leaves(kind.spec)) for name, kind in KINDS.items()}
_CHARACTERS = st.characters(codec="utf-8")
_NEVER = (False,)
_SELDOM = (False, False, False, True)
"""Whether a field that nobody asks for is there."""


@st.composite
def specs(draw: Draw, kind: str, path: Path_ = (), others: tuple[bool, ...] = _SELDOM) -> Spec:
    """Draw a valid spec, with a value at `path`, or at any one field, unless rules forbid it.

    `others`: whether each other field that is not required is there is drawn of these.
    """
    return without_refused(kind, _value(draw, kind, (), path or draw(st.sampled_from(LEAVES[kind])), others))


@st.composite
def pairs(draw: Draw, kind: str, path: Path_) -> tuple[Spec, Spec] | None:
    """Draw two valid specs that differ in the field at `path` alone, or None where rules forbid what was drawn.

    As often as not, they have little else: what else is asked for may be why a workflow does not come to the field.
    """
    others = draw(st.sampled_from((_NEVER, _SELDOM)))
    one = draw(specs(kind, path, others))
    found = list(places(one, path))
    if not found:
        return None
    other = copy.deepcopy(one)
    *parents, last = draw(st.sampled_from(found))
    holder: Any = other
    for step in parents:
        holder = holder[step]
    if isinstance(holder, dict) and draw(st.sampled_from(_SELDOM)):
        del holder[last]
    else:
        holder[last] = _value(draw, kind, path, (), others)
    return (one, other) if one != other and valid(kind, other) else None


def places(value: Any, path: Path_) -> Iterator[tuple[str | int, ...]]:
    """Yield the steps to every value at `path`."""
    if not path:
        yield ()
        return
    step, *rest = path
    inner: list[tuple[str | int, Any]] = []
    if step == ITEM:
        inner = list(enumerate(value))
    elif step == VALUE:
        inner = list(value.items())
    elif step in value:
        inner = [(step, value[step])]
    for name, part in inner:
        yield from ((name, *place) for place in places(part, tuple(rest)))


def _value(draw: Draw, kind: str, path: Path_, towards: Path_, others: tuple[bool, ...]) -> Any:
    """Draw a value for the field at `path`; the fields that lead `towards` one further in are there."""
    schema = at(KINDS[kind].spec, path)
    if schema["type"] == "array":
        value: Any = _list(draw, kind, path, towards, others)
    elif "properties" in schema:
        value = {}
        for name in schema["properties"]:
            leading = towards[:1] == (name,)
            if leading or name in schema.get("required", ()) or draw(st.sampled_from(others)):
                value[name] = _value(draw, kind, (*path, name), towards[1:] if leading else (), others)
    elif schema["type"] == "object":
        names = draw(st.lists(_resource_names(_key_form(schema)), min_size=bool(towards), max_size=3, unique=True))
        value = {name: draw(_scalar(shown((*path, VALUE)), kind, (*path, VALUE))) for name in names}
    else:
        value = draw(_scalar(shown(path), kind, path))
    return fitted(kind, path, value)


def _list(draw: Draw, kind: str, path: Path_, towards: Path_, others: tuple[bool, ...]) -> list[Any]:
    schema = at(KINDS[kind].spec, path)
    most = schema["maxItems"]
    least = max(schema.get("minItems", 0), bool(towards))
    size = draw(st.one_of(st.integers(least, min(most, 3)), st.sampled_from((least, most))))
    found: dict[Any, Any] = {}
    keys = schema.get("x-kubernetes-list-map-keys", ())
    for number in range(size):
        part = _value(draw, kind, (*path, ITEM), () if number else towards[1:], others)
        found.setdefault(tuple(part[key] for key in keys) if keys else json.dumps(part), part)
    return list(found.values())


@cache
def _scalar(name: str, kind: str, path: Path_) -> st.SearchStrategy[Any]:
    schema = at(KINDS[kind].spec, path)
    derived = _derived(schema)
    words = _WORDS.get(name)
    return derived if words is None else st.one_of(st.sampled_from(words), derived)


def _derived(schema: Schema) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "boolean":
        return st.booleans()
    if schema["type"] == "integer":
        least, most = schema["minimum"], schema["maximum"]
        return st.one_of(st.integers(least, min(most, least + 100)), st.sampled_from((least, most)))
    return _text(schema)


def _text(schema: Schema) -> st.SearchStrategy[str]:
    form, most = form_of(schema), schema["maxLength"]
    if form is None:
        fine = [text for text in HOSTILE if schema.get("minLength", 0) <= len(text) <= most]
        free = st.text(_CHARACTERS, min_size=schema.get("minLength", 0), max_size=min(most, 20))
        return st.one_of(free, st.sampled_from(fine), st.sampled_from(("\U0001f642" * most, "\x01" * most)))
    short = st.from_regex(re.compile(form, re.ASCII), fullmatch=True, alphabet=_CHARACTERS)
    return st.one_of(short, short.map(lambda text: _stretched(text, form, most))).filter(lambda text: len(text) <= most)


def _stretched(text: str, form: str, most: int) -> str:
    """Return `text` as long as it may be, where repeating one of its characters leaves its form."""
    for place in range(len(text) - 1, -1, -1):
        long = text[:place] + text[place] * (most - len(text) + 1) + text[place + 1 :]
        if len(text) < most and re.fullmatch(form, long, re.ASCII):
            return long
    return text


def _key_form(schema: Schema) -> str:
    """Return the expression that the names of a map match."""
    rules = [entry["rule"] for entry in schema["x-kubernetes-validations"]]
    found = next((found[1] for rule in rules if (found := re.fullmatch(_FORM_OF_KEYS, rule))), _ANY_NAME)
    return str(found)


@cache
def _resource_names(form: str) -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(_RESOURCES),
        st.sampled_from(_RESOURCES),
        st.from_regex(re.compile(form, re.ASCII), fullmatch=True),
    )
