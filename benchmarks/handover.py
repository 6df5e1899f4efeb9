"""How long nobody works when the operator's leader goes: `python benchmarks/handover.py --runs 3`.

Two operators as processes on a real API server. For each run the leader ends by SIGTERM or is killed; a workflow is
submitted at that moment. Seconds until the other one holds the Lease, and until it has written the workflow's status.
"""

import argparse
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.cluster import ControlPlane
from tools.fake_kubelet import Rest
from tools.operator_processes.process import NAMESPACE, install
from tools.operator_processes.replica import Replica
from tools.waiting import until

_WORKFLOW = {
    "task": {"type": "ImageClassification"},
    "data": {"storageUri": "sample://digits"},
    "objectives": [{"metric": "accuracy", "target": "0.97"}],
    "suspend": True,
}


def is_ready(replica: Replica) -> bool:
    """Return whether a replica says that it could work."""
    return replica.probe("/readyz") == (200, "ok")


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    print(f"load before: {os.getloadavg()[0]:.1f}\n")
    print("| the leader | run | Lease held by the other, s | its first status written, s |\n|---|---:|---:|---:|")
    with (
        ControlPlane(f"handover-{os.getpid()}", without=("kube-scheduler",)) as plane,
        Rest(plane) as rest,
        tempfile.TemporaryDirectory() as folder,
    ):
        install(rest)
        leader, other = (Replica(plane, Path(folder) / f"{n}.log") for n in (1, 2))
        try:
            leader.start()
            until(lambda: holder(rest), leader.log.read_text)
            for how, end in (("SIGTERM", "stop"), ("kill -9", "kill")):
                for run in range(1, runs + 1):
                    other.start()
                    until(functools.partial(is_ready, other), other.log.read_text)
                    time.sleep(3)  # the standby has seen the Lease, as it would have in the field
                    taken, written = measure(rest, f"run-{end}-{run}", getattr(leader, end))
                    print(f"| {how} | {run} | {taken:.1f} | {written:.1f} |", flush=True)
                    leader, other = other, leader
        finally:
            for process in (leader, other):
                process.clear()
    return 0


def holder(rest: Rest) -> str:
    """Return who holds the Lease."""
    lease = rest.get("leases", NAMESPACE, "idla-operator-leader") or {}
    return str(lease.get("spec", {}).get("holderIdentity") or "")


def generation(rest: Rest, name: str) -> int:
    """Return the generation of a workflow that its status is about; -1 before anybody has written one."""
    return int((rest.get("trainingworkflows", "default", name) or {})["status"]["observedGeneration"])


def measure(rest: Rest, name: str, end: Callable[[], object]) -> tuple[float, float]:
    """End the leader; return after how many seconds the Lease is taken over and a new workflow has a status."""
    before = holder(rest)
    began = time.monotonic()
    document = {"apiVersion": "idla.dev/v1alpha1", "kind": "TrainingWorkflow", "metadata": {"name": name}}
    end()
    rest.apply("trainingworkflows", "default", document | {"spec": _WORKFLOW})
    until(lambda: holder(rest) not in {"", before}, lambda: holder(rest))
    taken = time.monotonic() - began
    until(lambda: generation(rest, name) > 0, lambda: name)
    return taken, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
