"""One key at a time: gather, let the core decide, apply."""
