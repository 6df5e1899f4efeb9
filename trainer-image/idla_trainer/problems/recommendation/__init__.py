"""Users and items: ratings, or the next items of a user."""
