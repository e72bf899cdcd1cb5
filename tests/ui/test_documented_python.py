"""The Python in docs/api.md, run on the sample as it is served: each line prints what the document shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from src.settings import ROOT

DOCUMENT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860"


def test_the_documented_python_prints_what_the_document_shows(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        text = block.replace(ADDRESS, url)
        test = doctest.DocTestParser().get_doctest(text, {}, "docs/api.md", "docs/api.md", 0)
        assert len(test.examples) > 3
        printed: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=printed.append)
        assert runner.failures == 0, "".join(printed)


def test_every_address_in_the_documents_table_answers(url: str) -> None:
    import httpx

    paths = re.findall(r"`(/api/[^`]*)`", DOCUMENT.split("## Addresses")[1].split("## In a notebook")[0])
    assert len(paths) >= 10
    for path in paths:
        address = path.replace("ORG/NAME", "tidewater-ml/Estuary-7.62B")
        address = address.replace("A,B", "tidewater-ml/Estuary-7.62B,tidewater-ml/Estuary-7.62B-Instruct")
        answer = httpx.get(url + address, timeout=60)
        assert answer.status_code == 200, path


def test_the_image_holds_what_a_space_holds_and_no_more() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (.*?) [\w./]+$", dockerfile, re.MULTILINE))
    assert set(" ".join(copied).split()) == {"requirements.txt", "app.py", "LICENSE", "README.md", "src", "assets"}
    ignored = Path(ROOT / ".dockerignore").read_text().split()
    assert {f"!{name}" for name in " ".join(copied).split()} | {"*", "**/__pycache__"} == set(ignored)
