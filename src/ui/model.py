"""One model's page: what the snapshot knows stands in the document, what must be fetched comes when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

import gradio as gr
import pandas as pd
from markupsafe import Markup

from src.board.audit import Finding, touched
from src.board.columns import TYPES
from src.board.model import Missing, ModelView, Run, model_view
from src.board.per_frame import per_frame
from src.board.snapshot import Board, Snapshot
from src.core.errors import BoardError
from src.settings import Settings
from src.ui import cite, model_scores, past, run_sections, samples, standing
from src.ui.addresses import model_page
from src.ui.figures import number
from src.ui.html import h, join
from src.ui.page import Page, View, Visit, snapshot_of


class Section(NamedTuple):
    """One tab below the scores; `draw` makes its text when it is opened, and may raise BoardError."""

    key: str
    title: str
    waiting: str  # what stands there meanwhile
    draw: Callable[[Board, Snapshot, ModelView], Markup]


SECTIONS: tuple[Section, ...] = (
    Section("subtasks", "Subtasks", "Fetching the result file …", run_sections.subtasks),
    Section("samples", "Samples", samples.WAITING, samples.browser),
    Section("place", "Place", "Drawing other weights …", standing.place),
    Section("history", "History", "Fetching the result files …", past.history),
    Section("settings", "Settings of the run", "Fetching the result file …", run_sections.settings),
    Section("cite", "Cite", "Writing …", cite.texts),
)
"""What a model's page offers to open, in this order; a new section is its function and its line here."""

HERE = "() => [location.pathname.split('/model/')[1] + location.search]"
"""What of the address a server function needs: the model, and the run asked for."""


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """What the snapshot says of the model, or which models are meant perhaps."""
    snapshot = snapshot_of(board, visit.query)
    name = visit.params["model"]
    query = visit.query.get
    asked = Asked(
        name, query("precision"), query("revision"), query("suite"), snapshot.source, snapshot.store, snapshot
    )
    found = _view(snapshot.frame, asked)
    if isinstance(found, Missing):
        return View(
            name,
            join(_missing(found, snapshot, asked.suite), past.estimates_alone(board, snapshot.suite, name)),
            status=404,
        )
    return found


@dataclass(frozen=True)
class Asked:
    """Which run is asked for, and what the answer depends on besides the rows."""

    model: str
    precision: str | None
    revision: str | None
    suite: str | None  # as the address has it
    source: str
    store: str
    snapshot: Snapshot = field(compare=False)


@per_frame(512)
def _view(frame: pd.DataFrame, asked: Asked) -> View | Missing:
    found = model_view(asked.snapshot, asked.model, asked.precision, asked.revision)
    if isinstance(found, Missing):
        return found
    description = f"{found.run.model} on {found.suite.title}: average {number(found.run.average, 2)}."
    findings = touched(frame, found.suite.name).get(found.run.id, ())
    return View(found.run.model, _page(found, findings, asked.suite), samples.head(), description)


def build(demo: gr.Blocks, board: Board, settings: Settings) -> None:
    """The tabs; the first is filled as soon as the page has loaded, the others when they are opened."""
    here = gr.Textbox(visible=False)
    with gr.Tabs(elem_id="lb-sections", elem_classes="lb-wide"):
        for section in SECTIONS:
            with gr.Tab(section.title, id=section.key) as tab:
                waiting = h("p", {"class": "lb-quiet lb-waiting"}, section.waiting)
                box = gr.HTML(str(waiting), apply_default_css=False)
                opened = demo.load if section is SECTIONS[0] else tab.select
                opened(partial(_drawn, section, board), here, box, js=HERE, show_progress="hidden")


def _drawn(section: Section, board: Board, address: str) -> str:
    """The section of the run that a page's address (`org/name?precision=…`) speaks of."""
    name, _, query = address.partition("?")
    asked = dict(parse_qsl(query))
    snapshot = snapshot_of(board, asked)
    found = model_view(snapshot, unquote(name), asked.get("precision"), asked.get("revision"))
    if isinstance(found, Missing):
        return ""
    try:
        return str(section.draw(board, snapshot, found))
    except BoardError as error:
        return str(h("p", {"class": "lb-problem", "role": "alert"}, str(error)))


