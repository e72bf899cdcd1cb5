"""Markup from data: one function, and everything that passes through it is escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

VOID = frozenset({"base", "br", "hr", "img", "input", "link", "meta", "col", "wbr"})
SAFE_URL = re.compile(r"(?:https?://|mailto:|(?![a-z][a-z0-9+.-]*:))", re.IGNORECASE)
IGNORED = re.compile(r"[\x00-\x20]")  # browsers read "java\nscript:" as one word
URLS = frozenset({"href", "src", "action", "poster"})


def h(tag: str, attrs: Mapping[str, Any] | None = None, *children: Any) -> Markup:
    """`<tag attrs>children</tag>`, every value and child escaped unless it came from here.

    A child or attribute that is None or False is left out; an attribute that is True stands bare; a list or tuple among
    the children is their sequence. An address that is neither relative nor http(s) nor mailto is left out: a name may
    hold `javascript:`.
    """
    written = Markup("").join(_attribute(name, value) for name, value in (attrs or {}).items())
    if tag in VOID:
        return Markup(f"<{tag}{written}>")
    # written together rather than by Markup.format, which costs ten times as much: all parts are escaped by now
    return Markup(f"<{tag}{written}>{join(*children)}</{tag}>")


def join(*children: Any) -> Markup:
    """The children one after another, escaped where they are not markup."""
    return Markup("").join(_child(child) for child in children)


def coded(text: str) -> Markup:
    """A sentence whose parts between backticks are commands or names."""
    parts = re.split(r"`([^`]*)`", text)
    return join(*(h("code", {"translate": "no"}, part) if at % 2 else part for at, part in enumerate(parts)))


def _child(child: Any) -> Markup:
    if child is None or child is False:
        return Markup("")
    if isinstance(child, (list, tuple)):
        return join(*child)
    return escape(child)


def _attribute(name: str, value: Any) -> Markup:
    if value is None or value is False:
        return Markup("")
    if value is True:
        return Markup(f" {escape(name)}")
    if name in URLS and not SAFE_URL.match(IGNORED.sub("", str(value))):
        return Markup("")
    return Markup(f' {escape(name)}="{escape(str(value))}"')
