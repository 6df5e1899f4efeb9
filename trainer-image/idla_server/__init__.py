"""The serving pods: Open Inference Protocol v2 on LiteRT, without TensorFlow."""

__version__ = "0.1.0"
"""As in `pyproject.toml`, which the image does not hold."""
