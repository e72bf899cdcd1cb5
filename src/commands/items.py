"""`python app.py items`: which questions of a benchmark are hard, and which go against the rest."""

from __future__ import annotations

import argparse
from typing import Any

from src import settings
from src.core.errors import BadInputError, NotFoundError

FEWEST = 5  # models whose answers must be stored


def add_parser(subparsers: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Return the command's words on the command line."""
    parser = subparsers.add_parser(
        "items",
        help="find the hardest questions of a benchmark, and those that go against the rest",
        description="From the answers that the board's models published: the share of models that are right on a "
        "question, and the correlation of being right on it with the score on all others. A question that good models "
        "get wrong and weak ones right is likely mislabelled.",
        epilog="example: python app.py items reading --store my-board",
    )
    parser.add_argument("benchmark", metavar="BENCHMARK", help="a key of the suite, such as reading")
    parser.add_argument("--store", metavar="DIR|hub:OWNER", help=f"the board (default: {settings.PUBLIC})")
    parser.add_argument("--suite", metavar="NAME", help="the suite (default: the newest)")
    parser.add_argument("--most", type=int, default=10, metavar="N", help="questions of each kind (default: 10)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print both lists for each task."""
    from src.board.live.opening import open_board
    from src.board.live.sources import read_contents
    from src.board.model.detail_files import DetailFiles
    from src.core import suites

    store = open_board(settings.read(args)).store
    suite = suites.load(args.suite or suites.DEFAULT)
    benchmark = suite.benchmark(args.benchmark)
    frame = read_contents(store, None, None).frames.get(suite.name)
    if frame is None:
        raise NotFoundError(f"{store.name} has no rows of {suite.title}.")
    files = DetailFiles(store, suite)
    rows = frame.drop_duplicates("model").to_dict("records")
    for task in benchmark.tasks:
        opened = [file for row in rows if (file := files.open(row, task.name)) is not None and len(file)]
        if len(opened) < FEWEST:
            raise BadInputError(
                f"Only {len(opened)} models of this board published their answers on {task.title}; {FEWEST} are needed."
            )
        _print(task.title, opened, args.most)
    return 0


def _print(title: str, files: list[Any], most: int) -> None:
    import numpy as np

    from src.core.statistics.health import item_statistics
    from src.core.statistics.paired import ItemScores, question_of
    from src.core.statistics.ranking.together import shared_scores

    names = [np.array([text or "" for text in file.hashes]) for file in files]
    answers = [
        ItemScores(np.full(len(each), title), each, np.nan_to_num(file.scores))
        for each, file in zip(names, files, strict=True)
    ]
    shared = shared_scores(answers, most_unmatched=1.0)
    hashes = [question_of(key) for key in shared.keys]
    if len(set(hashes)) < len(hashes):
        raise BadInputError(f"{title} asks some questions twice; their answers cannot be matched.")
    found = item_statistics(shared.scores)
    print(f"{title}: {len(hashes):,} questions, {len(files)} models")
    texts = {sample.doc_hash: sample.question for sample in files[0].page(np.arange(len(files[0])))}
    for heading, order in (
        ("hardest", np.argsort(found.difficulty, kind="stable")),
        ("against the rest", np.argsort(np.nan_to_num(found.point_biserial, nan=1.0), kind="stable")),
    ):
        print(f"  {heading}:")
        for at in order[:most]:
            if heading == "hardest" or found.point_biserial[at] < 0:
                words = " ".join((texts.get(hashes[at]) or hashes[at]).split())[:80]
                print(f"    {found.difficulty[at]:5.0%} right, r {found.point_biserial[at]:+.2f}  {words}")
