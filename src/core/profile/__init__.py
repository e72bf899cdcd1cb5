"""What makes a board somebody's own: the dataset `board`, with `board.toml`, `about.md`, a logo and suites."""
