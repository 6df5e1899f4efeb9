"""Series in time: their next steps."""
