"""What developers and CI run around the product; nothing of the product imports it."""
