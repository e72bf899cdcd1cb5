"""Call every operation of the client that openapi-python-client wrote; run in the generator's own environment.

`python generated_client_calls.py FOLDER ADDRESS`, with the package `client` in FOLDER, prints one JSON object:
operation → [status, type of the parsed answer].
"""

from __future__ import annotations

import datetime
import importlib
import inspect
import json
import pkgutil
import sys

VALUES = {
    "path": "tidewater-ml/Estuary-7.62B/results_2024-09-07T21-27-30.000000.json",
    "since": datetime.date(2025, 2, 8),
    "model": "tidewater-ml/Estuary-7.62B",
    "models": "tidewater-ml/Estuary-7.62B,tidewater-ml/Estuary-7.62B-Instruct",
}


def main(folder: str, address: str) -> None:
    sys.path.insert(0, folder)
    package, operations = importlib.import_module("client"), importlib.import_module("client.api")
    connection = package.Client(base_url=f"{address}/api", timeout=60.0)
    answers = {}
    for found in pkgutil.walk_packages(operations.__path__, "client.api."):
        operation = importlib.import_module(found.name)
        if not hasattr(operation, "sync_detailed"):
            continue
        required = [
            name
            for name, parameter in inspect.signature(operation.sync_detailed).parameters.items()
            if parameter.default is parameter.empty and name != "client"
        ]
        answer = operation.sync_detailed(client=connection, **{name: VALUES[name] for name in required})
        answers[found.name.removeprefix("client.api.")] = [int(answer.status_code), type(answer.parsed).__name__]
    print(json.dumps(answers))


main(*sys.argv[1:])
