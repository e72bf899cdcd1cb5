"""Try what a box needs, in a sandboxed child: `python -P -m evaluator.child.box_trial FOLDER PROGRESS_FD`.

The folder's job runs the built-in tiny model. Its `work/unsupported.json` names the quantisation methods whose library
this machine lacks.
"""

from __future__ import annotations

from pathlib import Path

from evaluator.child import harness
from evaluator.child.checkpoints import write_json
from evaluator.job import UNSUPPORTED, Job, RunFailure


def main(folder: Path, report: harness.ReportEvent) -> RunFailure | None:
    """Run the job of `folder`; return why this machine cannot run models with its settings, or None."""
    import torch

    from evaluator.engine.backends import backend_class, unknown_arguments, unsupported

    torch.set_num_threads(1)  # a model this small would wait for its threads most of the time
    job = Job.read(folder / "job.json")
    try:
        model = backend_class(job.backend)
    except ImportError as error:
        return RunFailure("load-failed", f"--backend {job.backend} needs a library that is not installed: {error}")
    except (LookupError, ValueError) as error:
        return RunFailure("load-failed", str(error))
    failure = harness.main(folder, report)
    if failure is not None:
        unknown = unknown_arguments(model, job.backend, job.backend_args)
        return RunFailure(failure.code, " ".join([failure.message, *unknown]), failure.traceback)
    write_json(folder / UNSUPPORTED, unsupported())
    return None


if __name__ == "__main__":
    harness.run_as_child(main)
