"""Measure pages with uncertainty: dragging a weight, and opening one answer of a long benchmark."""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx

from src.board.model.samples import SampleFile
from src.core.frames.frame import to_contents
from src.core.frames.tables import write_parquet
from src.core.items.details import write_twin
from src.core.names import details_dataset
from src.core.store import LocalStore
from src.core.suites import load
from tests.bench import report, shown
from tests.bench.board.browsing import PAINTED, browser, opened, p95, served
from tests.boards.made_up import frame

ROWS, ITEMS = 4_576, 12_032
TASK, STAMP = "leaderboard_mmlu_pro", "2025-01-01T00-00-00.000000"
DRAG = f"""
async () => {{
  const painted = {PAINTED};
  const input = document.querySelector('.lt-weight input');
  const first = () => document.querySelector('.lt-rows td.lt-c-average')?.textContent;
  const times = [];
  for (let step = 0; step < 60; step++) {{
    const before = first();
    const began = performance.now();
    input.value = (step * 7) % 50;
    input.dispatchEvent(new Event('input', {{ bubbles: true }}));
    times.push((await painted(() => first() !== before)) - began);
  }}
  return times;
}}
"""


def measure(quick: bool) -> None:
    """Return every figure, on a board of as many rows as the last one had."""
    with tempfile.TemporaryDirectory() as folder:
        rows = frame(ROWS)
        store, model = Path(folder) / "board", str(rows["model"].iloc[0])
        twin = sample_twin()
        LocalStore(store).append(
            {"contents/data/train-00000-of-00001.parquet": write_parquet(to_contents(rows, load("open-llm-v2")))}
        )
        path = f"{details_dataset(model)}/{model.replace('/', '__')}/samples_{TASK}_{STAMP}.parquet"
        LocalStore(store).append({path: twin})
        bytes_of_a_screen(twin)
        with served("board", str(store)) as url:
            first_sample(url, str(rows["id"].iloc[0]))
            with browser() as chromium, opened(chromium, f"{url}/", ".lt-rows .lt-name") as page:
                page.wait_for_selector(".lt:not([aria-busy])")
                page.click("[data-part=ranking]")
                times = page.evaluate(DRAG)
        goal = "≤ 100 ms"
        report(
            f"drag of a weight to re-ranked rows, p95, {ROWS:,} rows",
            round(p95(times), 1),
            "ms",
            goal,
            p95(times) <= 100,
        )
        shown(f"drag of a weight to re-ranked rows, median, {ROWS:,} rows", round(median(times), 1), "ms")


def first_sample(url: str, row: str) -> None:
    """Time the request for a screen of answers up to its last byte, cold and warm."""
    params = {"row": row, "suite": "open-llm-v2", "task": TASK}
    seconds = []
    with httpx.Client(timeout=30) as client:
        for _ in range(6):
            began = time.perf_counter()
            answer = client.get(f"{url}/samples/list", params=params)
            seconds.append(time.perf_counter() - began)
            assert answer.text.count("<li") == 20, answer.text[:300]
    report(f"first screen of {ITEMS:,} answers, cold", round(seconds[0], 3), "s", "≤ 1 s", seconds[0] <= 1)
    report(
        f"first screen of {ITEMS:,} answers, again",
        round(median(seconds[1:]), 3),
        "s",
        "≤ 1 s",
        median(seconds[1:]) <= 1,
    )


def bytes_of_a_screen(twin: bytes) -> None:
    """Count the bytes of the file that are read to show its first screen."""
    file = CountingFile(twin)
    answers = SampleFile(file)
    answers.page(answers.rows()[:20])
    share = file.read_bytes / len(twin)
    figure = f"read for the first of {ITEMS:,} answers"
    size = f"the file: {len(twin) / 1e6:.1f} MB"
    report(figure, round(100 * share, 2), "% of the file", "above 0, ≤ 3 %", 0 < share <= 0.03, size)


class CountingFile(io.BytesIO):
    """A file that counts the bytes read from it."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def sample_twin() -> bytes:
    """Return a long benchmark's answers as a board stores them: ten options and a prompt with five examples each."""
    import random

    rng = random.Random(0)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(8000)]
    shots = "\n\n".join(" ".join(rng.choices(words, k=150)) for _ in range(5))

    def line(item: int) -> dict:
        question = " ".join(rng.choices(words, k=60))
        options = [" " + " ".join(rng.choices(words, k=6)) for _ in range(10)]
        prompt = f"{shots}\n\n{question}\nAnswer:"
        return {
            "doc_id": item,
            "doc": {"question": question, "options": options},
            "target": "A",
            "arguments": {f"gen_args_{at}": {"arg_0": prompt, "arg_1": option} for at, option in enumerate(options)},
            "filtered_resps": [[-rng.random() * 20, False] for _ in options],
            "doc_hash": f"{rng.getrandbits(256):064x}",
            "acc": float(item % 3 == 0),
        }

    out = io.BytesIO()
    write_twin(map(line, range(ITEMS)), load("open-llm-v2").benchmark("mmlu_pro").metrics, out)
    return out.getvalue()


if __name__ == "__main__":
    measure(quick=False)
