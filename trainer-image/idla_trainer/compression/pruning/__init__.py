"""Less of a network: which channels, columns and rows may leave it, and which matter least."""
