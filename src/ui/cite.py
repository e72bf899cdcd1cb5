"""The tab of a model's page with what others need to quote it: the block for its card, `.eval_results`, BibTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from src.board.cards import card_block, eval_result_files
from src.board.listing import listing
from src.board.model import ModelView
from src.board.papers import bibtex
from src.board.query import Query
from src.board.snapshot import Board, Snapshot
from src.core.errors import BadInput
from src.ui.html import coded, h, join


def texts(board: Board, snapshot: Snapshot, found: ModelView) -> Markup:
    """Every text with a button that copies it."""
    row = snapshot.frame[snapshot.frame["id"] == found.run.id].iloc[0]
    known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
    return h("div", {"class": "lb-cite"}, _card(known, snapshot), _bibtex(snapshot))


def _card(row: Mapping[str, Any], snapshot: Snapshot) -> Markup:
    suite = snapshot.suite.name
    try:
        block = card_block(row, suite).text
        files = eval_result_files(row, suite, date=row["submission_date"])
    except BadInput as error:
        return _part("card", "Model card", "", h("p", {"class": "lb-quiet"}, str(error)))
    yaml = [_copied(path, text, path) for path, text in files.items()]
    return join(
        _part(
            "card",
            "Model card",
            "The `model-index` of these scores and the section with their table. Where the card has a `model-index` "
            "already, `python app.py card` puts this into it and touches nothing else.",
            _copied("Card block", block, "Copy for the model card"),
        ),
        _part(
            "eval-results",
            "Results on the model’s page",
            "One file a benchmark, for the folder `.eval_results` of the model’s repository. The Hub lists what they "
            "hold beside the model; values are raw, as other results there are.",
            yaml,
        )
        if yaml
        else None,
    )


def _bibtex(snapshot: Snapshot) -> Markup:
    text = bibtex(listing(snapshot, Query(), limit=0))
    words = "This board as it stands now, the harness, and the benchmarks."
    return _part("bibtex", "BibTeX", words, _copied("BibTeX", text, "Copy BibTeX"))


def _part(key: str, title: str, words: str, *rest: Markup | list[Markup]) -> Markup:
    return h(
        "section",
        {"aria-labelledby": f"lb-{key}"},
        h("h2", {"id": f"lb-{key}"}, title),
        h("p", {"class": "lb-quiet"}, coded(words)) if words else None,
        *rest,
    )


def _copied(name: str, text: str, button: str) -> Markup:
    """The text behind a fold, and the button that copies it without opening the fold."""
    is_path = name == button
    return h(
        "div",
        {"class": "lb-copied"},
        h(
            "button",
            {"type": "button", "class": "lb-button", "data-copy": text, "aria-label": f"Copy {name}"},
            "Copy" if is_path else button,
        ),
        h(
            "details",
            {},
            h("summary", {}, h("code", {"translate": "no"}, name) if is_path else "what it says"),
            h("pre", {"class": "lb-code", "tabindex": "0", "aria-label": name}, text),
        ),
    )
