"""Networks for records."""
