"""How the server ends: at once and cleanly on SIGTERM, also as process 1 of a container with a stream open."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.settings import ROOT

UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc")


def can_unshare() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*UNSHARE, "true"], check=False).returncode == 0


@pytest.fixture(params=["process of a shell", "process 1"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A served board: its outermost process, the id of the one that serves, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    before = UNSHARE if request.param == "process 1" else ()
    if before and not can_unshare():
        pytest.skip("no process namespace can be made here")
    shutil.copytree(ROOT / "assets" / "sample", tmp_path / "board")
    flags = ["--store", tmp_path / "board", "--port", port, "--cache", tmp_path / "cache"]
    command = [*before, sys.executable, "app.py", *map(str, flags)]
    outer = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert outer.stdout is not None
        lines = []
        for line in outer.stdout:
            lines.append(line)
            if "Ctrl+C stops it" in line:
                break
        assert lines[-1].endswith(f", and reads {tmp_path / 'board'}. Ctrl+C stops it.\n"), lines
        inner = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split() if before else [outer.pid]
        yield outer, int(inner[0]), port
    finally:
        outer.kill()
        outer.wait()


def test_sigterm_ends_it_with_a_stream_open(served: tuple[subprocess.Popen[str], int, int]) -> None:
    outer, inner, port = served
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(b"GET /gradio_api/mcp/sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
        stream.recv(10)
        os.kill(inner, signal.SIGTERM)
        rest, _ = outer.communicate(timeout=120)
    assert outer.returncode == 0, rest
    assert "Traceback" not in rest
