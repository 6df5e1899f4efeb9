"""Small images without an image builder: a layer of given files, as an archive that containerd imports."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cluster.commands import output

_LIBRARIES = ("lib/*/libc.so.6", "lib/*/libm.so.6", "lib/*/libresolv.so.2", "lib/*/ld-linux*", "lib*/ld-linux*")


def write(path: Path, tag: str, layer: bytes, config: Mapping[str, object]) -> Path:
    """Write an image of one layer in the form of `docker save`; same input, same bytes."""
    described = {
        "architecture": output(["dpkg", "--print-architecture"]).strip(),
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "tools/cluster"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        _add(archive, "layer.tar", layer)
        _add(archive, "config.json", json.dumps(described).encode())
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return path


def pause(path: Path, tag: str, binary: Path) -> Path:
    """Write the image that holds pods' namespaces: one static program."""
    layer = _layer({"pause": (binary.read_bytes(), 0o755)})
    return write(path, tag, layer, {"Entrypoint": ["/pause"], "User": "65535:65535"})


def busybox(path: Path, tag: str) -> Path:
    """Write an image with a shell and the usual small programs: Debian's busybox with the libraries it needs (5 MB).

    Downloads two Debian packages; installs nothing. Its wget crashes with -T.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # apt downloads as a user of its own
        unpack = "for package in *.deb; do dpkg-deb -x $package root; done"
        output(["sh", "-c", f"cd {folder} && apt-get download -q busybox libc6 && {unpack}"])
        root = Path(folder, "root")
        found = root / "bin" / "busybox"
        files = {"bin/busybox": (found.read_bytes(), 0o755)}
        for library in (entry for pattern in _LIBRARIES for entry in sorted(root.glob(pattern))):
            files[str(library.relative_to(root))] = (library.read_bytes(), 0o755)
        applets = [f"bin/{name}" for name in output([found, "--list"]).split()]
        layer = _layer(files, applets)
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    return write(path, tag, layer, {"Cmd": ["sh"], "Env": environment})


def _layer(files: Mapping[str, tuple[bytes, int]], links: Sequence[str] = ()) -> bytes:
    sink = io.BytesIO()
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    with tarfile.open(fileobj=sink, mode="w") as layer:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            layer.addfile(entry)
        for name, (content, mode) in {**files, "etc/passwd": (users, 0o644)}.items():
            _add(layer, name, content, mode)
        for name in links:
            if name not in files:
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, "/bin/busybox"
                layer.addfile(entry)
    return sink.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
