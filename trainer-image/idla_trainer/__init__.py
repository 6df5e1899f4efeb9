"""The training pods: profile, train, compress, evaluate, verify and publish with TensorFlow."""
