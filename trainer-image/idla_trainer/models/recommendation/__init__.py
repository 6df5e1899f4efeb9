"""Networks for users and items."""