def _page(view: ModelView, findings: Sequence[Finding], suite: str | None) -> Markup:
    return h(
        "article",
        {"class": "lb-wide lb-model", "aria-labelledby": "lb-title"},
        _identity(view, findings, suite),
        h("div", {"class": "lb-model-scores"}, model_scores.scores(view, suite)),
        h("div", {"class": "lb-model-beside"}, _runs(view, suite), _lineage(view, suite), _reproduce(view)),
    )


def _identity(view: ModelView, findings: Sequence[Finding], suite: str | None) -> Markup:
    organisation, slash, name = view.run.model.rpartition("/")
    return h(
        "header",
        {"class": "lb-identity"},
        h(
            "p",
            {"class": "lb-crumb"},
            h("a", {"href": _board(suite)}, "Leaderboard"),
            " / ",
            view.suite.title,
        ),
        h(
            "h1",
            {"id": "lb-title", "dir": "auto"},
            h("span", {"class": "lb-org"}, organisation + slash),
            h("span", {"class": "lb-name"}, name),
        ),
        h("ul", {"class": "lb-facts"}, [h("li", {"title": title}, text) for title, text in _facts(view)]),
        h("p", {"class": "lb-flags"}, _flags(view)) if _flags(view) else None,
        [
            h("p", {"class": "lb-finding"}, h("strong", {}, "Audit: "), each.message, " ", each.todo)
            for each in findings
        ],
        h(
            "p",
            {"class": "lb-links"},
            view.command and h("button", {"class": "lb-button", "data-copy": view.command}, "Copy command to run it"),
            h("button", {"class": "lb-button", "data-choose": view.run.id, "aria-pressed": "false"}, "Add to compare"),
            [h("a", {"href": link.url, "rel": "noopener", "target": "_blank"}, link.title) for link in view.links],
        ),
    )


def _facts(view: ModelView) -> list[tuple[str, str]]:
    facts = view.facts
    size, kind = facts["params_b"], TYPES.get(facts["model_type"] or "")
    told = (
        ("Type", kind.title if kind else None),
        ("Parameters", f"{number(size, 1 if size >= 1 else 2)} B parameters" if size else "size unknown"),
        ("Precision", facts["precision"]),
        ("Weights", None if facts["weight_type"] in (None, "Original") else f"{facts['weight_type'].lower()} weights"),
        ("Architecture", facts["architecture"]),
        ("Licence", f"licence {facts['license']}" if facts["license"] else "licence unknown"),
        ("Uploaded to the Hub", f"uploaded {facts['upload_date']}" if facts["upload_date"] else None),
        ("Chat template", "chat template used" if facts["chat_template"] else None),
        ("CO₂ of the evaluation", f"{number(facts['co2_kg'], 1)} kg CO₂" if facts["co2_kg"] else None),
    )
    return [(title, text) for title, text in told if text]


FLAGS = (
    ("flagged", True, "Flagged: reported for training on the benchmarks"),
    ("available", False, "No longer on the Hub"),
    ("merged", True, "Made by merging"),
    ("moe", True, "Mixture of experts"),
    ("official", True, "Published by its maker"),
)


def _flags(view: ModelView) -> list[Markup]:
    return [
        h("span", {"class": f"lb-flag lb-flag-{key}"}, text) for key, when, text in FLAGS if view.facts.get(key) is when
    ]


def _runs(view: ModelView, suite: str | None) -> Markup:
    """Its other precisions and revisions."""
    if len(view.runs) < 2:
        only = h("p", {"class": "lb-quiet"}, _when(view.run), " It is the only one.")
        return h("section", {}, h("h2", {}, "Runs"), only)
    rows = [_run_row(run, run.id == view.run.id, suite) for run in view.runs]
    return h("section", {}, h("h2", {}, f"Runs ({len(view.runs)})"), h("ul", {"class": "lb-runs"}, rows))


