"""The networks that the trainer can build, each with typed hyperparameters; Keras is imported when one is built."""
