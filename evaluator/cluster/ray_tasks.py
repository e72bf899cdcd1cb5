"""Run shards of a suite as Ray tasks on many machines and join their results.

    shards = split("request-1", tasks, parts=4, gpus=1)
    for shard, result in run(shards, evaluate, address="auto"):  # `evaluate(shard)` runs where the GPUs are
        ...
    whole = join(tasks, results)

Ray schedules the shards: a shard waits until its GPUs are free, shards of several requests fill a machine or a cluster
together, and a shard whose worker is killed runs again. Answers it had stored are read, not computed a second time (see
`evaluator.engine`).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from evaluator.engine.planning.units import group
from src.core.errors import BoardError

MAX_RETRIES = 3  # of a shard whose worker is killed
POLL = 1.0  # seconds between two checks of whether to stop
CONNECT_TIMEOUT = 10.0  # seconds for a cluster to answer
BY_TASK = (  # the parts of an lm-eval result that have an entry for each task
    "results", "configs", "versions", "n-shot", "n-samples", "higher_is_better", "samples", "task_hashes",
    "group_subtasks",
)  # fmt: skip
OF_THE_RUN = {"date", "total_evaluation_time_seconds", "start_time", "end_time"}  # differ between workers of one run


class ShardLostError(BoardError):
    """Raised if a shard's worker died on every attempt."""


class ShardFailedError(BoardError):
    """Raised if the code that evaluates a shard raised an exception."""


class ClusterUnreachableError(BoardError):
    """Raised if the cluster does not answer."""


class CannotJoinError(BoardError):
    """Raised if the results of shards do not form one result."""


class StoppedError(BoardError):
    """Raised if the caller asked to stop; running shards are cancelled."""


@dataclass(frozen=True)
class Shard:
    """Some tasks of one request's suite, and the GPUs they need at the same time (0: none)."""

    request: str
    tasks: tuple[str, ...]
    gpus: float = 0
    cpus: float = 1
    node: str | None = None  # Ray's id of the machine it should run on; None: any


@dataclass(frozen=True)
class Capacity:
    """The resources of a whole Ray cluster."""

    gpus: int
    gpus_of_one: int  # of the machine with the most GPUs
    nodes: int


def split(
    request: str,
    tasks: Sequence[str],
    parts: int,
    *,
    gpus: float = 0,
    cpus: float = 1,
    weights: Mapping[str, float] | None = None,
    together: Mapping[str, str] | None = None,
) -> list[Shard]:
    """Split tasks into at most `parts` shards of similar weight (for example tokens; 1 per task if unknown).

    `together` (task → unit): tasks on the same documents stay together, because they are planned together and share
    one random sequence.
    """
    weigh = weights or {}
    units = [
        (sum(weigh.get(task, 1.0) for task in members), members) for members in group(tasks, together or {}).values()
    ]
    piles: list[tuple[float, list[str]]] = [(0.0, []) for _ in range(max(1, min(parts, len(units))))]
    for weight, members in sorted(units, key=lambda unit: (-unit[0], unit[1])):
        least = min(range(len(piles)), key=lambda i: (piles[i][0], i))
        piles[least] = (piles[least][0] + weight, piles[least][1] + members)
    order = {task: place for place, task in enumerate(tasks)}
    return [Shard(request, tuple(sorted(pile, key=order.__getitem__)), gpus, cpus) for _, pile in piles if pile]


def run(
    shards: Iterable[Shard],
    evaluate: Callable[[Shard], Any],
    address: str | None = None,
    retries: int = MAX_RETRIES,
    stop: threading.Event | None = None,
) -> Generator[tuple[Shard, Any]]:
    """Run every shard as a Ray task; yield (shard, return value of `evaluate`) as they end.

    `address` is a cluster's; None means the cluster this machine belongs to, else Ray on this machine alone. If a
    worker dies (killed, out of memory, its node is gone), its shard runs again up to `retries` times; then raise
    ShardLostError. Raise ShardFailedError at once if `evaluate` raises, StoppedError soon after `stop` is set.
    Running tasks are cancelled however this ends, also if the caller stops iterating.
    """
    ray = _connect(address)

    def work(shard: Shard) -> Any:  # Ray takes functions, `evaluate` may be any callable
        return evaluate(shard)

    under_way = {}
    try:
        for shard in shards:
            task = ray.remote(work).options(
                num_gpus=shard.gpus,
                num_cpus=shard.cpus,
                max_retries=retries,
                retry_exceptions=False,
                scheduling_strategy=_place(shard),
                name=_name(shard),
            )
            under_way[task.remote(shard)] = shard
        while under_way:
            ended, _ = ray.wait(list(under_way), num_returns=1, timeout=POLL)
            if stop is not None and stop.is_set():
                raise StoppedError("The evaluation was stopped by the evaluator's owner.")
            for task in ended:
                shard = under_way.pop(task)
                yield shard, _result(task, shard)
    except (ray.exceptions.RaySystemError, ConnectionError) as error:
        raise ClusterUnreachableError(f"The Ray cluster no longer answers: {_last_line(error)}") from error
    finally:
        with suppress(Exception):  # if the cluster is gone, so are its tasks
            for task in under_way:
                ray.cancel(task, force=True)


