"""What the cluster has: whether it could run what is planned."""
