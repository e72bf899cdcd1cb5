"""What the page and its server cost: `python -m tests.bench.board [--quick] [--only table,server,sync]`.

Every timing of the page is taken beside its peer, turn and turn about: an empty Gradio page, or `gr.Dataframe` holding
the same frame. The line is 20 Mbit/s with 40 ms; each page is opened in a fresh profile. "Painted" is the first moment
after the frame that holds the change.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tests.bench import shown, verdict
from tests.bench.board.server import server
from tests.bench.board.store import imported, sync
from tests.bench.board.table import table

ROWS = (4_576, 100_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4,576 rows and few turns, about a minute")
    parser.add_argument("--only", default="table,server,sync", help="which parts to run")
    args = parser.parse_args()
    parts = args.only.split(",")
    shown("load average (the smaller, the surer the seconds)", os.getloadavg()[0], "processes")
    with tempfile.TemporaryDirectory() as folder:
        for rows in ROWS[:1] if args.quick else ROWS:
            store = imported(rows, Path(folder) / str(rows))
            if "table" in parts:
                table(rows, store, args.quick)
            if "server" in parts:
                server(rows, store)
            if "sync" in parts:
                sync(rows, store)
    raise SystemExit(verdict())


if __name__ == "__main__":
    main()
