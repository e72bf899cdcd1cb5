"""What a model answered, item by item: where it is kept, how it is read, and what it tells of a score."""
