"""The workflow of a file as the operator would read it from the API server, with its data on this machine."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from typing_extensions import override

from idla.api import model_template, training_workflow
from idla.api.meta import API_VERSION, NAME
from idla.api.model_template import ModelTemplateSpec
from idla.core.objects import SpecError, explain_errors, read_spec
from idla.core.reconciliation import Manifest
from idla.core.snapshot import Template
from idla.local.data_place import DataPlace, place_data
from idla.local.errors import InvalidSpecError, UsageError

NAMESPACE = "local"
_LEFT_OUT = {
    "deployment": "`spec.deployment` is left out: no cluster serves the model here; `--serve` does",
    "ttlSecondsAfterFinished": "`spec.ttlSecondsAfterFinished` is left out: nothing is deleted here",
    "podTemplate": "`spec.podTemplate` is left out: the tasks are processes, no pods",
    "resources": "`spec.resources` is left out: the tasks may use what this machine has",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWorkflow:
    """What is run."""

    manifest: Manifest
    """The TrainingWorkflow without a status; its data are on a claim that `data` stands for."""
    templates: tuple[Template, ...]
    """ModelTemplates of the same file."""
    data: Path | None
    """The folder that stands for the claim of the data, or None where they are on no claim."""
    notes: tuple[str, ...]
    """What is not done here, for people."""


def read_workflow(text: str, *, folder: Path, data: Path | None = None, name: str | None = None) -> LocalWorkflow:
    """Return the workflow of a file.

    Args:
        text: YAML; ModelTemplates in it are added to the library, other kinds are left out.
        folder: where relative paths of data begin.
        data: the folder that stands for the claim of `pvc://` data.
        name: which of several TrainingWorkflows.

    Raises:
        UsageError: no YAML, or not exactly one TrainingWorkflow.
        InvalidSpecError: a spec breaks a rule.
        MissingDataError: a local path of the data does not exist.
    """
    documents = _documents(text)
    workflow = _the_one([entry for entry in documents if entry.get("kind") == training_workflow.KIND], name)
    spec = dict(workflow["spec"])
    place = place_data(spec, folder=folder, claim=data)
    spec["data"] = place.settings
    _check(spec, place)  # whole: what is left out here is refused in a cluster all the same
    notes = [note for field, note in _LEFT_OUT.items() if spec.pop(field, None) is not None]
    notes += [f"{kind} {given} is left out" for kind, given in _others(documents)]
    manifest = {
        "apiVersion": API_VERSION,
        "kind": training_workflow.KIND,
        "metadata": {
            "name": workflow["metadata"]["name"],
            "namespace": NAMESPACE,
            "uid": "local",
            "generation": 1,
            "annotations": dict(workflow["metadata"].get("annotations") or {}),
        },
        "spec": spec,
    }
    return LocalWorkflow(
        manifest=manifest, templates=tuple(_templates(documents)), data=place.folder, notes=tuple(notes)
    )


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, as the API server does; YAML's own loader takes the last one."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)


def _documents(text: str) -> list[Mapping[str, Any]]:
    try:
        found = [entry for entry in yaml.load_all(text, _Loader) if entry is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none; endless nesting
        where = getattr(error, "problem_mark", None)
        line = "" if where is None else f" in line {where.line + 1}"
        problem = getattr(error, "problem", None) or error
        raise UsageError(f"the file is no YAML{line}: {problem}; fix it") from error
    if not all(isinstance(entry, Mapping) for entry in found):
        raise UsageError("the file holds something else than objects; each document is a mapping with `kind`")
    return found


def _the_one(workflows: list[Mapping[str, Any]], name: str | None) -> Mapping[str, Any]:
    for entry in workflows:
        _check_frame(entry)
    names = [entry["metadata"]["name"] for entry in workflows]
    if not workflows:
        raise UsageError(f"the file holds no TrainingWorkflow; it begins with `apiVersion: {API_VERSION}`")
    if name is not None:
        if name not in names:
            raise UsageError(f"--name is {name!r}; the file holds {', '.join(names)}")
        return workflows[names.index(name)]
    if len(workflows) > 1:
        raise UsageError(f"the file holds {len(workflows)} TrainingWorkflows ({', '.join(names)}); choose by --name")
    return workflows[0]


def _check_frame(entry: Mapping[str, Any]) -> None:
    version, metadata = entry.get("apiVersion"), entry.get("metadata")
    if version != API_VERSION:
        raise InvalidSpecError(f"`apiVersion` is {version!r}; allowed is {API_VERSION}")
    given = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(given, str) or not re.fullmatch(NAME.pattern, given, re.ASCII):
        raise InvalidSpecError(f"`metadata.name` is {given!r}; it must be {NAME.allowed}")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if annotations is not None and not isinstance(annotations, Mapping):
        raise InvalidSpecError(f"`metadata.annotations` of {given} is {annotations!r}; it is a mapping of texts")
    for key, value in (annotations or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidSpecError(
                f"`metadata.annotations` of {given} has {key}: {value}; allowed are texts, write it in quotes"
            )
    if not isinstance(entry.get("spec"), Mapping):
        raise InvalidSpecError(f"`spec` of {given} is missing or no mapping; it has at least `task` and `data`")


def _check(spec: Mapping[str, Any], place: DataPlace) -> None:
    try:
        read_spec({"spec": spec})
    except SpecError as error:
        raise InvalidSpecError(place.as_written(str(error))) from None


def _templates(documents: list[Mapping[str, Any]]) -> Iterator[Template]:
    for document in documents:
        if document.get("kind") == model_template.KIND:
            _check_frame(document)
            name = document["metadata"]["name"]
            try:
                yield Template(name=name, spec=ModelTemplateSpec.model_validate(document["spec"]))
            except ValidationError as error:
                raise InvalidSpecError(f"ModelTemplate {name}: {explain_errors(error)}") from None


def _others(documents: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for document in documents:
        kind, metadata = str(document.get("kind")), document.get("metadata")
        if kind not in {training_workflow.KIND, model_template.KIND}:
            yield kind, str(metadata.get("name") if isinstance(metadata, Mapping) else "")
