"""Somebody submits a model on the page; an evaluator runs it; its row is on the board and its answers open.

Everything is a process of its own, as on real machines: a stand-in Hub that serves the model, the board, the evaluator.
With a board in a folder, with a board on that Hub, and on a Hub that answers as sparingly as some other servers do.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from evaluator.box.tiny_model import make_llama
from src.core.suites import load
from src.settings import ROOT
from tests.e2e.conftest import free_port
from tests.evaluator.plain_items import lay_out_folder
from tests.evaluator.punkt import make_punkt

MODEL = "alice/tiny-llama"
TASKS = "leaderboard_bbh_navigate,musr,mmlu_pro,ifeval"

pytestmark = [pytest.mark.browser, pytest.mark.torch, pytest.mark.slow]


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of every process: a Hub of our own, with a tiny model made on the spot."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("hub")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environ = inherited | {
        "HF_ENDPOINT": address,
        "HF_TOKEN": "hf_alice",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
    }
    sparse = ["--sparse"] if request.param == "sparse" else []
    command = [sys.executable, "-m", "tools.hub", "--port", str(port), *sparse]
    with running(command, environ, address + "/api/whoami-v2"):
        model = make_llama(folder / "model")
        upload = (
            "from huggingface_hub import HfApi; api = HfApi(); "
            f"api.create_repo({MODEL!r}); api.upload_folder(repo_id={MODEL!r}, folder_path={str(model)!r})"
        )
        subprocess.run([sys.executable, "-c", upload], env=environ, check=True, capture_output=True, timeout=300)
        yield environ


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, shared: Callable[[str], Path]) -> Path:
    """An evaluator's folder with real items: three a task, but MuSR's repeated to its true length, for a score."""
    folder = tmp_path_factory.mktemp("evaluator")
    items = folder / "benchmarks"
    lay_out_folder(items, shared("benchmarks"))
    for path in items.glob("*/*/*.jsonl.gz"):
        task = f"leaderboard_musr_{path.name.removesuffix('.jsonl.gz')}"
        length = next((each.items or 0 for each in load().tasks if each.name == task), 3)
        if not path.name.startswith("validation"):
            lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
            path.write_bytes(gzip.compress(b"".join(islice(cycle(lines), length)), compresslevel=1))
    return folder


@pytest.mark.parametrize(
    ("where", "hub"),
    [("folder", "full"), ("hub", "full"), ("hub", "sparse")],
    indirect=["hub"],
)
def test_from_the_form_to_the_row_and_its_answers(
    where: str, hub: dict[str, str], workspace: Path, page: Page, tmp_path: Path
) -> None:
    store = "hub:alice" if where == "hub" else str(tmp_path / "board")
    (tmp_path / "board").mkdir()
    port = free_port()
    flags = [
        "--store",
        store,
        "--port",
        str(port),
        "--user",
        "alice",
        "--poll",
        "2",
        "--cache",
        str(tmp_path / "cache"),
    ]
    board = f"http://127.0.0.1:{port}"
    with running([sys.executable, "app.py", *flags], hub, board + "/status.json"):
        submit(page, board)

        page.goto(f"{board}/queue")
        waiting = page.locator("[data-status=pending]")
        expect(waiting).to_contain_text("tiny-llama")
        expect(waiting).to_contain_text("Place 1")
        waiting.get_by_role("button", name="Vote").click()
        expect(waiting.get_by_role("button", name="Voted")).to_be_visible()

        output = evaluate(store, workspace, hub, tmp_path)
        assert "finished, results/alice/tiny-llama/" in output, output

        expect(page.locator("[data-status=finished]")).to_contain_text("tiny-llama")
        see_the_row(page, board)
        open_a_sample(page, board)
        feed = urlopen(f"{board}/api/feeds/finished.atom").read().decode()
        assert MODEL in feed
        page.goto("about:blank")  # or it would go on asking a board that is gone
    load_the_details(store, hub)


def submit(page: Page, board: str) -> None:
    page.goto(f"{board}/submit")
    model, go = page.get_by_label("Model", exact=True), page.get_by_role("button", name="Submit", exact=True)
    checks = page.locator("[data-checks]")
    page.get_by_label("Precision").select_option("float32")
    page.get_by_label("Type", exact=True).select_option("pretrained")
    model.fill("alice/no-such-model")
    model.blur()
    expect(page.locator("form").filter(has=model)).to_contain_text("There is no public model")
    expect(go).to_have_attribute("aria-disabled", "true")

    model.fill(MODEL)
    model.blur()
    expect(checks).to_contain_text("tokenizer_config.json")  # where its chat template was found
    expect(go).not_to_have_attribute("aria-disabled", "true")
    go.click()
    expect(page.locator("[data-receipt]")).to_contain_text(MODEL)

    # the same request again is not a new one
    page.goto(f"{board}/submit?model={MODEL}")
    page.get_by_label("Precision").select_option("float32")
    model.blur()
    expect(checks).to_contain_text("The same request is waiting at place 1")


def evaluate(store: str, workspace: Path, hub: dict[str, str], folder: Path) -> str:
    nltk = {} if punkt_is_here() else {"NLTK_DATA": str(make_punkt(folder / "nltk"))}
    command = [
        sys.executable, "-m", "evaluator", "run", "--store", store, "--workspace", str(workspace), "--offline",
        "--drain", "--tasks", TASKS, "--box", "test-box",
    ]  # fmt: skip
    done = subprocess.run(command, env=hub | nltk, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    return done.stdout + done.stderr


def punkt_is_here() -> bool:
    from evaluator.box.preflight import find_punkt

    return find_punkt() is not None


def see_the_row(page: Page, board: str) -> None:
    page.goto(board)
    end = time.monotonic() + 300
    while page.get_by_text("tiny-llama").count() == 0:  # at the next sync
        assert time.monotonic() < end, page.locator("body").inner_text()[:2000]
        time.sleep(2)
        page.goto(board)
    expect(page.get_by_text("tiny-llama").first).to_be_visible()


def open_a_sample(page: Page, board: str) -> None:
    page.goto(f"{board}/model/{MODEL}")
    page.get_by_role("tab", name="Samples").click()
    expect(page.locator(".lb-answers > li").first).to_be_visible()
    page.locator(".lb-answers summary").first.click()
    expect(page.locator(".lb-answers details[open]").get_by_text("Prompt as sent")).to_be_visible()


def load_the_details(store: str, hub: dict[str, str]) -> None:
    folder = "alice/alice__tiny-llama-details" if store.startswith("hub:") else f"{store}/alice__tiny-llama-details"
    script = (
        f"from datasets import load_dataset; "
        f"rows = load_dataset({folder!r}, 'alice__tiny-llama__leaderboard_ifeval', split='latest'); "
        "print(rows.num_rows, rows[0]['doc']['prompt'][:20])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=hub, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.startswith("3 "), done.stdout + done.stderr


@contextmanager
def running(command: list[str], environ: dict[str, str], answers: str) -> Iterator[None]:
    """A process that is up once `answers` does; stopped at the end."""
    output = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed at the end)
    process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 300
        while True:
            try:
                urlopen(answers, timeout=30).read()
                break
            except OSError as error:
                if getattr(error, "code", None) in (401, 403, 404):
                    break
                assert process.poll() is None, output.seek(0) or output.read()
                assert time.monotonic() < end, f"{command} does not answer"
                time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        output.close()
