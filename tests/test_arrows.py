"""The house's arrows: app.py → src.ui → src.board → src.core ← evaluator, and what each room may not know."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# room → the rooms it may import from; the longest matching name counts
ARROWS = {
    "app": {"src", "src.settings", "src.commands", "src.ui", "src.board", "src.core"},
    "src.commands": {"src.settings", "src.commands", "src.ui", "src.board", "src.core", "evaluator"},
    "src.ui": {"src.settings", "src.ui", "src.board", "src.core"},
    "src.board": {"src.settings", "src.board", "src.core"},
    "src.settings": {"src.core"},
    "src.sample": {"src.sample", "src.core"},
    "src.core": {"src.core"},
    "evaluator": {"evaluator", "src.core"},
}

# package → the rooms that alone may import it
OWNERS = {
    "gradio": ("src.ui",),
    "lm_eval": ("evaluator.harness", "evaluator.engine"),
    "torch": ("evaluator",),
    "transformers": ("evaluator",),
    "starlette": ("src.ui", "src.board.api"),
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in (ROOT / "app.py", *sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "evaluator").rglob("*.py"))):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def imports(path: Path) -> Iterator[str]:
    """Every module that `path` names in an import, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            if node.module in ("src", "evaluator"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str | None:
    return max((room for room in ARROWS if f"{module}.".startswith(f"{room}.")), key=len, default=None)


MODULES = dict(modules())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_along_the_arrows(module: str) -> None:
    room = room_of(module)
    if room is None:
        assert module in {"src"}, f"{module} lies in no room; give it one in ARROWS"
        return
    for name in imports(MODULES[module]):
        if name in {"src", "evaluator"}:
            continue
        to = room_of(name)
        assert to is None or to == room or to in ARROWS[room], f"{module} imports {name}, against the arrows"


@pytest.mark.parametrize("module", MODULES)
def test_a_package_is_imported_only_where_it_belongs(module: str) -> None:
    for name in imports(MODULES[module]):
        owners = OWNERS.get(name.partition(".")[0])
        allowed = owners is None or any(f"{module}.".startswith(f"{owner}.") for owner in owners)
        assert allowed, f"{module} imports {name}; only {', '.join(owners or ())} may"


def test_every_import_is_a_requirement_or_comes_with_python() -> None:
    """What src imports must be in requirements.txt, since a Space installs nothing else."""
    wanted = {line.split(">")[0].split("[")[0].split("=")[0].strip() for line in _lines("requirements.txt")}
    named = {
        "re2": "google-re2",
        "huggingface_hub": "huggingface-hub",
        "yaml": "huggingface-hub",
        "markdown_it": "markdown-it-py",
    }
    with_others = {
        "numpy": "pandas",
        "pydantic": "gradio",
        "starlette": "gradio",
        "fastapi": "gradio",
        "httpx": "gradio",
        "orjson": "gradio",
    }
    missing = set()
    for module, path in MODULES.items():
        if module.startswith("evaluator"):
            continue
        for name in imports(path):
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or top in ("src", "evaluator", "app"):
                continue
            if named.get(top, with_others.get(top, top)) not in wanted:
                missing.add(f"{module} imports {top}")
    assert not missing, ", ".join(sorted(missing))


def _lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith(("#", "-"))]
