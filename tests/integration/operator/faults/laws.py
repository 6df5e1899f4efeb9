"""What must never be seen, whatever is done to the world: watched beside a test by a client of its own."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from types import TracebackType
from typing import Any, Self

from idla.builders.identity import TASK

from tools.fake_kubelet import Rest
from tools.fake_kubelet.rest import RestError
from tools.waiting import PATIENCE

_PERIOD_SECONDS = 0.1


class Witness:
    """Looks at one namespace again and again until its context ends."""

    def __init__(self, rest: Rest, namespace: str) -> None:
        self._rest = rest
        self._namespace = namespace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._generations: dict[str, int] = {}
        self.looks = 0
        self.broken: list[str] = []
        """What was seen and must not be."""

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(timeout=PATIENCE)

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_SECONDS):
            try:
                workflows = self._rest.items("trainingworkflows", self._namespace)
                jobs = self._rest.items("jobs", self._namespace)
                pods = self._rest.items("pods", self._namespace, selector=TASK)
            except (OSError, http.client.HTTPException, RestError):
                continue  # the API server is away, as a test may want it
            self.looks += 1
            for workflow in workflows:
                self._look_at(workflow)
            self._look_at_pods(jobs, pods)

    def _look_at(self, workflow: dict[str, Any]) -> None:
        uid, status = workflow["metadata"]["uid"], workflow.get("status") or {}
        seen, before = int(status.get("observedGeneration", -1)), self._generations.get(uid, -1)
        if status.get("conditions") and seen < before:
            self.broken.append(f"observedGeneration of {workflow['metadata']['name']} went from {before} to {seen}")
        self._generations[uid] = max(before, seen)

    def _look_at_pods(self, jobs: list[dict[str, Any]], pods: list[dict[str, Any]]) -> None:
        """Pods that run the same task for the same object: `status.active` of their Jobs may lag behind.

        Those of a Job that is gone, or has come since the Jobs were listed, are nobody's here: a successor of the same
        name may begin while the pods of its predecessor are still being ended.
        """
        owners = {job["metadata"]["uid"]: _owner(job) for job in jobs}
        running = Counter(
            (owners.get(_owner(pod), ""), pod["metadata"]["labels"][TASK])
            for pod in pods
            if pod["status"].get("phase") == "Running"
        )
        self.broken += [
            f"{count} pods at once for {task} of the object {owner}"
            for (owner, task), count in running.items()
            if owner and count > 1
        ]


def _owner(document: dict[str, Any]) -> str:
    return next((str(owner["uid"]) for owner in document["metadata"].get("ownerReferences") or ()), "")
