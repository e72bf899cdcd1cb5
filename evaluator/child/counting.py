"""Count items, options and tokens of tasks whose items are here: `python -P -m evaluator.child.counting RUN_FOLDER FD`.

Task files hold Python functions and templates, so this runs in the same fence as a model. Prompts are built as for a
run. Tokens are counted with `tokenizer.json` in the run folder; without one, words are cut into pieces of three
letters, which is close to a vocabulary of 8,000 entries.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from evaluator.child import harness_tasks
from evaluator.child.checkpoints import write_json
from evaluator.job import RESULTS, TOKENIZER
from evaluator.task_facts import ItemCounts, Work

MOST_DOCUMENTS = 100  # whose prompts are built; the others are taken to be as long
PIECES = re.compile(r"\s?[^\W\d_]{1,3}|\s?\d|\s?[^\w\s]|\s+|\w")

Encode = Callable[[Sequence[str]], list[list[int]]]


def main(run: Path) -> None:
    """Read the question in `ask.json`; write task → counts."""
    question = json.loads((run / "ask.json").read_text(encoding="utf-8"))
    own = Path(question["own"]) if question["own"] else None
    encode = encoder(run / TOKENIZER)
    found: dict[str, dict[str, Any]] = {}
    for name, shots in question["shots"].items():
        try:
            beside = own if name in question["own_data"] else None
            task = harness_tasks.load([name], question["folders"], own, beside, shots)["tasks"][name]
            found[name] = count(task, encode).as_dict()
        except Exception as error:  # one task that cannot be built must not hide what is known of the others
            found[name] = ItemCounts(problem=f"{type(error).__name__}: {error}"[:300]).as_dict()
    write_json(run / RESULTS, found)


def encoder(path: Path) -> Encode:
    """Return a function that encodes texts: with the tokenizer in `path`, or in pieces of words if there is none."""
    if path.is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return lambda texts: [each.ids for each in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    known: dict[str, int] = {}
    return lambda texts: [[known.setdefault(piece, len(known)) for piece in PIECES.findall(text)] for text in texts]


def count(task: Any, encode: Encode) -> ItemCounts:
    """Return how many items a loaded task has, how many options each, and the tokens of its prompts."""
    total = len(list(task.eval_docs))
    task.build_all_requests(limit=MOST_DOCUMENTS)
    requests = task.instances
    if not total or not requests:
        return ItemCounts(items=total)
    options: set[int] = set()
    if task.OUTPUT_TYPE == "multiple_choice":
        docs = {id(each.doc): each.doc for each in requests}
        options = {len(choices) for doc in docs.values() if isinstance(choices := task.doc_to_choice(doc), list)}
    documents = len({each.doc_id for each in requests})
    return ItemCounts(total, options.pop() if len(options) == 1 else None, _work(task, requests, documents, encode))


def _work(task: Any, requests: Sequence[Any], documents: int, encode: Encode) -> Work:
    texts = [_texts(each) for each in requests]
    contexts = encode([context for context, _ in texts])
    scored = encode([continuation for _, continuation in texts])
    # what is forwarded: the last token of a scored text predicts nothing
    rows = sorted({tuple(context + (ids[:-1] if ids else [])) for context, ids in zip(contexts, scored, strict=True)})
    shared = _common(rows[0], rows[-1])
    nodes = len(rows[0]) + sum(len(row) - _common(before, row) for before, row in pairwise(rows))
    limits = [
        int(each.args[1].get("max_gen_toks") or 256) for each in requests if each.request_type == "generate_until"
    ]
    answer = None
    if limits:
        targets = encode([_target(task, each.doc) for each in requests])
        mean = sum(map(len, targets)) / len(targets)
        answer = min(max(mean, SHORTEST_ANSWER), sum(limits) / len(limits)) * len(limits) / documents
    return Work(
        shared=shared,
        document=(nodes - shared) / documents,
        scored=sum(map(len, scored)) / documents,
        stock=sum(map(len, rows)) / documents,
        answer=answer,
        answer_limit=sum(limits) / documents if limits else None,
    )


SHORTEST_ANSWER = 16.0  # tokens


def _texts(request: Any) -> tuple[str, str]:
    """Return what is read and what is scored after it."""
    if request.request_type == "loglikelihood":
        return str(request.args[0]), str(request.args[1])
    return ("", str(request.args[0])) if request.request_type == "loglikelihood_rolling" else (str(request.args[0]), "")


def _target(task: Any, doc: Any) -> str:
    target = task.doc_to_target(doc)
    return str(target[0] if isinstance(target, list) and target else target)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
