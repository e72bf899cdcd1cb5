"""The house's arrows: app.py → src.ui → src.board → src.core ← evaluator, and what each room may not know."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SHARED = ("evaluator.fence", "evaluator.job", "evaluator.run_files", "evaluator.settings", "evaluator.task_facts")
EVALUATOR = (
    *("evaluator.cluster", "evaluator.worker", "evaluator.run", "evaluator.child", "evaluator.engine", "evaluator.box"),
    "evaluator.served",
    *SHARED,
)

# room → the rooms it may import from; the longest matching name counts
ARROWS = {
    "app": {"src", "src.settings", "src.commands", "src.ui", "src.board", "src.core"},
    "src.commands": {"src.settings", "src.commands", "src.ui", "src.board", "src.core", "evaluator"},
    "src.ui": {"src.settings", "src.ui", "src.board", "src.core"},
    "src.board": {"src.settings", "src.board", "src.core"},
    "src.settings": {"src.core"},
    "src.sample": {"src.sample", "src.core"},
    "src.core": {"src.core"},
    # the parent: worker → run; what it starts, the child, never imports it
    "evaluator": {"evaluator", *EVALUATOR, "src.core"},
    "evaluator.cluster": {"evaluator", *EVALUATOR, "src.core"},
    "evaluator.worker": {"evaluator.run", "evaluator.box", *SHARED, "src.core"},
    "evaluator.run": {"evaluator.child", "evaluator.engine", "evaluator.box", "evaluator.served", *SHARED, "src.core"},
    "evaluator.served": {*SHARED, "src.core"},
    "evaluator.child": {"evaluator.engine", *SHARED, "src.core"},
    "evaluator.box": {*SHARED, "src.core"},
    "evaluator.engine": {"src.core"},
    # what parent and child have in common
    "evaluator.fence": {"src.core"},
    "evaluator.settings": {"src.core"},
    "evaluator.task_facts": {"src.core"},
    "evaluator.job": {"evaluator.task_facts", "src.core"},
    "evaluator.run_files": {"evaluator.job", "src.core"},
}

# package → the rooms that alone may import it
OWNERS = {
    "gradio": ("src.ui",),
    "lm_eval": (
        *("evaluator.child.harness", "evaluator.child.harness_tasks", "evaluator.child.served_model"),
        "evaluator.child.tries",
        "evaluator.engine",
    ),
    "httpx": ("evaluator.served",),
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


def test_no_module_imports_itself_through_others() -> None:
    """Imports within functions and for type checkers count: a module must be readable without those that use it."""
    graph = {module: {name for name in imports(path) if name in MODULES} - {module} for module, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


@pytest.mark.parametrize("module", MODULES)
def test_a_package_is_imported_only_where_it_belongs(module: str) -> None:
    for name in imports(MODULES[module]):
        owners = OWNERS.get(name.partition(".")[0])
        allowed = owners is None or any(f"{module}.".startswith(f"{owner}.") for owner in owners)
        assert allowed, f"{module} imports {name}; only {', '.join(owners or ())} may"


def test_every_import_is_a_requirement_or_comes_with_python() -> None:
    """Every package that src imports is in requirements.in by its own name: a Space installs nothing else."""
    required = {
        re.split(r"[<>=\[]", line)[0].strip()
        for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        if not line.startswith(("#", "-"))
    }
    distributions = {"yaml": "pyyaml", "markdown_it": "markdown-it-py", "PIL": "pillow"}
    imported = {
        name.partition(".")[0]: module
        for module, path in MODULES.items()
        if not module.startswith("evaluator")
        for name in imports(path)
    }
    ours = {*sys.stdlib_module_names, "src", "evaluator", "app"}
    missing = {
        f"{module} imports {top}"
        for top, module in imported.items()
        if top not in ours and distributions.get(top, top.replace("_", "-")) not in required
    }
    assert not missing, ", ".join(sorted(missing))
