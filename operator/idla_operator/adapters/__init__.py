"""Input and output, without decisions. The only package that imports a client of Kubernetes or Prometheus."""
