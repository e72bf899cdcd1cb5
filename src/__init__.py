"""The leaderboard: shared vocabulary (core), what a reader gets (board), the pages (ui), the commands."""

__version__ = "3.0.0"
