"""`prefix-tree` inside lm-eval: the answers of `hf`, stored as they come, verified on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluator import engine
from evaluator.box.tiny_model import make_llama
from tests.evaluator.engine.conftest import PAIRS, ask

pytestmark = pytest.mark.torch
Make = Callable[..., Any]


def check_same(found: list[Any], expected: list[Any], within: float = 2e-5) -> None:
    assert [answer[1] for answer in found] == [answer[1] for answer in expected]
    assert max(abs(a[0] - b[0]) for a, b in zip(found, expected, strict=True)) < within


def test_answers_are_those_of_hf(prefix_tree: Make, stock: Any) -> None:
    lm = prefix_tree()
    check_same(lm.loglikelihood(ask("loglikelihood", PAIRS)), stock.loglikelihood(ask("loglikelihood", PAIRS)))
    assert lm.report.scoring == "packed"
    assert lm.work.tokens < sum(len(lm.tok_encode(c + o)) for c, o in PAIRS) / 4


@pytest.mark.parametrize("way", ["rows", "stock"])
def test_a_forced_path_is_used_and_reported(prefix_tree: Make, stock: Any, way: str) -> None:
    lm = prefix_tree(engine=way)
    check_same(lm.loglikelihood(ask("loglikelihood", PAIRS)), stock.loglikelihood(ask("loglikelihood", PAIRS)))
    assert lm.get_model_info()["engine"]["scoring"] == way


def test_auto_batch_size_searches_for_nothing(prefix_tree: Make) -> None:
    lm = prefix_tree(batch_size="auto", max_batch_size=64, engine="stock")
    assert lm.batch_size == 8
    assert len(lm.loglikelihood(ask("loglikelihood", PAIRS[:2]))) == 2


def test_a_second_run_reads_every_answer(prefix_tree: Make, tmp_path: Path) -> None:
    store = tmp_path / "responses.sqlite"
    requests = ask("loglikelihood", PAIRS)
    first = prefix_tree(responses=store, model_sha="abc").loglikelihood(requests)
    again = prefix_tree(responses=store, model_sha="abc")
    assert again.loglikelihood(requests) == first
    assert again.work.forwards == 0
    assert again.resumed == len(PAIRS)
    assert engine.progress(store) == {"made_up": len(PAIRS)}


@pytest.mark.parametrize("other", [{"model_sha": "def"}, {"model_sha": "abc", "max_length": 64}])
def test_answers_of_other_weights_or_settings_are_not_read(
    prefix_tree: Make, tmp_path: Path, other: dict[str, Any]
) -> None:
    store = tmp_path / "responses.sqlite"
    requests = ask("loglikelihood", PAIRS[:4])
    prefix_tree(responses=store, model_sha="abc").loglikelihood(requests)
    again = prefix_tree(responses=store, **other)
    again.loglikelihood(requests)
    assert again.resumed == 0


def test_a_subset_is_read_by_the_whole_run(prefix_tree: Make, tmp_path: Path) -> None:
    store = tmp_path / "responses.sqlite"
    prefix_tree(responses=store).loglikelihood(ask("loglikelihood", PAIRS[:6]))
    whole = prefix_tree(responses=store)
    whole.loglikelihood(ask("loglikelihood", PAIRS))
    assert whole.resumed == 6


def test_verify_scores_documents_again_and_reports_the_largest_difference(prefix_tree: Make) -> None:
    lm = prefix_tree(verify=3)
    lm.loglikelihood(ask("loglikelihood", PAIRS))
    reported = lm.get_model_info()["engine"]["verification"]
    assert reported["documents"] == 3
    assert reported["requests"] == 6
    assert reported["largest_difference"] < 2e-5
    assert reported["greedy_changed"] == 0


def test_a_resumed_process_reports_what_the_earlier_one_determined(prefix_tree: Make, tmp_path: Path) -> None:
    """A resumed run may have nothing left to score: its result must be equal to an uninterrupted one's."""
    given = {"responses": tmp_path / "responses.sqlite", "model_sha": "abc", "verify": 3}
    whole = prefix_tree(**given)
    whole.loglikelihood(ask("loglikelihood", PAIRS))
    assert prefix_tree(**given).get_model_info()["engine"] == whole.get_model_info()["engine"]

    again = prefix_tree(**given)
    again.loglikelihood(ask("loglikelihood", PAIRS))
    assert again.get_model_info()["engine"] == whole.get_model_info()["engine"]
    assert again.report.verification.documents == 3


