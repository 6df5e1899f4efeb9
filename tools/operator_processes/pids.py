"""The operator's processes on the local cluster, whose pods run on this machine."""

from pathlib import Path

from tools.cluster.places import Places


def operator_pids(pod: str = "") -> list[int]:
    """Return the operator's processes in the pods of the local cluster, or in the pod of this uid."""
    cgroup = Places.of().cgroup
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            groups = (folder / "cgroup").read_text()
            if b"idla_operator" in words and cgroup in groups and f"pod{pod}" in groups:
                found.append(int(folder.name))
        except OSError:
            continue  # it ended while it was looked at
    return found