def _when(run: Run) -> str:
    told = f"Run in {run.precision or 'unknown precision'}"
    told += f" at revision {run.revision[:7]}" if run.revision else ""
    return told + (f", submitted {run.submitted}." if run.submitted else ".")


def _run_row(run: Run, current: bool, suite: str | None) -> Markup:
    words = join(
        h("span", {}, run.precision or "unknown precision"),
        h("code", {}, run.revision[:7]) if run.revision else None,
        h("span", {"class": "lb-quiet"}, run.submitted),
    )
    value = h("span", {"class": "lb-num"}, number(run.average, 2) or "no average")
    if current:
        return h("li", {"aria-current": "true"}, h("span", {"class": "lb-run"}, words), value)
    return h("li", {}, h("a", {"class": "lb-run", "href": model_page(run.model, run.query, suite)}, words), value)


def _lineage(view: ModelView, suite: str | None) -> Markup | None:
    """Its base, and the best of what was made from it."""
    named = view.facts["base_model"]
    parts = []
    if view.base is not None:
        above = [
            _relative(each, suite) if isinstance(each, Run) else h("li", {}, h("span", {}, each))
            for each in view.ancestors
        ]
        parts.append(join(h("h3", {}, "Made from"), h("ul", {"class": "lb-runs"}, _relative(view.base, suite), above)))
    elif named:
        link = h("a", {"href": f"https://huggingface.co/{quote(named)}", "rel": "noopener"}, named)
        parts.append(join(h("h3", {}, "Made from"), h("p", {}, link, ", which is not on the board.")))
    if view.made_from_it:
        made = [_relative(run, suite) for run in view.made_from_it]
        more = view.made_from_it_count - len(made)
        rest = h("p", {"class": "lb-quiet"}, f"and {more:,} more") if more > 0 else None
        parts.append(join(h("h3", {}, "Made from it"), h("ul", {"class": "lb-runs"}, made), rest))
    return h("section", {}, h("h2", {}, "Relatives"), parts) if parts else None


def _relative(run: Run, suite: str | None) -> Markup:
    value = h("span", {"class": "lb-num"}, number(run.average, 2) or "no average")
    return h(
        "li",
        {},
        h("a", {"class": "lb-run", "href": model_page(run.model, run.query, suite), "dir": "auto"}, run.model),
        value,
    )


def _reproduce(view: ModelView) -> Markup | None:
    if not view.command:
        return None
    return h(
        "section",
        {"aria-labelledby": "lb-reproduce"},
        h("h2", {"id": "lb-reproduce"}, "Run it again"),
        h("p", {"class": "lb-quiet"}, "With the stock harness, in the same precision and at the same revision:"),
        h("pre", {"class": "lb-code", "tabindex": "0", "aria-labelledby": "lb-reproduce"}, view.command),
    )


def _missing(found: Missing, snapshot: Snapshot, suite: str | None) -> Markup:
    near = [h("li", {}, h("a", {"href": model_page(name, suite=suite)}, name)) for name in found.suggestions]
    return h(
        "section",
        {"class": "lb-text lb-lost", "aria-labelledby": "lb-title"},
        h("p", {"class": "lb-crumb"}, h("a", {"href": _board(suite)}, "Leaderboard"), " / ", snapshot.suite.title),
        h("h1", {"id": "lb-title", "dir": "auto"}, found.model),
        h("p", {}, "The board has no row of this model. It may be spelled otherwise, or nobody has submitted it yet."),
        near and join(h("h2", {}, "Near it in name"), h("ul", {"class": "lb-near"}, near)),
        h("p", {}, h("a", {"href": _board(suite, q=found.model)}, f"Search the board for {found.model}")),
    )


def _board(suite: str | None, **asked: str) -> str:
    query = asked | ({"suite": suite} if suite else {})
    return "./" + (f"?{urlencode(query)}" if query else "")


PAGE = Page(name="model", route="/model/{model:path}", nav=None, view=view, build=build)
