"""Suites: what a board measures and how its numbers become scores, read from .toml files.

A new suite is one new file; docs/suites.md says what may stand in it, `src.core.scoring` how it is computed.
"""

from src.core.suites.catalogue import DEFAULT, FOLDER, forget_files, is_withheld, load, names, provide
from src.core.suites.groups import with_groups
from src.core.suites.parsing import general_card, metric_kind, parse, parse_text
from src.core.suites.suite import (
    CHAT_DATE,
    Aggregation,
    Baseline,
    Benchmark,
    Carbon,
    CardLine,
    CardSource,
    CitedWork,
    HubData,
    Kind,
    Normalise,
    Pooling,
    PublishedCards,
    Scorer,
    SourceTask,
    Suite,
    Task,
)

__all__ = [
    "CHAT_DATE", "DEFAULT", "FOLDER",
    "Aggregation", "Baseline", "Benchmark", "Carbon", "CardLine", "CardSource", "CitedWork",
    "HubData", "Kind", "Normalise", "Pooling", "PublishedCards", "Scorer", "SourceTask", "Suite", "Task",
    "forget_files", "general_card", "is_withheld", "load", "metric_kind", "names", "parse", "parse_text", "provide",
    "with_groups",
]  # fmt: skip
