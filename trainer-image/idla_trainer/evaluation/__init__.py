"""How good a model is: its metrics, and two models compared on the same examples."""
