"""Markup from data: everything is escaped, and no address can be a script."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from src.ui.html import h, join

EVIL = "\"'><script>alert(1)</script>&amp;"


def test_text_and_attributes_are_escaped() -> None:
    assert str(h("p", {"title": EVIL}, EVIL)) == (
        '<p title="&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;">'
        "&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;</p>"
    )


def test_markup_of_ours_is_not_escaped_again() -> None:
    assert str(h("ul", {}, [h("li", {}, name) for name in ("a", "<b>")])) == "<ul><li>a</li><li>&lt;b&gt;</li></ul>"


def test_braces_and_dollars_are_text() -> None:
    """What other templates would run is nothing special here."""
    assert str(h("p", {}, "{0} {value} ${alert(1)} %s {{x}}")) == "<p>{0} {value} ${alert(1)} %s {{x}}</p>"
    assert str(h("p", {"title": "{0}"}, "x")) == '<p title="{0}">x</p>'


def test_what_is_unknown_is_left_out() -> None:
    assert str(h("a", {"href": None, "hidden": True, "title": False}, None, False, 0)) == "<a hidden>0</a>"
    assert join(None, "", False) == Markup("")


def test_a_void_element_has_no_end() -> None:
    assert str(h("link", {"rel": "icon"})) == '<link rel="icon">'


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "\x01javascript:x",
     "data:text/html,<script>", "vbscript:x", "blob:x"],
)  # fmt: skip
def test_an_address_that_is_a_script_is_left_out(url: str) -> None:
    assert str(h("a", {"href": url}, "x")) == "<a>x</a>"


@pytest.mark.parametrize("url", ["https://huggingface.co/a/b", "model/a/b?x=1&y=2", "./", "/about", "mailto:a@b.c"])
def test_an_ordinary_address_stays(url: str) -> None:
    assert h("a", {"href": url}, "x") == Markup('<a href="{}">x</a>').format(url)
