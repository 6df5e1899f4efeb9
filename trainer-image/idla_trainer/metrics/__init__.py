"""How good answers are: pure functions of targets and served values, for every field."""
