"""The steps of a task, one module each; those that need TensorFlow are imported when they are due."""
