"""Processes to be killed, forked from a server without threads: a fork of one with threads may never come back."""

from __future__ import annotations

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["tests.core.workers", "tests.core.queue.test_queue_crash", "tests.core.store.test_store_crash"]
)
