"""From a form to a queued request, or the reasons why not, each in a sentence that helps."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluator.box.tiny_model import make_llama
from src.board.queue.submission import Examination, Rules, SubmissionForm, SubmissionService
from src.core.errors import BadInputError, NotFoundError, UnknownOutcomeError
from src.core.lifecycle import Status
from src.core.model.checks import ModelLimits, Repository
from src.core.model.safetensors import Tensor, count_parameters
from src.core.model.source import About, FolderModel
from src.core.queue import Queue
from src.core.store import LocalStore
from src.core.suites import load
from src.settings import Settings
from tests.doubles.clock import Clock
from tests.evaluator.lora import make_lora

SUITE = load()
RULES = Rules.of(Settings())
GOOD = SubmissionForm("org/good", precision="float32", model_type="pretrained")


class World:
    """A Hub of folders, a queue in a folder, and the desk between them."""

    def __init__(self, folder: Path, rules: Rules | None = None) -> None:
        self.folder, self.clock = folder, Clock(datetime(2025, 2, 8, 10, 0, tzinfo=UTC))
        self.queue = Queue(LocalStore(folder / "board", self.clock.moment))
        self.desk = SubmissionService(self.queue, rules or RULES, self.look)
        self.abouts: dict[str, About] = {}

    def add(self, model: str, spoil: Callable[[Path], None] = lambda _: None, about: About | None = None) -> None:
        to = self.folder / "hub" / model
        shutil.copytree(self.folder.parent / "good", to)
        spoil(to)
        self.abouts[model] = about or About(likes=3)

    def look(self, model: str, revision: str) -> FolderModel:
        if model not in self.abouts:
            raise NotFoundError(f"There is no public model `{model}` on the Hub. Check the spelling.")
        sha = {"main": "a" * 40}.get(revision, revision)
        return FolderModel(model, sha, self.folder / "hub" / model, self.abouts[model])

    def examine(
        self, form: SubmissionForm = GOOD, sender: str | None = "alice", table: pd.DataFrame | None = None
    ) -> Examination:
        return self.desk.examine(form, sender, SUITE, table)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("models") / "good").parent


@pytest.fixture
def world(good: Path, request: pytest.FixtureRequest) -> World:
    world = World(good / request.node.name.replace("/", "_")[:80])
    world.add("org/good")
    return world


def refusals(examination: Examination) -> list[str]:
    return [check.sentence for check in examination.problems]


def test_a_good_model_becomes_a_request_pinned_at_its_commit(world: World) -> None:
    receipt = world.desk.submit(GOOD, "alice", SUITE)
    assert receipt.new
    request = receipt.standing.request
    assert (request.model, request.revision, request.precision) == ("org/good", "a" * 40, "float32")
    assert (request.suite, request.suite_version, request.sender) == (SUITE.name, SUITE.version, "alice")
    assert (request.license, request.likes, request.architectures) == ("mit", 3, "LlamaForCausalLM")
    assert request.use_chat_template is True  # the model has one, and the form did not choose
    weights = sum(t.numbers for t in Repository(world.look("org/good", "main")).tensors)
    assert request.params == pytest.approx(weights / 1e9, abs=1e-6)
    # durable: another process sees it
    assert Queue(LocalStore(world.folder / "board")).snapshot()[receipt.key].status is Status.PENDING


def test_the_checklist_says_what_was_found(world: World) -> None:
    output = {check.title: check.sentence for check in world.examine().checks}
    assert output["Exists and readable"] == "`org/good` at commit aaaaaaaaaaaa."
    assert output["safetensors"] == "safetensors, one file."
    assert output["Licence"] == "mit"
    assert output["Chat template"] == "Found in tokenizer_config.json."
    assert all(check.state == "passed" for check in world.examine().checks)


def _remove(*names: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return spoil


def _config(**keys: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    return spoil


def _card(front_matter: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / "README.md").read_text().split("---", 2)[2]
        (folder / "README.md").write_text(f"---\n{front_matter}\n---\n{text}")

    return spoil


MANNERS = {
    "no licence": (_card("pretty_name: odd"), None, "names no licence. Add `license:`"),
    "no card": (_remove("README.md"), None, "There is no model card. Add a README.md"),
    "a card of a word": (lambda folder: (folder / "README.md").write_text("---\na: b\n---\nhi"), None, "shorter than"),
    "no config": (_remove("config.json"), None, "There is no config.json"),
    "no weights": (_remove("model.safetensors"), None, "There is no model.safetensors"),
    "no tokenizer": (_remove("tokenizer.json"), None, "There is no tokenizer"),
    "code that the config asks for": (
        _config(auto_map={"AutoModel": "modeling.Odd"}), None, "has the key `auto_map`, which loads code",
    ),
    "an unknown type": (_config(model_type="mine"), None, "'mine' are not taken"),
    "gated": (lambda _: None, About(gated=True), "`org/odd` is gated. Open it"),
    "private": (lambda _: None, About(private=True), "`org/odd` is private. Open it"),
}  # fmt: skip


@pytest.mark.parametrize("what", MANNERS)
def test_what_is_wrong_is_said_and_what_to_do(world: World, what: str) -> None:
    spoil, about, sentence = MANNERS[what]
    world.add("org/odd", spoil, about)  # type: ignore[arg-type]
    examination = world.examine(replace(GOOD, model="org/odd"))
    assert examination.request is None
    assert any(sentence in refusal for refusal in refusals(examination)), refusals(examination)
    with pytest.raises(BadInputError, match=re.escape(sentence)):
        world.desk.submit(replace(GOOD, model="org/odd"), "alice", SUITE)
    assert not world.queue.snapshot().waiting


def test_all_that_is_wrong_is_said_at_once(world: World) -> None:
    world.add("org/odd", _remove("README.md", "tokenizer.json"), About())
    output = " ".join(refusals(world.examine(replace(GOOD, model="org/odd"))))
    assert all(word in output for word in ("licence", "card", "tokenizer"))


@pytest.mark.parametrize("name", ["", "a/b/c", "../etc/passwd", "org/na me", "org/<b>", "-org/x", "org/x\n", "x" * 200])
def test_names_that_are_none_are_refused(world: World, name: str) -> None:
    (refusal,) = refusals(world.examine(replace(GOOD, model=name)))
    assert any(
        output in refusal for output in ("cannot be a model's name", "There is no public model", "Name the model")
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [({"precision": "int3"}, "precision"), ({"weight_type": "Stolen"}, "weights"), ({"model_type": "magic"}, "type")],
)
def test_choices_that_are_none_are_refused(world: World, change: dict[str, Any], word: str) -> None:
    assert any(word in refusal for refusal in refusals(world.examine(replace(GOOD, **change))))


def test_a_hub_that_does_not_answer_is_no_fault_of_the_model(world: World) -> None:
    def away(*_: str) -> FolderModel:
        raise UnknownOutcomeError("The Hub cannot be reached just now; try again shortly.")

    desk = SubmissionService(world.queue, look=away)
    (refusal,) = refusals(desk.examine(GOOD, "alice", SUITE))
    assert "try again shortly" in refusal


def test_too_large_is_said_with_the_limit(world: World) -> None:
    world.desk.rules = replace(RULES, limits=ModelLimits(largest_b=1e-6))
    (refusal,) = refusals(world.examine())
    assert "this queue takes up to" in refusal
    assert "lower precision" in refusal


def test_the_same_request_is_not_queued_twice_and_says_where_it_stands(world: World) -> None:
    key = world.desk.submit(GOOD, "alice", SUITE).key
    assert "waiting at place 1" in refusals(world.examine(sender="bob"))[0]
    claim = world.queue.claim("box")
    assert claim is not None
    assert "being evaluated right now" in refusals(world.examine())[0]
    world.queue.fail(claim, "refused", "no")
    assert "failed" in refusals(world.examine())[0]
    # another precision, commit or template is another request
    for change in ({"precision": "bfloat16"}, {"revision": "b" * 40}, {"use_chat_template": False}):
        assert world.examine(replace(GOOD, **change)).request is not None  # type: ignore[arg-type]
    assert world.queue.snapshot()[key].status is Status.FAILED


def test_a_cancelled_request_may_be_submitted_again(world: World) -> None:
    key = world.desk.submit(GOOD, "alice", SUITE).key
    world.queue.cancel(key, "alice")
    assert world.desk.submit(GOOD, "alice", SUITE).new


def test_what_is_in_the_table_is_not_run_again(world: World) -> None:
    row = {"model": "org/good", "precision": "float32", "revision": "a" * 40, "chat_template": True}
    assert "is on the board" in refusals(world.examine(table=pd.DataFrame([row])))[0]
    for change in ({"revision": "c" * 40}, {"precision": "float16"}, {"chat_template": False}):
        assert world.examine(table=pd.DataFrame([row | change])).request is not None  # type: ignore[operator]


def test_a_person_may_submit_so_many_within_the_window(world: World) -> None:
    world.desk.rules = replace(RULES, per_user=2)
    for precision in ("float32", "float16"):
        world.desk.submit(replace(GOOD, precision=precision), "alice", SUITE)
        world.clock.tick(hours=1)
    (refusal,) = refusals(world.examine(replace(GOOD, precision="bfloat16")))
    assert "You submitted 2 models within 7 days" in refusal
    assert "2025-02-15 at 10:00" in refusal
    assert world.examine(replace(GOOD, precision="bfloat16"), sender="bob").request is not None
    world.clock.now = datetime(2025, 2, 15, 10, 1, tzinfo=UTC).timestamp()
    assert world.examine(replace(GOOD, precision="bfloat16")).request is not None


def test_an_organisation_has_a_limit_of_its_own(world: World) -> None:
    world.desk.rules = replace(RULES, per_organisation=1, unlimited=frozenset({"root"}))
    world.desk.submit(GOOD, "alice", SUITE)
    other = replace(GOOD, precision="float16")
    assert "org submitted 1 models" in refusals(world.examine(other, sender="bob"))[0]
    assert world.examine(other, sender="root").request is not None


def test_nobody_submits_without_a_name(world: World) -> None:
    with pytest.raises(BadInputError, match="Sign in first"):
        world.desk.submit(GOOD, None, SUITE)


def test_an_adapter_needs_its_base_and_is_pinned_with_it(world: World) -> None:
    make_lora(world.folder / "hub" / "org" / "lora")
    world.abouts["org/lora"] = About()
    form = replace(GOOD, model="org/lora", weight_type="Adapter")
    assert "organisation/name" in refusals(world.examine(form))[0]
    assert "There is no public model `org/gone`" in refusals(world.examine(replace(form, base_model="org/gone")))[0]
    request = world.examine(replace(form, base_model="org/good")).request
    assert request is not None
    assert (request.base_model, request.base_revision) == ("org/good", "a" * 40)
    alone = world.examine().request
    assert alone is not None
    assert request.params == pytest.approx(alone.params or 0, abs=1e-6)

    world.add("org/bad-base", _config(model_type="mine"))
    assert any(
        "are not taken" in refusal for refusal in refusals(world.examine(replace(form, base_model="org/bad-base")))
    )


def test_the_form_of_a_template_can_be_chosen(world: World) -> None:
    world.add("org/plain", lambda folder: (folder / "tokenizer_config.json").write_text("{}"))
    assert world.examine(replace(GOOD, model="org/plain")).request.use_chat_template is False  # type: ignore[union-attr]
    world.add("org/file", lambda folder: (folder / "chat_template.jinja").write_text("{{ messages }}"))
    found = world.examine(replace(GOOD, model="org/file"))
    assert found.facts is not None
    assert found.facts.chat_template == "chat_template.jinja"  # the file comes before what stands in the settings


PACKED = {
    "plain": ([Tensor("w.weight", "BF16", (10, 20))], None, 200),
    "bitsandbytes 4 bit": (
        [Tensor("w.weight", "U8", (100, 1)), Tensor("w.weight.absmax", "U8", (4,)),
         Tensor("w.weight.quant_map", "F32", (16,)), Tensor("w.weight.quant_state.bitsandbytes__nf4", "U8", (70,))],
        None, 200),
    "bitsandbytes 8 bit": ([Tensor("w.weight", "I8", (10, 20)), Tensor("w.SCB", "F32", (10,))], None, 200),
    "GPTQ 4 bit": (
        [Tensor("w.qweight", "I32", (5, 5)), Tensor("w.qzeros", "I32", (1, 5)), Tensor("w.scales", "F16", (1, 20)),
         Tensor("w.g_idx", "I32", (10,))], {"bits": 4}, 200),
    "GPTQ 8 bit": ([Tensor("w.qweight", "I32", (10, 5)), Tensor("w.scales", "F16", (1, 20))], {"bits": 8}, 200),
    "compressed-tensors": ([Tensor("w.weight_packed", "I32", (5, 5)), Tensor("w.weight_scale", "BF16", (5, 1)),
                            Tensor("w.weight_shape", "I64", (2,))], None, 200),
    "MXFP4": ([Tensor("w_blocks", "U8", (100,)), Tensor("w_scales", "U8", (6,))], None, 200),
    "NVFP4": ([Tensor("w.weight", "U8", (100,)), Tensor("w.weight_scale", "F8_E4M3", (12,)),
               Tensor("w.weight_scale_2", "F32", ())], None, 200),
    "FP8": ([Tensor("w.weight", "F8_E4M3", (10, 20)), Tensor("w.weight_scale_inv", "F32", (1, 1))], None, 200),
}  # fmt: skip


@pytest.mark.parametrize("way", PACKED)
def test_packed_weights_are_counted_as_they_were_before(way: str) -> None:
    tensors, quantization, numbers = PACKED[way]
    assert count_parameters(tensors, quantization) == numbers


def test_shards_are_added_up_and_a_name_tells_nothing(world: World) -> None:
    def shard(folder: Path) -> None:
        data = (folder / "model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        names = [name for name in json.loads(data[8 : 8 + length]) if name != "__metadata__"]
        (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
        (folder / "model-00002-of-00002.safetensors").write_bytes(data)
        where = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(names)}
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"weight_map": where, "metadata": {"total_size": 1}})
        )

    world.add("org/named-70b", shard)
    two, one = world.examine(replace(GOOD, model="org/named-70b")).request, world.examine().request
    assert two is not None
    assert one is not None
    assert two.params == pytest.approx(2 * (one.params or 0))
