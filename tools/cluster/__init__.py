"""A real Kubernetes on this machine, with a container engine (kind) or without one (processes).

`python -m tools.cluster up` brings it up; see README.md beside this file. `ControlPlane` is the API server
alone, for tests and benchmarks that need a real one but no node.
"""

from tools.cluster.control_plane import ControlPlane
from tools.cluster.places import Places

__all__ = ["ControlPlane", "Places"]
