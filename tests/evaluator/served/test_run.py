"""A model behind a server, evaluated by the real harness in a fenced child without network and key."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evaluator.__main__ import main
from evaluator.box.preflight import Box
from evaluator.box.tiny_model import make_llama
from evaluator.run import served
from evaluator.run.evaluate import Outcome, evaluate
from evaluator.served.endpoints import find_endpoint
from evaluator.settings import RunSettings
from evaluator.worker import Worker
from src.board.queue.submission import SubmissionForm, problems_of_fields
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import LocalStore
from src.core.suites import load
from tests.doubles.model_server import KEY, ModelServer, serving
from tests.evaluator.conftest import ITEMS
from tests.evaluator.made_items import shrink
from tests.evaluator.served.boxes import VARIABLE, settings_for, use_key, write_endpoints

pytestmark = pytest.mark.torch


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Return a running server, whose key is in the environment."""
    use_key(monkeypatch)
    with serving() as running:
        yield running


def ask(settings: RunSettings, store: LocalStore, name: str = "toy", **more: Any) -> Outcome:
    """Evaluate an endpoint on a suite whose tasks are four items long."""
    suite = shrink(load(), ITEMS)
    endpoint = find_endpoint(name, served.file_of(settings))
    return evaluate(served.request_for(endpoint, suite), suite, store, settings, **more)


def result_of(store: LocalStore, outcome: Outcome) -> dict[str, Any]:
    assert outcome.result is not None, outcome
    return dict(json.loads(store.read(outcome.result)))


