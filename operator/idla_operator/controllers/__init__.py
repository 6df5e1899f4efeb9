"""Gather, let the core decide, carry out: for one key at a time, from a keyed queue."""
