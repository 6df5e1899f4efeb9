"""Records of numbers and categories: a class or a number each."""
