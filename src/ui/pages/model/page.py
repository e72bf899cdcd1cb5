"""One model's page: the document has what the snapshot knows; what must be fetched comes when its tab is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pandas as pd
from markupsafe import Markup

from src.board.audit import AuditFinding, touched
from src.board.live.per_frame import per_frame
from src.board.live.snapshot import Board, Snapshot
from src.board.model.overview import Missing, ModelView, Run, model_view
from src.board.table.columns import TYPES
from src.core.errors import BoardError
from src.core.run_costs import is_of_server
from src.settings import Settings
from src.ui.pages.model import certainty, cite, moderation, past, robustness, run_sections, samples, scores
from src.ui.web.addresses import model_page
from src.ui.web.figures import number
from src.ui.web.page import Page, View, Visit, snapshot_of
from src.ui.web.templates import render


class Section(NamedTuple):
    """One tab below the scores; `draw` renders it when it is opened, and may raise BoardError."""

    key: str
    title: str
    waiting: str  # shown until it is there
    draw: Callable[[Board, Snapshot, ModelView], Markup]


SECTIONS: tuple[Section, ...] = (
    Section("subtasks", "Subtasks", "Loading the result file …", run_sections.subtasks),
    Section("samples", "Samples", samples.WAITING, samples.browser),
    Section("certainty", "Certainty", "Loading the result file …", certainty.certainty),
    Section("place", "Rank", "Computing ranks under other weights …", robustness.place),
    Section("history", "History", "Loading the result files …", past.history),
    Section("settings", "Settings of the run", "Loading the result file …", run_sections.settings),
    Section("cite", "Cite", "Loading …", cite.texts),
)
"""The tabs of a model's page, in order; a new one is its function and its line here."""


def view(board: Board, settings: Settings, visit: Visit) -> View:
    """Return what the snapshot knows of the model, or the models that the address may mean."""
    snapshot = snapshot_of(board, visit.query)
    name = visit.params["model"]
    get = visit.query.get
    estimate = past.newest(board, snapshot.suite, name)
    notes = moderation.notes(board.state.profile.moderation, name)
    address = model_page(name, {each: visit.query[each] for each in RUN if visit.query.get(each)}, get("suite"))
    decisions = str(render("model/decisions.html", notes=notes, address=address)) if notes else ""
    place = (snapshot.source, snapshot.store, estimate + decisions)
    run = get("precision"), get("revision"), get("configuration")
    query = RunQuery(name, *run, get("suite"), *place, snapshot)
    shown = _view(snapshot.frame, query)
    decided = moderation.section(board, settings, visit, snapshot, name)
    if isinstance(shown, Missing):
        if board.state.profile.moderation.of(name):
            return View(name, _hidden(name, board, snapshot, query.suite) + decided)
        return View(name, _missing(shown, board, snapshot, query.suite), status=404)
    opened = part(board, settings, visit) if get("tab") else None
    sections = render("model/sections.html", sections=_links(visit), opened=opened)
    return replace(shown, body=shown.body + decided + sections, is_kept=opened is None and visit.me is None)


RUN = ("precision", "revision", "configuration")
"""Parameters that name one run of a model."""


@dataclass(frozen=True)
class RunQuery:
    """Which run the address names, and what the page depends on besides the rows."""

    model: str
    precision: str | None
    revision: str | None
    configuration: str | None
    suite: str | None  # as the address has it
    source: str
    store: str
    estimate: str  # rendered: the newest estimate, and the decisions that count, if there are any
    snapshot: Snapshot = field(compare=False)


@per_frame(512)
def _view(frame: pd.DataFrame, query: RunQuery) -> View | Missing:
    model = model_view(query.snapshot, query.model, query.precision, query.revision, query.configuration)
    if isinstance(model, Missing):
        return model
    description = f"{model.run.model} on {model.suite.title}: average {number(model.run.average, 2)}."
    findings = touched(frame, model.suite.name).get(model.run.id, ())
    body, links = _page(model, findings, query), render("model/head.html")
    return View(model.run.model, body, links, description, row=model.run.id)


