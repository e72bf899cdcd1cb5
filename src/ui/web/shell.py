"""What every page has around it: the values of `templates/base.html`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from src.board.live.freshness import Freshness, freshness
from src.board.live.snapshot import Board
from src.board.table.url import PARAMETERS
from src.settings import Settings
from src.ui.web import assets, branding, sign_in
from src.ui.web.addresses import picture, public_address
from src.ui.web.page import EMBEDDED, Page, View, Visit
from src.ui.web.templates import environment

DESCRIPTION = "Open language models, judged the same way on the same benchmarks."


@dataclass(frozen=True)
class SuiteLink:
    """One suite in the top bar."""

    label: str
    title: str
    address: str
    is_current: bool


def around(
    page: Page | None, pages: Sequence[Page], board: Board, settings: Settings, visit: Visit, view: View
) -> dict[str, Any]:
    """Return what the base template needs to put `view` into a document."""
    return {
        "lang": "en",
        **branding.branding(board.state.profile),
        "style": view.style + branding.style(board.state.profile.config.accent),
        "up": "../" * (visit.path.count("/") - 1) or "./",
        "path": visit.path,
        "title": f"{view.title} · {settings.name}" if view.title else settings.name,
        "description": view.description or board.state.profile.config.description or DESCRIPTION,
        "board_name": settings.name,
        "page": page,
        "pages": _pages(pages, page, visit),
        "canonical": _canonical(settings, visit),
        "picture": _whole(settings, picture(visit.query.get("suite"), view.row)),
        "oembed": _oembed(page, settings, visit),
        "suite": urlencode(_suite_of(visit)),
        "suites": _suites(board, page, visit),
        "fresh": freshness(board, datetime.now(UTC)),
        "revision": board.state.revision,
        "person": sign_in.person(visit.me),
        "view": view,
        "boot": assets.boot(),
    }


def notice(fresh: Freshness) -> Markup:
    """Return the sentence above a board that is not what it should be; nothing if it is."""
    return Markup(environment().get_template("macros.html").module.notice(fresh))  # type: ignore[attr-defined]


def _canonical(settings: Settings, visit: Visit) -> str:
    query = urlencode(_suite_of(visit))
    return _whole(settings, quote(visit.path.removeprefix("/")) + (f"?{query}" if query else ""))


def _oembed(page: Page | None, settings: Settings, visit: Visit) -> str:
    """Return where other sites learn how to embed this page; "" if it cannot be, or if no other site can reach it."""
    if page is None or page.name not in EMBEDDED or not public_address(settings):
        return ""
    return f"oembed?{urlencode({'url': _canonical(settings, visit)})}"


def _whole(settings: Settings, address: str) -> str:
    """Return an address as other sites need it: with the host if that is known."""
    root = public_address(settings)
    return f"{root}/{address}" if root else f"./{address}"


@dataclass(frozen=True)
class PageLink:
    """One page in the top bar; its address carries the suite, and to pages of the same rows the view of the table."""

    name: str
    title: str
    address: str
    is_current: bool


def _pages(pages: Sequence[Page], page: Page | None, visit: Visit) -> list[PageLink]:
    links = []
    for each in pages:
        carried = _carried(page, visit) if _is_of_rows(each) else _suite_of(visit)
        address = f"./{each.route.strip('/')}" + (f"?{urlencode(carried)}" if carried else "")
        if each.nav:
            links.append(PageLink(each.name, each.nav, address, each is page))
    return links


def _is_of_rows(page: Page | None) -> bool:
    return page is not None and page.parameters >= PARAMETERS


def _carried(page: Page | None, visit: Visit) -> dict[str, str]:
    """Return the view of the table that a page shows; only the suite if it shows another thing."""
    if not _is_of_rows(page):
        return _suite_of(visit)
    return {name: value for name, value in visit.query.items() if name in PARAMETERS}


def _suite_of(visit: Visit) -> dict[str, str]:
    return {"suite": visit.query["suite"]} if visit.query.get("suite") else {}


def _suites(board: Board, page: Page | None, visit: Visit) -> list[SuiteLink]:
    """Return a link for each suite; none if there is only one."""
    held = board.suites
    if len(held) < 2:
        return []
    current = visit.query.get("suite", held[0])
    links = []
    for name in held:
        title = board.snapshot(name).suite.title
        label = name.removeprefix("open-llm-") if name.startswith("open-llm-") else title
        query = _carried(page, visit) | {"suite": name}
        if name == held[0]:
            del query["suite"]
        path = f".{quote(visit.path)}" if page else "./"
        links.append(SuiteLink(label, title, path + (f"?{urlencode(query)}" if query else ""), name == current))
    return links
