"""The Submit page: one column, a checklist that answers while the form is filled, and a receipt once it is durable."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.snapshot import Board
from src.board.submission import PRECISIONS, WEIGHT_TYPES, Desk, Examination, Form, Rules
from src.core.errors import BoardError, Denied, NotFound
from src.core.lifecycle import Status
from src.core.model_types import MODEL_TYPES
from src.core.queue import Queue
from src.core.suites import load
from src.settings import Settings
from src.ui import assets, people
from src.ui.html import h, join
from src.ui.page import Page, View, Visit

TEMPLATE = {"": "if the model has one", "yes": "yes", "no": "no"}
MARKS = {"passed": "✓", "noted": "–", "refused": "✗"}


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The form; who is asking, and what the checks say, comes after."""
    rules = Rules()
    suites = {name: load(name).title for name in board.suites}
    days = rules.window.days
    body = h(
        "article",
        {"class": "lb-text lb-submit", "data-submit": True},
        h("h1", {}, "Submit a model"),
        h(
            "p",
            {"class": "lb-intro"},
            "Everything that can be known without a GPU is checked here, at the commit you name, before it joins the ",
            h("a", {"href": "queue"}, "queue"),
            ".",
        ),
        h("div", {"data-person": True}),
        h(
            "form",
            {"novalidate": True},
            _field("model", "Model", "org/name on the Hub", value=visit.query.get("model", ""), required=True),
            _field(
                "revision", "Revision", "branch, tag or commit (main where empty); what it stands for now is what runs"
            ),
            _choice("precision", "Precision", {each: each for each in PRECISIONS}),
            _choice("weight_type", "Weights", {str(kind): words for kind, words in WEIGHT_TYPES.items()}),
            _field("base_model", "Base model", "for adapters and differences: org/name", hidden=True),
            _choice("model_type", "Type", {"": "choose"} | {each.key: each.title for each in MODEL_TYPES}),
            _choice("use_chat_template", "Chat template", TEMPLATE),
            _choice("suite", "Suite", suites) if len(suites) > 1 else None,
            h("div", {"class": "lb-checks", "role": "status", "aria-live": "polite", "data-checks": True}),
            h("button", {"type": "submit", "class": "lb-button lb-go", "disabled": True}, "Submit"),
        ),
        h("div", {"role": "status", "data-receipt": True}),
        h("h2", {}, "What is taken"),
        h(
            "ul",
            {},
            h(
                "li",
                {},
                "Public models with a licence and a card, as safetensors, of types that transformers knows; "
                "no code of their own.",
            ),
            h(
                "li",
                {},
                f"Up to {rules.limits.largest_b:.0f} B numbers at two bytes each; {rules.per_user} models a person and "
                f"{rules.per_organisation} an organisation within {days} days.",
            ),
            h(
                "li",
                {},
                "Nothing of your model is loaded on this page: its files are read as data. "
                "The evaluation itself runs without network.",
            ),
        ),
    )
    head = join(
        h("link", {"rel": "stylesheet", "href": assets.url("submit/submit.css")}),
        h("script", {"type": "module", "src": assets.url("submit/submit.js")}),
    )
    return View("Submit", body, head, description="Submit a model for evaluation: checked before a GPU is spent on it.")


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Who is asking; the checklist of a form; handing it in."""
    queue = Queue(board.store)
    desk = Desk(queue)

    def person(request: Request) -> Response:
        name = people.who(request, settings)
        return JSONResponse(
            {"name": name, "html": people.greeting(name, "submit")}, headers={"Cache-Control": "no-store"}
        )

    def check(said: dict[str, Any], me: str) -> dict[str, Any]:
        snapshot = _snapshot(board, said)
        examination = desk.examine(_form(said), me, snapshot.suite, snapshot.frame)
        wait = queue.snapshot().waiting if examination.request else ()
        return {"ok": examination.request is not None, "html": _checklist(examination, len(wait))}

    def hand_in(said: dict[str, Any], me: str) -> dict[str, Any]:
        snapshot = _snapshot(board, said)
        receipt = desk.submit(_form(said), me, snapshot.suite, snapshot.frame)
        return {
            "ok": True,
            "key": receipt.key,
            "html": _receipt(receipt.standing.request.model, receipt.standing.place),
        }

    def answering(act: Any) -> Any:
        async def handle(request: Request) -> Response:
            try:
                me = people.must_be(request, settings)
                said = json.loads((await request.body())[:20_000] or b"{}")
                return JSONResponse(await run_in_threadpool(act, {str(k): str(v) for k, v in said.items()}, me))
            except Denied as error:
                return JSONResponse({"ok": False, "html": _problem(str(error))}, status_code=403)
            except BoardError as error:
                return JSONResponse({"ok": False, "html": _problem(str(error))}, status_code=400)
            except (ValueError, TypeError, AttributeError):
                return JSONResponse({"ok": False, "html": _problem("This was not understood. Reload the page.")}, 400)

        return handle

    return [
        Route("/submit/person", person, methods=["GET"]),
        Route("/submit/check", answering(check), methods=["POST"]),
        Route("/submit/hand-in", answering(hand_in), methods=["POST"]),
    ]


def _snapshot(board: Board, said: dict[str, Any]) -> Any:
    try:
        return board.snapshot(said.get("suite") or None)
    except NotFound:
        return board.snapshot()


def _form(said: dict[str, Any]) -> Form:
    template = {"yes": True, "no": False}.get(said.get("use_chat_template", ""))
    plain = {name: said.get(name, "").strip()[:200] for name in ("model", "revision", "base_model", "model_type")}
    return Form(
        **plain,
        precision=said.get("precision", ""),
        weight_type=said.get("weight_type", "Original"),  # type: ignore[arg-type]  # judged by the desk
        use_chat_template=template,
    )


def _checklist(examination: Examination, waiting: int) -> Markup:
    items = [
        h(
            "li",
            {"data-state": check.state},
            h("span", {"class": "lb-mark-of", "aria-hidden": "true"}, MARKS[check.state]),
            h("span", {}, h("strong", {}, check.title), " ", h("span", {"class": "lb-quiet"}, check.sentence)),
        )
        for check in examination.checks
    ]
    known, request = examination.facts, examination.request
    end = None
    if request is not None and known is not None:
        used = "used" if request.use_chat_template else "not used"
        template = f"chat template {'found' if known.chat_template else 'not found'}, {used}"
        before = f"{waiting} request{'' if waiting == 1 else 's'} before it" if waiting else "nothing waits before it"
        end = h("p", {}, f"Ready: commit {request.revision[:12]}, {template}; {before}.")
    elif examination.already is not None and examination.already.status in (Status.PENDING, Status.RUNNING):
        end = h("p", {}, h("a", {"href": f"queue?q={examination.already.request.model}"}, "See it in the queue"))
    return join(h("ul", {}, items), end)


def _receipt(model: str, place: int | None) -> Markup:
    where = f" at place {place}" if place else ""
    return h(
        "p",
        {"class": "lb-receipt"},
        h("strong", {}, f"{model} is in the queue{where}."),
        " It is stored; you can close this page. ",
        h("a", {"href": f"queue?q={model}"}, "Watch it"),
    )


def _problem(words: str) -> Markup:
    return h("div", {"class": "lb-problem", "role": "alert"}, [h("p", {}, line) for line in words.splitlines()])


def _field(
    name: str, label: str, hint: str, *, value: str = "", required: bool = False, hidden: bool = False
) -> Markup:
    return h(
        "p",
        {"class": "lb-field", "data-field": name, "hidden": hidden},
        h("label", {"for": f"lb-{name}"}, label),
        h(
            "input",
            {
                "id": f"lb-{name}",
                "name": name,
                "value": value,
                "required": required,
                "maxlength": "200",
                "autocomplete": "off",
                "spellcheck": "false",
                "aria-describedby": f"lb-{name}-hint",
            },
        ),
        h("small", {"id": f"lb-{name}-hint", "class": "lb-quiet"}, hint),
    )


def _choice(name: str, label: str, options: dict[str, str]) -> Markup:
    return h(
        "p",
        {"class": "lb-field", "data-field": name},
        h("label", {"for": f"lb-{name}"}, label),
        h(
            "select",
            {"id": f"lb-{name}", "name": name},
            [h("option", {"value": key}, words) for key, words in options.items()],
        ),
    )


PAGE = Page(name="submit", route="/submit", nav="Submit", view=view)
