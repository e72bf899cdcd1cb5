"""Appends that meet share a commit, and each still gets its own answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from src.core.errors import ConflictError, ThrottledError
from src.core.queue import Queue
from src.core.store import LocalStore, Rev, Store
from src.core.store.group_commit import GroupCommitStore
from tests.boards.requests import ask
from tests.core.conftest import hub_store
from tools.hub import Faults, Hub


class Slow(LocalStore):
    """Commits only when it is let go, and counts them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.commits = 0
        self.go = threading.Semaphore(0)
        self.refuse: Exception | None = None

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        self.commits += 1
        self.go.acquire(timeout=300)
        if self.refuse:
            raise self.refuse
        return super().append(files, message)


def together(works: list[dict[str, bytes]], store: Slow, commits: int) -> list[object]:
    """What each append got; the first commit is held back until all others wait."""
    grouped, answers = GroupCommitStore(store), list[object]([None] * len(works))

    def work(number: int) -> None:
        try:
            answers[number] = grouped.append(works[number])
        except Exception as error:
            answers[number] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(works))]
    for count, thread in enumerate(threads, start=1):
        thread.start()
        while store.commits == 0 or sum(map(len, grouped._waiting.values())) < count - 1:
            pass
    for _ in range(commits):
        store.go.release()
    for thread in threads:
        thread.join(60)
    return answers


def test_appends_that_wait_for_one_commit_share_the_next(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    answers = together([{f"requests/{number}": b"x"} for number in range(20)], store, 2)
    assert store.commits == 2
    assert len(store.list("requests")) == 20
    assert len(set(answers)) == 2
    assert all(
        f"requests/{number}" in {e.path for e in store.list("requests", str(rev))} for number, rev in enumerate(answers)
    )


def test_those_who_fill_a_commit_leave_the_others_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GroupCommitStore, "MOST", 1)
    store = Slow(tmp_path)
    answers = together([{f"requests/{number}": b"x"} for number in range(12)], store, 12)
    assert [type(answer) for answer in answers] == [str] * 12
    assert store.commits == 12


def test_one_that_may_not_be_written_does_not_spoil_the_others(tmp_path: Path) -> None:
    LocalStore(tmp_path).append({"requests/taken": b"old"})
    store = Slow(tmp_path)
    works = [{"requests/0": b""}, {"requests/1": b""}, {"requests/taken": b"new"}, {"requests/3": b""}]
    answers = together(works, store, 9)
    assert isinstance(answers[2], ConflictError)
    assert [isinstance(answer, str) for answer in answers] == [True, True, False, True]
    assert len(store.list("requests")) == 4


