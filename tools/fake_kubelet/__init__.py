"""A simulated node: plays the kubelet for the pods of our Jobs and Deployments, so that the whole way runs in seconds.

Everything else is real: API server, Job controller, Deployment controller, garbage collector. Tasks answer with
recorded results by the kind of their first step; they can be held, made to fail, or lost.
"""

from tools.fake_kubelet.node import FakeKubelet
from tools.fake_kubelet.rest import Rest

__all__ = ["FakeKubelet", "Rest"]
