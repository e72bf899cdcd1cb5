"""Many requests, many machines: each share of a suite is a Ray task that holds its GPUs; shares join to one result.

    shares = split("request-1", tasks, parts=4, gpus=1)
    for share, result in run(shares, evaluate, address="auto"):  # `evaluate(share)` runs where the GPUs are
        ...
    whole = join(tasks, results)

Ray schedules: a share waits until its GPUs are free, several requests' shares fill a box or a cluster together, and a
share whose worker is killed is run again; what it had stored is read, not computed (see `evaluator.engine`).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from evaluator.engine.units import group
from src.core.errors import BoardError

TIMES_REDONE = 3  # a share that kills its worker this often is given up
POLL = 1.0  # seconds between looks at whether to stop
PATIENCE = 10.0  # seconds for a cluster to answer at all
BY_TASK = (  # the parts of an lm-eval result that have an entry for each task
    "results", "configs", "versions", "n-shot", "n-samples", "higher_is_better", "samples", "task_hashes",
    "group_subtasks",
)  # fmt: skip
OF_THE_RUN = {"date", "total_evaluation_time_seconds", "start_time", "end_time"}  # differ between workers of one run


class ShareLost(BoardError):
    """A share's worker died again and again."""


class ShareFailed(BoardError):
    """The code that a share was given to raised an exception."""


class OutOfReach(BoardError):
    """A cluster that does not answer."""


class CannotJoin(BoardError):
    """Shares that do not make up one result."""


class Stopped(BoardError):
    """Whoever waited for shares asked to stop; those under way are ended."""


@dataclass(frozen=True)
class Share:
    """Some tasks of one request's suite, and the GPUs they need at once (0: none)."""

    request: str
    tasks: tuple[str, ...]
    gpus: float = 0
    cpus: float = 1
    node: str | None = None  # where it should run, by Ray's id; None: wherever there is room


@dataclass(frozen=True)
class Capacity:
    """What a Ray cluster has in all."""

    gpus: int
    gpus_of_one: int  # of the machine that has most
    nodes: int


def split(
    request: str,
    tasks: Sequence[str],
    parts: int,
    *,
    gpus: float = 0,
    cpus: float = 1,
    weights: Mapping[str, float] | None = None,
) -> list[Share]:
    """Deal tasks out into at most `parts` shares of like weight (tokens, say; 1 each where unknown).

    Tasks about the same documents stay together, as they are planned together and draw on one random sequence.
    """
    weigh = weights or {}
    units = [(sum(weigh.get(task, 1.0) for task in members), members) for members in group(tasks).values()]
    piles: list[tuple[float, list[str]]] = [(0.0, []) for _ in range(max(1, min(parts, len(units))))]
    for weight, members in sorted(units, key=lambda unit: (-unit[0], unit[1])):
        least = min(range(len(piles)), key=lambda i: (piles[i][0], i))
        piles[least] = (piles[least][0] + weight, piles[least][1] + members)
    order = {task: place for place, task in enumerate(tasks)}
    return [Share(request, tuple(sorted(pile, key=order.__getitem__)), gpus, cpus) for _, pile in piles if pile]


def run(
    shares: Iterable[Share],
    evaluate: Callable[[Share], Any],
    address: str | None = None,
    times_redone: int = TIMES_REDONE,
    stop: threading.Event | None = None,
) -> Generator[tuple[Share, Any]]:
    """Run every share as a Ray task; yields (share, what `evaluate` returned) as they end.

    `address` is a cluster's; None is the cluster this machine belongs to, else Ray on this machine alone. A worker
    that dies (killed, out of memory, its node gone) has its share run again up to `times_redone` times, then it is
    ShareLost; an exception that `evaluate` raises is ShareFailed at once. Raises Stopped soon after `stop` is set.
    However this ends, also where nobody asks for more, what is under way is ended.
    """
    ray = _connect(address)

    def work(share: Share) -> Any:  # Ray takes functions, `evaluate` may be any callable
        return evaluate(share)

    under_way = {}
    try:
        for share in shares:
            task = ray.remote(work).options(
                num_gpus=share.gpus,
                num_cpus=share.cpus,
                max_retries=times_redone,
                retry_exceptions=False,
                scheduling_strategy=_place(share),
                name=_name(share),
            )
            under_way[task.remote(share)] = share
        while under_way:
            ended, _ = ray.wait(list(under_way), num_returns=1, timeout=POLL)
            if stop is not None and stop.is_set():
                raise Stopped("The evaluation was stopped by the evaluator's owner.")
            for task in ended:
                share = under_way.pop(task)
                yield share, _result(task, share)
    except (ray.exceptions.RaySystemError, ConnectionError) as error:
        raise OutOfReach(f"The Ray cluster does not answer any more: {_last_line(error)}") from error
    finally:
        with suppress(Exception):  # where the cluster is gone, so are they
            for task in under_way:
                ray.cancel(task, force=True)


