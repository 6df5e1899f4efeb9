"""The artifact: which files it has and how each is laid out, for whoever makes, measures and serves one."""
