"""What to do for a ModelDeployment, and what its status says."""
