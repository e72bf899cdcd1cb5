"""What the Submit page is told: the checklist of a form, what is known of the model, the wait, and the receipt."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from src.board.freshness import span
from src.board.submission import Examination, Outlook, outlook
from src.core.model.checks import Check, Facts
from src.core.queue import QueueState, Standing
from src.core.records import Request
from src.ui.html import coded, h, join

MARKS = {"passed": ("✓", "passed"), "noted": ("–", "noted"), "refused": ("✗", "refused")}


def answer(examination: Examination, state: QueueState | None) -> dict[str, Any]:
    """What the page does with an examination: sentences for fields, the commit, the list, whether it may be sent."""
    wait = outlook(state) if state else Outlook(1, None)
    return {
        "ok": examination.request is not None,
        "fields": dict(examination.fields),
        "revision": f"now commit {examination.revision[:12]}" if examination.revision else None,
        "html": "" if examination.fields else _checklist(examination, wait),
    }


def receipt(standing: Standing, is_new: bool) -> Markup:
    """The word that it is stored, and where to watch it."""
    model = standing.request.model
    where = f" at place {standing.place}" if standing.place else ""
    said = f"{model} is in the queue{where}." if is_new else f"{model} was in the queue already{where}."
    return h(
        "div",
        {"class": "lb-receipt"},
        h("p", {}, h("strong", {}, said)),
        h(
            "p",
            {},
            "It is stored: you can close this page. ",
            h("a", {"href": f"queue?{urlencode({'request': standing.key})}"}, "Watch it in the queue"),
        ),
    )


def _checklist(examination: Examination, wait: Outlook) -> Markup:
    request, facts = examination.request, examination.facts
    end: list[Markup | None] = []
    if request is not None and facts is not None:
        end = [_template(facts, request), _ready(request, facts, wait)]
    elif examination.already is not None:
        where = urlencode({"request": examination.already.key})
        end = [h("p", {}, h("a", {"href": f"queue?{where}"}, "See it in the queue"))]
    elif examination.problems:
        count = len(examination.problems)
        words = "One thing has to be mended first." if count == 1 else f"{count} things have to be mended first."
        end = [h("p", {}, words)]
    return join(h("ul", {}, [_line(check) for check in examination.checks]), *end)


def _line(check: Check) -> Markup:
    mark, word = MARKS[check.state]
    return h(
        "li",
        {"data-state": check.state},
        h("span", {"class": "lb-mark-of", "role": "img", "aria-label": word}, mark),
        h("span", {}, h("strong", {}, check.title), " ", h("span", {"class": "lb-sentence"}, coded(check.sentence))),
    )


def _template(facts: Facts, request: Request) -> Markup | None:
    if not facts.chat_template_text:
        return None
    used = "it is used" if request.use_chat_template else "it is not used"
    return h(
        "details",
        {"class": "lb-template"},
        h("summary", {}, f"The chat template in {facts.chat_template}; {used}"),
        h("pre", {"class": "lb-code", "tabindex": "0", "aria-label": "Text of the template"}, facts.chat_template_text),
    )


def _ready(request: Request, facts: Facts, wait: Outlook) -> Markup:
    used = "used" if request.use_chat_template else "not used"
    template = f"chat template {'found' if facts.chat_template else 'not found'}, {used}"
    before = wait.place - 1
    ahead = "Nothing waits before it" if not before else f"{before} request{'' if before == 1 else 's'} before it"
    begins = (
        f"it begins in about {span(wait.wait.total_seconds())}" if wait.wait else "when it begins, nobody knows yet"
    )
    return h(
        "div",
        {"class": "lb-ready"},
        h("p", {}, h("strong", {}, f"Ready: commit {request.revision[:12]}, {template}.")),
        h("p", {"class": "lb-quiet"}, f"{ahead}; {begins}."),
    )
