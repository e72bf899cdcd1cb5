"""The queue: what waits, what runs and where, what finished, and what failed with the reason and what to do."""
