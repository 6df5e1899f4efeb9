"""Keys, certificates and kubeconfigs of one cluster, made by openssl (elliptic curve, valid ten years)."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.commands import output

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650")


class Authority:
    """The cluster's own certificate authority in `folder`; every method makes only what is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._key = folder / "ca.key"
        if not self.certificate.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            request = ["openssl", "req", "-x509", *_CURVE, "-subj", "/CN=idla-cluster"]
            output([*request, "-keyout", self._key, "-out", self.certificate])

    @property
    def key(self) -> Path:
        """The authority's private key: the controller-manager signs certificate requests with it."""
        return self._key

    def client(self, user: str, groups: Sequence[str] = ()) -> tuple[Path, Path]:
        """Return certificate and key with which a client is `user` in `groups`."""
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        return self._issue(f"client-{user.replace(':', '.')}", subject, ["extendedKeyUsage=clientAuth"])

    def server(self, name: str, alternatives: Sequence[str]) -> tuple[Path, Path]:
        """Return certificate and key of a server that is known as each of `alternatives` (`DNS:x`, `IP:y`)."""
        extensions = ["extendedKeyUsage=serverAuth", f"subjectAltName={','.join(alternatives)}"]
        return self._issue(f"server-{name}", f"/CN={name}", extensions)

    def service_account_key(self) -> Path:
        """Return the key that signs the tokens of service accounts."""
        path = self.folder / "service-accounts.key"
        if not path.exists():
            output(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])
        return path

    def kubeconfig(self, path: Path, server: str, user: str, groups: Sequence[str] = ()) -> Path:
        """Write a kubeconfig for `user` in `groups`, readable by its owner only, and return its path.

        The file is rewritten only when it differs, so that processes that were started with it stay.
        """
        certificate, key = self.client(user, groups)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "idla",
            "contexts": [{"name": "idla", "context": {"cluster": "idla", "user": user}}],
            "clusters": [
                {"name": "idla", "cluster": {"server": server, "certificate-authority-data": _base64(self.certificate)}}
            ],
            "users": [
                {
                    "name": user,
                    "user": {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)},
                }
            ],
        }
        text = json.dumps(config, indent=1) + "\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(0o600)
        return path

    def _issue(self, name: str, subject: str, extensions: Sequence[str]) -> tuple[Path, Path]:
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        if not certificate.exists():
            request = ["openssl", "req", "-x509", *_CURVE, "-CA", str(self.certificate), "-CAkey", str(self._key)]
            request += ["-subj", subject, "-addext", "basicConstraints=critical,CA:false"]
            for extension in extensions:
                request += ["-addext", extension]
            output([*request, "-keyout", key, "-out", certificate])
        return certificate, key


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
