"""What objects of Kubernetes say, read from raw dicts; nothing is decided here."""
