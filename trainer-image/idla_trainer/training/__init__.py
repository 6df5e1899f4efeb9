"""One training loop, resumable after every batch."""
