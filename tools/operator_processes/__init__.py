"""The operator as processes and pods that tests and benchmarks start, watch and end."""
