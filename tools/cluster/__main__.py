"""The command line: `python -m tools.cluster up | images | down | status | kubeconfig`."""

from __future__ import annotations

import argparse
import fcntl
import sys
from collections.abc import Callable, Sequence

from tools.cluster import addons, existing, kind, product, removal
from tools.cluster.cluster import STEPS, Cluster
from tools.cluster.commands import ClusterError
from tools.cluster.control_plane import ControlPlane
from tools.cluster.places import DEFAULT_NAME, Places
from tools.cluster.progress import Progress

_AGAIN = """Once that is mended, run the same command again: it goes on from here.
`python -m tools.cluster down --name {name}` takes away what there is, to start from nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    places = Places.of(options.name or ("api" if options.profile == "api" else DEFAULT_NAME))
    commands: dict[str, Callable[[argparse.Namespace, Places], int]] = {
        "up": _up,
        "images": _images,
        "down": _down,
        "status": _status,
        "kubeconfig": _kubeconfig,
    }
    try:
        places.home.parent.mkdir(parents=True, exist_ok=True)
        with (places.home.parent / f"{places.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return commands[options.command](options, places)
    except (ClusterError, ValueError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.cluster", description="A real Kubernetes on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    helps = {
        "up": "start the cluster, or mend it; quick when it runs",
        "images": "build the product's images and bring them into the cluster; quick when nothing changed",
        "down": "take the cluster away with its data; builds and images stay cached",
        "status": "say what runs; exit status 1 unless everything does",
        "kubeconfig": "print the path of the kubeconfig",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--name", help=f"the cluster's name (default {DEFAULT_NAME}; profile api: api)")
        command.add_argument("--profile", choices=("full", "api"), default="full", help="api: a control plane, no node")
        if name == "up":
            command.add_argument("--gpus", type=int, default=2, help="simulated GPUs of the node (default 2)")
            command.add_argument("--without", type=_names, default=(), help="leave out: kwok,prometheus")
    return parser


def _names(text: str) -> tuple[str, ...]:
    names = tuple(word for word in text.split(",") if word)
    unknown = sorted(set(names) - set(addons.OPTIONAL))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(addons.OPTIONAL)}")
    return names


def _up(options: argparse.Namespace, places: Places) -> int:
    if options.profile == "api":
        plane = ControlPlane(places.name)
        plane.start()
        print(f"audit log: {plane.audit_log}\nexport KUBECONFIG={plane.kubeconfig}")
        return 0
    if existing.wanted():
        print(f"export KUBECONFIG={existing.check()}")
        return 0
    progress = Progress(STEPS)
    if kind.usable():
        kind.up(places)
    else:
        cluster = Cluster(places, gpus=options.gpus, without=options.without)
        try:
            cluster.up(progress)
        except ClusterError as error:
            raise ClusterError(f"{error}\n{_AGAIN.format(name=places.name)}") from error
        if addons.PROMETHEUS not in options.without:
            print(f"Prometheus: {cluster.prometheus_url}")
        print(f"audit log: {places.audit_log}\nlogs: {places.logs}")
    print(f"kubectl: {places.shown / 'bin' / 'kubectl'}\nready after {progress.elapsed:.1f} s")
    print(f"export KUBECONFIG={places.kubeconfig}")
    return 0


def _images(options: argparse.Namespace, places: Places) -> int:
    if options.profile == "api":
        raise ClusterError("a control plane of profile api has no node, and no use for images")
    if existing.wanted():
        names = ", ".join(image.name for image in product.IMAGES)
        print(f"IDLA_CLUSTER=existing: nothing is built; its nodes must be able to pull {names}")
        return 0
    progress = Progress(product.IMAGE_STEPS)
    product.ensure_images(places, progress)
    print(f"images ready after {progress.elapsed:.1f} s")
    return 0


def _down(options: argparse.Namespace, places: Places) -> int:
    if options.profile == "full" and existing.wanted():
        print("IDLA_CLUSTER=existing: that cluster is not ours to take away")
        return 0
    if kind.exists(places):
        kind.down(places)
    removal.remove(places)
    return 0


def _status(options: argparse.Namespace, places: Places) -> int:
    if options.profile == "full" and existing.wanted():
        print(f"existing cluster, reachable with {existing.check()}")
        return 0
    if not places.home.exists():
        print(f"{places.name}: not there; `python -m tools.cluster up` makes it")
        return 1
    if places.is_control_plane:
        plane = ControlPlane(places.name)
        rows = [(name, "running" if plane.alive(name) else "DEAD") for name in plane.components]
        ready = all(plane.alive(name) for name in plane.components)
    else:
        cluster = Cluster(places)
        rows, ready = cluster.status(), cluster.ready()
    for name, state in rows:
        print(f"{name:<26}{state}")
    print(f"{places.name}: {'ready' if ready else 'NOT READY; `python -m tools.cluster up` mends it'}")
    return 0 if ready else 1


def _kubeconfig(options: argparse.Namespace, places: Places) -> int:
    if options.profile == "full" and existing.wanted():
        print(existing.check())
    elif places.is_control_plane:
        print(ControlPlane(places.name).kubeconfig)
    else:
        print(places.kubeconfig)
    return 0


if __name__ == "__main__":
    sys.exit(main())
