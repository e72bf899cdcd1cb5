"""A run whose answers come from a server: which tasks it can answer, the way out of the child, tokens and dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluator.job import RunFailure, benchmarks_of
from evaluator.served.answers import AnswerStore, Usage
from evaluator.served.endpoints import Endpoint, endpoints_file, find_endpoint, read_endpoints
from evaluator.served.gateway import Gateway, GatewayError
from evaluator.settings import RunSettings
from evaluator.task_facts import HarnessFacts, expanded
from src.core.errors import BadInputError
from src.core.names import ENDPOINT, endpoint_of
from src.core.records import Request
from src.core.suites import Suite

ANSWERS = "answers.sqlite"
"""The answer store in a run folder; the child cannot write to it."""
PRECISION = "served"
"""The precision of a request for an endpoint: nobody outside the server knows the weights' own."""


def file_of(settings: RunSettings) -> Path:
    """Return the file with this machine's endpoints."""
    return settings.endpoints or endpoints_file()


def endpoint_for(model: str, settings: RunSettings) -> Endpoint | None:
    """Return the endpoint that a name asks for; None if it names a model. Raise BadInputError if it is unknown."""
    name = endpoint_of(model)
    return find_endpoint(name, file_of(settings)) if name else None


def obstacle(request: Request, settings: RunSettings) -> str:
    """Return why this machine does not run a request for an endpoint, or ""."""
    name = endpoint_of(request.model) or ""
    try:
        known = read_endpoints(file_of(settings))
        if name not in known:
            return f"for {ENDPOINT}{name}, which is not configured on this machine"
        known[name].key()
        known[name].budget_of(settings.budget)
    except BadInputError as error:
        return str(error)
    return ""


def request_for(endpoint: Endpoint, suite: Suite, now: datetime | None = None) -> Request:
    """Return the request for an endpoint. Its revision is today: what a server answers may change."""
    return Request(
        model=f"{ENDPOINT}{endpoint.name}",
        revision=f"{now or datetime.now(UTC):%Y-%m-%d}",
        precision=PRECISION,
        use_chat_template=endpoint.kind == "chat",
        suite=suite.name,
        suite_version=suite.version,
    )


def adapted(settings: RunSettings, endpoint: Endpoint) -> RunSettings:
    """Return the settings for a run on a server."""
    return replace(settings, backend=endpoint.backend, backend_args={}, device=None, batch_size=1)


@dataclass(frozen=True)
class Answerable:
    """The tasks that a server can answer, and a sentence about those that it cannot; "" if it can answer all."""

    tasks: tuple[str, ...]
    note: str = ""
    scored: tuple[str, ...] = ()  # titles of benchmarks that need log-likelihoods, and get them


def answerable(suite: Suite, facts: HarnessFacts, settings: RunSettings, endpoint: Endpoint) -> Answerable:
    """Return what an endpoint can answer of the wanted tasks.

    Raise BadInputError if that is nothing, or not everything that was asked for by name.
    """
    chosen = benchmarks_of(expanded(suite, facts), settings.wanted)
    scores = endpoint.kind == "completions" and endpoint.tokenizer is not None
    without = {
        benchmark.title: [task for task in tasks if facts.tasks[task].output_type != "generate_until"]
        for benchmark, tasks in chosen
    }
    titles = [title for title, tasks in without.items() if tasks]
    every = [task for _, tasks in chosen for task in tasks]
    if scores or not titles:
        return Answerable(tuple(every), scored=tuple(titles))
    left = tuple(task for task in every if task not in {each for tasks in without.values() for each in tasks})
    why = (
        "chat/completions returns none for a given text"
        if endpoint.kind == "chat"
        else "this endpoint names no tokenizer to ask for them with"
    )
    need = "needs" if len(titles) == 1 else "need"
    note = f"{', '.join(titles)} {need} log-likelihoods, and {why}"
    if not left or settings.wanted:
        raise BadInputError(f"{note}. Choose benchmarks whose answers are texts with --tasks.")
    return Answerable(left, f"{note}: not run.")


