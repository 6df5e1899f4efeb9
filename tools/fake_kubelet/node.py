"""The node itself: a thread that binds, starts, ends and removes pods as a kubelet would."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import itertools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, cast

from idla_contract import metrics
from idla_contract.exit_codes import ExitCode
from idla_contract.paths import TASK_SPEC_ANNOTATION
from idla_contract.result import Failure
from idla_contract.task import TaskSpec
from typing_extensions import override

from tools.fake_kubelet.answers import answer, failed
from tools.fake_kubelet.rest import Rest, RestError, path_of
from tools.waiting import PATIENCE

NODE = "fake-node"
AMOUNTS = {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "50Gi", "pods": "110"}
"""What every node has."""
SERVING = "idla.dev/deployment"
_LEASES = "kube-node-lease"
_BEAT_SECONDS = 5.0
_GONE = {http.client.NOT_FOUND, http.client.CONFLICT}


@dataclass(frozen=True)
class Ended:
    """How one pod of a task ends instead of answering well."""

    exit_code: int
    failure: Failure | None = None
    """What the termination message says; without it, the message is `text`."""
    text: str = ""
    foreign: bool = False
    """Whether it is the good answer to another task instead."""
    reason: str = ""
    """Of the container's end, e.g. OOMKilled; by default what a kubelet says of the exit code."""
    sidecar: str = ""
    """A container that somebody has put beside the task's and that runs on; with it and exit code 0 the task answers
    well."""
    pod: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the pod's status beside it, e.g. the reason Evicted."""


@dataclass(frozen=True)
class Stuck:
    """Why a pod does not start."""

    reason: str = ""
    """What its container waits for, in the kubelet's word; without it, no node takes the pod."""
    message: str = ""


@dataclass
class Script:
    """What the tasks of one namespace do, by the kind of their first step."""

    held: set[str] = field(default_factory=set)
    ends: dict[str, list[Ended]] = field(default_factory=lambda: defaultdict(list))
    stuck: dict[str, Stuck] = field(default_factory=dict)
    serves: bool = True
    """Whether serving pods become ready."""
    deaf: bool = False
    """Whether tasks that are asked to end run on until they are killed."""
    nodes: tuple[str, ...] = (NODE,)
    """Where new pods go, in turn."""
    bound: int = 0
    """How many pods were given a node."""
    made: set[str] = field(default_factory=set)
    """Nodes that were made for this namespace alone."""