def test_verify_detects_a_wrong_engine(prefix_tree: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluator.engine.scoring.scorer import TreeScorer

    lm = prefix_tree(verify=3)
    score = TreeScorer.score
    lm.loglikelihood(ask("loglikelihood", PAIRS[:2]))
    monkeypatch.setattr(TreeScorer, "score", lambda *a, **k: [(x[0] - 1.0, not x[1]) for x in score(*a, **k) if x])
    lm.loglikelihood(ask("loglikelihood", PAIRS, task="another"))
    reported = lm.report.verification
    assert reported.largest_difference == pytest.approx(1.0, abs=1e-4)
    assert reported.greedy_changed > 0


def test_the_report_names_engine_versions_and_types(prefix_tree: Make) -> None:
    lm = prefix_tree()
    lm.loglikelihood(ask("loglikelihood", PAIRS[:2]))
    reported = lm.get_model_info()["engine"]
    assert (reported["engine"], reported["dtype"], reported["softmax_dtype"], reported["device"]) == (
        "prefix-tree", "float32", "float32", "cpu",
    )  # fmt: skip
    assert set(reported["versions"]) >= {"lm_eval", "torch", "transformers"}
    assert reported["scoring_difference"] < 5e-5


def test_an_adapter_is_scored_with(llama: Path, prefix_tree: Make, stock: Any, tmp_path: Path) -> None:
    from lm_eval.models.huggingface import HFLM
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(llama), LoraConfig(r=4, target_modules=["q_proj", "v_proj"])
    )
    for name, weights in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.3)
    adapted.save_pretrained(tmp_path / "adapter")
    lm = prefix_tree(peft=str(tmp_path / "adapter"))
    found = lm.loglikelihood(ask("loglikelihood", PAIRS))
    own = HFLM(str(llama), peft=str(tmp_path / "adapter"), device="cpu", dtype="float32", batch_size=4)
    check_same(found, own.loglikelihood(ask("loglikelihood", PAIRS)))
    assert lm.report.scoring == "packed"
    plain = stock.loglikelihood(ask("loglikelihood", PAIRS))
    assert max(abs(a[0] - b[0]) for a, b in zip(found, plain, strict=True)) > 0.01


@pytest.mark.parametrize("asked", [{"load_in_8bit": True}, {"load_in_4bit": True, "bnb_4bit_compute_dtype": "float32"}])
def test_weights_quantised_as_they_load_are_scored_as_stock_scores_them(
    prefix_tree: Make, tmp_path: Path, asked: dict[str, Any]
) -> None:
    """transformers 5 takes no `load_in_8bit` of its own any more, and lm-eval still hands it on."""
    pytest.importorskip("bitsandbytes", reason="optional: pip install -r evaluator/requirements-quantised.txt")
    lm = prefix_tree(pretrained=str(make_llama(tmp_path, width=64)), **asked)
    assert lm.report.quantization == "bitsandbytes"
    check_same(lm.loglikelihood(ask("loglikelihood", PAIRS)), lm.stock_loglikelihood(ask("loglikelihood", PAIRS)))


def test_what_quantises_weights_reaches_transformers_as_one_object(prefix_tree: Make, monkeypatch: Any) -> None:
    from lm_eval.models.huggingface import HFLM

    seen: list[Any] = []
    create = HFLM._create_model

    def watch(self: Any, *given: Any, quantization_config: Any = None, **arguments: Any) -> None:
        seen.append((quantization_config, {name for name in arguments if name.startswith("load_in_")}))
        create(self, *given, **arguments)

    monkeypatch.setattr(HFLM, "_create_model", watch)
    prefix_tree(load_in_8bit=True)
    ((config, left),) = seen
    assert config.load_in_8bit
    assert not left


def test_bfloat16_strays_from_float32_no_further_than_stock_does(llama: Path, prefix_tree: Make, stock: Any) -> None:
    from lm_eval.models.huggingface import HFLM

    exact = stock.loglikelihood(ask("loglikelihood", PAIRS))
    ours = prefix_tree(dtype="bfloat16").loglikelihood(ask("loglikelihood", PAIRS))
    theirs = HFLM(str(llama), device="cpu", dtype="bfloat16").loglikelihood(ask("loglikelihood", PAIRS))

    def strays(found: list[Any]) -> float:
        return sum(abs(a[0] - b[0]) for a, b in zip(found, exact, strict=True)) / len(exact)

    assert strays(ours) <= strays(theirs) * 1.1


@pytest.mark.parametrize("chat", [False, True])
def test_whole_results_are_those_of_hf(prefix_tree: Make, stock: Any, tmp_path: Path, chat: bool) -> None:
    """Through `lm_eval.evaluate`, with its own scoring, on tasks of made-up items."""
    import lm_eval

    from tests.evaluator.engine.suite import offline, task_manager
    from tests.evaluator.made_items import V2, make

    make(tmp_path, V2, most=3)
    tasks = ["leaderboard_musr_murder_mysteries", "leaderboard_bbh_snarks", "leaderboard_mmlu_pro"]
    found = []
    with offline(tmp_path):
        for lm in (prefix_tree(), stock):
            found.append(
                lm_eval.simple_evaluate(
                    lm,
                    tasks=tasks,
                    task_manager=task_manager(),
                    bootstrap_iters=0,
                    limit=3,
                    apply_chat_template=chat,
                    fewshot_as_multiturn=chat,
                )
            )
    assert found[0]["results"] == found[1]["results"]
    assert found[0]["config"]["engine"]["scoring"] == "packed"
