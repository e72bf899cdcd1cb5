"""One version number: in the code, in the changelog and in the citation."""

from __future__ import annotations

from pathlib import Path

import yaml

from src import __version__

ROOT = Path(__file__).resolve().parents[1]


def test_the_changelog_begins_with_the_version_of_the_code() -> None:
    entries = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert entries[0].split()[1] == __version__


def test_the_citation_names_the_version_of_the_code() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
