"""The stand-in is the Hub, as far as unmodified clients can tell."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from tools.hub import Hub, serving

needs_datasets = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="needs datasets: pip install -r evaluator/requirements.txt"
)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def endpoint(hub: Hub) -> Iterator[str]:
    with serving(hub) as url:
        yield url


def run(endpoint: str, home: Path, code: str) -> str:
    """What a program of its own prints whose `HF_ENDPOINT` is the stand-in."""
    environment = {
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": "hf_alice",
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@needs_datasets
def test_a_dataset_is_pushed_and_loaded_with_its_configs_and_splits(hub: Hub, endpoint: str, tmp_path: Path) -> None:
    output = run(
        endpoint,
        tmp_path,
        """
        from datasets import Dataset, load_dataset
        Dataset.from_dict({"x": [1, 2, 3]}).push_to_hub("alice/pushed")
        Dataset.from_dict({"x": [4]}).push_to_hub("alice/pushed", config_name="other", split="latest")
        for config, split in (("default", "train"), ("other", "latest")):
            print(load_dataset("alice/pushed", config, split=split)["x"][:])
        """,
    )
    assert output.splitlines()[-2:] == ["[1, 2, 3]", "[4]"]
    assert len(hub.repo("datasets", "alice/pushed").chain) >= 3


@needs_datasets
def test_the_details_of_a_run_load_by_config_and_split(hub: Hub, endpoint: str, tmp_path: Path) -> None:
    card = textwrap.dedent("""\
        ---
        configs:
        - config_name: org__m__leaderboard_bbh
          data_files:
          - split: latest
            path: "**/samples_leaderboard_bbh_2025-02-08T10-00-00.jsonl"
        ---
        """)
    lines = "\n".join(json.dumps({"doc_id": number, "acc": 1.0}) for number in range(3))
    hub.seed("datasets", "alice/org__m-details", {
        "README.md": card.encode(), "org__m/samples_leaderboard_bbh_2025-02-08T10-00-00.jsonl": lines.encode(),
    })  # fmt: skip
    output = run(
        endpoint,
        tmp_path,
        """
        from datasets import load_dataset
        print(load_dataset("alice/org__m-details", "org__m__leaderboard_bbh", split="latest")["doc_id"][:])
        """,
    )
    assert output.splitlines()[-1] == "[0, 1, 2]"


def test_files_are_downloaded_at_a_revision_whole_and_in_parts(hub: Hub, endpoint: str, tmp_path: Path) -> None:
    first = hub.seed("models", "org/m", {"config.json": b'{"a": 1}', "model.safetensors": b"x" * 1000})
    hub.seed("models", "org/m", {"config.json": b'{"a": 2}'})
    output = run(
        endpoint,
        tmp_path,
        f"""
        import huggingface_hub as h
        print(open(h.hf_hub_download("org/m", "config.json", revision="{first}")).read())
        print(open(h.hf_hub_download("org/m", "config.json")).read())
        import os; print(sorted(os.listdir(h.snapshot_download("org/m", allow_patterns=["*.json", "*.safetensors"]))))
        print(h.HfFileSystem().read_block("org/m/model.safetensors", 990, 100))
        info = h.model_info("org/m", files_metadata=True)
        print(info.sha == h.list_repo_commits("org/m")[0].commit_id, [s.size for s in info.siblings])
        """,
    )
    assert output.splitlines() == [
        '{"a": 1}',
        '{"a": 2}',
        "['config.json', 'model.safetensors']",
        repr(b"x" * 10),
        "True [21, 8, 1000]",
    ]


def test_errors_are_the_clients_own(hub: Hub, endpoint: str) -> None:
    api = HfApi(endpoint=endpoint, token="hf_alice")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("org/nothing")
    hub.create("models", "org/gated", gated=True)
    hub.seed("models", "org/gated", {"config.json": b"{}"})
    with pytest.raises(GatedRepoError):
        HfApi(endpoint=endpoint, token=False).hf_hub_download("org/gated", "config.json")
    start = hub.seed("datasets", "alice/d", {"a": b"1"})
    hub.seed("datasets", "alice/d", {"a": b"2"})
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_commit(
            "alice/d", [CommitOperationAdd("a", b"3")], commit_message="x", repo_type="dataset", parent_commit=start
        )
    assert caught.value.response.status_code == 412


def test_a_pull_request_leaves_main_alone(hub: Hub, endpoint: str) -> None:
    hub.seed("models", "org/m", {"README.md": b"---\nlicense: mit\n---\nold"})
    api = HfApi(endpoint=endpoint, token="hf_alice")
    card = api.model_info("org/m").card_data
    assert card is not None
    assert card["license"] == "mit"
    made = api.create_commit("org/m", [CommitOperationAdd("README.md", b"new")], commit_message="card", create_pr=True)
    assert made.pr_num == 1
    assert hub.data(hub.repo("models", "org/m").at("refs/pr/1").tree.items["README.md"]) == b"new"
    assert hub.data(hub.repo("models", "org/m").at("main").tree.items["README.md"]).endswith(b"old")
    assert [one.title for one in api.get_repo_discussions("org/m")] == ["card"]
    assert api.whoami()["name"] == "alice"


def test_the_stand_in_keeps_its_repositories_on_disk(tmp_path: Path) -> None:
    first = Hub(root=tmp_path)
    oid = first.seed("datasets", "alice/d", {"a/b.json": b"1", "c": b"2"})
    again = Hub(root=tmp_path)
    here = again.repo("datasets", "alice/d").at("main")
    assert (here.oid, again.data(here.tree.get("a/b.json"))) == (oid, b"1")


def test_tree_ids_are_gits_own(hub: Hub, tmp_path: Path) -> None:
    files = {"a/b.json": b"1", "a.json": b"2", "a/c/d": b"3"}
    hub.seed("datasets", "o/d", files)
    for path, data in (files | {".gitattributes": b"*.parquet filter=lfs\n"}).items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    git = ["git", "-c", "core.autocrlf=false", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    output = subprocess.run([*git, "write-tree"], check=True, capture_output=True, text=True).stdout.strip()
    assert hub.repo("datasets", "o/d").at("main").tree.oid == output
