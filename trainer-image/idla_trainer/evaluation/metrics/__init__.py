"""Metrics of predictions, in numpy alone."""
