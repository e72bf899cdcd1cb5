"""Whether a repository's weights, by the names in their headers, are those that transformers asks for."""