class SectionLink(NamedTuple):
    """A tab: its title and its address, for the template."""

    key: str
    title: str
    waiting: str
    address: str
    is_open: bool


def _links(visit: Visit) -> list[SectionLink]:
    opened = visit.query.get("tab")
    return [
        SectionLink(each.key, each.title, each.waiting, _tab_address(visit, each.key), each.key == opened)
        for each in SECTIONS
    ]


def _tab_address(visit: Visit, key: str) -> str:
    query = {name: visit.query[name] for name in (*RUN, "suite") if name in visit.query}
    return model_page(visit.params["model"], query | {"tab": key})


def part(board: Board, settings: Settings, visit: Visit) -> Markup:
    """Render the tab that the address names, for the run that it names."""
    get = visit.query.get
    section = next((each for each in SECTIONS if each.key == get("tab")), SECTIONS[0])
    snapshot = snapshot_of(board, visit.query)
    model = model_view(snapshot, visit.params["model"], *map(get, RUN))
    if isinstance(model, Missing):
        return render("model/note.html", text=f"{model.model} is not on this board.")
    try:
        return section.draw(board, snapshot, model)
    except BoardError as error:
        return render("problem.html", problem=str(error))


def _page(view: ModelView, findings: Sequence[AuditFinding], query: RunQuery) -> Markup:
    suite = query.suite
    organisation, slash, name = view.run.model.rpartition("/")
    return render(
        "model/page.html",
        id=view.run.id,
        organisation=organisation + slash,
        name=name,
        suite_title=view.suite.title,
        home=_board(suite),
        facts=_facts(view),
        flags=[(key, text) for key, when, text in FLAGS if view.facts.get(key) is when],
        findings=findings,
        estimate=Markup(query.estimate),
        command=view.command,
        links=view.links,
        report=_report_address(query.store, view.run.id),
        with_base=_with_base(view, suite),
        scores=scores.scores(view, suite, query.snapshot.frame.attrs.get("corrected", {}).get(view.run.id, {})),
        runs=_runs(view, suite),
        lineage=_lineage(view, suite),
    )


def _report_address(store: str, row: str) -> str | None:
    """Return where a row of a board on the Hub is reported or disputed: a discussion of the board's own dataset."""
    if not store.startswith("hub:"):
        return None
    words = urlencode({"title": f"Report or dispute: {row}"})
    return f"https://huggingface.co/datasets/{quote(store.removeprefix('hub:'))}/contents/discussions/new?{words}"


def _with_base(view: ModelView, suite: str | None) -> str | None:
    """Return the address of the comparison with the base model, the base first; None without one on the board."""
    if view.base is None:
        return None
    query = {"models": f"{view.base.id},{view.run.id}"} | ({"suite": suite} if suite else {})
    return f"compare?{urlencode(query)}"


def _facts(view: ModelView) -> list[tuple[str, str]]:
    """Return the known facts of the model, each with what it is."""
    facts = view.facts
    size, kind = facts["params_b"], TYPES.get(facts["model_type"] or "")
    rows = (
        ("Type", kind.title if kind else None),
        ("Parameters", f"{number(size, 1 if size >= 1 else 2)} B parameters" if size else "size unknown"),
        ("Precision", facts["precision"]),
        ("Configuration", facts.get("configuration")),
        ("Harness", f"run with {facts['harness']}" if facts.get("harness") else None),
        ("Source", facts.get("source")),
        ("Weights", None if facts["weight_type"] in (None, "Original") else f"{facts['weight_type'].lower()} weights"),
        ("Architecture", facts["architecture"]),
        ("Licence", f"licence {facts['license']}" if facts["license"] else "licence unknown"),
        ("Uploaded to the Hub", f"uploaded {facts['upload_date']}" if facts["upload_date"] else None),
        ("Chat template", "chat template used" if facts["chat_template"] else None),
        ("Answered by", _answered_by(facts.get("served"))),
        ("Tokens per item", _shown(facts.get("tokens_per_item"), 0, " tokens an answer")),
        ("Seconds per item", _shown(facts.get("seconds_per_item"), 2, " s an item")),
        ("Cost of the run", f"run for ${number(facts['dollars'], 2)}" if facts.get("dollars") else None),
        ("CO₂ of the evaluation", f"{number(facts['co2_kg'], 1)} kg CO₂" if facts["co2_kg"] else None),
    )
    return [(title, text) for title, text in rows if text]


