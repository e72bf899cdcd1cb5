"""The tab of a model's page with what others need to quote it: the block for its card, `.eval_results`, BibTeX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from src.board.cards import card_block, eval_result_files
from src.board.exports.latex import bibtex
from src.board.live.snapshot import Board, Snapshot
from src.board.model.overview import ModelView
from src.board.table.listing import listing
from src.board.table.query import Query
from src.core.errors import BadInputError
from src.ui.web.templates import render

CARD = (
    "The `model-index` of these scores and the section with their table. If the card has a `model-index` already, "
    "`python app.py card` merges this into it and changes nothing else."
)
EVAL_RESULTS = (
    "One file per benchmark, for the folder `.eval_results` of the model’s repository. The Hub lists these results "
    "on the model’s page; values are raw, like other results there."
)
BIBTEX = "This board as it stands now, the harness, and the benchmarks."


def texts(board: Board, snapshot: Snapshot, model: ModelView) -> Markup:
    """Render every text with a button that copies it."""
    row = snapshot.frame[snapshot.frame["id"] == model.run.id].iloc[0]
    known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
    return render("model/cite.html", parts=[*_card(known, snapshot), _bibtex(snapshot)])


def _card(row: Mapping[str, Any], snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    suite = snapshot.suite.name
    try:
        block = card_block(row, suite, by=snapshot.identity).text
        files = eval_result_files(row, suite, date=row["submission_date"], by=snapshot.identity)
    except BadInputError as error:
        yield _part("card", "Model card", str(error))
        return
    yield _part("card", "Model card", CARD, _text("Card block", block, "Copy for the model card"))
    if files:
        yield _part(
            "eval-results",
            "Results on the model’s page",
            EVAL_RESULTS,
            *(_text(path, text) for path, text in files.items()),
        )


def _bibtex(snapshot: Snapshot) -> dict[str, Any]:
    return _part(
        "bibtex", "BibTeX", BIBTEX, _text("BibTeX", bibtex(listing(snapshot, Query(), limit=0)), "Copy BibTeX")
    )


def _part(key: str, title: str, words: str, *texts: dict[str, str | None]) -> dict[str, Any]:
    return {"key": key, "title": title, "words": words, "texts": texts}


def _text(name: str, text: str, button: str | None = None) -> dict[str, str | None]:
    """Return a text to copy; `button` is None for a file, whose name says enough."""
    return {"name": name, "text": text, "button": button}
