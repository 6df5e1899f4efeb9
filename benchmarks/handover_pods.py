"""How long nobody leads when the operator's pod or process goes: `python benchmarks/handover_pods.py --runs 3`.

On the local cluster, with the operator as `make demo` leaves it: first its single replica, then two of them. Seconds
from the signal, or from the deletion, until the Lease names the next process. Every run begins with pods that were
never started again, so that the kubelet's own pauses are not measured.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.installing import OPERATOR_NAMESPACE, kubectl_in
from tools.operator_processes.replicated import Leading, two_replicas


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    kubectl = kubectl_in(OPERATOR_NAMESPACE)
    single = Leading(kubectl)
    print(f"load before: {os.getloadavg()[0]:.1f}\n")
    print("| replicas | what ends | the next one leads after, s |\n|---:|---|---|")
    show(1, "its process (kill -9)", single, single.kill, runs)
    with tempfile.TemporaryDirectory() as folder, two_replicas(kubectl, Path(folder)) as pair:
        show(2, "the leader's pod (SIGTERM)", pair, pair.end_pod, runs)
        show(2, "the leader's process (kill -9)", pair, pair.kill, runs)
    return 0


def show(count: int, what: str, leading: Leading, end: Callable[[], float], runs: int) -> None:
    """Measure so many times and print one row."""
    found = []
    for _ in range(runs):
        leading.restart()
        leading.replicas(count)
        found.append(f"{end():.1f}")
        leading.replicas(count)
    print(f"| {count} | {what} | {', '.join(found)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
