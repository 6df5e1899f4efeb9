"""Which variants are good enough, measured and decided."""
