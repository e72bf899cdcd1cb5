"""Ray on this machine alone, for as long as a test needs it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is optional: pip install -r evaluator/requirements-ray.txt"
)
STORE = 100 * 2**20
"""Bytes for what workers hand each other; by itself Ray takes a third of the machine."""


@contextmanager
def local_ray(cpus: int) -> Iterator[None]:
    """Start a cluster of workers without GPUs and without usage reports."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    quiet = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
    ray.init("local", num_cpus=cpus, num_gpus=0, object_store_memory=STORE, **quiet)
    try:
        yield
    finally:
        ray.shutdown()
