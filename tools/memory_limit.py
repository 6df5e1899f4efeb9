"""A command with the memory of a pod: in a control group of its own, which only root can make."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.waiting import until

_MOUNT = Path("/sys/fs/cgroup")


@contextmanager
def limited_memory(size: int) -> Iterator[Sequence[str]]:
    """Make a control group whose processes have `size` bytes of memory together; gone after the block, with them.

    Yields:
        The words to put before a command, which sees its limit where it would in a pod.

    Raises:
        OSError: there are no control groups, or this process may not make one.
    """
    first_version = (_MOUNT / "memory").is_dir()
    parent = _MOUNT / "memory" if first_version else _MOUNT
    group = parent / f"idla-{os.getpid()}"
    group.mkdir()
    (group / ("memory.limit_in_bytes" if first_version else "memory.max")).write_text(str(size))
    try:
        yield (
            "unshare",
            "-m",
            "bash",
            "-c",
            f'echo $$ > {group}/cgroup.procs; mount --bind {group} {parent}; exec "$@"',
            "-",
        )
    finally:
        until(lambda: not (group / "cgroup.procs").read_text(), lambda: f"processes are left in {group}")
        group.rmdir()
