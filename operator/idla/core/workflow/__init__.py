"""What to do for a TrainingWorkflow, and what its status says."""
