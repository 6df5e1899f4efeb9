"""What is asked for, which models may reach it, and the plan to get there."""
