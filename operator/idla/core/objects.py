"""Raw objects of our kinds as types: spec, status and owner."""

import json
import re
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from idla.api.model_deployment import ModelDeploymentSpec
from idla.api.training_workflow import KIND, TrainingWorkflowSpec
from idla.api.training_workflow_status import ArtifactStatus, TrainingWorkflowStatus
from idla.builders.identity import Owner
from idla.core.reconciliation import Manifest

M = TypeVar("M", bound=BaseModel)
_SHOWN_INPUT = 80
_CREDENTIALS = re.compile(r'(?<=://)(?:[^"\\]|\\.)*@')
"""User and password of an address inside JSON text."""


_WORDS = {
    "tuple_type": "must be a list, such as [a, b]",
    "dict_type": "must be a mapping, such as {a: b}",
    "model_type": "must be a mapping of fields",
    "model_attributes_type": "must be a mapping of fields",
    "extra_forbidden": "there is no such field; check its name and its place",
    "missing": "is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}
"""Instead of pydantic's words, by its types of errors."""
_SHOULD = re.compile(r"^(Input|String|Tuple|List|Value|Dictionary) should ")


class SpecError(ValueError):
    """The spec breaks a rule; the message names the field, the value and what is allowed."""


def read_spec(workflow: Manifest) -> TrainingWorkflowSpec:
    """Return the workflow's spec as a type.

    Raises:
        SpecError: an older CRD let something in that this version does not take.
    """
    return _read_spec(TrainingWorkflowSpec, workflow)


def read_deployment_spec(deployment: Manifest) -> ModelDeploymentSpec:
    """Return the spec of a ModelDeployment as a type.

    Raises:
        SpecError: as above.
    """
    return _read_spec(ModelDeploymentSpec, deployment)


def _read_spec(kind: type[M], document: Manifest) -> M:
    try:
        return kind.model_validate(document.get("spec") or {})
    except ValidationError as error:
        raise SpecError(explain_errors(error)) from None


def explain_errors(error: ValidationError) -> str:
    """Return the first errors of a spec as text for people: field, what is wrong, the value without passwords."""
    parts, entries = [], error.errors(include_url=False)
    for entry in [entry for entry in entries if not _follows(entry, entries)][:5]:
        field = ".".join(("spec", *(str(part) for part in entry["loc"])))
        message = _explain_unquoted(entry) or _WORDS.get(entry["type"]) or entry["msg"].removeprefix("Value error, ")
        message = _SHOULD.sub("must ", message)
        hidden = isinstance(entry["input"], BaseModel) or entry["type"] == "missing"
        found = "" if hidden else json.dumps(entry["input"], default=str)
        shown = f" (found {_CREDENTIALS.sub('***@', found)[:_SHOWN_INPUT]})" if found else ""
        parts.append(f"`{field}`: {message}{shown}")
    return "; ".join(parts)


def _explain_unquoted(error: ErrorDetails) -> str:
    """Return what to do where YAML made something else of what has to be text; else an empty text."""
    value = error["input"]
    if error["type"] != "string_type" or not isinstance(value, bool | int | float | date | None):
        return ""
    why = ""
    if isinstance(value, bool):
        why = "; YAML reads yes, no, on, off, true and false as truth values"
    elif isinstance(value, date):
        why = "; YAML reads it as a date"
    return f"must be text: put it in quotes{why}"


def _follows(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Return whether a list counts as too short for the errors of its entries alone."""
    place = error["loc"]
    return error["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in errors
    )


def owner_of(workflow: Manifest, kind: str = KIND) -> Owner:
    """Return the resource as the owner of its children."""
    metadata = workflow["metadata"]
    return Owner(kind=kind, name=metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"])


def read_status(workflow: Manifest) -> TrainingWorkflowStatus:
    """Return the status as a type.

    A status that another version wrote in a shape that is not understood counts as none, but for its artifact:
    that one is what a ModelDeployment serves.
    """
    raw = workflow.get("status") or {}
    return read_as(TrainingWorkflowStatus, raw) or TrainingWorkflowStatus(
        artifact=read_as(ArtifactStatus, raw.get("artifact"))
    )


def read_as(kind: type[M], raw: Manifest | str | bytes | None) -> M | None:
    """Return an object, or the JSON of one, as a type, or None where it is none of that."""
    try:
        return kind.model_validate_json(raw) if isinstance(raw, str | bytes) else kind.model_validate(raw)
    except ValidationError:
        return None
