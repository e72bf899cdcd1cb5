"""Where a store keeps the tables of its suites."""

from __future__ import annotations

from datetime import date

from src.core import suites


def contents_path(suite: str) -> str:
    """Return the path of a suite's published table; the default suite's path is the one other tools read."""
    folder = "data" if suite == suites.DEFAULT else suite
    return f"contents/{folder}/train-00000-of-00001.parquet"


def history_path(suite: str, day: date) -> str:
    """Return the path of a suite's table as it was on `day`."""
    return f"history/{suite}/{day.isoformat()}.parquet"


def suite_of_path(path: str) -> str:
    """Return the name of the suite whose table is at `path` (the inverse of `contents_path`)."""
    folder = path.split("/")[1]
    return folder if folder in suites.names() else suites.DEFAULT
