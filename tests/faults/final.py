"""What a run leaves behind, in words that are the same for every run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.fake_kubelet import Rest

_KINDS = ("trainingworkflows", "modeldeployments", "jobs", "deployments", "services", "persistentvolumeclaims")
_STATUS = {"trainingworkflows", "modeldeployments"}
"""Of the others the status is that of Kubernetes."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DROPPED = {
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "message", "clusterIP", "clusterIPs",
    "batch.kubernetes.io/controller-uid", "controller-uid", "nodePort",
}  # fmt: skip


def final_state(rest: Rest, namespace: str) -> dict[str, Any]:
    """Return names, labels, specs and the product's own status of everything in a namespace.

    Times, uids and messages are left out; names that hold a uid are replaced by what they stand for.
    """
    found = {plural: rest.items(plural, namespace) for plural in _KINDS}
    words = dict(_words(found)) | {namespace: "NAMESPACE"}
    return {
        plural: sorted((_plain(entry, words, status=plural in _STATUS) for entry in entries), key=json.dumps)
        for plural, entries in found.items()
    }


def _words(found: Mapping[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    for plural, entries in found.items():
        for entry in entries:
            metadata = entry["metadata"]
            yield metadata["uid"], f"uid of {plural}"
            if plural == "jobs":
                yield metadata["name"], f"Job of {metadata['labels']['idla.dev/task']}"


def _plain(document: dict[str, Any], words: Mapping[str, str], *, status: bool) -> dict[str, Any]:
    kept = {key: value for key, value in document.items() if status or key != "status"}
    text = _MOMENT.sub("MOMENT", json.dumps(_without(kept), sort_keys=True))
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, words[word])
    plain: dict[str, Any] = json.loads(text)
    return plain


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(entry) for key, entry in value.items() if key not in _DROPPED}
    if isinstance(value, list):
        return [_without(entry) for entry in value]
    return value
