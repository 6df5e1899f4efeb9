"""The desired children: pure functions from plain values to Kubernetes objects as raw dicts."""