class FakeKubelet:
    """Runs the pods of the namespaces of a control plane until its context ends."""

    def __init__(self, rest: Rest, *, period: float = 0.15) -> None:
        self._rest = rest
        self._period = period
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._scripts: dict[str, Script] = defaultdict(Script)
        self._thread = threading.Thread(target=self._run, name="fake-node", daemon=True)
        self._progress = _ProgressServer()
        self.ran: list[tuple[str, str, str]] = []
        """Namespace, Job and kind of first step of every task pod that was started, in order."""
        self._nodes = {NODE}
        self.faults: list[str] = []
        """What went wrong in the simulation itself since `take_faults`; empty in a valid run."""

    def __enter__(self) -> Self:
        """Make the node and start."""
        self._make_node(NODE, AMOUNTS)
        self._progress.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; the node's objects stay, as those of a dead node do."""
        self._stop.set()
        self._thread.join(timeout=PATIENCE)
        self._progress.stop()

    def hold(self, namespace: str, kind: str) -> None:
        """Let tasks of this kind run without an end."""
        with self._lock:
            self._scripts[namespace].held.add(kind)

    def release(self, namespace: str, kind: str) -> None:
        """Let held tasks of this kind end."""
        with self._lock:
            self._scripts[namespace].held.discard(kind)

    def end(self, namespace: str, kind: str, *ends: Ended) -> None:
        """Let the next pods of this kind end so, one each; those after them answer well again."""
        with self._lock:
            self._scripts[namespace].ends[kind].extend(ends)

    def serve(self, namespace: str, *, ready: bool) -> None:
        """Say whether serving pods become ready."""
        with self._lock:
            self._scripts[namespace].serves = ready

    def stick(self, namespace: str, kind: str, stuck: Stuck | None) -> None:
        """Let pods of this kind not start for this reason; None lets them start."""
        with self._lock:
            if stuck is None:
                self._scripts[namespace].stuck.pop(kind, None)
            else:
                self._scripts[namespace].stuck[kind] = stuck

    def deafen(self, namespace: str) -> None:
        """Let tasks ignore SIGTERM, so that they end by SIGKILL."""
        with self._lock:
            self._scripts[namespace].deaf = True

    def place(self, namespace: str, *nodes: str) -> None:
        """Let new pods of a namespace go to these nodes in turn; those that do not exist yet are made for it alone."""
        for node in nodes:
            self.join(namespace, node)
        with self._lock:
            self._scripts[namespace].nodes = nodes

    def join(self, namespace: str, node: str, **amounts: str) -> None:
        """Make a node for a namespace alone where there is none of this name.

        Args:
            namespace: which takes it away when it is forgotten.
            node: its name.
            amounts: what it has instead of what every node here has.
        """
        with self._lock:
            if node in self._nodes:
                return
            self._scripts[namespace].made.add(node)
        self._make_node(node, AMOUNTS | amounts)
        with self._lock:
            self._nodes.add(node)

    def lose(self, node: str) -> None:
        """Let a node fall silent: nothing on it changes any more, and nobody renews its lease."""
        with self._lock:
            self._nodes.discard(node)

    def forget(self, namespace: str) -> None:
        """Let go of all that was asked of a namespace, and take its own nodes away."""
        with self._lock:
            made = self._scripts.pop(namespace, Script()).made
            self._nodes -= made
        for node in sorted(made):
            self._rest.delete("nodes", None, node)
            self._rest.delete("leases", _LEASES, node)

    def take_faults(self) -> list[str]:
        """Return the faults since this was last asked."""
        found, self.faults = self.faults, []
        return found

    def jobs_run(self, namespace: str, kind: str) -> list[str]:
        """Return the Jobs that had pods of this kind, each once."""
        with self._lock:
            return list(dict.fromkeys(job for place, job, what in self.ran if (place, what) == (namespace, kind)))

    def _run(self) -> None:
        beaten = 0.0
        while not self._stop.wait(self._period):
            try:
                if time.monotonic() - beaten > _BEAT_SECONDS:
                    self._beat_all()
                    beaten = time.monotonic()
                pods = self._rest.items("pods", selector="idla.dev/managed=true")
            except (OSError, http.client.HTTPException):
                continue  # the API server is away, as may be wanted
            except RestError as error:
                self._refused(error)
                continue
            for pod in pods:
                try:
                    self._step(pod)
                except RestError as error:
                    self._refused(error)
                except (OSError, http.client.HTTPException):
                    break
                except Exception as error:  # noqa: BLE001  # a fault of the simulation must not end it silently
                    self.faults.append(f"{pod['metadata']['name']}: {error!r}")

    def _refused(self, error: RestError) -> None:
        """Take down a refusal, unless it may be wanted: what is gone, and an API server that cannot."""
        if error.status not in _GONE and error.status < http.client.INTERNAL_SERVER_ERROR:
            self.faults.append(str(error))

    def _step(self, pod: Mapping[str, Any]) -> None:
        phase = pod["status"].get("phase", "Pending")
        node = pod["spec"].get("nodeName")
        with self._lock:
            silent = node is not None and node not in self._nodes
        if silent:
            return
        if pod["metadata"].get("deletionTimestamp"):
            self._remove(pod, phase)
        elif node is None:
            self._bind(pod)
        elif phase == "Pending":
            self._start(pod)
        elif phase == "Running" and SERVING not in pod["metadata"]["labels"]:
            self._end(pod)
        elif phase == "Running":
            self._keep_serving(pod)

    def _bind(self, pod: Mapping[str, Any]) -> None:
        metadata, script, stuck = pod["metadata"], self._script(pod), self._stuck(pod)
        if stuck is not None and not stuck.reason:
            unscheduled = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": stuck.message,
            }
            if not _says(pod, unscheduled):
                self._write(pod, {"conditions": [unscheduled]})
            return
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": script.nodes[script.bound % len(script.nodes)]},
        }
        self._rest.request("POST", path_of("pods", metadata["namespace"], metadata["name"], "binding"), binding)
        script.bound += 1

    def _start(self, pod: Mapping[str, Any]) -> None:
        stuck = self._stuck(pod)
        if stuck is not None:
            state = {"waiting": {"reason": stuck.reason, "message": stuck.message}}
            if [entry["state"] for entry in pod["status"].get("containerStatuses") or ()] != [state]:
                waits = _containers(pod, state, ready=False)
                self._write(pod, {"conditions": _conditions(ready=False), "containerStatuses": waits})
            return
        serving = SERVING in pod["metadata"]["labels"]
        address = "10.99.0.7" if serving else self._progress.address
        ready = serving and self._script(pod).serves
        state = {"running": {"startedAt": _now()}}
        self._write(
            pod,
            {
                "phase": "Running",
                "podIP": address,
                "podIPs": [{"ip": address}],
                "startTime": _now(),
                "conditions": _conditions(ready=ready or not serving),
                "containerStatuses": _containers(pod, state, ready=ready or not serving),
            },
        )
        if not serving:
            owner = pod["metadata"]["ownerReferences"][0]["name"]
            with self._lock:
                self.ran.append((pod["metadata"]["namespace"], owner, _kind(pod)))

    def _keep_serving(self, pod: Mapping[str, Any]) -> None:
        ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod["status"]["conditions"])
        wanted = self._script(pod).serves
        if ready != wanted:
            state = {"running": {"startedAt": _now()}}
            containers = _containers(pod, state, ready=wanted)
            self._write(pod, {"conditions": _conditions(ready=wanted), "containerStatuses": containers})

    def _end(self, pod: Mapping[str, Any]) -> None:
        kind, script = _kind(pod), self._script(pod)
        with self._lock:
            if kind in script.held or _has_ended(pod):
                return
            ends = script.ends[kind]
            ended = ends[0] if ends else None
        spec = _spec(pod)
        if ended is None:
            ended = Ended(0, text=answer(spec).shortened().to_json())
            self._terminate(pod, ended)
            return
        if ended.sidecar and not ended.exit_code:
            ended = replace(ended, text=answer(spec).shortened().to_json())
        elif ended.failure is not None:
            ended = replace(ended, text=failed(spec, ended.failure).to_json())
        elif ended.foreign:
            other = spec.model_copy(update={"content_hash": "0" * 16})
            ended = replace(ended, text=answer(other).shortened().to_json())
        self._terminate(pod, ended)
        with self._lock:
            script.ends[kind].pop(0)

    def _remove(self, pod: Mapping[str, Any], phase: str) -> None:
        if phase == "Running":
            self._terminate(pod, Ended(_KILLED if self._script(pod).deaf else int(ExitCode.PREEMPTED)))
        metadata = pod["metadata"]
        if metadata.get("deletionGracePeriodSeconds") != 0:
            self._rest.delete(
                "pods",
                metadata["namespace"],
                metadata["name"],
                gracePeriodSeconds=0,
                preconditions={"uid": metadata["uid"]},
            )

    def _terminate(self, pod: Mapping[str, Any], ended: Ended) -> None:
        code = ended.exit_code
        terminated = {
            "exitCode": code,
            "reason": ended.reason or ("Completed" if code == 0 else "Error"),
            "message": ended.text,
            "startedAt": pod["status"].get("startTime"),
            "finishedAt": _now(),
        }
        phase, beside = "Succeeded" if code == 0 else "Failed", []
        if ended.sidecar:
            phase, image = "Running", pod["spec"]["containers"][0]["image"]
            running = {"running": {"startedAt": pod["status"].get("startTime")}}
            beside = _containers(
                {"spec": {"containers": [{"name": ended.sidecar, "image": image}]}}, running, ready=True
            )
        told = {key: value for key, value in ended.pod.items() if key != "conditions"}
        self._write(
            pod,
            {
                "phase": phase,
                "conditions": [*_conditions(ready=False), *ended.pod.get("conditions", ())],
                "containerStatuses": [*_containers(pod, {"terminated": terminated}, ready=False), *beside],
                **told,
            },
        )

    def _write(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        metadata = pod["metadata"]
        # Conditions are a whole list in a merge patch: what others wrote (DisruptionTarget) has to be kept.
        written = {*_OURS, *(c["type"] for c in status["conditions"])}
        kept = [c for c in pod["status"].get("conditions") or () if c["type"] not in written]
        merged = {**status, "conditions": [*status["conditions"], *kept]}
        patch = {"metadata": {"uid": metadata["uid"]}, "status": merged}
        self._rest.merge("pods", metadata["namespace"], metadata["name"], patch, sub="status")

    def _script(self, pod: Mapping[str, Any]) -> Script:
        with self._lock:
            return self._scripts[pod["metadata"]["namespace"]]

    def _stuck(self, pod: Mapping[str, Any]) -> Stuck | None:
        if SERVING in pod["metadata"]["labels"]:
            return None
        with self._lock:
            return self._scripts[pod["metadata"]["namespace"]].stuck.get(_kind(pod))

    def _make_node(self, node: str, amounts: Mapping[str, str]) -> None:
        with contextlib.suppress(RestError):
            self._rest.create("nodes", None, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
        moment = _now()
        ready = {
            "type": "Ready", "status": "True", "reason": "FakeKubelet", "message": "simulated",
            "lastHeartbeatTime": moment, "lastTransitionTime": moment,
        }  # fmt: skip
        status = {"capacity": dict(amounts), "allocatable": dict(amounts), "conditions": [ready]}
        self._rest.merge("nodes", None, node, {"status": status}, sub="status")
        self._beat(node)

    def _beat_all(self) -> None:
        with self._lock:
            nodes = sorted(self._nodes)
        for node in nodes:
            self._beat(node)

    def _beat(self, node: str) -> None:
        """Renew a node's lease, or the node lifecycle controller would evict its pods."""
        spec = {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": _now(micro=True)}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": node, "namespace": _LEASES},
            "spec": spec,
        }
        self._rest.apply("leases", _LEASES, lease)


_networks = itertools.count(77)
"""One for each simulated kubelet of this process: two that live at once may not have one address."""


class _ProgressServer:
    """Answers for every running task at an address of its own, at the port that the contract names."""

    def __init__(self) -> None:
        number = os.getpid() % 65_000
        self.address = f"127.{next(_networks)}.{number // 256}.{number % 256 or 1}"
        self._server = http.server.ThreadingHTTPServer((self.address, metrics.METRICS_PORT), _ProgressHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="fake kubelet progress", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


class _ProgressHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = _METRICS.format(updated=time.time()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


_METRICS = f"""\
{metrics.TASK_STEP} 90
{metrics.TASK_TOTAL_STEPS} 720
{metrics.TASK_LOSS}{{{{split="train"}}}} 0.4
{metrics.TASK_LOSS}{{{{split="validation"}}}} 0.5
{metrics.TASK_SCORE}{{{{split="validation"}}}} 0.85
{metrics.TASK_EXAMPLES_PER_SECOND} 4000
{metrics.TASK_UPDATED_SECONDS} {{updated}}
"""
_KILLED = 137
_OURS = ("Ready", "ContainersReady", "Initialized", "PodReadyToStartContainers")


def _now(*, micro: bool = False) -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _conditions(*, ready: bool) -> list[dict[str, str]]:
    word = "True" if ready else "False"
    states = {"Initialized": "True", "PodReadyToStartContainers": "True", "ContainersReady": word, "Ready": word}
    return [{"type": kind, "status": status, "lastTransitionTime": _now()} for kind, status in states.items()]


def _says(pod: Mapping[str, Any], condition: Mapping[str, str]) -> bool:
    return any(condition.items() <= entry.items() for entry in pod["status"].get("conditions") or ())


def _containers(pod: Mapping[str, Any], state: Mapping[str, Any], *, ready: bool) -> list[dict[str, Any]]:
    return [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": ready,
            "started": "running" in state,
            "restartCount": 0,
            "state": dict(state),
        }
        for container in pod["spec"]["containers"]
    ]


def _has_ended(pod: Mapping[str, Any]) -> bool:
    return any("terminated" in status["state"] for status in pod["status"].get("containerStatuses") or ())


def _spec(pod: Mapping[str, Any]) -> TaskSpec:
    return TaskSpec.model_validate_json(cast("str", pod["metadata"]["annotations"][TASK_SPEC_ANNOTATION]))


def _kind(pod: Mapping[str, Any]) -> str:
    return str(_spec(pod).steps[0].kind)
