"""The agent itself: custom resources and decisions, without kopf and without a Kubernetes client."""
