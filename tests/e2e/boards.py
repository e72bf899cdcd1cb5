"""Boards small enough to read, for the browser tests."""
# ruff: noqa: E501 (a row a line reads as the table it is)

from __future__ import annotations

from pathlib import Path

import pandas as pd

from src.core.frames.frame import from_contents, to_contents
from src.core.frames.tables import write_parquet
from src.core.store import LocalStore
from src.core.suites import load

HOSTILE = 'evil/"><img src=x onerror=alert(1)>${alert(2)}{{value}}'

# model, precision, revision, type, billions, base, licence, then the six published scores (None: not run)
V2 = (
    ("acme/anvil-8b", "bfloat16", "a" * 40, "🟢 pretrained", 8.03, None, "apache-2.0", (40.0, 30.0, 10.0, 8.0, 6.0, 25.0)),
    ("acme/anvil-8b", "float16", "a" * 40, "🟢 pretrained", 8.03, None, "apache-2.0", (39.0, 31.0, 10.0, 8.0, 6.0, 25.0)),
    ("acme/anvil-8b-chat", "bfloat16", "b" * 40, "💬 chat", 8.03, "acme/anvil-8b", "apache-2.0", (70.0, 35.0, 20.0, 9.0, 8.0, 30.0)),
    ("acme/anvil-8b-chat", "bfloat16", "c" * 40, "💬 chat", 8.03, "acme/anvil-8b", "apache-2.0", (71.0, 36.0, 21.0, 9.5, 8.5, 31.0)),
    ("acme/anvil-70b", "bfloat16", "d" * 40, "🟢 pretrained", 70.6, None, "other", (45.0, 50.0, 20.0, 18.0, 16.0, 45.0)),
    ("bolt/nut-1b", "bfloat16", "e" * 40, "🔶 fine-tuned", 1.1, "gone/base-1b", "mit", (20.0, 5.0, 1.0, 1.0, 2.0, 3.0)),
    ("bolt/partial-7b", "bfloat16", "f" * 40, "🤝 merge", 7.2, None, "mit", (50.0, 30.0, None, 8.0, 7.0, 24.0)),
    (HOSTILE, "bfloat16", "9" * 40, "🤝 merge", 7.3, None, "<b>mit</b>", (33.0, 22.0, 11.0, 5.0, 5.0, 20.0)),
    ("solo", "float16", "8" * 40, "🟢 pretrained", None, None, None, (10.0, 4.0, 0.0, 0.0, 1.0, 2.0)),
)  # fmt: skip

V1 = (("acme/anvil-7b-v1", "bfloat16", "🟢 pretrained", 7.0, (60.0, 80.0, 62.0, 45.0, 75.0, 40.0)),)


def v2_table(rows: tuple = V2) -> pd.DataFrame:
    """The contents table of `rows`."""
    suite = load("open-llm-v2")
    return pd.DataFrame(
        [
            {
                "fullname": model,
                "Precision": precision,
                "Model sha": revision,
                "Type": kind,
                "#Params (B)": billions,
                "Base Model": base,
                "Hub License": licence,
                "Submission Date": "2025-01-05",
                "Upload To Hub Date": "2024-12-24",
                "Weight type": "Original",
                "Architecture": "LlamaForCausalLM",
                "Available on the hub": True,
                "Chat Template": "chat" in model,
            }
            | {benchmark.column: score for benchmark, score in zip(suite.benchmarks, scores, strict=True)}
            for model, precision, revision, kind, billions, base, licence, scores in rows
        ]
    )


def v1_table() -> pd.DataFrame:
    """The contents table of `V1`."""
    suite = load("open-llm-v1")
    return pd.DataFrame(
        [
            {"fullname": model, "Precision": precision, "Type": kind, "#Params (B)": billions}
            | {benchmark.column: score for benchmark, score in zip(suite.benchmarks, scores, strict=True)}
            for model, precision, kind, billions, scores in V1
        ]
    )


def published(table: pd.DataFrame, suite: str) -> bytes:
    """`table` as a store publishes it."""
    return write_parquet(to_contents(from_contents(table, suite), suite))


def small_store(folder: Path) -> Path:
    """A store of both suites in `folder`."""
    LocalStore(folder).append(
        {
            "contents/data/train-00000-of-00001.parquet": published(v2_table(), "open-llm-v2"),
            "contents/open-llm-v1/train-00000-of-00001.parquet": published(v1_table(), "open-llm-v1"),
        },
        "A board for the browser tests",
    )
    return folder