def test_one_command_evaluates_a_server_and_its_key_is_nowhere(
    server: ModelServer, workspace: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.answer = lambda payload: f"I heard {KEY}"
    endpoints = write_endpoints(tmp_path / "endpoints.toml", server, budget=None)
    words = ["once", "endpoint:toy", "--store", str(tmp_path / "board"), "--workspace", str(workspace), "--offline",
             "--tasks", "ifeval", "--endpoints", str(endpoints)]  # fmt: skip
    assert main(words) == 1
    assert "State a budget for a run: --budget DOLLARS" in capfd.readouterr().err
    assert main([*words, "--budget", "25.00", "--keep"]) == 0
    out, err = capfd.readouterr()
    assert re.search(r"the server: \d answers, \$0\.\d\d of \$25\.00", out)
    (path,) = (tmp_path / "board" / "results").rglob("results_*.json")
    result = json.loads(path.read_text())
    today = result["served"]["date"]
    assert result["served"] == {
        "endpoint": "toy", "provider": "Toy Cloud", "model": "toy-1", "kind": "chat", "date": today, "answers": ITEMS,
        "calls": {"paid": ITEMS}, "prompt_tokens": ITEMS * 6, "completion_tokens": ITEMS * 3,
        "generated_tokens": ITEMS * 3, "generated_answers": ITEMS,
    }  # fmt: skip
    assert result["cost"] == {
        "dollars": float(server.dollars), "unsure_dollars": 0.0, "price_in": 1000.0, "price_out": 5000.0,
        "budget": 25.0,
    }  # fmt: skip
    assert (result["model_name"], result["config"]["model_sha"]) == ("endpoint:toy", today)
    assert "energy" not in result  # this machine did not compute the answers
    assert {call["headers"]["Authorization"] for call in server.seen} == {f"Bearer {KEY}"}
    assert all(call["path"] == "/v1/chat/completions" for call in server.seen)
    kept = [
        path.read_bytes()
        for root in (tmp_path / "board", workspace / "runs")
        for path in root.rglob("*")
        if path.is_file()
    ]
    assert not any(KEY.encode() in data for data in [*kept, out.encode(), err.encode()])


def test_the_child_has_no_key_and_no_address_in_its_environment_and_files(
    server: ModelServer, workspace: Path, tmp_path: Path
) -> None:
    from evaluator.fence.ladder import Fence
    from evaluator.run.sandbox import environment

    seen = environment(tmp_path, tmp_path, None, Fence("none"))
    assert KEY not in str(seen)
    assert VARIABLE not in seen
    endpoint = find_endpoint("toy", write_endpoints(tmp_path / "endpoints.toml", server))
    assert server.url not in json.dumps(served.child_facts(endpoint))


def test_benchmarks_that_need_log_likelihoods_are_left_out_and_named(
    server: ModelServer, workspace: Path, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "board")
    endpoints = write_endpoints(tmp_path / "endpoints.toml", server)
    result = result_of(store, ask(settings_for(workspace, endpoints), store))
    assert result["config"]["notes"] == [
        "BBH, GPQA, MuSR, MMLU-PRO need log-likelihoods, and chat/completions returns none for a given text: not run."
    ]
    assert {task.removeprefix("leaderboard_").partition("_")[0] for task in result["configs"]} == {"ifeval", "math"}
    named = ask(settings_for(workspace, endpoints, "musr"), store)
    assert named.failure is not None
    assert named.failure.code == "refused"
    assert named.failure.message.startswith("MuSR needs log-likelihoods, and chat/completions returns none")


@pytest.mark.parametrize("scores", [True, False])
def test_completions_score_given_texts_if_the_server_can(
    server: ModelServer, workspace: Path, tmp_path: Path, scores: bool
) -> None:
    server.scores = scores
    store = LocalStore(tmp_path / "board")
    tokenizer = make_llama(tmp_path / "model")
    endpoints = write_endpoints(tmp_path / "endpoints.toml", server, kind="completions", tokenizer=str(tokenizer))
    outcome = ask(settings_for(workspace, endpoints, "musr"), store)
    if scores:
        result = result_of(store, outcome)
        assert set(result["n-samples"]) == {f"leaderboard_musr_{name}" for name in (
            "murder_mysteries", "object_placements", "team_allocation")}  # fmt: skip
        assert result["served"]["generated_tokens"] == 0
        return
    assert outcome.failure is not None
    assert outcome.failure.code == "refused"
    assert outcome.failure.message == (
        "MuSR needs log-likelihoods of given texts, and Toy Cloud returned none (completions with echo and logprobs). "
        "Choose benchmarks whose answers are texts with --tasks."
    )
    assert server.calls == 1


def test_a_run_that_the_budget_ended_goes_on_with_a_higher_one(
    server: ModelServer, workspace: Path, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "board")
    endpoints = write_endpoints(tmp_path / "endpoints.toml", server, concurrency=1, model="toy-2")
    server.answer = lambda payload: "word " * 100  # 50 cents
    settings = settings_for(workspace, endpoints, "ifeval", limit=3, budget=Decimal("7.1"))
    outcome = ask(settings, store)  # 1,280 tokens of an answer may cost $6.40, and its prompt 60 cents
    assert outcome.failure is not None
    assert outcome.failure.code == "budget"
    before = server.calls
    assert 1 <= before < 3
    endpoints.write_text(endpoints.read_text().replace("budget = 100", "budget = 200"))
    result = result_of(store, ask(settings_for(workspace, endpoints, "ifeval", limit=3), store))
    assert server.calls == 3
    assert result["cost"]["dollars"] == float(server.dollars)


def test_a_server_that_refuses_ends_the_run_with_its_reason(
    server: ModelServer, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "sk-wrong-wrong")
    endpoints = write_endpoints(tmp_path / "endpoints.toml", server, model="toy-4")
    outcome = ask(settings_for(workspace, endpoints, "ifeval"), LocalStore(tmp_path))
    assert outcome.failure is not None
    assert outcome.failure.code == "server"
    assert "refuses the key in TOY_API_KEY (status 401)" in outcome.failure.message
    assert "sk-wrong" not in outcome.failure.message + outcome.log


def test_an_operator_queues_an_endpoint_and_a_box_that_has_it_makes_the_row(
    server: ModelServer, workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board"
    LocalStore(board)
    endpoints = write_endpoints(tmp_path / "endpoints.toml", server)
    words = ["queue-endpoint", "toy", "--store", str(board), "--endpoints", str(endpoints)]
    assert main(words) == 0
    assert capsys.readouterr().out == "endpoint:toy on Open LLM Leaderboard v2: pending\n"
    assert main(words) == 0
    assert "there already (pending)" in capsys.readouterr().out
    store, box = LocalStore(board), Box("attic", 1.0, ())
    elsewhere = Worker(store, [load()], box, settings_for(workspace, tmp_path / "none.toml", backend="dummy"))
    (entry,) = Queue(store).snapshot().waiting
    assert not elsewhere.accepts(entry.request)
    assert "endpoint:toy, which is not configured" in elsewhere._obstacle(entry.request)
    worker = Worker(store, [load()], box, settings_for(workspace, endpoints, "ifeval", backend="dummy"))
    assert worker.run(most=1, wait=None) == 1
    (ended,) = Queue(store).snapshot().finished
    assert ended.request.model == "endpoint:toy"


def test_the_public_form_takes_no_endpoint() -> None:
    assert "cannot be a model's name" in problems_of_fields(SubmissionForm("endpoint:toy"))["model"]


def test_a_request_names_a_model_or_an_endpoint() -> None:
    assert Request.read({"model": "endpoint:toy"}).model == "endpoint:toy"
    for name in ("endpoint:", "endpoint:a/b", "endpoint:../x", "endpoint:a b", "other:toy"):
        with pytest.raises(Exception, match="cannot be a model's name"):
            Request.read({"model": name})


def test_stopping_ends_a_served_run_and_keeps_its_answers(server: ModelServer, workspace: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    server.on_call = lambda number: stop.set() if number == 2 else None
    store = LocalStore(tmp_path / "board")
    endpoints = write_endpoints(tmp_path / "endpoints.toml", server, concurrency=1, model="toy-3")
    outcome = ask(settings_for(workspace, endpoints, "ifeval"), store, stop=stop)
    if outcome.failure is not None:  # it may have been faster
        assert outcome.failure.code == "stopped"
    result_of(store, ask(settings_for(workspace, endpoints, "ifeval"), store)) if outcome.failure else None
    assert set(server.charged.values()) == {1}
