"""A parent with a gateway and a child that asks through it; killed in the middle by its test.

`python -m tests.evaluator.served.kill_me URL FOLDER NUMBER`: the answers go to FOLDER/done.json.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from evaluator.served.answers import AnswerStore
from evaluator.served.endpoints import Endpoint
from evaluator.served.gateway import Gateway
from evaluator.served.server import Server
from tests.doubles.model_server import PRICE_IN, PRICE_OUT

CHILD = """
import json, os, sys
writes, reads, number, done = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
requests, answers = os.fdopen(writes, "wb", buffering=0), os.fdopen(reads, "rb")
for i in range(number):
    payload = {"messages": [{"role": "user", "content": f"question {i}"}], "model": "toy-1", "max_tokens": 8}
    requests.write(json.dumps({"id": i, "payload": payload}).encode() + b"\\n")
found = dict((answer["id"], answer) for answer in map(json.loads, (answers.readline() for _ in range(number))))
with open(done + ".part", "w") as file:
    json.dump([found[i]["body"]["choices"][0]["message"]["content"] for i in range(number)], file)
os.replace(done + ".part", done)
"""


def main(url: str, folder: Path, number: int) -> None:
    """Ask in a child process, through a gateway in this one; write this one's and the child's process numbers."""
    endpoint = Endpoint(name="toy", base_url=url, model="toy-1", concurrency=3, price_in=PRICE_IN, price_out=PRICE_OUT)
    store = AnswerStore(folder / "answers.sqlite")
    gateway = Gateway(endpoint, store, server=Server(endpoint, store, threading.Event(), wait=lambda seconds: None))
    child = os.fork()
    if child == 0:
        for descriptor in gateway.child_ends:
            os.set_inheritable(descriptor, True)
        words = [*map(str, gateway.child_ends), str(number), str(folder / "done.json")]
        os.execv(sys.executable, [sys.executable, "-c", CHILD, *words])
    gateway.release_child_ends()
    (folder / "processes.json.part").write_text(json.dumps([os.getpid(), child]))
    os.replace(folder / "processes.json.part", folder / "processes.json")
    os.waitpid(child, 0)
    gateway.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
