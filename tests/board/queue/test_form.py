"""Each field of a form has its own sentence; the rules are settings; a wait is foretold; a look is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evaluator.box.tiny_model import make_llama
from src.board.queue.recent_models import RecentModels
from src.board.queue.submission import Rules, SubmissionForm, SubmissionService, outlook, problems_of_fields
from src.core.errors import BadInputError, NotFoundError
from src.core.model.checks import ModelLimits
from src.core.model.source import About, FolderModel, NoRevisionError
from src.core.queue import Queue
from src.core.store import LocalStore
from src.core.suites import load
from src.settings import Settings
from tests.boards.requests import ask
from tests.doubles.clock import Clock

SHA = "a" * 40
SUITE = load("open-llm-v2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Queue:
    return Queue(LocalStore(tmp_path / "board", clock=clock.moment))


@pytest.fixture
def look(folder: Path):  # type: ignore[no-untyped-def]
    def find(model: str, revision: str) -> FolderModel:
        if model.startswith("gone/"):
            raise NotFoundError(f"There is no public model `{model}` on the Hub.")
        if revision == "nowhere":
            raise NoRevisionError(f"`{model}` has no such branch.")
        return FolderModel(model, SHA, folder, About())

    return find


def test_a_good_form_becomes_a_request_at_a_commit(queue: Queue, look) -> None:
    examination = SubmissionService(queue, look=look).examine(
        SubmissionForm("org/m", precision="float32"), "alice", SUITE
    )
    assert examination.problems == ()
    assert examination.revision == SHA
    request = examination.request
    assert request is not None
    assert (request.revision, request.sender, request.suite, request.use_chat_template) == (
        SHA, "alice", "open-llm-v2", True,
    )  # fmt: skip
    assert examination.facts is not None
    assert "message.role" in str(examination.facts.chat_template_text)


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        (SubmissionForm(""), "model", "organisation/name"),
        (SubmissionForm("a/b/c"), "model", "cannot be a model's name"),
        (SubmissionForm("<script>/x"), "model", "cannot be a model's name"),
        (SubmissionForm("org/m", revision="../main"), "revision", "a branch, a tag or a commit"),
        (SubmissionForm("org/m", revision="a b"), "revision", "a branch, a tag or a commit"),
        (SubmissionForm("org/m", precision="int1"), "precision", "Choose a precision"),
        (SubmissionForm("org/m", weight_type="Zip"), "weight_type", "Choose the weights"),  # type: ignore[arg-type]
        (SubmissionForm("org/m", weight_type="Adapter"), "base_model", "built on"),
        (SubmissionForm("org/m", model_type="alien"), "model_type", "Choose a type"),
        (SubmissionForm("gone/m"), "model", "no public model"),
        (SubmissionForm("org/m", revision="nowhere"), "revision", "no such branch"),
        (SubmissionForm("org/m", weight_type="Adapter", base_model="gone/base"), "base_model", "no public model"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(queue: Queue, look, form: SubmissionForm, field: str, words: str) -> None:
    examination = SubmissionService(queue, look=look).examine(form, "alice", SUITE)
    assert words in examination.fields[field]
    assert examination.request is None
    with pytest.raises(BadInputError, match=words[:10]):
        SubmissionService(queue, look=look).submit(form, "alice", SUITE)


def test_a_good_field_has_no_problem() -> None:
    assert problems_of_fields(SubmissionForm("org/m-1.5_b", revision="refs/pr/3", model_type="chat")) == {}


def test_one_person_and_one_organisation_have_limits_and_operators_none(queue: Queue, look, clock: Clock) -> None:
    rules = Rules(ModelLimits(), per_user=2, per_organisation=3)
    for at in range(2):
        queue.submit(ask(f"org/m{at}", sender="alice"))
    queue.submit(ask("org/m2", sender="bob"))
    desk = SubmissionService(queue, rules, look)

    def refused(model: str, sender: str, desk: SubmissionService = desk) -> str:
        return " ".join(check.sentence for check in desk.examine(SubmissionForm(model), sender, SUITE).problems)

    assert refused("other/m", "alice").startswith("You submitted 2 models within 7 days, which is the limit.")
    assert refused("org/m9", "carol").startswith("org submitted 3 models")
    assert refused("other/m", "carol") == ""
    assert (
        refused("org/m9", "alice", SubmissionService(queue, replace(rules, unlimited=frozenset({"alice"})), look)) == ""
    )
    clock.tick(timedelta(days=7).total_seconds() + 1)
    assert refused("other/m", "alice") == ""


def test_the_rules_are_what_an_operator_set() -> None:
    settings = Settings(largest=7.5, per_user=1, per_organisation=2, operators=frozenset({"carol"}), user="alice")
    assert Rules.of(settings) == Rules(
        ModelLimits(largest_b=7.5), per_user=1, per_organisation=2, unlimited=frozenset({"alice", "carol"})
    )


def test_the_wait_is_that_of_the_last_place_at_the_pace_of_late(queue: Queue, clock: Clock) -> None:
    assert (outlook(queue.snapshot()).place, outlook(queue.snapshot()).wait) == (1, None)
    for at in range(4):
        queue.submit(ask(f"org/m{at}"))
    claim = queue.claim("box")
    assert claim is not None
    clock.tick(600)
    queue.finish(claim, ["results/org/m/results_1.json"], then=lambda request: True)
    expected = outlook(queue.snapshot())  # two wait, one runs, a run takes ten minutes
    assert (expected.place, expected.wait) == (3, timedelta(minutes=30))


def test_a_model_looked_at_twice_within_a_minute_is_fetched_once(folder: Path) -> None:
    clock, looks, reads = Clock(0.0), [], []

    class Counted(FolderModel):
        def read(self, path: str, start: int, length: int) -> bytes:
            reads.append(path)
            return super().read(path, start, length)

    def look(model: str, revision: str) -> Counted:
        looks.append(model)
        return Counted(model, SHA, folder)

    recent = RecentModels(look, keep=60.0, monotonic=clock)
    for _ in range(3):
        assert recent("org/m", "main").read("config.json", 0, 10) == (folder / "config.json").read_bytes()[:10]
    assert (looks, reads) == (["org/m"], ["config.json"])
    clock.tick(61)
    recent("org/m", "main")
    assert looks == ["org/m", "org/m"]
    for at in range(RecentModels.MOST + 1):
        recent(f"org/m{at}", "main")
    recent("org/m", "main")
    assert looks.count("org/m") == 3  # it made room