def _result(task: Any, share: Share) -> Any:
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise ShareFailed(f"{_name(share)}: {_last_line(error)}") from error
    except ray.exceptions.RaySystemError:
        raise
    except ray.exceptions.RayError as error:
        raise ShareLost(f"{_name(share)}: its worker died each time: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def join(tasks: Sequence[str], results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """lm-eval results of disjoint tasks as the one result that a single process would have made of `tasks`.

    Raises CannotJoin if a task is missing or was run twice, or if the shares ran with different settings.
    """
    found = [task for result in results for task in result["results"]]
    if sorted(found) != sorted(tasks):
        raise CannotJoin(
            f"The shares hold {len(found)} tasks of which {len(set(found) & set(tasks))} of the {len(tasks)} wanted: "
            "run the missing ones, and each only once."
        )
    whole: dict[str, Any] = {}
    for key in dict.fromkeys(key for result in results for key in result):
        parts = [result[key] for result in results if key in result]
        if key in BY_TASK:
            merged = {task: value for part in parts for task, value in part.items()}
            whole[key] = {task: merged[task] for task in tasks if task in merged}
        elif key == "config":
            whole[key] = join_configs(parts)
        elif key in OF_THE_RUN:
            whole[key] = min(parts)
        elif any(part != parts[0] for part in parts):
            raise CannotJoin(f"The shares were run differently: {key} is {parts[0]!r} in one and not in another.")
        else:
            whole[key] = parts[0]
    return whole


def capacity(address: str | None = None) -> Capacity:
    """GPUs and machines of the cluster at `address`."""
    ray = _connect(address)
    gpus = [int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"]]
    return Capacity(sum(gpus), max(gpus, default=0), len(gpus))


def this_node() -> str:
    """Ray's id of the machine that this share runs on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def join_configs(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One run's configuration: equal in all shares, but for what an engine finds out as it works and where it works.

    Raises CannotJoin where anything differs that changes answers: model, arguments, seeds, types, versions.
    """
    whole = dict(configs[0])
    engines = [dict(config.get("engine") or {}) for config in configs]
    for config in configs:
        if without_place(config) != without_place(whole):
            raise CannotJoin("The shares were run with different model arguments or seeds: run them again alike.")
    joined: dict[str, Any] = {}
    for key in dict.fromkeys(key for engine in engines for key in engine):
        values = [engine[key] for engine in engines if engine.get(key) is not None]
        if key == "verification":
            joined[key] = _join_checks(values)
        elif key in FOUND_OUT:
            joined[key] = FOUND_OUT[key](values) if values else None
        elif any(value != values[0] for value in values):
            raise CannotJoin(
                f"The shares were run by different engines: {key} is {values[0]!r} in one and not in another."
            )
        else:
            joined[key] = values[0] if values else None
    return whole | ({"engine": joined} if joined else {})


def without_place(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what depends on the machine or on the tasks at hand."""
    return {key: value for key, value in config.items() if key not in ("engine", "sandbox", "device")}


def _each(values: Sequence[str]) -> str:
    """Every different one: a share may have met what another has not."""
    return "; ".join(dict.fromkeys(said for value in values for said in value.split("; ")))


FOUND_OUT: dict[str, Callable[[Sequence[Any]], Any]] = {
    "scoring": _each,
    "scoring_reason": _each,
    "scoring_difference": max,
    "attention": _each,
    "generation": _each,
    "generation_reason": _each,
    "device": _each,
    "pack_tokens": min,
}
"""Facts of an engine's report that may differ between workers, and how several become one."""


def _join_checks(checks: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    if not checks:
        return None
    differences = [check["largest_difference"] for check in checks if check["largest_difference"] is not None]
    counts = ("documents", "requests", "greedy_changed", "texts_changed")
    return {count: sum(check[count] for check in checks) for count in counts} | {
        "largest_difference": max(differences, default=None)
    }


def _connect(address: str | None) -> Any:
    try:
        import ray
    except ImportError as error:
        raise BoardError(
            "Running on several machines or GPUs needs Ray: pip install -r evaluator/requirements-ray.txt"
        ) from error
    if not ray.is_initialized():
        try:
            _knock(address or "")
            ray.init(address=address, log_to_driver=False, include_dashboard=False, configure_logging=False)
        except (OSError, RuntimeError, ValueError) as error:
            cluster = f"The Ray cluster at {address}" if address else "Ray on this machine"
            raise OutOfReach(f"{cluster} cannot be reached: {_last_line(error)}") from error
    return ray


def _knock(address: str) -> None:
    """Raises OSError where nobody listens at HOST:PORT; Ray itself would try for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


def _place(share: Share) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(share.node, soft=True) if share.node else "DEFAULT"


def _name(share: Share) -> str:
    more = f" and {len(share.tasks) - 1} more" if len(share.tasks) > 1 else ""
    return f"{share.request}: {share.tasks[0]}{more}"
