"""Claims in files: Every Eval Ever records that a model's makers wrote of it themselves (`first_party`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from src.board.claims.gathering import Claims
from src.board.claims.reading import LONGEST_NOTE, MakerClaim
from src.board.importing.formats import every_eval_ever
from src.board.importing.measurements import Measurement
from src.board.importing.reader import Hints, SourceFile
from src.core.errors import BadInputError
from src.core.suites import Benchmark, Suite
from src.core.suites.spellings import fold, spellings


def read_records(paths: Iterable[Path]) -> tuple[list[Measurement], list[str]]:
    """Return the makers' own values in record files and folders, and a sentence for each file that has none.

    Raises BadInputError for a path that does not exist.
    """
    found: list[Measurement] = []
    left: list[str] = []
    for path in _files(paths):
        try:
            own = [each for each in every_eval_ever.read(SourceFile.open(path), Hints()).records if each.is_makers]
        except BadInputError as error:
            left.append(str(error))
            continue
        found += own
        if not own:
            left.append(f"{path.name}: its evaluator_relationship is not first_party; `import` takes it as results.")
    return found, left


def claims_of_records(suite: Suite, values: Sequence[Measurement]) -> Claims:
    """Return model → benchmark → claim, of the values that a suite has; the last one of a cell counts."""
    named = {word: each for each in reversed(suite.benchmarks) for word in _words(suite, each)}
    claims: dict[str, dict[str, MakerClaim]] = defaultdict(dict)
    for each in values:
        benchmark = next((named[word] for word in map(fold, each.labels) if word in named), None)
        if benchmark is None or benchmark.unit != "%" or each.kind == "published":
            continue
        percent = 100 * each.value / (each.most or (1 if each.value <= 1 else 100))
        if 0 <= percent <= 100:
            words = ", ".join(filter(None, ("Every Eval Ever", each.row.source, each.row.configuration)))
            claims[each.row.model][benchmark.key] = MakerClaim(benchmark.key, percent, words[:LONGEST_NOTE])
    return dict(claims)


def _words(suite: Suite, benchmark: Benchmark) -> Iterator[str]:
    yield from spellings(benchmark)
    yield fold(f"{suite.name}.{benchmark.key}")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise BadInputError(f"There is no file {path}.")
        inner = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        yield from (each for each in inner if not every_eval_ever.is_part(each))
