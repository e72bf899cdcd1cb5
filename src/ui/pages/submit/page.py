"""The Submit page: a form, a checklist that is fetched while it is filled in, and a receipt once it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.routing import BaseRoute, Route

from src.board.live.snapshot import Board
from src.board.queue.recent_models import RecentModels
from src.board.queue.submission import PRECISIONS, WEIGHT_TYPES, Rules, SubmissionForm, SubmissionService
from src.board.queue.watch import closed, watch
from src.core import suites
from src.core.errors import DeniedError, ThrottledError
from src.core.model.types import MODEL_TYPES
from src.settings import Settings, effective
from src.ui.pages.submit.answers import answer, receipt
from src.ui.web import sign_in
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render

TEMPLATES = {"": "use it if there is one", "yes": "use it", "no": "do not use it"}
MEANT = {"no": "refuse the adapter", "yes": "apply it as submitted"}
CHECKS = RateLimitItemPerMinute(40)  # of one person: each may cost a few calls to the Hub
LONGEST = 300  # characters of a field


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return the form, and what is accepted; the script fetches the checks while the form is filled in."""
    shut = _closed(board, settings)
    body = render(
        "submit/page.html",
        closed=shut,
        person=sign_in.person(visit.me),
        is_open=shut is None and visit.me is not None,
        form=_form(board, visit.query),
        longest=LONGEST,
        rules=_rules(Rules.of(settings)),
        own_rules=board.state.profile.config.submissions.rules,
    )
    return View(
        "Submit",
        body,
        render("submit/head.html"),
        description="Submit a model for evaluation: checked before a GPU is spent on it.",
    )


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return the routes of the checklist and of submitting. Both are for people only: they cost calls to the Hub."""
    seen, recent = watch(board), RecentModels()
    limiter = MovingWindowRateLimiter(MemoryStorage())

    def service(look: RecentModels | None = None) -> SubmissionService:
        return SubmissionService(seen.queue, Rules.of(effective(settings, board.state.profile.config)), look)

    def check(sent: Mapping[str, str], me: str) -> dict[str, Any]:
        _open(board, settings)
        if not limiter.hit(CHECKS, me):
            raise ThrottledError("That is more checks than one person needs in a minute; wait a little.", 60.0)
        snapshot = snapshot_of(board, sent)
        # what a person looks at may be a minute old; what is queued is examined again
        examination = service(recent).examine(_read(sent), me, snapshot.suite, snapshot.frame)
        return answer(examination, seen.look().state)

    def submit(sent: Mapping[str, str], me: str) -> dict[str, Any]:
        _open(board, settings)
        snapshot = snapshot_of(board, sent)
        given = service().submit(_read(sent), me, snapshot.suite, snapshot.frame)
        state = seen.renew().state
        entry = state.standings.get(given.key, given.standing) if state else given.standing
        return {"key": given.key, "html": receipt(entry, given.new)}

    return [
        Route("/submit/check", sign_in.acting(settings, check), methods=["POST"]),
        Route("/submit/hand-in", sign_in.acting(settings, submit), methods=["POST"]),
    ]


def _open(board: Board, settings: Settings) -> None:
    if shut := _closed(board, settings):
        raise DeniedError(shut)


def _closed(board: Board, settings: Settings) -> str | None:
    if not board.state.profile.config.submissions.open:
        return "The operators of this board take no submissions just now."
    return closed(board, settings)


def _read(sent: Mapping[str, str]) -> SubmissionForm:
    plain = {name: sent.get(name, "").strip()[:LONGEST] for name in ("model", "revision", "base_model", "model_type")}
    return SubmissionForm(
        **plain,
        precision=sent.get("precision", ""),
        weight_type=sent.get("weight_type", "Original"),  # type: ignore[arg-type]  # judged by the service
        is_base_meant=sent.get("is_base_meant") == "yes",
        use_chat_template={"yes": True, "no": False}.get(sent.get("use_chat_template", "")),
    )


def _form(board: Board, given: Mapping[str, str]) -> dict[str, dict[str, Any] | None]:
    """Return the fields of the form by name, filled with what the address gives; None for a field that is left out."""
    # only what a harness runs can be requested
    offered = {name: suites.load(name).title for name in board.suites if suites.load(name).tasks}
    types = {"": "not known"} | {each.key: each.title.capitalize() for each in MODEL_TYPES}
    precisions = {each: each for each in PRECISIONS}
    return {
        "model": _field("model", "Model", given, "organisation/name on the Hub", is_required=True),
        "revision": _field("revision", "Revision", given, "a branch, tag or commit; main if empty"),
        "suite": _choice("suite", "Suite", offered, given) if len(offered) > 1 else None,
        "precision": _choice("precision", "Precision", precisions, {"precision": "bfloat16"} | dict(given)),
        "weight_type": _choice(
            "weight_type", "Weights", {str(kind): name for kind, name in WEIGHT_TYPES.items()}, given
        ),
        "base_model": _field(
            "base_model", "Base model", given, "what the adapter or difference is built on", is_hidden=True
        ),
        "is_base_meant": _choice("is_base_meant", "Made for another base", MEANT, given, is_hidden=True),
        "model_type": _choice("model_type", "Type", types, given),
        "use_chat_template": _choice("use_chat_template", "Chat template", TEMPLATES, given),
    }


def _field(
    name: str, label: str, given: Mapping[str, str], hint: str, *, is_required: bool = False, is_hidden: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "value": given.get(name, "")[:LONGEST],
        "hint": hint,
        "is_required": is_required,
        "is_hidden": is_hidden,
    }


def _choice(
    name: str, label: str, options: Mapping[str, str], given: Mapping[str, str], *, is_hidden: bool = False
) -> dict[str, Any]:
    chosen = given.get(name)
    return {"name": name, "label": label, "options": list(options.items()), "chosen": chosen, "is_hidden": is_hidden}


def _rules(rules: Rules) -> dict[str, Any]:
    largest = rules.limits.largest_b
    return {
        "days": rules.window.days,
        "gated": rules.limits.gated_allowed,
        "largest": f"{largest:g}",
        "largest_gb": f"{2 * largest:g}",
        "per_user": _count(rules.per_user, "model"),
        "per_organisation": _count(rules.per_organisation, "model"),
    }


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


PAGE = Page(
    name="submit",
    route="/submit",
    nav="Submit",
    view=view,
    parameters=frozenset(
        {
            "suite",
            "model",
            "revision",
            "precision",
            "weight_type",
            "base_model",
            "is_base_meant",
            "model_type",
            "use_chat_template",
        }
    ),
    is_kept=False,
)
