"""A table larger than memory, from YAML to an answer: `python benchmarks/large_table.py`, as root.

A Parquet file of random numbers, of which the target depends on five, is learned from by `idla run --local` in a
control group with the memory of a pod; then the served model is asked for a record.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from idla.endpoint import Endpoint

from tools.waiting import WHOLE, until

_GROUPS = Path("/sys/fs/cgroup")
_FIRST = (_GROUPS / "memory").is_dir()
"""Whether it is the first version of control groups."""
_SERVED = "curl -s"


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--memory", type=float, default=2, help="GiB")
    parser.add_argument("--epochs", type=int, default=1)
    asked = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name, memory_group(int(asked.memory * 2**30)) as group:
        folder = Path(name)
        write_table(folder / "table.parquet", rows=asked.rows, columns=asked.columns)
        size = (folder / "table.parquet").stat().st_size
        result, answer = run(folder, group, epochs=asked.epochs)
    print(f"{asked.rows} rows of {asked.columns} columns, {size / 1e9:.2f} GB, {asked.memory:g} GiB of memory")
    print("| step | s |\n|---|---:|")
    for step, seconds in result["seconds"].items():
        print(f"| {step} | {seconds:.0f} |")
    print(json.dumps({"reason": result["reason"], "test": result.get("test"), "answer": answer}))
    return 0


def write_table(path: Path, *, rows: int, columns: int) -> None:
    """Write a table of numbers from -1 to 1, whose last column is what is to be predicted."""
    numbers = ", ".join(f"random() * 2 - 1 AS x{place}" for place in range(columns - 1))
    target = "x0 * 3 + x1 * x2 * 2 + x3 + x4 * x4 + random() / 5"
    with duckdb.connect() as database:
        database.execute("SELECT setseed(0.5)")
        database.execute(
            f"COPY (SELECT *, {target} AS target FROM (SELECT {numbers} FROM range({rows}))) TO '{path}' "
            "(FORMAT parquet, COMPRESSION uncompressed)"
        )


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """Make a control group in which processes have so many bytes of memory together."""
    parent = _GROUPS / "memory" if _FIRST else _GROUPS
    group = parent / f"idla-large-table-{os.getpid()}"
    group.mkdir()
    (group / ("memory.limit_in_bytes" if _FIRST else "memory.max")).write_text(str(limit))
    try:
        yield group
    finally:
        until(lambda: not (group / "cgroup.procs").read_text(), lambda: "processes are left in the control group")
        group.rmdir()


def run(folder: Path, group: Path, *, epochs: int) -> tuple[dict[str, Any], Any]:
    """Return the result of a workflow on the table, and what the served model answers for a record."""
    workflow = {
        "apiVersion": "idla.dev/v1alpha1",
        "kind": "TrainingWorkflow",
        "metadata": {"name": "large"},
        "spec": {
            "task": {"type": "TabularRegression"},
            "data": {"storageUri": "table.parquet"},
            "preset": "Fast",
            "training": {"maxEpochs": epochs},
        },
    }
    (folder / "workflow.yaml").write_text(yaml.safe_dump(workflow))
    command = [sys.executable, "-m", "idla.cli", "run", "--local", "--json", "--serve", "-o", str(folder / "out")]
    # As a pod sees it: the limit of its own group is where that of the machine would be.
    place = "/sys/fs/cgroup/memory" if _FIRST else "/sys/fs/cgroup"
    inside = f'echo $$ > {group}/cgroup.procs; mount --bind {group} {place}; exec "$@"'
    said, told = folder / "stderr", folder / "stdout"
    with said.open("w") as err, told.open("w") as out, subprocess.Popen(
        ["unshare", "-m", "bash", "-c", inside, "x", *command, "-f", str(folder / "workflow.yaml")],
        stdout=out, stderr=err,
    ) as process:  # fmt: skip
        try:
            while _SERVED not in said.read_text() and process.poll() is None:
                time.sleep(1)
            sys.stderr.write(said.read_text())
            answer = ask(said.read_text().splitlines()[-1]) if process.poll() is None else None
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WHOLE)
    return json.loads(told.read_text().splitlines()[-1]), answer


def ask(line: str) -> Any:
    """Return what the model answers to the request that `idla run --serve` shows."""
    words = shlex.split(line)
    request = json.loads(Path(words[-1].removeprefix("@")).read_text())
    return Endpoint(words[2].partition("/v2/")[0], "large").infer(request)


if __name__ == "__main__":
    raise SystemExit(main())
