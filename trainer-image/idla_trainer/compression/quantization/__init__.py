"""Fewer bits for weights and activations: learned, folded, and converted to LiteRT."""
