"""Gather, let the core decide, apply: for one key at a time, from a keyed queue."""
