"""The Submit page: one column, a checklist that answers while the form is filled, and a receipt once it is durable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from markupsafe import Markup
from starlette.routing import BaseRoute, Route

from src.board.queue_watch import closed, watch
from src.board.recent_models import RecentModels
from src.board.snapshot import Board
from src.board.submission import PRECISIONS, WEIGHT_TYPES, Desk, Form, Rules
from src.core import suites
from src.core.errors import Denied, Throttled
from src.core.model_types import MODEL_TYPES
from src.settings import Settings
from src.ui import assets, people
from src.ui.html import h, join
from src.ui.page import Page, View, Visit, snapshot_of
from src.ui.submit_answers import answer, receipt

TEMPLATES = {"": "use it where there is one", "yes": "use it", "no": "do without"}
CHECKS = RateLimitItemPerMinute(40)  # of one person: each may cost a few calls to the Hub
LONGEST = 300  # characters of a field


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """The form, and what is taken; what the checks say comes while it is filled in."""
    shut = closed(board, settings)
    body = h(
        "article",
        {"class": "lb-text lb-submit", "data-submit": True},
        h("h1", {}, "Submit a model"),
        h(
            "p",
            {"class": "lb-intro"},
            "What can be known without a GPU is checked here, at the very commit that will be judged. "
            "Then the request joins the ",
            h("a", {"href": "queue"}, "queue"),
            ".",
        ),
        h(
            "div",
            {"data-person": True},
            h("p", {"class": "lb-quiet lb-person"}, shut) if shut else people.greeting(visit.me, "submit"),
        ),
        _form(board, visit.query, is_open=shut is None and visit.me is not None),
        h("div", {"role": "status", "tabindex": "-1", "data-receipt": True}),
        _taken(Rules.of(settings)),
    )
    head = join(
        h("link", {"rel": "stylesheet", "href": assets.url("submit/submit.css")}),
        h("script", {"type": "module", "src": assets.url("submit/submit.js")}),
    )
    return View("Submit", body, head, description="Submit a model for evaluation: checked before a GPU is spent on it.")


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """The checklist of a form, and handing it in. Both are for people only: they cost calls to the Hub."""
    seen, rules = watch(board), Rules.of(settings)
    patient = MovingWindowRateLimiter(MemoryStorage())
    # what a person looks at may be a minute old; what is queued is examined anew
    counter, desk = Desk(seen.queue, rules, RecentModels()), Desk(seen.queue, rules)

    def check(said: Mapping[str, str], me: str) -> dict[str, Any]:
        _open(board, settings)
        if not patient.hit(CHECKS, me):
            raise Throttled("That is more checks than one person needs in a minute; wait a little.", 60.0)
        snapshot = snapshot_of(board, said)
        examination = counter.examine(_read(said), me, snapshot.suite, snapshot.frame)
        return answer(examination, seen.look().state)

    def hand_in(said: Mapping[str, str], me: str) -> dict[str, Any]:
        _open(board, settings)
        snapshot = snapshot_of(board, said)
        given = desk.submit(_read(said), me, snapshot.suite, snapshot.frame)
        state = seen.renew().state
        standing = state.standings.get(given.key, given.standing) if state else given.standing
        return {"key": given.key, "html": receipt(standing, given.new)}

    return [
        Route("/submit/check", people.acting(settings, check), methods=["POST"]),
        Route("/submit/hand-in", people.acting(settings, hand_in), methods=["POST"]),
    ]


def _open(board: Board, settings: Settings) -> None:
    if shut := closed(board, settings):
        raise Denied(shut)


def _read(said: Mapping[str, str]) -> Form:
    plain = {name: said.get(name, "").strip()[:LONGEST] for name in ("model", "revision", "base_model", "model_type")}
    return Form(
        **plain,
        precision=said.get("precision", ""),
        weight_type=said.get("weight_type", "Original"),  # type: ignore[arg-type]  # judged by the desk
        use_chat_template={"yes": True, "no": False}.get(said.get("use_chat_template", "")),
    )


def _form(board: Board, given: Mapping[str, str], *, is_open: bool) -> Markup:
    # only what a harness runs can be asked for
    offered = {name: suites.load(name).title for name in board.suites if suites.load(name).tasks}
    types = {"": "not said"} | {each.key: each.title.capitalize() for each in MODEL_TYPES}
    fields = [
        _field("model", "Model", given, hint="organisation/name on the Hub", required=True),
        _field("revision", "Revision", given, hint="a branch, tag or commit; main where empty"),
        _choice("suite", "Suite", offered, given) if len(offered) > 1 else None,
        h(
            "div",
            {"class": "lb-pair"},
            _choice(
                "precision", "Precision", {each: each for each in PRECISIONS}, {"precision": "bfloat16"} | dict(given)
            ),
            _choice("weight_type", "Weights", {str(kind): words for kind, words in WEIGHT_TYPES.items()}, given),
        ),
        _field("base_model", "Base model", given, hint="what the adapter or difference is built on", hidden=True),
        h(
            "div",
            {"class": "lb-pair"},
            _choice("model_type", "Type", types, given),
            _choice("use_chat_template", "Chat template", TEMPLATES, given),
        ),
    ]
    end = [
        h("div", {"class": "lb-checks", "role": "status", "data-checks": True}),
        h("button", {"type": "submit", "class": "lb-button lb-go", "aria-disabled": "true"}, "Submit"),
    ]
    # the browser's own checks would speak before ours
    form = {"novalidate": True, "autocomplete": "off", "aria-label": "Submit a model"}
    return h("form", form, h("fieldset", {"disabled": not is_open}, fields, end))


def _taken(rules: Rules) -> Markup:
    days, largest = rules.window.days, rules.limits.largest_b
    points = (
        "Public models with a licence and a model card; safetensors only, of types that transformers knows, "
        "without code of their own.",
        f"Up to {largest:g} B parameters in bfloat16, which is {2 * largest:g} GB; more in a smaller precision.",
        f"Within {days} days, {_count(rules.per_user, 'model')} from one person and "
        f"{_count(rules.per_organisation, 'model')} of one organisation.",
        "One request for each model, commit, precision, kind of weights and suite.",
        "Nothing of a model is loaded here: its files are read as data. The evaluation itself runs without a network.",
    )
    return join(h("h2", {}, "What is taken"), h("ul", {}, [h("li", {}, point) for point in points]))


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _field(
    name: str, label: str, given: Mapping[str, str], *, hint: str, required: bool = False, hidden: bool = False
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
                "value": given.get(name, "")[:LONGEST],
                "aria-required": "true" if required else None,
                "maxlength": str(LONGEST),
                "autocapitalize": "off",
                "spellcheck": "false",
                "aria-describedby": f"lb-{name}-hint lb-{name}-said",
            },
        ),
        h("small", {"id": f"lb-{name}-hint", "class": "lb-quiet"}, hint),
        h("small", {"id": f"lb-{name}-said", "class": "lb-said", "aria-live": "polite"}),
    )


def _choice(name: str, label: str, options: Mapping[str, str], given: Mapping[str, str]) -> Markup:
    chosen = given.get(name)
    return h(
        "p",
        {"class": "lb-field", "data-field": name},
        h("label", {"for": f"lb-{name}"}, label),
        h(
            "select",
            {"id": f"lb-{name}", "name": name},
            [h("option", {"value": key, "selected": key == chosen}, words) for key, words in options.items()],
        ),
    )


PAGE = Page(name="submit", route="/submit", nav="Submit", view=view)
