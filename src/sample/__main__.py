"""`python -m src.sample [FOLDER]`: write the made-up board, into assets/sample where no folder is named."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from src.sample.board import files

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "sample"


def main() -> None:
    """Write the made-up board."""
    parser = argparse.ArgumentParser(prog="python -m src.sample", description="Write the made-up board.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder: Path = parser.parse_args().folder
    if folder == FOLDER:
        shutil.rmtree(folder, ignore_errors=True)
    size = 0
    for path, data in files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        size += len(data)
    print(f"{folder}: {size / 1000:,.0f} KB")


if __name__ == "__main__":
    main()
