"""Images from Dockerfiles without a container engine: buildah on a store of its own, and an archive of what it built.

Each stage is an image of its own, tagged with the digest of what it is made from. One that is in the store is used as
it is; one that is only in the archive (a new machine with an old cache) is brought back; else it is built.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.cluster import stages
from tools.cluster.commands import ClusterError, logged, output, succeeds
from tools.cluster.layout import Layout
from tools.cluster.places import cache_root
from tools.cluster.progress import Beat

PACKAGES: Mapping[str, str] = {"buildah": "buildah", "skopeo": "skopeo", "debootstrap": "debootstrap"}
BASE = "docker.io/library/debian:bookworm-slim"
"""What the base made here is called in buildah's store, and the build argument `BASE`: the image that the Dockerfiles
name by its digest is pulled from a registry, which is not reached from here."""
_SUITE = "bookworm"
_BASE_REFERENCE = f"base-{_SUITE}.1"
_NEEDLESS = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian")
_EMPTIED = ("var/cache/apt", "var/lib/apt/lists", "var/log")
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host")
_AUTHORITY = "/run/host-ca.crt"
_REMEDY = """
    A build downloads from Debian's mirror and from the Python package index. Check that `apt-get update` and
    `pip download pip` work on this machine; an index or certificate authority of your own is taken from pip's settings
    (PIP_INDEX_URL, PIP_CERT)."""


@dataclass(frozen=True)
class Request:
    """An image that is wanted: the Dockerfile's stages, which are images too, and build arguments of the last."""

    context: Path
    stages: Mapping[str, stages.Stage]
    chain: tuple[str, ...]
    extra: Mapping[str, str]


@dataclass(frozen=True)
class Buildah:
    """The store of buildah and the archive, both in the cache."""

    root: Path

    @classmethod
    def here(cls) -> Buildah:
        """Return the one of this machine's cache."""
        return cls(cache_root() / "images")

    @property
    def layout(self) -> Layout:
        """The archive."""
        return Layout(self.root / "archive")

    def stage(self, context: Path, chain: Sequence[str], extra: Mapping[str, str], beat: Beat) -> str:
        """Make the last stage of `chain`, each laid on those before it, and return its reference in the archive.

        Args:
            context: the folder of the Dockerfile and of the files that it copies.
            chain: names of stages; each can be replaced by an image through the build argument of its name in capitals.
            extra: build arguments of the last stage.
            beat: called once a second.

        Raises:
            ClusterError: a build failed; the message has the end of its log and what to check.
        """
        known = stages_of(context)
        last = reference(known, chain[-1], context)
        if self.layout.manifest(last) is None:
            self._ensure(Request(context, known, tuple(chain), extra), chain[-1], beat)
        return last

    def _ensure(self, wanted: Request, name: str, beat: Beat) -> str:
        """Have the stage in the store, built when it is not in the archive either; return its tag."""
        made = reference(wanted.stages, name, wanted.context)
        if not self._bring_back(made, beat):
            arguments = dict(wanted.extra) if name == wanted.chain[-1] else {}
            for need in stages.inputs(wanted.stages, name, wanted.chain):
                if need == BASE:
                    self._ensure_base(beat)
                    arguments["BASE"] = BASE
                else:
                    arguments[need.upper().replace("-", "_")] = self._ensure(wanted, need, beat)
            self._build(wanted.context, name, made, arguments, beat)
        return _tag(made)

    def _build(self, context: Path, name: str, made: str, arguments: Mapping[str, str], beat: Beat) -> None:
        words = [*self._buildah(), "bud", "--isolation", "chroot", "--network", "host", "--pull-never"]
        words += ["--layers=false", "--target", name, "--tag", _tag(made), *_pip_words()]
        for key, value in arguments.items():
            words += ["--build-arg", f"{key}={value}"]
        log = cache_root() / "logs" / f"image-{name}.log"
        try:
            logged([*words, context], log, beat=beat)
        except ClusterError as error:
            raise ClusterError(f"{error}{_REMEDY}") from error
        self._archive(made, beat)

    def _archive(self, made: str, beat: Beat) -> None:
        # Uncompressed, since only then are the layers that the archive has already neither read nor written again.
        words = ["skopeo", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers"]
        log = cache_root() / "logs" / "image-archive.log"
        logged([*words, self._stored(made), self._archived(made)], log, beat=beat)
        self.layout.keep_newest(made)
        family = made.rpartition("-")[0]
        listed = output([*self._buildah(), "images", "--format", "{{.Name}}:{{.Tag}}"]).split()
        old = [name for name in listed if name.startswith(_tag(f"{family}-")) and name != _tag(made)]
        if old:
            succeeds([*self._buildah(), "rmi", "--force", *old])

    def _bring_back(self, made: str, beat: Beat) -> bool:
        archived = self.layout.manifest(made) is not None
        if succeeds([*self._buildah(), "inspect", "--type", "image", _tag(made)]):
            if not archived:
                self._archive(made, beat)
            return True
        if not archived:
            return False
        log = cache_root() / "logs" / "image-restore.log"
        logged(["skopeo", "copy", "--quiet", self._archived(made), self._stored(made)], log, beat=beat)
        return True

    def _ensure_base(self, beat: Beat) -> None:
        if not self._bring_back(_BASE_REFERENCE, beat):
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.root) as folder:
                self._make_base(Path(folder), beat)
            self._archive(_BASE_REFERENCE, beat)
        output([*self._buildah(), "tag", _tag(_BASE_REFERENCE), BASE])

    def _make_base(self, folder: Path, beat: Beat) -> None:
        """Make what Debian's slim image is: the smallest system, without documentation and translations."""
        tree = folder / "tree"
        logs = cache_root() / "logs"
        try:
            logged(["debootstrap", "--variant=minbase", _SUITE, tree], logs / "debootstrap.log", beat=beat)
        except ClusterError as error:
            raise ClusterError(f"{error}{_REMEDY}") from error
        for name in _NEEDLESS:
            shutil.rmtree(tree / name, ignore_errors=True)
        for name in _EMPTIED:
            for path in (tree / name).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        archive = folder / "context" / "tree.tar"
        archive.parent.mkdir()
        output(["tar", "--create", "--numeric-owner", "--file", archive, "--directory", tree, "."])
        (archive.parent / "Dockerfile").write_text('FROM scratch\nADD tree.tar /\nCMD ["bash"]\n')
        build = [*self._buildah(), "bud", "--isolation", "chroot", "--layers=false", "--tag", _tag(_BASE_REFERENCE)]
        logged([*build, archive.parent], logs / "image-base.log", beat=beat)

    def _archived(self, made: str) -> str:
        return f"oci:{self.layout.root}:{made}"

    def _stored(self, made: str) -> str:
        return f"containers-storage:[{self._driver()}@{self._store}+{self._run}]{_tag(made)}"

    @property
    def _store(self) -> Path:
        return self.root / "store"

    @property
    def _run(self) -> str:
        """What must not outlive a reboot; every store has its own."""
        return f"/run/idla/buildah-{hashlib.sha256(str(self.root).encode()).hexdigest()[:8]}"

    def _buildah(self) -> list[str]:
        return ["buildah", "--root", str(self._store), "--runroot", self._run, "--storage-driver", self._driver()]

    def _driver(self) -> str:
        """Return overlay where it works, else vfs (an overlay on an overlay, as in a container, does not)."""
        chosen = self._store / "driver"
        if not chosen.exists():
            self._store.mkdir(parents=True, exist_ok=True)
            words: list[str | Path] = [
                "buildah",
                "--root",
                self._store,
                "--runroot",
                self._run,
                "--storage-driver",
                "overlay",
                "info",
            ]
            chosen.write_text("overlay" if succeeds(words) else "vfs")
        return chosen.read_text()


