"""The templates: one folder, escaped by default, compiled once."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from src.ui.web import assets

FOLDER = Path(__file__).parents[1] / "templates"
SAFE_URL = re.compile(r"(?:https?://|mailto:|(?![a-z][a-z0-9+.-]*:))", re.IGNORECASE)
IGNORED = re.compile(r"[\x00-\x20]")  # browsers read "java\nscript:" as one word


@cache
def environment() -> Environment:
    """Return the one environment of all templates."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.globals["asset"] = assets.url
    made.filters["coded"] = coded
    made.filters["link"] = link
    return made


def render(template: str, /, **values: Any) -> Markup:
    """Return `template` filled with `values`. Whatever is not Markup is escaped; a missing value raises."""
    return Markup(environment().get_template(template).render(values))


def link(address: str) -> str:
    """Return an address that somebody else wrote, or "#" if it is neither relative nor http(s) nor mailto."""
    return address if SAFE_URL.match(IGNORED.sub("", str(address))) else "#"


def coded(text: str) -> Markup:
    """Return a sentence with the parts between backticks as code: commands and names."""
    parts = re.split(r"`([^`]*)`", text)
    return Markup("").join(
        Markup('<code translate="no">{}</code>').format(part) if at % 2 else escape(part)
        for at, part in enumerate(parts)
    )
