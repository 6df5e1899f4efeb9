"""The kinds of tasks, a package for each kind of data: what an example is, what is learned, and how good it is."""
