"""A child that opens hostile models the way a careless loader would, past every check; run by the hostile tests."""

from __future__ import annotations

import json
import logging
import signal
import sys
from pathlib import Path

from evaluator import sandbox

LONGEST = 2.0  # seconds


def _enough(*_: object) -> None:
    raise TimeoutError


def main(run: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGALRM, _enough)
    opened = {}
    for folder in sorted((run / "hostile").iterdir()):
        for loader in (AutoConfig, AutoTokenizer, AutoModelForCausalLM):
            signal.setitimer(signal.ITIMER_REAL, LONGEST)  # some only want to burn time
            try:
                found = loader.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
                if loader is AutoTokenizer:
                    found.apply_chat_template([{"role": "user", "content": "x"}])
                opened[f"{folder.name} {loader.__name__}"] = "opened"
            except BaseException as error:
                opened[f"{folder.name} {loader.__name__}"] = type(error).__name__
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    (run / "results.json").write_text(json.dumps(opened))


if __name__ == "__main__":
    sandbox.close_doors()
    main(Path(sys.argv[1]))
