"""Write tests/data/lighteval with lighteval's own tracker: its dummy model on a made-up task of four questions.

Run it in a virtual environment of its own: `pip install lighteval==0.13`, then
`python tests/data/make_lighteval_run.py`.
"""

import os
import shutil
import sys
import tempfile
import types
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

from datasets import Dataset
from lighteval.logging.evaluation_tracker import EvaluationTracker
from lighteval.metrics.metrics import Metrics
from lighteval.models.dummy.dummy_model import DummyModelConfig
from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

FOLDER = Path(__file__).parent / "lighteval"


def prompt(line, task_name=None):
    return Doc(task_name=task_name, query=line["question"], choices=[" yes", " no"], gold_index=line["gold"])


# its registry imports every task, and this one downloads when it is imported
tiny = types.ModuleType("tiny_benchmarks")
vars(tiny)["TASKS_TABLE"] = []
sys.modules |= {f"lighteval.tasks.tasks.tiny_benchmarks{part}": tiny for part in ("", ".main")}

with tempfile.TemporaryDirectory() as made:
    questions = [{"question": f"Is {at} even?", "gold": at % 2} for at in range(4)]
    Dataset.from_list(questions).to_parquet(f"{made}/test.parquet")
    module = types.ModuleType("made_up")
    vars(module)["TASKS_TABLE"] = [
        LightevalTaskConfig(
            name="parity",
            prompt_function=prompt,
            hf_repo=made,
            hf_subset="default",
            metrics=[Metrics.loglikelihood_acc],
            hf_avail_splits=["test"],
            evaluation_splits=["test"],
        )
    ]
    shutil.rmtree(FOLDER, ignore_errors=True)
    tracker = EvaluationTracker(output_dir=str(FOLDER), save_details=True)
    parameters = PipelineParameters(launcher_type=ParallelismManager.NONE, custom_tasks_directory=module)
    pipeline = Pipeline("parity|0", parameters, tracker, DummyModelConfig(model_name="dummy", seed=7))
    pipeline.evaluate()
    pipeline.save_and_push_results()
