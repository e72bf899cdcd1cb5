"""The API's description as a page to read: made from the OpenAPI description, without a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

STYLE = Markup(
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "body{color:#1b1f24;background:#fff}"
    "h2{margin-top:2.5rem}code{font-size:.95em}table{border-collapse:collapse;width:100%}"
    "td{border-top:1px solid #d0d7de;padding:.25rem .75rem .25rem 0;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#7cb7ff}td{border-color:#30363d}}"
)


def reference(description: Mapping[str, Any], root: str) -> str:
    """Return one HTML page: every address, what it gives, and its parameters."""
    parts = [
        Markup(
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            "<title>{0}: API</title><style>{1}</style><h1>{0}: API</h1>"
        ).format(description["info"]["title"], STYLE)
    ]
    parts += [
        Markup("<p>{}</p>").format(line.removeprefix("* ")) for line in _lines(description["info"]["description"])
    ]
    parts.append(Markup('<p><a href="{0}/openapi.json">{0}/openapi.json</a></p>').format(root))
    for path, operations in description["paths"].items():
        operation = operations["get"]
        words = operation.get("description") or operation.get("summary", "")
        parts.append(Markup("<h2><code>GET {}{}</code></h2><p>{}</p>").format(root, path, words))
        rows = [
            Markup("<tr><td><code>{}</code></td><td>{}</td></tr>").format(each["name"], each.get("description", ""))
            for each in operation.get("parameters", [])
        ]
        parts.append(Markup("<table>{}</table>").format(Markup("").join(rows)) if rows else Markup(""))
    return str(Markup("").join(map(escape, parts)))


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]
