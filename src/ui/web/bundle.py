"""Modules of ours as one file: a first visit waits for one answer instead of one a module.

Each module becomes a function of its own, in the order in which they need one another. It reads the two forms this
project writes, `import { a, b as c } from "./x.js";` and `export` before a declaration, each at the start of a line.
"""

from __future__ import annotations

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./([\w-]+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|let|class|(?:async )?function) (\w+))", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(entry: Path) -> str:
    """Return the module at `entry` and all it imports, as one module with the same exports.

    Raises ValueError for modules that need one another in a circle, or for an import or export of another form.
    """
    modules: dict[str, str] = {}
    _add(entry, modules, ())
    exports = ", ".join(EXPORT.findall(entry.read_text(encoding="utf-8")))
    return "\n".join([*modules.values(), f"export const {{ {exports} }} = ${entry.stem};", ""])


def _add(path: Path, modules: dict[str, str], needed_by: tuple[str, ...]) -> None:
    if path.stem in modules:
        return
    if path.stem in needed_by:
        raise ValueError(f"Modules need one another in a circle: {' → '.join([*needed_by, path.stem])}.")
    text = path.read_text(encoding="utf-8")
    for _, stem in IMPORT.findall(text):
        _add(path.with_name(f"{stem}.js"), modules, (*needed_by, path.stem))
    exports = ", ".join(EXPORT.findall(text))
    body = EXPORT.sub(
        "", IMPORT.sub(lambda found: f"const {{ {found[1].replace(' as ', ': ')} }} = ${found[2]};", text)
    )
    if left := LEFT_OVER.search(body):
        raise ValueError(f"{path.name} imports or exports in a form that is not read here: {left[0]}")
    modules[path.stem] = f"const ${path.stem} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();"
