# ruff: noqa: E402
"""Write the logs in tests/data/inspect with Inspect's own writer and its mock model.

Run it in a virtual environment of its own: `pip install inspect_ai openai`, then
`python tests/data/make_inspect_log.py`.
"""

import os
import shutil
import sys
import types
from pathlib import Path

os.environ["INSPECT_DISPLAY"] = "none"
# the mock model counts tokens with a vocabulary that would have to be downloaded
words = types.SimpleNamespace(encode=lambda text, **options: text.split())
stand_in = types.ModuleType("tiktoken")
vars(stand_in).update(get_encoding=lambda name: words, encoding_for_model=lambda name: words)
sys.modules["tiktoken"] = stand_in

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.scorer import match
from inspect_ai.solver import generate

FOLDER = Path(__file__).parent / "inspect"
ANSWERS = ["2", "4", "6", "no idea", "10", "12", "no", "16"]

shutil.rmtree(FOLDER, ignore_errors=True)
items = [Sample(id=f"q{at}", input=f"What is {at} + {at}?", target=str(2 * at)) for at in range(1, 9)]
outputs = [ModelOutput.from_content("mockllm/made-up", text) for text in ANSWERS]
task = Task(dataset=items, solver=generate(), scorer=match(numeric=True), name="sums", version=2)
model = get_model("mockllm/made-up", custom_outputs=outputs)
(log,) = eval(task, model=model, log_dir=str(FOLDER), max_connections=1, max_samples=1)
assert log.results is not None
assert log.results.scores[0].metrics["accuracy"].value == 0.75
