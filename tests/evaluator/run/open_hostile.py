"""A child that opens hostile models the way a careless loader would, past every check; run by the hostile tests."""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path
from types import FrameType

from evaluator.job import RESULTS

LONGEST = 2.0  # seconds
HONEST = "good"  # the one model that must open, however long this machine takes


def _enough(number: int, frame: FrameType | None) -> None:
    """End what only burns time; never an import, since a module that is half imported stays broken."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            return
        frame = frame.f_back
    raise TimeoutError


def main(run: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGALRM, _enough)
    opened = {}
    for folder in sorted((run / "hostile").iterdir()):
        for loader in (AutoConfig, AutoTokenizer, AutoModelForCausalLM):
            signal.setitimer(signal.ITIMER_REAL, 0 if folder.name == HONEST else LONGEST)
            try:
                found = loader.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
                if loader is AutoTokenizer:
                    found.apply_chat_template([{"role": "user", "content": "x"}])
                opened[f"{folder.name} {loader.__name__}"] = "opened"
            except BaseException as error:
                opened[f"{folder.name} {loader.__name__}"] = type(error).__name__
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    (run / RESULTS).write_text(json.dumps(opened))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
