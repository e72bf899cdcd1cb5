"""Templates: every value is escaped, a missing one raises, and no address can be a script."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, UndefinedError
from markupsafe import Markup

from src.core.contamination import Report
from src.ui.web import templates
from src.ui.web.figures import number
from src.ui.web.templates import coded, link, render

EVIL = "\"'><script>alert(1)</script>&amp;"
ESCAPED = "&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer `page.html`, which has `value` as text, as an attribute and as an address, in place of our templates."""
    environment = templates.environment().overlay(
        loader=DictLoader({"page.html": '<p title="{{ value }}"><a href="{{ value | link }}">{{ value }}</a></p>'})
    )
    monkeypatch.setattr(templates, "environment", lambda: environment)


@pytest.mark.usefixtures("page")
def test_text_and_attributes_are_escaped() -> None:
    assert render("page.html", value=EVIL) == f'<p title="{ESCAPED}"><a href="{ESCAPED}">{ESCAPED}</a></p>'


@pytest.mark.usefixtures("page")
def test_markup_of_ours_is_not_escaped_again() -> None:
    assert "><b>x</b></a>" in render("page.html", value=Markup("<b>x</b>"))


@pytest.mark.usefixtures("page")
def test_braces_and_dollars_in_a_value_are_text() -> None:
    assert ">{{x}} {% if %} ${alert(1)} %s</a>" in render("page.html", value="{{x}} {% if %} ${alert(1)} %s")


@pytest.mark.usefixtures("page")
def test_a_missing_value_raises_rather_than_leaving_a_gap() -> None:
    with pytest.raises(UndefinedError):
        render("page.html")


def test_what_stands_between_backticks_is_code_and_still_escaped() -> None:
    assert coded("Run `a <b>` & wait") == 'Run <code translate="no">a &lt;b&gt;</code> &amp; wait'


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "\x01javascript:x",
     "data:text/html,<script>", "vbscript:x", "blob:x"],
)  # fmt: skip
def test_an_address_that_is_a_script_leads_nowhere(url: str) -> None:
    assert link(url) == "#"


@pytest.mark.parametrize("url", ["https://huggingface.co/a/b", "model/a/b?x=1&y=2", "./", "/about", "mailto:a@b.c"])
def test_an_ordinary_address_stays(url: str) -> None:
    assert link(url) == url


def test_a_report_whose_address_is_a_script_links_nowhere() -> None:
    report = Report(model="org/m", tool="a tool", url="javascript:alert(1)")
    history = render("model/history.html", runs={"rows": []}, estimates=None, reports=[report], number=number)
    assert '<a href="#" rel="noopener">a tool</a>' in history
