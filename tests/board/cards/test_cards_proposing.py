"""Offering results to a model's repository, on a stand-in Hub that fails as the real one does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from huggingface_hub import HfApi

from src.board.cards import card_block, eval_result_files
from src.board.cards.proposing import propose
from src.core.errors import BadInputError, DeniedError, NotFoundError
from tools.hub import Hub, in_process

ROW = {"model": "org/m", "average": 50.0} | {
    f"{key}.{part}": value
    for key in ("ifeval", "bbh", "math", "gpqa", "musr", "mmlu_pro")
    for part, value in (("score", 50.0), ("raw", 0.5))
}
BLOCK = card_block(ROW, "open-llm-v2")
FILES = eval_result_files(ROW, "open-llm-v2")
CARD = "---\nlicense: mit\n---\n# M\n\nwords that stay\n"


@pytest.fixture
def hub() -> Hub:
    made = Hub(readers=("hf_reader",))
    made.seed("models", "org/m", {"README.md": CARD.encode()})
    return made


@pytest.fixture
def api(hub: Hub) -> Iterator[HfApi]:
    with in_process(hub) as endpoint:
        yield HfApi(endpoint=endpoint, token="hf_alice")


def offered(hub: Hub, number: int = 1) -> dict[str, str]:
    """The files of a pull request."""
    tree = hub.repo("models", "org/m").at(f"refs/pr/{number}").tree
    return {path: hub.data(item).decode() for path, item in tree.walk() if hasattr(item, "size")}


def test_a_pull_request_holds_the_card_with_our_block_and_the_rest_as_it_was(hub, api):
    done = propose(BLOCK, FILES, api)
    assert done.opened
    assert str(done.url).endswith("/org/m/discussions/1")
    files = offered(hub)
    assert files["README.md"] == f"---\nlicense: mit\n{BLOCK.metadata}---\n# M\n\nwords that stay\n\n{BLOCK.section}"
    assert set(files) - {"README.md", ".gitattributes"} == set(FILES)


def test_a_second_offer_is_the_first_one(hub, api):
    first = propose(BLOCK, {}, api)
    assert propose(BLOCK, {}, api) == type(first)(first.url, opened=False)


def test_a_card_that_says_so_already_gets_no_offer(hub, api):
    hub.seed("models", "org/m", {"README.md": BLOCK.text.encode()})
    assert propose(BLOCK, {}, api).url is None


def test_an_answer_lost_after_the_commit_opens_no_second_request(hub, api):
    hub.faults.then("after")
    done = propose(BLOCK, {}, api)
    assert str(done.url).endswith("/discussions/1")
    assert len(hub.repo("models", "org/m").pulls) == 1


def test_what_the_owner_writes_meanwhile_is_not_lost(hub, api):
    hub.faults.then("moved")
    assert propose(BLOCK, {}, api).opened


def test_a_token_without_rights_and_a_model_that_is_gone_are_said_so(hub, api):
    with pytest.raises(DeniedError, match="HF_TOKEN"):
        propose(BLOCK, {}, HfApi(endpoint=api.endpoint, token="hf_reader"))
    with pytest.raises(NotFoundError):
        propose(card_block(ROW | {"model": "org/gone"}, "open-llm-v2"), {}, api)


def test_a_card_that_cannot_be_read_is_left_alone(hub, api):
    hub.seed("models", "org/m", {"README.md": b"---\nmodel-index: [}\n---\n"})
    with pytest.raises(BadInputError, match="no YAML"):
        propose(BLOCK, {}, api)
    assert not hub.repo("models", "org/m").pulls
