"""Images: their files, and one class each."""
