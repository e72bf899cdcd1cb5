"""The README's Python, run against the sample as it is served: what each line prints is what the README says."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.board.opening import open_sample
from src.board.snapshot import Board
from src.settings import ROOT, Settings
from src.ui.app import build_app, launch
from tests.e2e.conftest import free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = open_sample(tmp_path_factory.mktemp("cache"))
    assert store is not None
    board = Board(store, local=True)
    board.start()
    settings = Settings(port=free_port())
    demo = build_app(board, settings)
    launch(demo, board, settings, prevent_thread_lock=True, quiet=True)
    yield f"http://127.0.0.1:{settings.port}"
    board.stop()
    demo.close(verbose=False)


def test_the_readmes_python_prints_what_the_readme_says(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        text = block.replace(ADDRESS, url)
        test = doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0)
        assert len(test.examples) > 3
        told: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=told.append)
        assert runner.failures == 0, "".join(told)


def test_every_address_of_the_readmes_table_answers(url: str) -> None:
    import httpx

    paths = re.findall(r"`(/api/[^`]*)`", README.split("## Take the results")[1].split("In a notebook")[0])
    assert len(paths) >= 10
    for path in paths:
        asked = path.replace("ORG/NAME", "tidewater-ml/Estuary-7.62B")
        asked = asked.replace("A,B", "tidewater-ml/Estuary-7.62B,tidewater-ml/Estuary-7.62B-Instruct")
        answer = httpx.get(url + asked, timeout=60)
        assert answer.status_code == 200, path


def test_the_image_holds_what_a_space_holds_and_no_more() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (.*?) [\w./]+$", dockerfile, re.MULTILINE))
    assert set(" ".join(copied).split()) == {"requirements.txt", "app.py", "LICENSE", "README.md", "src", "assets"}
    ignored = Path(ROOT / ".dockerignore").read_text().split()
    assert {f"!{name}" for name in " ".join(copied).split()} | {"*", "**/__pycache__"} == set(ignored)
