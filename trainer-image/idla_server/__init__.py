"""The serving pods: Open Inference Protocol v2 on LiteRT, without TensorFlow."""
