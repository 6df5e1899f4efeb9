"""The operator's plan as processes on one machine: the same decisions, the same task specs, no cluster."""
