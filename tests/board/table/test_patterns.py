"""Patterns of the search box: the server and the browser match the same names and refuse the same patterns."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from src.board.table.query import Query, run
from src.board.table.rows import Rows
from src.board.table.search import parse

ROOT = Path(__file__).parents[3]
TABLE = json.loads((ROOT / "tests/data/pattern_cases.json").read_text(encoding="utf-8"))


def rows(names: list[str]) -> Rows:
    frame = pd.DataFrame({"model": names, "precision": "bfloat16", "revision": "0" * 40, "average": 1.0})
    frame["id"] = frame["model"] + "~bfloat16"
    frame.attrs["suite"] = "open-llm-v2"
    return Rows(frame)


def matches(table: Rows, pattern: str) -> list[int] | None:
    """The places of the names that a pattern matches; None if it is refused."""
    selection = run(table, Query(q=f"/{pattern}/"))
    return None if selection.problem else sorted(selection.rows.tolist())


@pytest.mark.parametrize("case", [case for case in TABLE["cases"] if case["pattern"]], ids=lambda case: case["pattern"])
def test_a_pattern_matches_the_names_it_should(case: dict) -> None:
    assert matches(rows(TABLE["names"]), case["pattern"]) == case["matches"]


@pytest.mark.parametrize("pattern", [r"\C", r"\pL{1000}", "(?P<n>a)", "(a{99}){99}"])
def test_a_pattern_that_is_not_supported_says_what_to_avoid(pattern: str) -> None:
    assert "uses \\B, \\C, \\p or a named group, or repeats too much" in (parse(f"/{pattern}/").problem or "")


ATOMS = (
    *["a", "b", "B", "1", "-", ".", "^", "$", "|", "(a|b)", "(?:ab)", "()", "{", "}", "]", "(", ")", "[", "*", "\\"],
    *["[ab]", "[^a]", "[a-c1]", "[^\\d-]", "[[:alpha:]]", "[[:^digit:]]", "[]]", "[+-[]", "[é-ü]", "[z-a]", "[\\w-]"],
    *["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\C", "\\pL", "\\x41", "\\x{3b1}"],
    *["\\Q.\\E", "\\n", "\\1", "\\.", "\\/", "\\_", "\\a", "\\07", "(?i)", "(?s)", "(?-i)a", "(?i:b)", "(?U)", "(?m)"],
    *["(?P<n>a)", "(?<n>b)", "(?=a)", "(?!b)", "(?#c)", "(?x)", "é", "ß", "ſ", "K", "α", "a{1001}", "(a{30}){40}"],
)
REPEATS = ("", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "{3,2}", "*?", "??", "**")
SIGNS = [*"aabb11cA-._/ xé(){}[]'", "ß", "É", "α", "K", "ſ", "İ", "z"]

MATCH = """
import { readFileSync } from "node:fs";
import { fetchEngine } from "./assets/table/pattern.js";
import { parse } from "./assets/table/search.js";
await fetchEngine(new URL("assets/vendor/re2js/re2js.js", `file://${process.cwd()}/`).href);
const { patterns, names } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(patterns.map((pattern) => {
  const { alternatives: [[term] = []], problem } = parse(`/${pattern}/`);
  return problem ? null : names.flatMap((name, at) => (term.pattern.test(name) ? [at] : []));
})));
"""


def test_random_patterns_match_the_same_names_on_the_server_and_in_the_browser() -> None:
    node = shutil.which("node") or pytest.skip("Node is not installed")
    chance = random.Random(7)
    names = sorted({"".join(chance.choices(SIGNS, k=chance.randint(1, 9))).lower() for _ in range(40)})
    patterns = sorted(
        {
            "".join(chance.choice(ATOMS) + chance.choice(REPEATS) for _ in range(chance.randint(1, 4)))
            for _ in range(1500)
        }
    )
    asked = json.dumps({"patterns": patterns, "names": names})
    ran = subprocess.run(
        [node, "--input-type=module", "-e", MATCH],
        cwd=ROOT,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    in_browser = dict(zip(patterns, json.loads(ran.stdout), strict=True))
    table = rows(names)
    assert {pattern: matches(table, pattern) for pattern in patterns} == in_browser
    supported = [found for found in in_browser.values() if found is not None]
    assert len(supported) > 300
    assert any(0 < len(found) < len(names) for found in supported)
