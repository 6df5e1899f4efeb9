"""What harms a model and stands in the data: pure functions that return sentences with figures and names."""
