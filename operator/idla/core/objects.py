"""Raw objects of our kinds as types: spec, status and owner."""

import json
import re
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
    parts = []
    for entry in error.errors(include_url=False)[:5]:
        field = ".".join(("spec", *(str(part) for part in entry["loc"])))
        message = _explain_unquoted(entry) or _explain_single(entry) or entry["msg"].removeprefix("Value error, ")
        found = json.dumps(entry["input"], default=str) if not isinstance(entry["input"], BaseModel) else ""
        shown = f" (found {_CREDENTIALS.sub('***@', found)[:_SHOWN_INPUT]})" if found else ""
        parts.append(f"`{field}`: {message}{shown}")
    return "; ".join(parts)


def _explain_unquoted(error: ErrorDetails) -> str:
    """Return what to do where YAML made a truth value or a number of what has to be text; else an empty text."""
    if error["type"] != "string_type" or not isinstance(error["input"], bool | int | float):
        return ""
    why = "; YAML reads yes, no, on, off, true and false as truth values" if isinstance(error["input"], bool) else ""
    return f"must be text: put it in quotes{why}"


def _explain_single(error: ErrorDetails) -> str:
    """Return what to do where a text stands for a list; else an empty text."""
    if error["type"] != "tuple_type" or not isinstance(error["input"], str):
        return ""
    return f"must be a list: write [{error['input'][:_SHOWN_INPUT]}]"


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
