"""How the processes of a control plane are started: their commands and configuration files, nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.cluster import files
from tools.cluster.builds import component
from tools.cluster.certificates import Authority
from tools.cluster.processes import Recipe, recipe

ETCD = "etcd"
APISERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
COMPONENTS = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER)
_QUIET = ["/healthz*", "/livez*", "/readyz*", "/metrics", "/version"]


@dataclass(frozen=True)
class Endpoints:
    """Where a control plane listens, and what it tells others about it."""

    address: str
    port: int
    etcd_client_port: int
    etcd_peer_port: int
    services: str
    service_address: str
    advertise: bool  # whether Service `kubernetes` leads to this address: pods need it

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{self.address}:{self.port}"

    @property
    def etcd_url(self) -> str:
        """Etcd's address."""
        return f"http://127.0.0.1:{self.etcd_client_port}"


@dataclass(frozen=True)
class Setting:
    """What the recipes of one control plane are made from."""

    home: Path
    authority: Authority
    endpoints: Endpoints
    prefix: tuple[str, ...] = ()  # words before every command: enters the node's network namespace
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)  # more flags, by component

    def start(self, name: str, words: Sequence[str | Path], files: Sequence[Path] = ()) -> Recipe:
        """Return the recipe of a component of this control plane."""
        return recipe(name, [*self.prefix, *words, *self.extra.get(name, ())], files)

    def kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return the kubeconfig of a user of this control plane, made when it is missing."""
        path = self.home / "kubeconfigs" / f"{user.replace(':', '.')}.kubeconfig"
        return self.authority.kubeconfig(path, self.endpoints.url, user, groups)


def etcd(setting: Setting) -> Recipe:
    """Etcd without fsync: fast, and its data are lost if the machine (not etcd) crashes."""
    peer = f"http://127.0.0.1:{setting.endpoints.etcd_peer_port}"
    client = setting.endpoints.etcd_url
    words = ["etcd", "--name=idla", f"--data-dir={setting.home / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn"]
    words += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"]
    words += [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=idla={peer}"]
    words += ["--auto-compaction-retention=5m", "--quota-backend-bytes=4294967296"]
    return setting.start(ETCD, words)


def apiserver(setting: Setting) -> Recipe:
    """The API server: RBAC and Node authorization, default admission (Pod Security included), audit at Metadata."""
    points, authority = setting.endpoints, setting.authority
    names = [f"IP:{points.address}", "IP:127.0.0.1", f"IP:{points.service_address}", "DNS:localhost"]
    names += [f"DNS:kubernetes{rest}" for rest in ("", ".default", ".default.svc", ".default.svc.cluster.local")]
    certificate, key = authority.server("kube-apiserver", names)
    kubelet_certificate, kubelet_key = authority.client("kube-apiserver-kubelet-client", ["system:masters"])
    signing = authority.service_account_key()
    policy = _audit_policy(setting.home)
    flags = {
        "etcd-servers": points.etcd_url,
        "bind-address": "0.0.0.0" if points.advertise else points.address,
        "advertise-address": points.address,
        "endpoint-reconciler-type": "master-count" if points.advertise else "none",
        "secure-port": points.port,
        "service-cluster-ip-range": points.services,
        "authorization-mode": "Node,RBAC",
        "anonymous-auth": "true",
        "allow-privileged": "true",
        "client-ca-file": authority.certificate,
        "tls-cert-file": certificate,
        "tls-private-key-file": key,
        "kubelet-client-certificate": kubelet_certificate,
        "kubelet-client-key": kubelet_key,
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-key-file": signing,
        "service-account-signing-key-file": signing,
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "audit-policy-file": policy,
        "audit-log-path": setting.home / "audit.log",
        "audit-log-maxsize": 2000,
        "audit-log-maxbackup": 1,
        "profiling": "false",
    }
    return setting.start(APISERVER, _words(APISERVER, flags), [policy])


def controller_manager(setting: Setting) -> Recipe:
    """The controller-manager, with one service account per controller and no leader election."""
    authority = setting.authority
    kubeconfig = setting.kubeconfig("system:kube-controller-manager")
    flags = {
        "kubeconfig": kubeconfig,
        "leader-elect": "false",
        "secure-port": 0,
        "use-service-account-credentials": "true",
        "service-account-private-key-file": authority.service_account_key(),
        "root-ca-file": authority.certificate,
        "cluster-signing-cert-file": authority.certificate,
        "cluster-signing-key-file": authority.key,
        "controllers": "*,bootstrap-signer-controller,token-cleaner-controller",
        "profiling": "false",
    }
    return setting.start(CONTROLLER_MANAGER, _words(CONTROLLER_MANAGER, flags), [kubeconfig])


def scheduler(setting: Setting) -> Recipe:
    """The default scheduler, without leader election."""
    kubeconfig = setting.kubeconfig("system:kube-scheduler")
    flags = {"kubeconfig": kubeconfig, "leader-elect": "false", "secure-port": 0, "profiling": "false"}
    return setting.start(SCHEDULER, _words(SCHEDULER, flags), [kubeconfig])


RECIPES = {ETCD: etcd, APISERVER: apiserver, CONTROLLER_MANAGER: controller_manager, SCHEDULER: scheduler}


def _words(name: str, flags: Mapping[str, object]) -> list[str | Path]:
    return [component(name), *(f"--{flag}={value}" for flag, value in flags.items())]


def _audit_policy(home: Path) -> Path:
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "None", "nonResourceURLs": _QUIET}, {"level": "Metadata"}],
    }
    return files.write_yaml(home / "audit-policy.yaml", policy)
