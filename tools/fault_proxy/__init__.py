"""A proxy between the operator and its API server that does what rules say to requests."""
