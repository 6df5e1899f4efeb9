"""Judges the manifests as they are applied with checkov: `python -m tests.scan CHECKOV`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster import builds
from tests.cluster.progress import silent

ROOT = Path(__file__).parents[1]
RENDERED = ("manifests/overlays/production", "manifests/network-policies")


def main(checkov: str) -> int:
    """Render what users apply, and return checkov's exit code: 0 where nothing but the exceptions is left."""
    builds.ensure(builds.KUBERNETES, silent)
    kubectl = str(builds.component("kubectl"))
    with tempfile.TemporaryDirectory() as folder:
        for name in RENDERED:
            text = subprocess.run([kubectl, "kustomize", str(ROOT / name)], check=True, capture_output=True).stdout
            (Path(folder) / f"{Path(name).name}.yaml").write_bytes(text)
        words = [checkov, "--directory", folder, "--config-file", str(ROOT / ".checkov.yaml")]
        return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
