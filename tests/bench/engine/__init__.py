"""What the engine computes, and how fast: `python -m tests.bench.engine`."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the libraries that read them are imported
os.environ.setdefault("TQDM_DISABLE", "1")
