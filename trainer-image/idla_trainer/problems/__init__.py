"""The kinds of tasks, one module each: what an example is, what is learned, and how good it is."""
