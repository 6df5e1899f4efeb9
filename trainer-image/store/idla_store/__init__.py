"""Data and artifacts by URI: fetch, verify digests, publish whole or not at all."""
