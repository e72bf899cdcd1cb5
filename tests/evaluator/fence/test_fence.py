"""No child gets through the fence: not to files, sockets, processes or the network, and not beyond its share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluator.fence import ladder, landlock, seccomp, view, watch
from evaluator.fence.enter import BUBBLEWRAP, LANDLOCK, NAMESPACES
from evaluator.fence.supervisor import descendants
from evaluator.fence.view import REPOSITORY
from evaluator.run import sandbox
from evaluator.run.evaluate import ready
from evaluator.run_files import remove
from evaluator.settings import ChildLimits, RunSettings
from src.core.errors import BadInputError
from src.core.suites import load
from tests.evaluator.fence import as_user
from tests.evaluator.fence.greedy_child import WAYS
from tests.evaluator.fence.hostile_child import PROBES

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the fence needs Linux")
pytestmark = linux
RUNGS = (BUBBLEWRAP, NAMESPACES, LANDLOCK)
OLD_KERNELS = tuple(f"{LANDLOCK}-{version}" for version in (1, 2, 3, 4, 5))
MISSING = ("is not installed", "no Landlock", "bwrap: ", "unshare: ", "the sandbox cannot be applied: [Errno")
STANDIN = Path("/dev/nvidia-stand-in")
WITHOUT_USER_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that an ordinary user can have too."""
    made = Path(tempfile.mkdtemp(prefix="fence-test-")).resolve()
    yield made
    remove(made)


def attack(rung: str, folder: Path, *, user: bool = False, before: tuple[str, ...] = (), **more: str) -> dict[str, Any]:
    """Return the verdict on a hostile child behind `rung`."""
    words = [*before, sys.executable, "-m", "tests.evaluator.fence.attack", rung, str(folder), *more.values()]
    if user:
        os.chown(folder, as_user.NOBODY, as_user.NOBODY)
        words = as_user.command(words)
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def assert_nothing_got_through(verdict: dict[str, Any]) -> None:
    got = {name: text for name, text in verdict["got"].items() if name not in ("device", "environment")}
    assert got == {}
    assert set(verdict["refused"]) == set(PROBES)
    nothing = {"read": [], "changed": [], "arrived": [], "published": []}
    assert {key: verdict[key] for key in nothing} == nothing
    assert verdict["log is a file"]
    assert verdict["log"] == "the child was here"


def need(rung: str) -> None:
    """Skip if this machine has not what a rung is made of; a rung that can be tried and has holes fails."""
    problem = ladder.why_not(rung.partition("-")[0])
    if problem and any(sign in problem for sign in MISSING):
        pytest.skip(f"this machine has no {rung}: {problem}")
    assert problem is None


def test_the_hostile_child_tries_at_least_forty_probes() -> None:
    assert len(PROBES) >= 40


def test_most_probes_succeed_without_a_fence(folder: Path) -> None:
    """What is refused anyway proves nothing about a fence."""
    verdict = attack("none", folder)
    assert len(verdict["got"]) >= 40
    assert len(verdict["read"]) >= 10
    assert len(verdict["changed"]) >= 5
    assert len(verdict["arrived"]) >= 5
    assert verdict["published"] == []  # what the child leaves is read as a stranger's even so


@pytest.mark.parametrize("rung", RUNGS)
def test_nothing_gets_through(rung: str, folder: Path) -> None:
    need(rung)
    assert_nothing_got_through(attack(rung, folder))


@pytest.mark.parametrize("rung", RUNGS)
def test_nothing_gets_through_for_an_ordinary_user(rung: str, folder: Path) -> None:
    if as_user.why_not():
        pytest.skip(as_user.why_not() or "")
    need(rung)
    assert_nothing_got_through(attack(rung, folder, user=True))


@pytest.mark.slow
@pytest.mark.parametrize("rung", OLD_KERNELS)
@pytest.mark.parametrize("user", [False, True], ids=["same account", "ordinary user"])
def test_nothing_gets_through_with_an_older_landlock(rung: str, user: bool, folder: Path) -> None:
    if user and as_user.why_not():
        pytest.skip(as_user.why_not() or "")
    need(rung)
    assert_nothing_got_through(attack(rung, folder, user=user))


