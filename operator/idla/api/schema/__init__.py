"""The types as files: the CRDs and the reference, both generated."""
