"""What every page has around it: the document's head, the top bar, the notice above a board not live, the foot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from src.board.freshness import Freshness, freshness
from src.board.snapshot import Board
from src.core import suites
from src.settings import Settings
from src.ui import assets, people
from src.ui.html import coded, h, join
from src.ui.page import Page, View, Visit

SYSTEM = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")


def theme() -> Any:
    """Gradio's components in the page's own colours and type; `assets/board.css` says what the variables hold."""
    import gradio as gr

    base = gr.themes.Base(font=SYSTEM, font_mono=MONO, text_size="md", spacing_size="md", radius_size="sm")
    both = {name: f"var(--lb-{token})" for name, token in TOKENS.items()}
    return base.set(**both, **{f"{name}_dark": value for name, value in both.items() if name not in ONE_FOR_BOTH})


TOKENS = {
    "body_background_fill": "bg",
    "body_text_color": "text",
    "body_text_color_subdued": "quiet",
    "background_fill_primary": "surface",
    "background_fill_secondary": "bg",
    "block_background_fill": "surface",
    "block_border_color": "line",
    "block_label_text_color": "quiet",
    "block_title_text_color": "text",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "color_accent_soft": "accent-soft",
    "link_text_color": "accent",
    "input_background_fill": "surface",
    "input_border_color": "line",
    "input_placeholder_color": "quiet",
    "button_primary_background_fill": "accent",
    "button_primary_text_color": "bg",
    "button_secondary_background_fill": "surface",
    "button_secondary_border_color": "line",
    "button_secondary_text_color": "text",
    "color_accent": "accent",
}
ONE_FOR_BOTH = {"color_accent"}


def head(view: View, settings: Settings) -> Markup:
    """Title, icon, style and the script that must run before the first paint."""
    title = f"{view.title} · {settings.name}" if view.title else settings.name
    return join(
        h("title", {}, title),
        h("meta", {"name": "description", "content": view.description or DESCRIPTION}),
        h("meta", {"property": "og:title", "content": title}),
        h("meta", {"name": "color-scheme", "content": "light dark"}),
        h("link", {"rel": "icon", "type": "image/svg+xml", "href": assets.url("icons/mark.svg")}),
        h("link", {"rel": "stylesheet", "href": assets.url("board.css")}),
        h("script", {"src": assets.url("shell.js")}),
        view.head,
    )


DESCRIPTION = "Open language models, judged the same way on the same benchmarks."


def header(page: Page | None, pages: Sequence[Page], board: Board, settings: Settings, visit: Visit) -> Markup:
    """The top bar, and the notice where there is one."""
    fresh = freshness(board, datetime.now(UTC))
    revision = board.state.revision
    return join(
        h("a", {"class": "lb-skip", "href": f".{visit.path}#lb-content"}, "Skip to content"),
        h(
            "header",
            {"class": "lb-bar"},
            h("a", {"class": "lb-brand", "href": "./"}, MARK, h("span", {}, settings.name)),
            _suites(board, visit),
            h("nav", {"class": "lb-nav", "aria-label": "Pages"}, [_nav(each, page) for each in pages if each.nav]),
            h(
                "div",
                {"class": "lb-tools"},
                h(
                    "span",
                    {"id": "lb-fresh", "class": "lb-fresh", "data-source": fresh.source, "data-revision": revision},
                    _fresh(fresh),
                ),
                people.corner(visit.me, visit.path.lstrip("/")),
                h(
                    "button",
                    {
                        "class": "lb-icon",
                        "id": "lb-theme",
                        "type": "button",
                        "aria-label": "Dark theme",
                        "aria-pressed": "false",
                    },
                    HALF_MOON,
                ),
            ),
        ),
        h("div", {"id": "lb-notice", "role": "status"}, notice(fresh)),
    )


def notice(fresh: Freshness) -> Markup:
    """The sentence above a board that is not what it should be; nothing where it is."""
    if not fresh.notice:
        return Markup("")
    return h(
        "p",
        {"class": f"lb-notice lb-notice-{fresh.tone}"},
        coded(fresh.notice),
        fresh.command and join(" ", h("code", {"class": "lb-command", "translate": "no"}, fresh.command)),
    )


def footer(settings: Settings) -> Markup:
    """The last line of every page."""
    return h(
        "footer",
        {"class": "lb-foot"},
        h("span", {}, settings.name),
        h("a", {"href": "about"}, "How scores come about"),
        h(
            "a",
            {"href": "https://github.com/EleutherAI/lm-evaluation-harness", "rel": "noopener"},
            "Evaluation harness",
        ),
    )


def _nav(page: Page, current: Page | None) -> Markup:
    href = "./" + page.route.strip("/")
    return h("a", {"href": href, "data-page": page.name, "aria-current": "page" if page is current else None}, page.nav)


def _suites(board: Board, visit: Visit) -> Markup:
    held = board.suites
    if len(held) < 2:
        return Markup("")
    current = visit.query.get("suite", held[0])
    links = [
        h(
            "a",
            {
                "href": f"./?suite={name}" if name != held[0] else "./",
                "aria-current": "true" if name == current else None,
                "title": suites.load(name).title,
            },
            name.removeprefix("open-llm-") if name.startswith("open-llm-") else suites.load(name).title,
        )
        for name in held
    ]
    return h("nav", {"class": "lb-suites", "aria-label": "Suite"}, links)


def _fresh(fresh: Freshness) -> Markup:
    stamp = fresh.as_of and fresh.as_of.isoformat(timespec="seconds")
    words = fresh.as_of and f"Last in step with its store at {fresh.as_of:%Y-%m-%d %H:%M} UTC"
    return h("time", {"datetime": stamp, "title": words}, fresh.label) if stamp else h("span", {}, fresh.label)


MARK = Markup(
    '<svg class="lb-mark" viewBox="0 0 32 32" aria-hidden="true"><rect x="4" y="5" width="24" height="5" rx="2.5"/>'
    '<rect x="4" y="13.5" width="17" height="5" rx="2.5" opacity=".62"/>'
    '<rect x="4" y="22" width="10" height="5" rx="2.5" opacity=".36"/></svg>'
)
HALF_MOON = Markup(
    '<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7.25" fill="none" stroke="currentColor"'
    ' stroke-width="1.5"/><path d="M10 2.75a7.25 7.25 0 0 1 0 14.5z" fill="currentColor"/></svg>'
)