@pytest.mark.parametrize("user", [False, True], ids=["same account", "ordinary user"])
def test_without_user_namespaces_the_third_rung_is_taken_and_says_why(user: bool, folder: Path) -> None:
    if user and as_user.why_not():
        pytest.skip(as_user.why_not() or "")
    need(NAMESPACES)
    need(LANDLOCK)
    before = ("unshare", "--user", "--map-root-user", "sh", "-c", WITHOUT_USER_NAMESPACES, "sh")
    verdict = attack("strongest", folder, user=user, before=before)
    assert_nothing_got_through(verdict)
    assert verdict["fence"].startswith("Landlock, seccomp (not used: bubblewrap: ")
    assert "namespaces: " in verdict["fence"]


@pytest.mark.parametrize("rung", RUNGS)
def test_a_graphics_card_stays_open(rung: str, folder: Path) -> None:
    need(rung)
    try:
        os.mknod(STANDIN, 0o600 | 0o020000, os.makedev(1, 5))  # another /dev/zero
    except OSError as error:
        pytest.skip(f"no stand-in for a graphics card can be made here: {error}")
    try:
        verdict = attack(rung, folder, device=str(STANDIN))
    finally:
        STANDIN.unlink()
    assert verdict["got"]["device"] == repr(b"\0")
    assert_nothing_got_through(verdict)


