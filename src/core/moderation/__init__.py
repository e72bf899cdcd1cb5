"""What operators decide about rows: write-once entries in the dataset `board`, and what they do to a frame."""
