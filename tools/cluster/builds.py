"""Programs that are built once from their Go modules and cached by the digest of what they are built from."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.cluster import files
from tools.cluster.commands import ClusterError, logged, output
from tools.cluster.places import cache_root
from tools.cluster.progress import Beat

_SOURCES = Path(__file__).parent / "go"
KUBERNETES_VERSION = "1.34.4"
_STAMP = "k8s.io/component-base/version"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")


@dataclass(frozen=True)
class Program:
    """A Go module of `go/` and the package in it, or in what it requires, that is the program."""

    name: str
    package: str = "."
    linker_flags: str = "-s -w"


KUBERNETES = Program(
    "kubernetes",
    linker_flags=f"-s -w -X {_STAMP}.gitVersion=v{KUBERNETES_VERSION} -X {_STAMP}.gitMajor=1 "
    f"-X {_STAMP}.gitMinor={KUBERNETES_VERSION.split('.')[1]} -X {_STAMP}.gitTreeState=clean",
)
COREDNS = Program("coredns")
PROVISIONER = Program("provisioner")
TARGETS = Program("targets")
PAUSE = Program("pause")
KWOK = Program("kwok", "sigs.k8s.io/kwok/cmd/kwok")
KSTATUS = Program("kstatus")
KIND = Program("kind", "sigs.k8s.io/kind")
KUBE_SCORE = Program("kube-score", "github.com/zegl/kube-score/cmd/kube-score")
VERSITYGW = Program("versitygw", "github.com/versity/versitygw/cmd/versitygw")


def built(program: Program) -> Path:
    """Return where the program is, or will be, in the cache; changes of sources, pins or Go move it."""
    return cache_root() / "bin" / f"{program.name}-{_digest(program)}"


def ensure(program: Program, beat: Beat) -> Path:
    """Return the program's path, building it first when it is not in the cache.

    A build takes both processors for minutes, and downloads modules into Go's own cache.

    Raises:
        ClusterError: the build failed, or there is no Go.
    """
    path = built(program)
    if not path.exists():
        with files.locked(cache_root() / "locks" / path.name):
            if not path.exists():  # another process has built it while this one waited
                _build(program, path, beat)
    return path


def _build(program: Program, path: Path, beat: Beat) -> None:
    if shutil.which("go") is None:
        raise ClusterError("Go is not installed, and it builds Kubernetes here: install Go 1.24 or newer (go.dev/dl)")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    command = ["go", "build", "-buildvcs=false", "-trimpath", "-ldflags", program.linker_flags, "-o", str(fresh)]
    log = cache_root() / "logs" / f"build-{program.name}.log"
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    try:
        logged([*command, program.package], log, beat=beat, cwd=_SOURCES / program.name, extra=environment)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def component(name: str) -> Path:
    """Return the path under which the kubernetes binary is this component (a symbolic link named after it)."""
    binary = built(KUBERNETES)
    link = binary.with_name(f"{binary.name}.d") / name
    if not link.is_symlink():
        link.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process was faster
            link.symlink_to(binary)
    return link


def _digest(program: Program) -> str:
    digest = hashlib.sha256(f"{_go_version()} {program}".encode())
    for path in sorted((_SOURCES / program.name).iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def _go_version() -> str:
    return output(["go", "env", "GOVERSION"]).strip() if shutil.which("go") else "none"
