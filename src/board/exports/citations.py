"""What every board cites: the harness. Boards and benchmarks are cited as their suite says."""

from __future__ import annotations

from src.core.suites import CitedWork

PUBLISHED_AT = "https://huggingface.co/spaces/open-llm-leaderboard/open_llm_leaderboard"
HARNESS = CitedWork(
    "eval-harness",
    "The Language Model Evaluation Harness",
    "Gao, Leo and Tow, Jonathan and Abbasi, Baber and others",
    "2024",
    "https://zenodo.org/records/12608602",
)