def _answered_by(served: str | None) -> str | None:
    """Return who answered, if that was a server; weights go without saying."""
    return f"{served}; may change" if is_of_server(served) else None


def _shown(value: float | None, digits: int, unit: str) -> str | None:
    return None if value is None else f"{number(value, digits)}{unit}"


FLAGS = (
    ("flagged", True, "Flagged: reported for training on the benchmarks"),
    ("available", False, "No longer on the Hub"),
    ("merged", True, "Made by merging"),
    ("moe", True, "Mixture of experts"),
    ("official", True, "Published by its maker"),
)


def _runs(view: ModelView, suite: str | None) -> dict[str, Any]:
    """Return the model's runs, this one included, or the sentence about the only one."""
    if len(view.runs) < 2:
        return {"others": [], "only": _only(view.run)}
    rows = [
        {
            "page": None if run.id == view.run.id else model_page(run.model, run.query, suite),
            "precision": run.precision or "unknown precision",
            "revision": run.revision and run.revision[:7],
            "submitted": " · ".join(part for part in (run.configuration, run.submitted) if part),
            "average": _average(run),
        }
        for run in view.runs
    ]
    return {"others": rows, "only": None}


def _only(run: Run) -> str:
    revision = f" at revision {run.revision[:7]}" if run.revision else ""
    submitted = f", submitted {run.submitted}" if run.submitted else ""
    return f"Run in {run.precision or 'unknown precision'}{revision}{submitted}."


def _lineage(view: ModelView, suite: str | None) -> dict[str, Any] | None:
    """Return the base model, and the best of what was made from this one; None if neither is known."""
    base = view.facts["base_model"]
    made_from = [] if view.base is None else [_relative(each, suite) for each in (view.base, *view.ancestors)]
    if not made_from and not base and not view.made_from_it:
        return None
    more = view.made_from_it_count - len(view.made_from_it)
    return {
        "made_from": made_from,
        "unlisted": {"name": base, "url": f"https://huggingface.co/{quote(base)}"} if base else None,
        "made_from_it": [_relative(run, suite) for run in view.made_from_it],
        "more": f"{more:,}" if more > 0 else None,
    }


def _relative(run: Run | str, suite: str | None) -> dict[str, str | None]:
    if isinstance(run, str):  # the board has no row of it
        return {"model": run, "page": None, "average": None}
    return {"model": run.model, "page": model_page(run.model, run.query, suite), "average": _average(run)}


def _average(run: Run) -> str:
    return number(run.average, 2) or "no average"


def _hidden(model: str, board: Board, snapshot: Snapshot, suite: str | None) -> Markup:
    now = board.state.profile.moderation.renamed(model)
    return render(
        "model/hidden.html",
        model=model,
        suite_title=snapshot.suite.title,
        home=_board(suite),
        now={"model": now, "page": model_page(now, suite=suite)} if now != model else None,
    )


def _missing(missing: Missing, board: Board, snapshot: Snapshot, suite: str | None) -> Markup:
    return render(
        "model/missing.html",
        model=missing.model,
        suite_title=snapshot.suite.title,
        home=_board(suite),
        search=_board(suite, q=missing.model),
        suggestions=[{"model": name, "page": model_page(name, suite=suite)} for name in missing.suggestions],
        estimates=past.estimates_alone(board, snapshot.suite, missing.model),
    )


def _board(suite: str | None, **more: str) -> str:
    query = more | ({"suite": suite} if suite else {})
    return "./" + (f"?{urlencode(query)}" if query else "")


PAGE = Page(
    name="model",
    route="/model/{model:path}",
    nav=None,
    view=view,
    parameters=frozenset({*RUN, "suite", "tab", "task", "outcome", "find", "page", "item"}),
    part=part,
    reads_store=True,
)
