"""The queue at length: `python -m tests.bench.queue [--quick] [--only PART]`. Kills, faults, a day at the quota, calls.

No part takes longer than some minutes; `--quick` runs them all in under a minute.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median

from src.core.queue import Queue
from src.core.store import LocalStore
from src.core.store.hub import HubStore
from tests.bench import report, shown, verdict
from tests.core import history, scale
from tests.core.day import live
from tests.core.garbage import broken, files_of, use
from tests.core.queue.test_queue_crash import ACTS, kill_in_a_folder, kill_on_the_hub
from tests.core.queue.test_queue_moving import live as live_somehow
from tests.core.workers import LEASE, Place, accepted, all_finished, fight, put_in, work, work_naively
from tools.hub import Faults, Hub, in_process, serving

SKEW = 3 * 3600.0  # seconds by which the clock of a box is ahead or behind, at most
FAULTS = {"busy": 0.03, "moved": 0.02, "throttle": 0.01, "before": 0.03, "after": 0.05, "hang": 0.005, "stale": 0.1}


def main() -> None:
    """Run everything and print one line per figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.queue", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same at a size that takes under a minute")
    parser.add_argument("--only", choices=PARTS, help="one part")
    args = parser.parse_args()
    for name, part in PARTS.items():
        if args.only in {None, name}:
            with tempfile.TemporaryDirectory() as folder:
                part(Path(folder), args.quick)
    raise SystemExit(verdict())


def naive(folder: Path, quick: bool) -> None:
    """Check first that the checker can fail."""
    store, paths = LocalStore(folder / "board"), [f"requests/{number:02d}.json" for number in range(20)]
    store.replace({path: json.dumps({"status": "PENDING"}).encode() for path in paths}, None)

    def output() -> dict[str, dict[str, str]]:
        return {path: json.loads(store.read(path)) for path in paths}

    def ended() -> bool:
        return all(one["status"] == "FINISHED" for one in output().values())

    fight(Place(folder), work_naively, ended, workers=4, kills=0)
    finished = {path: one["run"] for path, one in output().items()}
    verdict = history.judge(history.read(folder / "journals"), paths, finished)
    wrong = len(verdict.doubly_accepted)
    report("a status file: requests accepted twice, of 20", wrong, "requests", "the judge says no to it", wrong > 0)


def kills(folder: Path, quick: bool) -> None:
    """Kill evaluators that share a folder, their clocks hours apart; no request may be lost, doubled or shared."""
    _fight(Place(folder / "alone", ticks=quick, skew=SKEW), "in a folder", quick, seconds=0.1 if quick else 1.0)


def kills_hub(folder: Path, quick: bool) -> None:
    """Repeat it while the Hub fails: it refuses, does not answer, or shows old commits."""
    place = Place(folder / "hub", ticks=quick, skew=SKEW)  # the long run goes by the real time
    hub = Hub(faults=Faults(FAULTS, seed=9), clock=place.clock() or time.time)
    with serving(hub, timeout=1.0) as endpoint:
        place = replace(place, endpoint=endpoint)
        _fight(place, "on a failing Hub", quick, seconds=0.1 if quick else 1.0, hub=hub)
    met = hub.faults.happened
    kinds = ", ".join(f"{count} {kind}" for kind, count in met.most_common())
    least = 4 if quick else len(FAULTS)  # a short run may miss the rarest
    figure, goal = f"faults of the Hub met meanwhile: {kinds}", f"of {least} kinds"
    report(figure, met.total(), "faults", goal, len({*met} & {*FAULTS}) >= least)


def _fight(place: Place, where: str, quick: bool, *, seconds: float, hub: Hub | None = None) -> None:
    workers, count, wanted, least = (4, 30, 18, 15) if quick else (8, 500, 320, 300)
    what = f"{workers} evaluators × {count} requests {where}"
    queue = Queue(place.open(), lease=timedelta(seconds=LEASE))
    keys = put_in(queue, count)
    tally = fight(place, work, lambda: all_finished(queue), workers=workers, kills=wanted, seconds=seconds, limit=1500)
    if hub:
        hub.faults.rates.clear()  # the judge sees what is there
    verdict = history.judge(history.read(place.folder / "journals"), keys, accepted(queue), slack=1.0 if hub else 0.0)
    report(f"{what}: kill -9", tally.kills, "kills", f"≥ {least}", tally.kills >= least)
    report(f"{what}: lost", len(verdict.lost), "requests", "0", not verdict.lost, sample=len(keys))
    wrong = verdict.doubly_accepted + verdict.flipped
    report(f"{what}: accepted twice or taken back", len(wrong), "requests", "0", not wrong, sample=len(keys))
    report(f"{what}: overlapping leases", len(verdict.overlapping), "pairs", "0", not verdict.overlapping)
    shown(f"{what}: run again after a crash", verdict.again, "runs")
    shown(f"{what}: time", round(tally.seconds, 1), "s")


