"""What a bare cluster lacks: names for pods, volumes, simulated GPUs and nodes, and Prometheus."""

from __future__ import annotations

import json
from pathlib import Path

from tools.cluster import builds, files, network, node
from tools.cluster.commands import output
from tools.cluster.components import Setting
from tools.cluster.places import Addresses, Places
from tools.cluster.processes import Recipe, recipe

COREDNS = "coredns"
PROVISIONER = "provisioner"
KWOK = "kwok"
PROMETHEUS = "prometheus"
TARGETS = "targets"
OPTIONAL = (KWOK, PROMETHEUS)
GPU = "nvidia.com/gpu"
_OBJECTS = Path(__file__).parent / "objects.yaml"


def coredns(places: Places, points: Addresses, setting: Setting) -> Recipe:
    """The cluster's DNS, on the node's address; names outside go to the machine's resolvers, if it has any."""
    upstream = node.upstream_resolvers()
    forward = f"forward . {' '.join(upstream)}" if upstream else ""
    kubeconfig = setting.kubeconfig("idla:coredns")
    corefile = files.write(
        places.home / "Corefile",
        f""".:53 {{
    bind {points.node}
    errors
    health {points.node}:8085 {{
        lameduck 0s
    }}
    ready {points.node}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    {forward}
    cache 5
}}
""",
    )
    words: list[str | Path] = [*network.enter(places), builds.built(builds.COREDNS), "-conf", corefile]
    return recipe(COREDNS, words, [corefile, kubeconfig])


def provisioner(places: Places, setting: Setting) -> Recipe:
    """The provisioner of storage class `standard`."""
    places.volumes.mkdir(parents=True, exist_ok=True)
    kubeconfig = setting.kubeconfig("idla:provisioner")
    words: list[str | Path] = [*network.enter(places), builds.built(builds.PROVISIONER), "-kubeconfig", kubeconfig]
    return recipe(PROVISIONER, [*words, "-directory", places.volumes], [kubeconfig])


def kwok(places: Places, setting: Setting) -> Recipe:
    """KWOK: plays nodes annotated `kwok.x-k8s.io/node=fake`, and the pods on them."""
    kubeconfig = setting.kubeconfig("idla:kwok")
    words: list[str | Path] = [*network.enter(places), builds.built(builds.KWOK), f"--kubeconfig={kubeconfig}"]
    words += ["--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"]
    words += ["--node-lease-duration-seconds=40", "--cidr=10.253.0.0/16"]
    return recipe(KWOK, words, [kubeconfig])


def targets(places: Places, setting: Setting) -> Recipe:
    """The program that tells Prometheus which pods and nodes there are."""
    folder = places.home / "targets"
    folder.mkdir(parents=True, exist_ok=True)
    kubeconfig = setting.kubeconfig("idla:prometheus")
    words: list[str | Path] = [
        *network.enter(places),
        builds.built(builds.TARGETS),
        "-kubeconfig",
        kubeconfig,
        "-directory",
        folder,
    ]
    return recipe(TARGETS, words, [kubeconfig])


def prometheus(places: Places, points: Addresses, setting: Setting) -> Recipe:
    """Prometheus on the node's address: annotated pods, and the kubelet's resource and cAdvisor metrics."""
    certificate, key = setting.authority.client("idla:prometheus")
    tls = {"ca_file": str(setting.authority.certificate), "cert_file": str(certificate), "key_file": str(key)}
    folder = places.home / "targets"
    scrapes: list[dict[str, object]] = [
        {
            "job_name": f"kubelet-{name}",
            "scheme": "https",
            "metrics_path": f"/metrics/{name}",
            "tls_config": tls,
            "file_sd_configs": [{"files": [str(folder / "nodes.json")]}],
        }
        for name in ("resource", "cadvisor")
    ]
    scrapes.append({"job_name": "pods", "file_sd_configs": [{"files": [str(folder / "pods.json")]}]})
    content = {"global": {"scrape_interval": "5s", "scrape_timeout": "4s"}, "scrape_configs": scrapes}
    config = files.write_yaml(places.home / "prometheus.yaml", content)
    words: list[str | Path] = [*network.enter(places), "prometheus", f"--config.file={config}"]
    words += [f"--storage.tsdb.path={places.home / 'prometheus'}", "--storage.tsdb.retention.time=12h"]
    words += [f"--web.listen-address={points.node}:9090", "--log.level=warn"]
    return recipe(PROMETHEUS, words, [config])


def apply_objects(kubectl: tuple[str, ...], points: Addresses) -> None:
    """Apply the roles of these programs, the storage class and the DNS Service."""
    text = _OBJECTS.read_text().replace("DNS_ADDRESS", points.dns).replace("NODE_ADDRESS", points.node)
    apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=tests-cluster", "-f", "-"]
    output([*kubectl, *apply], stdin=text)


def simulate_gpus(kubectl: tuple[str, ...], places: Places, count: int) -> None:
    """Give the node `count` GPUs that do not exist; a restarted kubelet forgets them, a running one keeps them."""
    name = node.node_name(places)
    labels = [f"nvidia.com/gpu.count={count}", "nvidia.com/gpu.product=Simulated-GPU", "nvidia.com/gpu.memory=16384"]
    output([*kubectl, "label", "--overwrite", "node", name, *labels])
    amounts = {"capacity": {GPU: str(count)}, "allocatable": {GPU: str(count)}}
    patch = json.dumps({"status": amounts})
    output([*kubectl, "patch", "node", name, "--subresource=status", "--type=strategic", "-p", patch])
