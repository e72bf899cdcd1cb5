"""What is installed is what was tested: ranges in the .in files, one set of exact versions in the .txt beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from src.settings import ROOT
from tools.compile_requirements import CUDA, SOURCES, TORCH

PYTHONS = ("3.11", "3.12", "3.13")
COMPILED = [source.replace(".in", ".txt") for source in SOURCES]


def lines(name: str) -> Iterator[str]:
    """Yield the lines of a requirements file that are neither comments nor empty; `-r` includes the other file's."""
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = line.partition(" #")[0].strip()
        if text.startswith("-r "):
            yield from lines(str((Path(name).parent / text[3:]).as_posix()))
        elif text and not text.startswith("#"):
            yield text


def requirements(name: str) -> list[Requirement]:
    return [Requirement(line) for line in lines(name)]


def applies(marker: Marker | None, python: str, platform: str = "linux") -> bool:
    return marker is None or marker.evaluate(
        {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": platform}
    )


def pins(name: str, python: str) -> dict[str, str]:
    """Return package → version of a compiled file, on Linux with this Python."""
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in requirements(name)
        if applies(each.marker, python)
    }


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_file_holds_exact_versions_and_nothing_else(name):
    for line in lines(name):
        assert re.match(r"^[A-Za-z0-9._-]+(\[[a-z0-9,-]+\])?==[^=*,<>]+?( ;.*)?$", line), line
        assert "://" not in line, line  # no index, no host


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_exact_versions_lie_within_the_ranges(source, python):
    exact = pins(source.replace(".in", ".txt"), python)
    for each in requirements(source):
        version = exact.get(canonicalize_name(each.name))
        assert version, f"{each.name} is not compiled: run tools/compile_requirements.py"
        assert each.specifier.contains(version), f"{each} allows no {version}: run tools/compile_requirements.py"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_files_are_one_set(python):
    """Installing a second file into the same environment moves no version of the first."""
    seen: dict[str, str] = {}
    for name in COMPILED:
        for package, version in pins(name, python).items():
            assert seen.setdefault(package, version) == version, f"{package} differs in {name}"


@pytest.mark.parametrize("name", COMPILED)
def test_no_file_fetches_torchs_parts_for_graphics_cards(name):
    assert [each.name for each in requirements(name) if CUDA.match(each.name)] == []


def test_torch_is_pinned_by_number_alone_and_never_for_the_board():
    assert TORCH in lines("evaluator/requirements.txt")
    assert not any("torch" in line for name in ("requirements.txt", "tests/requirements.txt") for line in lines(name))


def test_the_board_requires_only_what_it_imports():
    names = {"pyyaml": "yaml", "markdown-it-py": "markdown_it", "pillow": "PIL"}
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    unused = [
        each.name
        for each in requirements("requirements.in")
        if not re.search(rf"^\s*(import|from) {names.get(each.name, each.name.replace('-', '_'))}\b", sources, re.M)
        and f'engine="{each.name}"' not in sources  # pandas imports its reader of spreadsheets by name
    ]
    assert unused == []


def test_the_readme_names_the_torch_that_is_pinned():
    assert TORCH in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_space_runs_the_gradio_that_was_tested():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sdk_version = re.search(r"^sdk_version: (.+)$", readme, re.MULTILINE)
    assert sdk_version
    assert pins("requirements.txt", "3.11")["gradio"] == sdk_version[1]