def crashes(folder: Path, quick: bool) -> None:
    """Kill every queue action at every write boundary, recover after each, and count the boundaries."""
    for act in ["claim", "finish and claim"] if quick else ACTS:
        for where, unit, kill in (("a folder", "steps", kill_in_a_folder), ("the Hub", "half calls", kill_on_the_hub)):
            try:
                steps, fault = len(kill(folder / f"{act} {unit}", act)), None
            except AssertionError as error:  # the judge's
                steps, fault = 0, f"{error}"[:300]
            report(
                f"{act}, in {where}: recovered from death at",
                steps,
                unit,
                "every one",
                fault is None,
                fault,
                sample=steps,
            )


def unknown(folder: Path, quick: bool) -> None:
    """Test commits whose outcome is unknown."""
    count = 200 if quick else 1000
    rates = {"after": 0.1, "before": 0.05, "hang": 0.05, "busy": 0.05, "throttle": 0.05, "stale": 0.2}
    hub = Hub(faults=Faults(rates, seed=7))
    with in_process(hub) as endpoint:
        store = HubStore(
            "owner", token="hf_owner", endpoint=endpoint, cache_dir=folder, max_wait=1e6, sleep=lambda wait: None,
            rng=random.Random(0),
        )  # fmt: skip
        for number in range(count):
            store.append({f"requests/a/{number}": b"%d" % number})
    chain = hub.repo("datasets", "owner/requests").chain
    written = [path for commit in chain for path in commit.changed if path.startswith("a/")]
    doubts = sum(hub.faults.happened[kind] for kind in ("after", "before", "hang"))
    report(f"{count} commits: outcome unknown", round(100 * doubts / count, 1), "%", "about 20", doubts > 0.15 * count)
    report(f"{count} commits: lost", count - len(set(written)), "commits", "0", len(set(written)) == count)
    report(
        f"{count} commits: doubled", len(written) - len(set(written)), "commits", "0", len(written) == len(set(written))
    )


def malformed(folder: Path, quick: bool) -> None:
    """Test queues in which every other file is damaged."""
    rng, wrong, seed, errors = random.Random(1), 0, 0, list[str]()
    while wrong < (500 if quick else 10_000):
        clock, seed = live_somehow(folder / f"{seed}", seed, acts=60), seed + 1
        clock.tick(100 * 3600)
        files = files_of(folder / f"{seed - 1}")
        for number in range(12):
            place = folder / f"{seed - 1}-{number}"
            wrong += broken(files, place, rng)
            try:
                use(place, clock)
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}")
    report(f"{wrong:,} malformed files in a queue: crashes", len(errors), "crashes", "0", not errors)


def day(folder: Path, quick: bool) -> None:
    """Write more than the quota allows, for a simulated day."""
    hours, quota, boxes, gpus = (1.5, 64, 4, 12) if quick else (24.0, 128, 8, 12)
    started = time.perf_counter()
    came = live(folder, hours=hours, boxes=boxes, gpus=gpus, quota=quota)
    what = f"{hours:g} h at {quota} commits/h, {boxes * gpus} GPUs"
    report(
        f"{what}: 429 that nobody handled", len(came.unhandled), "errors", "0", not came.unhandled, sample=came.finished
    )
    report(f"{what}: 429 met", came.throttled, "answers", "> 0", came.throttled > 0)
    shown(f"{what}: evaluations", came.finished, "evaluations")
    each, goal = round(came.commits_each, 2), "≤ 1.5 over a day" + (" (too short to judge)" if quick else "")
    report(f"{what}: commits for each", each, "commits", goal, None if quick else each <= 1.5)
    shown(f"{what}: a submission is acknowledged after", round(median(came.acks)), "s (median)")
    shown(f"{what}: at the latest after", round(came.slowest_ack), "s")
    shown(f"{what}: simulated in", round(time.perf_counter() - started, 1), "s")


def calls(folder: Path, quick: bool) -> None:
    """Measure the cost of reading the queue."""
    for count in (100, 1000) if quick else (1000, 10_000, 100_000):
        hub, disk = Hub(), folder / str(count)
        warm = count > 1000
        scale.fill(hub, count, disk=disk if warm else None)
        with in_process(hub) as endpoint:
            store = HubStore("owner", token="hf_owner", endpoint=endpoint, cache_dir=disk)
            queue = Queue(store)
            started = time.perf_counter()
            came = scale.calls_of_syncs(hub, queue)
            wall = time.perf_counter() - started
            started = time.perf_counter()
            queue.snapshot()
            again = time.perf_counter() - started
        report(
            f"{count:,} requests: calls of a sync, nothing changed", came.unchanged, "calls", "1", came.unchanged == 1
        )
        report(f"{count:,} requests: sync, one changed", came.one_changed, "calls", "≤ 8", came.one_changed <= 8)
        report(f"{count:,} requests: sync, ten changed", came.ten_changed, "calls", "≤ 50", came.ten_changed <= 50)
        first = "after a restart" if warm else "on a fresh disk"
        shown(f"{count:,} requests: first look {first}", came.cold, "calls")
        shown(f"{count:,} requests: a look at nothing new", round(again * 1000), "ms")
        shown(f"{count:,} requests: four looks and eleven submissions", round(wall, 1), "s")


PARTS = {
    "naive": naive, "kills": kills, "kills-hub": kills_hub, "crashes": crashes, "unknown": unknown,
    "malformed": malformed, "day": day, "calls": calls,
}  # fmt: skip

if __name__ == "__main__":
    main()
