"""Stand-in items of any dataset, in the columns that its tasks read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Splits = Mapping[str, list[dict[str, Any]]]
ITEMS = 6


def put(root: Path, dataset: str, config: str, splits: Splits) -> None:
    folder = root / dataset
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        files.append(f"  - split: {split}\n    path: {split}.jsonl\n")
    header = f"configs:\n- config_name: {config}\n  data_files:\n{''.join(files)}"
    (folder / "README.md").write_text(f"---\n{header}---\n")


def basque(root: Path) -> None:
    """Write items of the five Basque benchmarks, in the columns of their datasets."""
    some = range(ITEMS)
    put(root, "facebook/belebele", "eus_Latn", {"test": [
        {"flores_passage": f"Testu {i}.", "question": f"Zer {i}?", "correct_answer_num": "1",
         **{f"mc_answer{j}": f"erantzun {j}" for j in range(1, 5)}} for i in some]})  # fmt: skip
    story = [{f"input_sentence_{j}": f"Esaldi {i} {j}." for j in range(1, 5)}
             | {"sentence_quiz1": "Bat.", "sentence_quiz2": "Bi.", "answer_right_ending": 1} for i in some]  # fmt: skip
    put(root, "juletxara/xstory_cloze", "eu", {"train": story, "eval": story})
    quiz = [{"question": f"Zein {i}?", "candidates": ["a", "b", "c", "d"], "answer": i % 4} for i in some]
    for name in ("HiTZ/EusProficiency", "HiTZ/EusTrivia"):
        put(root, name, "default", {"test": quiz})
    put(root, "HiTZ/EusReading", "default", {"test": [item | {"context": "Testuinguru luzea."} for item in quiz]})
