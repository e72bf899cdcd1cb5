"""Modules made one file keep what they mean."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from src.ui.web.bundle import bundle


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "main.js"


def test_modules_with_like_names_stay_apart_and_the_exports_are_those_of_the_first(tmp_path: Path) -> None:
    node = shutil.which("node") or pytest.skip("Node is not at hand")
    entry = write(
        tmp_path,
        main='import { twice } from "./double.js";\nimport { name as other } from "./words.js";\n'
        'const name = "main";\nexport const parts = () => [name, other, twice(21)];\n',
        double='import { name } from "./words.js";\nexport function twice(n) {\n  return name ? 2 * n : 0;\n}\n',
        words='export const name = "words";\n',
    )
    one = tmp_path / "one.mjs"
    one.write_text(bundle(entry))
    script = f'import("{one}").then(m => console.log(JSON.stringify([Object.keys(m), m.parts()])))'
    ran = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True, timeout=300)
    assert json.loads(ran.stdout) == [["parts"], ["main", "words", 42]]


def test_a_circle_is_refused_by_name(tmp_path: Path) -> None:
    entry = write(tmp_path, main='import { a } from "./other.js";\n', other='import { b } from "./main.js";\n')
    with pytest.raises(ValueError, match="main → other → main"):
        bundle(entry)


def test_an_export_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="export default"):
        bundle(write(tmp_path, main="export default 3;\n"))
