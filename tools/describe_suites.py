"""Write the tables of docs/suites.md and docs/suite.schema.json: `python -m tools.describe_suites`."""

from __future__ import annotations

import json
from pathlib import Path

from src.core.suites.language import schema, tables

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- fields: written by tools/describe_suites.py -->\n", "<!-- /fields -->"


def described() -> dict[Path, str]:
    """Return file → its text as the language of suites is now."""
    page = DOCS / "suites.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    text = f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}"
    return {page: text, DOCS / "suite.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"}


if __name__ == "__main__":
    for path, text in described().items():
        path.write_text(text, encoding="utf-8")
