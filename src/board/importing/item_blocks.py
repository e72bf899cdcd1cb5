"""What a run's logged answers tell of its scores, added to the run's result as the evaluator adds it to its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from src.board.importing.reader import FoundResult
from src.core import suites
from src.core.items.blocks import KEYS, blocks_of_items


def with_item_blocks(found: FoundResult, names: Iterable[str]) -> tuple[FoundResult, str | None]:
    """Return a result with what its items tell, for benchmarks of the suites `names`.

    Unchanged if no benchmark has all its answers, or if the file has these blocks already; and with a sentence if the
    logged answers are not as the harness writes them, so that the errors come from counts.
    """
    if not found.samples or set(KEYS) & set(found.result.settings):
        return found, None
    try:
        blocks: dict[str, dict[str, Any]] = defaultdict(dict)
        for suite in map(suites.load, names):
            for key, block in blocks_of_items(found.result, suite, found.samples).items():
                blocks[key] |= block
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a stranger's lines can hold anything
        why = f"{found.result.model}: its answers are not as the harness logs them ({error}) and are left out; "
        return replace(found, samples={}), why + "errors come from counts."
    if not blocks:
        return found, None
    fields = json.loads(found.data)
    result = found.result.model_copy(update={"settings": found.result.settings | blocks})
    return replace(found, result=result, data=json.dumps(fields | blocks, ensure_ascii=False).encode()), None
