"""Every figure of a bench can miss its goal, and a bench that measured nothing says so."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests import bench

BENCHES = sorted(Path(bench.__file__).parent.rglob("*.py"))


@pytest.fixture(autouse=True)
def fresh_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_judged", [])


def calls_of(name: str) -> list[tuple[Path, ast.Call]]:
    return [
        (path, node)
        for path in BENCHES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_no_figure_is_judged_by_a_constant() -> None:
    calls = [(path, call) for path, call in calls_of("report") if path.name != "__init__.py"]
    assert len(calls) > 50
    for path, call in calls:
        given = dict(zip(("figure", "value", "unit", "goal", "holds"), call.args, strict=False))
        judged = given.get("holds") or next(word.value for word in call.keywords if word.arg == "holds")
        constant = isinstance(judged, ast.Constant)
        is_failure = (
            isinstance(judged, ast.Constant) and judged.value is False
        )  # a part that cannot be measured misses its goal
        assert not constant or is_failure, f"{path.name}:{call.lineno} judges by {ast.unparse(judged)}; use `shown`"


def test_every_bench_ends_with_its_verdict() -> None:
    mains = {path for path in BENCHES if path.name == "__main__.py" or "def main()" in path.read_text(encoding="utf-8")}
    assert len(mains) == 6
    assert {path for path, _ in calls_of("verdict")} == mains


def test_a_goal_that_is_missed_or_never_measured_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.verdict() == 1
    bench.report("time", 1.0, "s", "≤ 2", True)
    bench.shown("size", 3, "MB")
    bench.report("too short to judge", 3, "s", "≤ 2", None)
    assert bench.verdict() == 0
    bench.report("largest difference", 0.0, "nats", "≤ 2e-5", True, sample=0)
    assert bench.verdict() == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["holds"] for line in lines] == [False, True, None, None, True, False, False]
    assert lines[-1]["figure"] == "1 of 2 goals met"


@pytest.mark.torch
def test_the_engines_bench_misses_its_goals_if_every_model_goes_the_stock_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evaluator.engine.selfcheck import Choice
    from tests.bench.engine import exactness
    from tests.evaluator.engine.zoo import FAMILIES, PLAIN

    def figures() -> dict[str, Any]:
        monkeypatch.setattr(bench, "_judged", [])
        exactness.exactness(quick=True)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return {line["figure"]: line["holds"] for line in lines}

    monkeypatch.setattr(exactness, "FAMILIES", {name: FAMILIES[name] for name in PLAIN})
    held = figures()
    assert [name for name, holds in held.items() if not holds] == ["families whose answers were compared"]  # only four
    monkeypatch.setattr("evaluator.engine.selfcheck.choose_shape", lambda *_, **__: Choice("stock", "it is swapped"))
    assert not any(figures().values())
    assert bench.verdict() == 1