def folders(endpoint: Endpoint) -> list[Path]:
    """Return the folders that the child reads for an endpoint. Raise BadInputError if one is missing."""
    if endpoint.tokenizer is None:
        return []
    folder = Path(endpoint.tokenizer)
    if not folder.is_absolute() or not folder.is_dir():
        raise BadInputError(
            f"{ENDPOINT}{endpoint.name}: tokenizer must be the absolute path of a folder, not {folder}."
        )
    return [folder]


def child_facts(endpoint: Endpoint) -> dict[str, Any]:
    """Return what the child has to know of a server."""
    return {
        "name": endpoint.name,
        "kind": endpoint.kind,
        "model": endpoint.model,
        "concurrency": endpoint.concurrency,
        "max_length": endpoint.max_length,
    }


PROBE = {"prompt": "Paris is the capital of France.", "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": True}
"""A request for the log-likelihoods of a given text."""


class WayOut:
    """The gateway of one run, while its child runs; afterwards what the run used."""

    def __init__(self, endpoint: Endpoint, gateway: Gateway) -> None:
        self.endpoint, self.gateway = endpoint, gateway
        self.usage: Usage | None = None

    @property
    def failure(self) -> RunFailure | None:
        """Why the gateway stopped answering."""
        return self.gateway.failure

    def require_scores(self, titles: Sequence[str]) -> RunFailure | None:
        """Return a failure if benchmarks need log-likelihoods and the server, tried with one request, gives none."""
        if not titles:
            return None
        try:
            choice = self.gateway.ask(PROBE)["choices"][0]
            if len(choice["logprobs"]["token_logprobs"]) > 1:
                return None
        except (LookupError, TypeError):
            pass
        except GatewayError as error:
            return error.failure
        need = "needs" if len(titles) == 1 else "need"
        return RunFailure(
            "refused",
            f"{', '.join(titles)} {need} log-likelihoods of given texts, and {self.endpoint.shown_provider} returned "
            "none (completions with echo and logprobs). Choose benchmarks whose answers are texts with --tasks.",
        )


@contextmanager
def way_out(endpoint: Endpoint, run: Path, settings: RunSettings, notice: Callable[..., None]) -> Iterator[WayOut]:
    """Open the gateway of a run. Raise BadInputError if the endpoint has no key, price or budget."""
    budget = endpoint.budget_of(settings.budget)
    endpoint.key()
    store = AnswerStore(run / ANSWERS, budget)

    def tell(usage: Usage) -> None:
        notice("served", {"answers": usage.answers, "dollars": _number(usage.dollars), "budget": _number(budget)})

    out = WayOut(endpoint, Gateway(endpoint, store, notice=tell))
    try:
        yield out
    finally:
        out.usage = out.gateway.close()


def report(out: WayOut, settings: RunSettings, now: datetime) -> dict[str, Any]:
    """Return the blocks of a result that say who answered, when, with how many tokens and for how much."""
    endpoint, usage = out.endpoint, out.usage
    assert usage is not None
    metered = usage.unmetered == 0
    block = {
        "endpoint": endpoint.name,
        "provider": endpoint.shown_provider,
        "model": endpoint.model,
        "kind": endpoint.kind,
        "date": f"{now:%Y-%m-%d}",
        "answers": usage.answers,
        "calls": dict(usage.calls),
        "prompt_tokens": usage.prompt_tokens if metered else None,
        "completion_tokens": usage.completion_tokens if metered else None,
        "generated_tokens": usage.generated_tokens if metered else None,
        "generated_answers": usage.generated_answers,
    }
    cost = {
        "dollars": _number(usage.dollars),
        "unsure_dollars": _number(usage.unsure_dollars),
        "price_in": _number(endpoint.price_in),
        "price_out": _number(endpoint.price_out),
        "budget": _number(endpoint.budget_of(settings.budget)),
    }
    return {"served": block, "cost": cost}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
