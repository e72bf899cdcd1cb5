"""Take the README's screenshot of the sample board: `python -m tools.screenshot` (needs playwright and Chromium)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from src.board.live.opening import open_sample
from src.board.live.snapshot import Board
from src.settings import Settings
from src.ui.app import build_app, launch

FILE = Path(__file__).resolve().parents[1] / "docs" / "screenshot.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Serve the sample, take the picture, stop."""
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if browser is None:
        print("Chromium is missing: install it, for example with apt-get install chromium.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as cache, sync_playwright() as playwright:
        store = open_sample(Path(cache))
        assert store is not None
        board = Board(store, local=True)
        board.start()
        settings = Settings()
        running = launch(build_app(board, settings), board, settings)
        try:
            chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = chromium.new_page(viewport={"width": 1280, "height": 720})
            page.goto(running.url)
            page.wait_for_selector("[role=grid] [role=row]")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=FILE)
        finally:
            running.close()
            board.stop()
    print(FILE.relative_to(Path.cwd()) if FILE.is_relative_to(Path.cwd()) else FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