def _result(task: Any, shard: Shard) -> Any:
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise ShardFailedError(f"{_name(shard)}: {_last_line(error)}") from error
    except ray.exceptions.RaySystemError:
        raise
    except ray.exceptions.RayError as error:
        raise ShardLostError(f"{_name(shard)}: the worker died on every attempt: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def join(tasks: Sequence[str], results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join lm-eval results of disjoint tasks into the result that a single process would have written for `tasks`.

    Raise CannotJoinError if a task is missing or was run twice, or if the shards ran with different settings.
    """
    present = [task for result in results for task in result["results"]]
    if sorted(present) != sorted(tasks):
        raise CannotJoinError(
            f"The shards contain {len(present)} tasks, among them {len(set(present) & set(tasks))} of the "
            f"{len(tasks)} wanted ones. Run the missing tasks, and each task only once."
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
            raise CannotJoinError(f"The shards were run differently: {key} is {parts[0]!r} in only some of them.")
        else:
            whole[key] = parts[0]
    return whole


def capacity(address: str | None = None) -> Capacity:
    """Return the GPUs and machines of the cluster at `address`."""
    ray = _connect(address)
    gpus = [int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"]]
    return Capacity(sum(gpus), max(gpus, default=0), len(gpus))


def this_node() -> str:
    """Return Ray's id of the machine that this shard runs on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def join_configs(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the configurations of one run's shards: equal except for the machine and what the engine reports.

    Raise CannotJoinError if anything differs that changes answers: model, arguments, seeds, types or versions.
    """
    whole = dict(configs[0])
    engines = [dict(config.get("engine") or {}) for config in configs]
    for config in configs:
        if without_place(config) != without_place(whole):
            raise CannotJoinError("The shards were run with different model arguments or seeds. Run them again.")
    joined: dict[str, Any] = {}
    for key in dict.fromkeys(key for engine in engines for key in engine):
        values = [engine[key] for engine in engines if engine.get(key) is not None]
        if key == "verification":
            joined[key] = _join_checks(values)
        elif key in REPORTED:
            joined[key] = REPORTED[key](values) if values else None
        elif any(value != values[0] for value in values):
            raise CannotJoinError(
                f"The shards were run by different engines: {key} is {values[0]!r} in only some of them."
            )
        else:
            joined[key] = values[0] if values else None
    return whole | ({"engine": joined} if joined else {})


def without_place(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without what depends on the machine or on the tasks."""
    return {key: value for key, value in config.items() if key not in ("engine", "sandbox", "device")}


def _each(values: Sequence[str]) -> str:
    """Return the distinct statements, because shards may report different ones."""
    return "; ".join(dict.fromkeys(statement for value in values for statement in value.split("; ")))


REPORTED: dict[str, Callable[[Sequence[Any]], Any]] = {
    "scoring": _each,
    "scoring_reason": _each,
    "scoring_difference": max,
    "attention": _each,
    "generation": _each,
    "generation_reason": _each,
    "device": _each,
    "pack_tokens": min,
}
"""Fields of an engine's report that may differ between workers → how to join their values."""


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
            _check_reachable(address or "")
            ray.init(address=address, log_to_driver=False, include_dashboard=False, configure_logging=False)
        except (OSError, RuntimeError, ValueError) as error:
            cluster = f"The Ray cluster at {address}" if address else "Ray on this machine"
            raise ClusterUnreachableError(f"{cluster} cannot be reached: {_last_line(error)}") from error
    return ray


def _check_reachable(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT, because Ray itself would retry for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT).close()


def _place(shard: Shard) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(shard.node, soft=True) if shard.node else "DEFAULT"


def _name(shard: Shard) -> str:
    more = f" and {len(shard.tasks) - 1} more" if len(shard.tasks) > 1 else ""
    return f"{shard.request}: {shard.tasks[0]}{more}"
