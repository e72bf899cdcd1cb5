"""A child that looks for everything it must not find, and for ways to outlive its parent; what it saw is its result."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from evaluator.job import RESULTS, WORK


def main(run: Path, progress: int) -> None:
    task = json.loads((run / "task.json").read_text())
    os.write(progress, b"no json\n" + b'["a list"]\n' + b'{"no": "event"}\n' + b'{"event": "alive"}\n')
    if task["do"] == "look":
        found = {
            "environment": dict(os.environ),
            "files": {path: _read(Path(path)) for path in task["files"]},
            "processes": [_read(path) for path in Path("/proc").glob("[0-9]*/environ")],
            "network": {name: _connect(*address) for name, address in task["addresses"].items()},
            "home": sorted(path.name for path in Path.home().iterdir()),
        }
        (run / RESULTS).write_text(json.dumps(found))
    if task["do"] == "outlive":
        # a grandchild in a session of its own that keeps writing
        beat = f"import time\nwhile True:\n open({str(run / WORK / 'beat')!r}, 'a').write('.'); time.sleep(0.05)"
        subprocess.Popen([sys.executable, "-c", beat], start_new_session=True)
        time.sleep(600)
    if task["do"] == "blab":
        for number, benchmark in enumerate(task["benchmarks"]):
            reported = {"event": "unit", "tasks": [], "benchmark": benchmark, "log": os.fstat(2).st_size}
            os.write(progress, json.dumps(reported).encode() + b"\n")
            print(f"{benchmark} says SECRET-{number}", file=sys.stderr, flush=True)
        failed = {"event": "failed", "code": "harness", "message": "TemplateError: SECRET-9", "traceback": "SECRET-9"}
        os.write(progress, json.dumps(failed).encode() + b"\n")
        sys.exit(1)
    if task["do"] == "blame":
        os.write(progress, json.dumps({"event": "failed", "code": task["code"], "message": "not me"}).encode() + b"\n")
        sys.exit(1)
    if task["do"] == "eat":
        eaten = [bytearray(64 * 2**20) for _ in range(100)]
        print(len(eaten))
    if task["do"] == "fall":
        os.abort()


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        return f"({type(error).__name__})"


def _connect(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=2):
            return "connected"
    except OSError as error:
        return type(error).__name__


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