def test_two_that_want_one_name_at_once_are_told_apart(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    works = [{"requests/0": b""}, {"requests/x": b"1"}, {"requests/x": b"2"}, {"requests/x": b"1"}]
    answers = together(works, store, 9)
    assert isinstance(answers[2], ConflictError)
    assert answers[1] == answers[3]


def test_everybody_hears_of_a_failure(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    store.refuse = ThrottledError("wait", 30.0)
    answers = together([{f"requests/{number}": b""} for number in range(4)], store, 9)
    assert all(isinstance(answer, ThrottledError) for answer in answers)


def test_a_burst_of_submissions_and_votes_needs_few_commits(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    queue = Queue(GroupCommitStore(store))
    queue.submit(ask("org/first"))
    start = threading.Barrier(24)
    errors: list[Exception] = []

    def visit(number: int) -> None:
        start.wait(60)
        try:
            assert queue.submit(ask(f"org/m{number}")).new
            assert queue.vote(f"org/m{number % 3}", "a" * 40, f"user-{number}")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(Queue(store).snapshot().waiting) == 25
    assert len(store.read("votes/votes_data.jsonl").splitlines()) == 24


def test_the_same_vote_from_many_threads_counts_once_and_is_new_once(tmp_path: Path) -> None:
    queue = Queue(LocalStore(tmp_path))
    start, answers = threading.Barrier(8), list[bool]()

    def visit() -> None:
        start.wait(60)
        answers.append(queue.vote("org/m", "a" * 40, "bob"))

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [False] * 7 + [True]
    assert len(queue.store.read("votes/votes_data.jsonl").splitlines()) == 1


def test_a_grouped_store_is_a_store(tmp_path: Path) -> None:
    store = GroupCommitStore(LocalStore(tmp_path))
    assert isinstance(store, Store)
    rev = store.append({"requests/a": b"1"})
    assert (store.head("requests"), store.read("requests/a", rev)) == (rev, b"1")
    with pytest.raises(ConflictError):
        store.append({"requests/a": b"2"})


def test_who_comes_while_a_hub_takes_no_more_goes_along_when_it_does(tmp_path: Path) -> None:
    hub = Hub(faults=Faults().then("throttle", "throttle"))
    late = iter(["b", "c"])
    coming: list[threading.Thread] = []

    def comes(_: float) -> None:
        """While the first waits, somebody else wants something, too."""
        name = next(late)
        coming.append(threading.Thread(target=grouped.append, args=({f"requests/{name}": b"1"},), daemon=True))
        coming[-1].start()
        while f"requests/{name}" not in str(grouped._waiting):
            time.sleep(0.005)

    with hub_store(hub, tmp_path, sleep=comes) as store:
        grouped = GroupCommitStore(store)
        rev = grouped.append({"requests/a": b"1"})
        for thread in coming:
            thread.join(20)
        assert [entry.path for entry in store.list("requests", rev)][-3:] == ["requests/a", "requests/b", "requests/c"]
    assert len(hub.repo("datasets", "owner/requests").chain) == 2  # the first is the dataset's own


def test_a_hub_that_takes_no_more_for_longer_than_patience_lasts_is_told_to_all(tmp_path: Path) -> None:
    hub = Hub(faults=Faults(retry_after=100).then(*["throttle"] * 5))
    slept: list[float] = []
    options: dict[str, object] = {"sleep": slept.append, "max_wait": 250.0, "jitter": 0.0}
    with hub_store(hub, tmp_path, **options) as store, pytest.raises(ThrottledError):
        GroupCommitStore(store).append({"requests/a": b"1"})
    assert slept == [100.0, 100.0]


class Quota(LocalStore):
    """Refuses the first append as the Hub does when its quota is used up; `meanwhile` happens before it lets go."""

    def __init__(self, root: Path, meanwhile: Callable[[], object]) -> None:
        super().__init__(root)
        self._meanwhile, self._is_full = meanwhile, True

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        if self._is_full:
            self._is_full = False
            raise ThrottledError("too many commits", retry_after=60.0)
        return super().append(files, message)

    def impatient(self) -> Store:
        return self

    def wait_out(self, error: ThrottledError, waited: float) -> float | None:
        self._meanwhile()
        return error.retry_after


def test_who_waited_for_the_quota_writes_what_is_wanted_by_then(tmp_path: Path) -> None:
    wanted = [{"requests/early": b""}, {"requests/late": b""}]
    store = Quota(tmp_path, lambda: None)
    assert GroupCommitStore(store).append_late(lambda: wanted.pop(0)) is not None
    assert [entry.path for entry in store.list("requests")] == ["requests/late"]


def test_who_wants_nothing_any_more_after_the_wait_writes_nothing(tmp_path: Path) -> None:
    wanted = [{"requests/early": b""}, {}]
    assert GroupCommitStore(Quota(tmp_path, lambda: None)).append_late(lambda: wanted.pop(0)) is None
    assert not list((tmp_path / "requests").glob("*"))


def test_a_claim_that_waited_for_the_quota_does_not_want_what_another_took_meanwhile(tmp_path: Path) -> None:
    others = Queue(LocalStore(tmp_path))
    keys = {others.submit(ask(f"org/m{number}")).key for number in range(2)}
    taken: list[str] = []
    mine = Queue(
        GroupCommitStore(Quota(tmp_path, lambda: taken.extend(one.key for one in others.claim_many("other", 1))))
    )
    claim = mine.claim("box")
    assert claim is not None
    assert {claim.key, *taken} == keys
    assert sum("/claim." in entry.path for entry in others.store.list("requests/queue")) == 2
