"""What developers, CI, tests, benchmarks and the demonstration use around the product, which imports none of it."""
