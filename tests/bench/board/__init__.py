"""What the page and its server cost: `python -m tests.bench.board`."""
