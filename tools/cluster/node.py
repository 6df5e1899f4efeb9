"""The node: containerd, kubelet and kube-proxy, and their configuration files."""

from __future__ import annotations

import json
from pathlib import Path

from tools.cluster import files, network
from tools.cluster.builds import component
from tools.cluster.components import Setting
from tools.cluster.places import Addresses, Places
from tools.cluster.processes import Recipe

CONTAINERD = "containerd"
KUBELET = "kubelet"
PROXY = "kube-proxy"
PAUSE_IMAGE = "localhost/idla/pause:1"
_CNI_PLUGINS = "/usr/lib/cni"
_CGROUPS = Path("/sys/fs/cgroup")


def node_name(places: Places) -> str:
    """Return the name of the cluster's only real node."""
    return f"{places.name}-node"


def containerd(places: Places, points: Addresses) -> Recipe:
    """Containerd with root, state and socket of its own."""
    config = places.home / "containerd.toml"
    cni = _cni(places, points)
    files.write(
        config,
        f"""version = 2
root = "{places.home}/containerd"
state = "{places.run}/containerd"
# The cluster's images come from files, and its volumes are plain directories.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{places.containerd_socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Where CAP_SYS_RESOURCE is missing every sandbox fails without it: "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{_CNI_PLUGINS}"
    conf_dir = "{cni.parent}"
""",
    )
    words = [*network.enter(places), "containerd", "--config", str(config), "--log-level", "warn"]
    return Recipe(CONTAINERD, tuple(words), (config, cni))


def kubelet(places: Places, points: Addresses, setting: Setting) -> Recipe:
    """The kubelet: no eviction by disk, no image collection, cgroups below the cluster's own."""
    make_cgroups(places)
    kubeconfig = setting.kubeconfig(f"system:node:{node_name(places)}", ["system:nodes"])
    certificate, key = setting.authority.server(node_name(places), [f"IP:{points.node}", f"DNS:{node_name(places)}"])
    config = files.write_yaml(
        places.home / "kubelet.yaml",
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": points.node,
            "healthzBindAddress": points.node,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(setting.authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "clusterDomain": "cluster.local",
            "clusterDNS": [points.dns],
            "resolvConf": str(resolver(places)),
            "containerRuntimeEndpoint": f"unix://{places.containerd_socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": places.cgroup,
            "failCgroupV1": False,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
            "podLogsDir": str(places.home / "pods"),
            "volumePluginDir": str(places.home / "volume-plugins"),
            "nodeStatusUpdateFrequency": "5s",
            "serializeImagePulls": False,
        },
    )
    words: list[str] = [*network.enter(places), str(component(KUBELET)), f"--config={config}"]
    words += [f"--kubeconfig={kubeconfig}", f"--hostname-override={node_name(places)}", f"--node-ip={points.node}"]
    words += [f"--root-dir={places.home / 'kubelet'}", "--v=1"]
    return Recipe(KUBELET, tuple(words), (config, kubeconfig))


def proxy(places: Places, points: Addresses, setting: Setting) -> Recipe:
    """Kube-proxy in iptables mode, inside the node's network."""
    kubeconfig = setting.kubeconfig("system:kube-proxy")
    config = files.write_yaml(
        places.home / "kube-proxy.yaml",
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "mode": "iptables",
            "clusterCIDR": points.pods,
            "hostnameOverride": node_name(places),
            "bindAddress": points.node,
            "healthzBindAddress": f"{points.node}:10256",
            "metricsBindAddress": "127.0.0.1:10249",
            "iptables": {"syncPeriod": "30s", "minSyncPeriod": "100ms"},
            # The size of the connection table is the whole machine's, and cannot be set from a network namespace.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        },
    )
    words = [*network.enter(places), str(component(PROXY)), f"--config={config}"]
    return Recipe(PROXY, tuple(words), (config, kubeconfig))


def cgroup_folders(places: Places) -> list[Path]:
    """Return the cluster's cgroup in every hierarchy of this machine (one in version 2)."""
    roots = [_CGROUPS] if (_CGROUPS / "cgroup.controllers").exists() else [p for p in _CGROUPS.iterdir() if p.is_dir()]
    return [root / places.cgroup.strip("/") for root in roots if not root.is_symlink()]


def make_cgroups(places: Places) -> None:
    """Make the cluster's cgroups, which a kubelet demands to exist; in version 2 hand the controllers down."""
    for folder in cgroup_folders(places):
        folder.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # version 1: an empty cpuset takes no process
            own, above = folder / name, folder.parent / name
            if own.exists() and above.exists() and not own.read_text().strip():
                own.write_text(above.read_text())
        if folder.parent == _CGROUPS and (_CGROUPS / "cgroup.controllers").exists():
            wanted = " ".join(f"+{name}" for name in (_CGROUPS / "cgroup.controllers").read_text().split())
            for level in (_CGROUPS, folder):
                (level / "cgroup.subtree_control").write_text(wanted)


def upstream_resolvers() -> list[str]:
    """Return the machine's name servers that can be reached from the node: those that are not on its own loopback."""
    for path in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        if path.exists():
            words = [line.split() for line in path.read_text().splitlines()]
            servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
            return [server for server in servers if not server.startswith("127.") and ":" not in server]
    return []


def resolver(places: Places) -> Path:
    """Write and return the resolv.conf of pods with the node's DNS policy."""
    lines = [f"nameserver {server}\n" for server in upstream_resolvers()]
    return files.write(places.home / "resolv.conf", "".join(lines))


def _cni(places: Places, points: Addresses) -> Path:
    """Write and return the pods' network: routed point-to-point links, so that no bridge is needed.

    On a bridge, the answer to a pod that called a Service on its own node bypasses the rules that translate addresses,
    unless br_netfilter is loaded; routed links have no such case.
    """
    addresses = {
        "type": "host-local",
        "dataDir": str(places.run / "addresses"),
        "ranges": [[{"subnet": points.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": addresses},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    network_list = {"cniVersion": "0.4.0", "name": f"idla-{points.index}", "plugins": plugins}
    return files.write(places.home / "cni" / "10-idla.conflist", json.dumps(network_list))
