"""The made-up board's queue, as it stands at `NOW`: what waits, runs, finished, failed, and why.

A real queue in a scratch folder writes it, so that these files are what any board's are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from src.core import suites
from src.core.names import result_path
from src.core.queue import Claim, Queue
from src.core.records import Request, Result
from src.core.store import LocalStore
from src.sample.models import Model

NOW = datetime(2025, 3, 1, 20, 45, tzinfo=UTC)
VOTERS = ("ines", "bo", "tomasz", "akua", "wren", "yuki", "dara", "leo")
PICKLES = "The weights are 13.9 GB of pickles; upload safetensors."
MEMORY = """loading shards: 100%, 61 of 61
moving 286.6 GB to 80.0 GB of cuda:0
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.58 GiB. GPU 0 has 79.1 GiB in use."""
TRACE = """task leaderboard_mmlu_pro, document 7120 of 12032
the machine went down; the answers so far are kept"""


def files(finished: Sequence[tuple[Model, Result]]) -> Iterator[tuple[str, bytes]]:
    """Yield requests and votes by their paths in a store.

    `finished`: runs of this queue whose results are on the board.
    """
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder))
        for model, result in sorted(finished, key=lambda run: run[1].written or NOW):
            story.finishes(model, result)
        story.of_the_day()
        for path in sorted(Path(folder).glob("[!.]*/**/*")):
            if path.is_file():
                yield path.relative_to(folder).as_posix(), path.read_bytes()


class Story:
    """What happened, in its order; the same every time."""

    def __init__(self, folder: Path) -> None:
        self._now, nonces = NOW, count(1)
        self._store = LocalStore(folder, clock=lambda: self._now)
        self._queue = Queue(self._store, nonce=lambda: f"{next(nonces):016x}")

    def finishes(self, model: Model, result: Result) -> None:
        """Write a run of long ago, whose row and answers are there."""
        began, ended = result.date or NOW, result.written or NOW
        self._asks(began - timedelta(hours=3), request_of(model, "ines"))
        claim = self._takes(began, model.name, "attic-8xh100")
        self._now = ended
        self._queue.finish(claim, [result_path(model.name, ended)])

    def of_the_day(self) -> None:
        """Write the day on which the board stands still."""
        new, at = iter(range(10)), lambda hour, minute=0: NOW.replace(hour=hour, minute=minute)

        def made(name: str, params: float) -> Model:
            return Model(name, "LlamaForCausalLM", params, 0, "finetuned", revision=f"{next(new):040x}")

        estuary, rafter = made("tidewater-ml/Estuary-2-7.6B", 7.6), made("ada-and-co/Rafter-27.2B-Tutor-v4", 27.2)
        origami, bracken = made("kettleworks/Origami-14B-Legal-v2", 14.0), made("moss-and-fern/Bracken-2-22B", 22.2)
        updraft, ingot = made("copper-kite/Updraft-3-8B-Instruct", 8.17), made("lowtide/Ingot-6.9B-Story-v7", 6.9)
        huge, test = made("nightbus/Estuary-72.7B-x-Lantern-2-70.6B", 143.3), made("fieldnotes/test-please-ignore", 0.1)
        self._asks(at(6, 10), request_of(huge, "leo"))
        self._fails(at(6, 20), huge, "attic-8xh100", "out-of-memory", "143 B parameters on 80 GB.", MEMORY)
        self._asks(at(6, 30), request_of(test, "dara"))
        self._now = at(6, 31)
        self._queue.cancel(self._key(test), by="dara")
        self._fails(at(7), huge, "attic-8xh100", "out-of-memory", "143 B parameters on 80 GB.", MEMORY)
        self._asks(at(9, 5), request_of(ingot, "wren"))
        self._fails(at(9, 6), ingot, "basement-4090", "refused", PICKLES, "")
        self._asks(at(11, 40), request_of(bracken, "akua"))
        self._asks(at(13, 15), request_of(updraft, "bo"))
        self._asks(at(14), request_of(rafter, "yuki"))
        self._asks(at(15, 20), request_of(origami, "tomasz"))
        self._asks(at(16, 45), request_of(estuary, "ines"))
        for model, voters in ((estuary, VOTERS[1:6]), (rafter, VOTERS[2:3])):
            for number, voter in enumerate(voters):
                self._now = at(17, number)
                self._queue.vote(model.name, model.revision, voter)
        claim = self._takes(at(17, 5), bracken.name, "attic-8xh100")
        self._tells(at(18, 10), claim, "BBH", 9, 21_844)
        self._tells(at(19, 15), claim, "MATH", 24, 60_210)
        self._tells(at(20, 20), claim, "MMLU-PRO", 38, 64_002)
        self._fails(at(20, 5), origami, "basement-4090", "crashed", "The evaluation ended with exit code 137.", TRACE)
        self._takes(at(20, 31), updraft.name, "basement-4090")

    def _key(self, model: Model) -> str:
        return next(one.key for one in self._queue.snapshot().standings.values() if one.request.model == model.name)

    def _asks(self, when: datetime, request: Request) -> None:
        self._now = when
        self._queue.submit(request)

    def _takes(self, when: datetime, name: str, box: str) -> Claim:
        self._now = when
        claim = self._queue.claim(box, accepts=lambda request: request.model == name)
        assert claim is not None, name
        return claim

    def _fails(self, when: datetime, model: Model, box: str, code: str, message: str, log: str) -> None:
        claim = self._takes(when, model.name, box)
        self._now = when + timedelta(minutes=9)
        self._queue.fail(claim, code, message, log)

    def _tells(self, when: datetime, claim: Claim, benchmark: str, tasks: int, answers: int) -> None:
        self._now = when
        reported = {"doing": "answers", "benchmark": benchmark, "tasks_done": tasks, "answers": answers}
        self._queue.renew(claim, reported)


def request_of(model: Model, sender: str) -> Request:
    """Return what `sender` asked for."""
    return Request(
        model=model.name,
        revision=model.revision,
        base_model=(model.base_written or "").removesuffix(" (Merge)") or None,
        precision=model.precision,
        weight_type=model.weight_type,
        model_type=model.model_type,
        params=model.params_b,
        architectures=model.architecture,
        use_chat_template=model.chat,
        suite_version=suites.load().version,
        sender=sender,
        license=model.license,
        likes=model.likes,
    )
