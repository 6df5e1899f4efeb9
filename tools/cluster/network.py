"""The node's network: a namespace of its own, a link to the machine, and a way out of it.

Everything that runs on the node (etcd to kube-proxy) runs inside the namespace, so that kube-proxy's rules, the pods'
links and every port are the cluster's own, several clusters stand side by side, and all of it goes with the namespace.
On the machine itself there are: one link, two routes, one masquerading rule, and forwarding switched on.
"""

from __future__ import annotations

import json
from pathlib import Path

from tools.cluster.commands import ClusterError, output, succeeds, wait_until
from tools.cluster.places import Addresses, Places
from tools.waiting import PATIENCE

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# What a kubelet sets on the machine for good (it wants them so), put back by `down`.
_KUBELET_SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")


def enter(places: Places) -> tuple[str, ...]:
    """Return the words that run a command in the node's network (and only there: mounts and pids are the machine's)."""
    return ("nsenter", f"--net={places.netns}")


def link_name(points: Addresses) -> str:
    """Return the name of the machine's end of the link."""
    return f"idla{points.index}"


def exists(places: Places, points: Addresses) -> bool:
    """Return whether the namespace and its link stand."""
    inside = succeeds([*enter(places), "ip", "link", "show", "eth0"])
    return inside and succeeds(["ip", "link", "show", link_name(points)])


def ensure(places: Places, points: Addresses) -> None:
    """Make what is missing. Processes of a network that was made anew are useless: stop them first."""
    _remember_settings(places)
    _FORWARDING.write_text("1")
    if not exists(places, points):
        remove(places, points)
        _make(places, points)
    rule = _masquerade(points)
    if not succeeds(["iptables", "-w", "-t", "nat", "-C", *rule]):
        output(["iptables", "-w", "-t", "nat", "-A", *rule])


def remove(places: Places, points: Addresses) -> None:
    """Remove namespace, link, routes and rule; nothing may run in the namespace any more."""
    if _is_mounted(places.netns):
        output(["umount", places.netns])
    places.netns.unlink(missing_ok=True)
    link = link_name(points)
    succeeds(["ip", "link", "del", link])  # takes its routes along; the kernel may have taken it with the namespace
    wait_until(lambda: not succeeds(["ip", "link", "show", link]), PATIENCE, lambda: f"link {link} does not go away")
    while succeeds(["iptables", "-w", "-t", "nat", "-D", *_masquerade(points)]):
        pass


def restore_settings(places: Places) -> None:
    """Put the kernel's settings back, unless another cluster still needs them."""
    saved = places.home / "kernel.json"
    if not saved.exists():
        return
    if not any(other != places.run for other in places.run.parent.glob("*") if (other / "netns").exists()):
        for name, value in json.loads(saved.read_text()).items():
            (Path("/proc/sys") / name).write_text(value)
    saved.unlink()


def _make(places: Places, points: Addresses) -> None:
    places.run.mkdir(parents=True, exist_ok=True)
    places.netns.touch()
    output(["unshare", f"--net={places.netns}", "true"])
    mtu = _mtu()
    link = link_name(points)
    peer: list[str | Path] = ["peer", "name", "eth0", "mtu", mtu, "netns", places.netns]
    output(["ip", "link", "add", link, "mtu", mtu, "type", "veth", *peer])
    output(["ip", "address", "add", f"{points.machine}/24", "dev", link])
    output(["ip", "link", "set", link, "up"])
    inside = enter(places)
    output([*inside, "ip", "address", "add", f"{points.node}/24", "dev", "eth0"])
    output([*inside, "ip", "link", "set", "lo", "up"])
    output([*inside, "ip", "link", "set", "eth0", "up"])
    output([*inside, "ip", "route", "add", "default", "via", points.machine])
    output([*inside, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
    for network in (points.pods, points.services):
        output(["ip", "route", "replace", network, "via", points.node])


def _masquerade(points: Addresses) -> list[str]:
    comment = ["-m", "comment", "--comment", f"idla cluster {points.index}"]
    return ["POSTROUTING", "-s", points.nodes, "!", "-d", points.nodes, *comment, "-j", "MASQUERADE"]


def _mtu() -> str:
    """Return the MTU of the machine's way out, which pods' packets must fit; 1500 where there is none."""
    try:
        routes = json.loads(output(["ip", "-json", "route", "show", "default"]))
        links = json.loads(output(["ip", "-json", "link", "show", routes[0]["dev"]]))
    except (ClusterError, IndexError, KeyError):
        return "1500"
    return str(min(1500, int(links[0]["mtu"])))


def _remember_settings(places: Places) -> None:
    """Note the settings before the first cluster of this machine changes them; a later one copies the first's notes."""
    saved = places.home / "kernel.json"
    if saved.exists():
        return
    names = [*_KUBELET_SETTINGS, "net/ipv4/ip_forward"]
    others = list(places.home.parent.glob("*/kernel.json"))
    text = others[0].read_text() if others else json.dumps({name: _setting(name) for name in names})
    places.home.mkdir(parents=True, exist_ok=True)
    saved.write_text(text)


def _setting(name: str) -> str:
    return (Path("/proc/sys") / name).read_text().strip()


def _is_mounted(path: Path) -> bool:
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return any(line.split()[1] == str(path) for line in mounts)
