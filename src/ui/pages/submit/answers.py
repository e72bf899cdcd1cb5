"""What the Submit page shows of a form: the checklist, what is known of the model, the wait, and the receipt."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from src.board.live.freshness import span
from src.board.queue.submission import Examination, QueueEstimate, outlook
from src.core.model.checks import Facts
from src.core.queue import QueueEntry, QueueState
from src.core.records import Request
from src.ui.web.templates import render

MARKS = {"passed": ("✓", "passed"), "noted": ("–", "noted"), "refused": ("✗", "refused")}


def answer(examination: Examination, state: QueueState | None) -> dict[str, Any]:
    """Return what the page does with an examination: messages for fields, commit, checklist, whether it may be sent."""
    wait = outlook(state) if state else QueueEstimate(1, None)
    return {
        "ok": examination.request is not None,
        "fields": dict(examination.fields),
        "revision": f"now commit {examination.revision[:12]}" if examination.revision else None,
        "html": "" if examination.fields else _checklist(examination, wait),
    }


def receipt(entry: QueueEntry, is_new: bool) -> Markup:
    """Render the confirmation that the request is stored, and where to watch it."""
    return render(
        "submit/receipt.html",
        model=entry.request.model,
        place=entry.place,
        is_new=is_new,
        address=_queue(entry),
    )


def _checklist(examination: Examination, wait: QueueEstimate) -> Markup:
    request, facts = examination.request, examination.facts
    return render(
        "submit/checklist.html",
        checks=[
            {"state": check.state, "title": check.title, "sentence": check.sentence, "mark": mark, "word": word}
            for check in examination.checks
            for mark, word in (MARKS[check.state],)
        ],
        ready=None if request is None or facts is None else _ready(request, facts, wait),
        already=None if examination.already is None else _queue(examination.already),
        problems=len(examination.problems),
    )


def _ready(request: Request, facts: Facts, wait: QueueEstimate) -> dict[str, str | None]:
    """Return what will run: the commit, the chat template and how it is used, and when it may start."""
    before = wait.place - 1
    return {
        "commit": request.revision[:12],
        "template_file": facts.chat_template,
        "template_text": facts.chat_template_text,
        "use": "used" if request.use_chat_template else "not used",
        "ahead": f"{before or 'no'} request{'' if before == 1 else 's'} before it".capitalize(),
        "start": f"it starts in about {span(wait.wait.total_seconds())}" if wait.wait else "its start is not known yet",
    }


def _queue(entry: QueueEntry) -> str:
    return f"queue?{urlencode({'request': entry.key})}"
