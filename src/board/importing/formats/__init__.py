"""One reader for each format, all into the same records."""