GREED = {
    "many_files": ("over-limit", "run folder", 2**26, None),
    "a_file_without_a_name": ("over-limit", "run folder", 2**26, None),
    "a_long_log": ("crashed", "exit code", 2**26, None),  # by the kernel, or by the watch if that looks first
    "deep_folders": ("over-limit", "deep", 2**26, None),
    "closed_folders": ("over-limit", "looked into", 2**26, None),
    "memory_of_many_processes": ("out-of-memory", "memory", 2**27, 2**27),
    "memory_without_a_process": ("over-limit", "run folder", 2**26, None),
    "many_processes": ("over-limit", "processes", 2**26, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("way", WAYS)
def test_a_greedy_child_is_ended_and_leaves_nothing(
    way: str, rung: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(rung)
    if way == "closed_folders" and (os.getuid() == 0 or rung == LANDLOCK):
        pytest.skip("no folder is closed to root, and the third rung changes no modes")
    code, words, size, memory = GREED[way]
    monkeypatch.setattr(ladder, "strongest", lambda: ladder.Fence(rung))
    monkeypatch.setattr(watch, "MOST_PROCESSES", 300)
    run = folder / "run"
    run.mkdir()
    (run / "task.json").write_text(json.dumps({"way": way, "size": size}))
    limits = ChildLimits(seconds=120, disk_bytes=size, memory_bytes=memory)
    others = set(descendants(os.getpid()))  # of other tests: a server of processes stays for the next one
    failure = sandbox.run_child(run, run, limits, module="tests.evaluator.fence.greedy_child")
    assert failure is not None
    if not (way == "a_long_log" and failure.code == "over-limit"):
        assert failure.code == code
        assert words in failure.message
    assert set(descendants(os.getpid())) <= others
    remove(run)
    assert not run.exists()


def test_nothing_runs_if_no_rung_works(monkeypatch: pytest.MonkeyPatch) -> None:
    ladder.strongest.cache_clear()
    monkeypatch.setattr(ladder, "why_not", lambda rung: f"no {rung} here")
    try:
        with pytest.raises(ladder.NoFenceError, match=r"(?s)No sandbox works.*no landlock here.*--without-sandbox"):
            sandbox.fence(ChildLimits())
        assert "no bubblewrap here" in sandbox.describe(ChildLimits())
    finally:
        ladder.strongest.cache_clear()
    without = ChildLimits(fenced=False)
    assert sandbox.fence(without).rung == ladder.NONE
    assert sandbox.describe(without) == ladder.WITHOUT
    assert "\n" not in ladder.WITHOUT


def test_a_backend_that_needs_sockets_is_refused_before_anything_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "strongest", lambda: ladder.Fence(LANDLOCK, ("bubblewrap: `bwrap` is not installed",)))
    with pytest.raises(BadInputError, match="`bwrap` is not installed"):
        ready(load(), RunSettings(tmp_path, backend="vllm", offline=True))


@pytest.mark.parametrize("rung", RUNGS)
def test_a_rung_with_a_hole_is_not_taken(rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return a view that shows too much, as a mount or a rule that does not bite would."""
    need(rung)
    real = view.of_run

    def too_much(work: Path, stubs: Path, more: list[Path], *rest: Any) -> view.VisiblePaths:
        return real(work, stubs, [*more, work.parents[1]], *rest)

    monkeypatch.setattr(view, "of_run", too_much)
    assert "a file can be read" in str(ladder.why_not(rung))


def test_the_view_holds_no_home_no_checkout_and_no_secrets(folder: Path) -> None:
    seen = view.of_run(folder / "work", folder / "fence", [folder])
    home, checkout = os.path.expanduser("~"), str(REPOSITORY)
    for path in seen.read:
        assert path not in ("/", "/etc", "/home", "/tmp", "/var", "/run", "/proc", "/sys", "/dev", home, checkout)
        assert not (home + "/").startswith(path + "/"), path
        assert not (checkout + "/").startswith(path + "/"), path


def test_data_sets_may_be_links_into_a_store(folder: Path) -> None:
    blobs, items = folder / "blobs" / "abc", folder / "benchmarks" / "org"
    blobs.mkdir(parents=True)
    items.mkdir(parents=True)
    (items / "set").symlink_to(blobs)
    seen = view.of_run(folder / "work", folder / "fence", [folder / "benchmarks"])
    assert {str(blobs), str(folder / "benchmarks")} <= set(seen.read)


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
@pytest.mark.parametrize("shared", [None, seccomp.Shared(7, 1), seccomp.Shared(7, 6)])
def test_every_jump_of_the_filter_lands_on_an_instruction(machine: str, shared: seccomp.Shared | None) -> None:
    program = seccomp.program(machine, shared)
    assert len(program) < 4096
    for place, (code, yes, no, _) in enumerate(program):
        if code in (seccomp.EQUAL, seccomp.AT_LEAST, seccomp.ANY_BIT):
            assert max(yes, no) < 256
            assert place + 1 + max(yes, no) < len(program)
    assert program[-1] == (seccomp.RETURN, 0, 0, seccomp.ALLOW)


def answer(program: list[seccomp.Instruction], machine: str, name: str, *arguments: int) -> int:
    """What the filter says of a call: the kernel's machine, written down a second time."""
    column = list(seccomp.ARCHITECTURES).index(machine)
    number = seccomp.NUMBERS[name][column]
    data = {0: number, 4: seccomp.ARCHITECTURES[machine]} | {16 + 8 * i: each for i, each in enumerate(arguments)}
    at, held = 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        match code:
            case seccomp.LOAD:
                held = data.get(value, 0) or 0
            case seccomp.AND:
                held &= value
            case seccomp.RETURN:
                return value
            case seccomp.EQUAL:
                at += yes if held == value else no
            case seccomp.AT_LEAST:
                at += yes if held >= value else no
            case seccomp.ANY_BIT:
                at += yes if held & value else no


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_allows_what_it_says(machine: str) -> None:
    refused, silent = seccomp.ERRNO | 1, seccomp.ERRNO
    apart, shared = seccomp.program(machine, None), seccomp.program(machine, seccomp.Shared(7, 6))
    old = seccomp.program(machine, seccomp.Shared(7, 1))
    expected = [
        (apart, "socket", (2, 1), seccomp.ALLOW), (apart, "socket", (40, 1), refused), (apart, "ptrace", (), refused),
        (apart, "clone", (0x11,), seccomp.ALLOW), (apart, "clone", (0x10000011,), refused),
        (apart, "kill", (9, 0), seccomp.ALLOW), (apart, "io_uring_setup", (), seccomp.ERRNO | 38),
        (shared, "socket", (2, 1), refused), (shared, "socket", (1, 2), refused),
        (shared, "socket", (1, 0x80001), seccomp.ALLOW), (shared, "socketpair", (1, 5), seccomp.ALLOW),
        (shared, "connect", (), refused), (shared, "fchmod", (), silent), (shared, "prlimit64", (0,), seccomp.ALLOW),
        (shared, "prlimit64", (7,), seccomp.ALLOW), (shared, "prlimit64", (8,), refused),
        (shared, "setpriority", (0, 0), seccomp.ALLOW), (shared, "setpriority", (1, 0), refused),
        (shared, "kill", (8, 9), seccomp.ALLOW), (old, "kill", (8, 9), refused), (old, "kill", (7, 9), seccomp.ALLOW),
        (old, "openat", (0, 0, 0o1000), refused), (old, "openat", (0, 0, 0o1001), seccomp.ALLOW),
        (old, "truncate", (), refused),
    ]  # fmt: skip
    for program, name, arguments, wanted in expected:
        assert answer(program, machine, name, *arguments) == wanted, (name, arguments)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(OSError, match="no table"):
        seccomp.program("riscv64", None)


def test_the_rights_of_each_version_of_landlock() -> None:
    assert [landlock.handled(version).bit_length() for version in range(1, 8)] == [13, 14, 15, 15, 16, 16, 16]
