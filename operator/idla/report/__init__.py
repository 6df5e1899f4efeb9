"""What a status says: to people as lines and a report, to programs as a document and an exit code."""
