"""A board becomes a Space, on a stand-in Hub: what is made, what is changed, what is refused, whether it starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from src.board.deploy import DATASETS, came_up, deploy, files
from src.core.errors import BadInputError, BoardError, DeniedError, UnknownOutcomeError
from src.core.moderation.entries import draft, record
from src.core.profile.reading import ProfileReader
from src.core.store import LocalStore
from src.core.store.hub import HubStore
from src.settings import ROOT
from tests.boards.own import suite
from tools.hub import Hub, in_process

SPACE = "alice/leaderboard"


@pytest.fixture
def hub() -> Hub:
    return Hub(readers=("hf_reader",))


@pytest.fixture
def api(hub: Hub) -> Iterator[HfApi]:
    with in_process(hub) as endpoint:
        yield HfApi(endpoint=endpoint, token="hf_alice")


@pytest.fixture
def root(tmp_path):
    """A small board to deploy."""
    for name, text in {
        "app.py": "print(1)",
        "requirements.txt": "gradio",
        "README.md": "---\nsdk: gradio\n---\n",
        "LICENSE": "Apache",
        "src/a.py": "A = 1",
        "src/__pycache__/a.pyc": "no",
        "assets/sample/contents/data/x.parquet": "PAR1",
        "tests/test_a.py": "no",
        ".venv/secret": "no",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def stored(hub: Hub) -> set[str]:
    tree = hub.repo("spaces", SPACE).at("main").tree
    return {path for path, item in tree.walk() if hasattr(item, "size")}


def test_a_space_its_datasets_and_its_settings_are_made(hub, api, root):
    done = deploy(SPACE, api, root, secrets={"HF_TOKEN": "hf_written_only"})
    assert done.created == (SPACE, *(f"alice/{name}" for name in DATASETS))
    assert {name for kind, name in hub.repos if kind == "datasets"} == {f"alice/{name}" for name in DATASETS}
    assert stored(hub) == {
        ".gitattributes", "app.py", "requirements.txt", "README.md", "LICENSE", "src/a.py",
        "assets/sample/contents/data/x.parquet",
    }  # fmt: skip
    assert hub.spaces.variables == {"BOARD_STORE": "hub:alice"}
    assert hub.spaces.secrets == {"HF_TOKEN": "hf_written_only"}
    assert done.missing == {}


def test_a_secret_that_is_not_set_is_named_with_what_it_is_for(api, root):
    assert deploy(SPACE, api, root).missing == {
        "HF_TOKEN": "a token that may write to the datasets of alice: submissions and votes are stored with it"
    }


def test_doing_it_again_changes_only_what_differs(hub, api, root):
    deploy(SPACE, api, root)
    commits = len(hub.repo("spaces", SPACE).chain)
    again = deploy(SPACE, api, root)
    assert (again.created, again.changed) == ((), ())
    assert len(hub.repo("spaces", SPACE).chain) == commits
    (root / "src" / "a.py").rename(root / "src" / "b.py")
    assert deploy(SPACE, api, root).changed == ("src/a.py", "src/b.py")
    assert "src/a.py" not in stored(hub)
    assert len(hub.repo("spaces", SPACE).chain) == commits + 1


def test_files_that_are_not_ours_stay(hub, api, root):
    deploy(SPACE, api, root)
    hub.seed("spaces", SPACE, {"notes.md": b"the owner's"})
    deploy(SPACE, api, root)
    assert "notes.md" in stored(hub)


def test_it_waits_until_the_space_answers(hub, api, root):
    done = deploy(SPACE, api, root)
    waited: list[float] = []
    assert came_up(done, api, sleep=waited.append) == "live"
    assert len(waited) == 2


@pytest.mark.parametrize("stage", ["BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "PAUSED"])
def test_a_space_that_does_not_come_up_is_said_so_with_the_hubs_words(hub, api, root, stage):
    done = deploy(SPACE, api, root)
    hub.spaces.stages, hub.spaces.error = ["BUILDING", stage], "No matching distribution found for gradio==99"
    with pytest.raises(BoardError, match=f"{stage}. No matching distribution found for gradio==99"):
        came_up(done, api, sleep=lambda seconds: None)


def test_a_space_that_runs_but_does_not_answer_is_not_up(hub, api, root):
    done = deploy(SPACE, api, root)
    hub.spaces.answers = False
    clock = count()
    with pytest.raises(UnknownOutcomeError, match="still RUNNING after 20 s"):
        came_up(done, api, wait=20, sleep=lambda seconds: None, monotonic=lambda: float(next(clock)))


def test_a_token_that_may_only_read_is_said_so(api, root):
    with pytest.raises(DeniedError, match="right to write"):
        deploy(SPACE, HfApi(endpoint=api.endpoint, token="hf_reader"), root)


@pytest.mark.parametrize("name", ["alice", "alice/a/b", "/a", "alice/"])
def test_a_name_that_is_none_is_refused(api, root, name):
    with pytest.raises(BadInputError, match="OWNER/NAME"):
        deploy(name, api, root)


def test_the_spaces_files_alone_start_the_command_line(tmp_path):
    for name, data in files(ROOT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    run = subprocess.run(
        [sys.executable, "app.py", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert not (tmp_path / "tests").exists()


def test_a_board_of_ones_own_is_uploaded_and_named_and_its_decisions_stay(hub, api, root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    config = b'name = "Baltic Board"\ndescription = "Reading in Latvian."\nsuite = "latvian"'
    files_of_board = {"board/board.toml": config, "board/suites/latvian.toml": suite("latvian", "Latvian").encode()}
    LocalStore(folder).replace(dict(files_of_board), None)
    (root / "README.md").write_text("---\ntitle: Open LLM Leaderboard\nshort_description: x\nsdk: gradio\n---\n# A\n")
    done = deploy(SPACE, api, root, own=folder)
    assert done.changed[:2] == ("board/board.toml", "board/suites/latvian.toml")
    readme = Path(api.hf_hub_download(SPACE, "README.md", repo_type="space", local_dir=folder / "space")).read_text()
    assert readme.startswith('---\ntitle: "Baltic Board"\nshort_description: "Reading in Latvian."\nsdk: gradio\n---\n')

    store = HubStore("alice", token="hf_alice", endpoint=api.endpoint, cache_dir=folder / "cache")
    record(store, draft("flag", "alice", store.now(), model="org/m", reason="seen"))
    assert deploy(SPACE, api, root, own=folder).changed == ()
    profile = ProfileReader(store).read()
    assert profile.config.name == "Baltic Board"
    assert profile.suite_names == ("latvian",)
    assert [each.model for each in profile.moderation.entries] == ["org/m"]
    assert deploy(SPACE, api, root).changed == ()  # without the folder the dataset still names the Space