def stages_of(context: Path) -> Mapping[str, stages.Stage]:
    """Return the stages of the Dockerfile in a folder as they are built here: on the base that is made here."""
    return stages.read(context / "Dockerfile", {"BASE": BASE})


def reference(known: Mapping[str, stages.Stage], name: str, context: Path) -> str:
    """Return what the stage is called in the archive: its name and the digest of all that it is made from."""
    return f"{name}-{stages.digest(known, name, context)}"


def pip_arguments() -> dict[str, str]:
    """Return the build arguments that hand pip's package index on to a build."""
    settings = _pip_settings()
    return {f"PIP_{key.upper().replace('-', '_')}": settings[key] for key in _PIP_SETTINGS if key in settings}


def _pip_words() -> list[str]:
    words = [word for key, value in pip_arguments().items() for word in ("--build-arg", f"{key}={value}")]
    authority = _pip_settings().get("cert") or os.environ.get("SSL_CERT_FILE")
    if authority:
        words += ["--volume", f"{authority}:{_AUTHORITY}:ro"]
        words += ["--build-arg", f"PIP_CERT={_AUTHORITY}", "--build-arg", f"SSL_CERT_FILE={_AUTHORITY}"]
    return words


def _pip_settings() -> dict[str, str]:
    """Return pip's settings by their names without the section; environment variables win over files."""
    settings: dict[str, str] = {}
    lines = output([sys.executable, "-m", "pip", "config", "list"]).splitlines()
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2]] = str(ast.literal_eval(value))
    return settings


def _tag(made: str) -> str:
    """Return the name in buildah's store of what is called `made` in the archive."""
    family, _, digest = made.rpartition("-")
    return f"localhost/idla/{family}:{digest}"
