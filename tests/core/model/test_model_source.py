"""A model's repository read over the Hub's own protocol: pinned, in ranges, and every refusal a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from evaluator.box.tiny_model import make_llama
from src.core.errors import NotFoundError, StoreError
from src.core.model.card import parse_card
from src.core.model.checks import Repository, examine, facts
from src.core.model.source import HubModel
from tools.hub import Hub, in_process


@pytest.fixture(params=["hub", "sparse hub"])
def hub(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HfApi]:
    """A stand-in Hub that holds `alice/tiny`, reached by the unmodified client."""
    with in_process(Hub(sparse=request.param == "sparse hub")) as endpoint:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        api = HfApi(endpoint=endpoint, token="hf_alice")
        api.create_repo("alice/tiny")
        api.upload_folder(repo_id="alice/tiny", folder_path=make_llama(tmp_path / "model"))
        monkeypatch.setattr("huggingface_hub.HfApi", lambda token=None: HfApi(endpoint=endpoint, token=token))
        yield api


def test_every_check_passes_on_what_the_hub_serves(hub: HfApi) -> None:
    model = HubModel("alice/tiny")
    assert model.revision == hub.model_info("alice/tiny").sha
    repository = Repository(model, "float32")
    assert [check.sentence for check in examine(repository) if check.state == "refused"] == []
    assert (facts(repository).params_b or 0) > 0
    assert facts(repository).license == "mit"


def test_a_file_is_read_in_part(hub: HfApi, tmp_path: Path) -> None:
    whole = (tmp_path / "model" / "model.safetensors").read_bytes()
    model = HubModel("alice/tiny")
    assert model.read("model.safetensors", 0, 8) == whole[:8]
    assert model.read("model.safetensors", 100, 50) == whole[100:150]
    assert model.read("config.json", 0, 10**6) == (tmp_path / "model" / "config.json").read_bytes()


def test_a_commit_stays_what_it_was(hub: HfApi) -> None:
    before = HubModel("alice/tiny")
    hub.upload_file(path_or_fileobj=b"print()", path_in_repo="evil.py", repo_id="alice/tiny")
    pinned, now = HubModel("alice/tiny", before.revision), HubModel("alice/tiny")
    assert "evil.py" not in pinned.files
    assert "evil.py" in now.files
    assert now.revision != before.revision


@pytest.mark.parametrize(
    ("head", "license"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("\ufeff---\r\nlicense: apache-2.0\r\n---\r\n", "apache-2.0"),
        ("---\nlicense: [mit, cc-by-4.0]\n---\n", "mit, cc-by-4.0"),
        ("---\nlicense:\n---\n", None),
        ("---\nlicense: {a: b}\n---\n", None),
        ("---\n\t- no: yaml: at all\n---\n", None),
        ("license: mit\n", None),
    ],
)
def test_the_licence_is_what_the_card_itself_says(head: str, license: str | None) -> None:
    card = parse_card(f"{head}# A model\n".encode())
    assert card.license == license
    assert card.text.strip().endswith("# A model")


def test_what_is_not_there_is_said(hub: HfApi) -> None:
    with pytest.raises(NotFoundError, match="no public model `alice/gone`"):
        HubModel("alice/gone")
    with pytest.raises(StoreError):
        HubModel("alice/tiny", "no-such-branch")
