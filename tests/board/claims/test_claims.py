"""What makers claim, read as a stranger's text, and held against what was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app import main
from src.board.audit import audit
from src.board.claims.comparing import NOTABLE, compare_claims, with_claims
from src.board.claims.gathering import apply, gather, keep
from src.board.claims.reading import MakerClaim, maker_claims
from src.board.exports import feeds
from src.board.importing.files import import_files
from src.core.errors import DeniedError
from src.core.frames.frame import from_contents, to_contents
from src.core.frames.merging import merged
from src.core.published import publish, whole_table
from src.core.store import LocalStore
from src.core.suites import load
from tests.boards.small_board import row, snapshot

SUITE = load("open-llm-v2")

CARD = """---
model-index:
- name: m
  results:
  - task: {type: text-generation}
    dataset: {name: MMLU-Pro (5-shot), type: TIGER-Lab/MMLU-Pro}
    metrics: [{type: acc, value: 52.5}]
  - dataset: {name: IFEval, type: google/IFEval, args: {num_few_shot: 0}}
    metrics: [{type: strict, value: "0.81"}]
  - dataset: {name: BBH (3-Shot), type: BBH}
    metrics: [{type: acc_norm, value: 29.74}]
    source: {name: Open LLM Leaderboard, url: https://huggingface.co/spaces/open-llm-leaderboard}
---
# m
"""


def test_shares_and_per_cent_are_read_with_where_they_stand():
    claims = maker_claims(SUITE, CARD, {})
    assert {key: (each.value, each.note) for key, each in claims.items()} == {
        "mmlu_pro": (52.5, "model-index, 5-shot"),
        "ifeval": (81.0, "model-index, 0-shot"),
    }


def test_what_names_a_leaderboard_as_its_source_is_no_claim_of_the_makers():
    assert "bbh" not in maker_claims(SUITE, CARD, {})


def test_a_file_of_results_goes_before_the_card():
    text = "- dataset: {id: TIGER-Lab/MMLU-Pro, task_id: mmlu_pro}\n  value: 0.5\n  notes: chain of thought\n"
    claims = maker_claims(SUITE, CARD, {".eval_results/a.yaml": text})
    assert (claims["mmlu_pro"].value, claims["mmlu_pro"].note) == (50.0, ".eval_results/a.yaml, chain of thought")


OF_MMLU_PRO = "- {{dataset: {{id: MMLU-Pro, task_id: mmlu_pro}}, value: {}}}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "- 3",
        "- dataset: x",
        OF_MMLU_PRO.format(".nan"),
        OF_MMLU_PRO.format(170),
        "a: &a [*a]",
        "- !!python/x y",
    ],
)
def test_a_strangers_nonsense_is_no_claim(text):
    assert maker_claims(SUITE, "---\nmodel-index: {x: 1\n---", {".eval_results/a.yaml": text}) == {}


def measured(*claimed: float, se: float = 0.5) -> pd.DataFrame:
    """Return rows of MMLU-Pro measured as 50 % raw, with these claims."""
    score = 100 * (0.5 - 0.1) / 0.9
    rows = [row(f"org/m{at}", score, **{"MMLU-PRO Raw": 0.5, "MMLU-PRO": score}) for at in range(len(claimed))]
    frame = from_contents(pd.DataFrame(rows), SUITE)
    return frame.assign(**{
        "mmlu_pro.claimed": list(claimed), "mmlu_pro.claim_note": "model-index, 5-shot",
        "mmlu_pro.se": se / 0.9, "average.se": 1.0,
    })  # fmt: skip


def test_z_counts_the_claims_own_error_like_that_of_the_measurement():
    (claim,) = compare_claims(measured(52.0).iloc[0].to_dict(), SUITE)
    assert claim.z == pytest.approx(2.0 / (math.sqrt(2) * 0.5))
    assert claim.alike is True
    assert not claim.is_notable


def test_wrong_claims_are_found_and_honest_ones_left_alone():
    rng = np.random.default_rng(0)
    error = math.sqrt(2) * 0.5
    honest = 50 + error * rng.standard_normal(9_500)
    wrong = 50 + error * (rng.standard_normal(500) + rng.choice([-1, 1], 500) * rng.uniform(6, 12, 500))
    base = measured(50.0)
    frame = base.loc[base.index.repeat(10_000)].reset_index(drop=True)
    frame["mmlu_pro.claimed"] = np.r_[honest, wrong]
    notable = with_claims(frame, SUITE)["claim.z"].abs() > NOTABLE
    assert notable[9_500:].mean() >= 0.99
    assert notable[:9_500].mean() <= 0.01


def test_the_audit_and_the_feed_name_a_claim_that_chance_does_not_explain():
    frame = with_claims(measured(50.5, 62.0), SUITE)
    (finding,) = (each for each in audit(frame, SUITE) if each.check == "claim")
    assert finding.rows == ("org/m1~bfloat16",)
    assert "62.0 claimed (model-index, 5-shot), 50.0 measured" in finding.message
    shot = snapshot()
    feed = feeds.claims(type(shot)(frame, SUITE, "r", "local", shot.as_of), "https://board.example").decode()
    assert feed.count("<entry>") == 1
    assert "org/m1: MMLU-PRO 62.0 claimed, 50.0 measured" in feed


def test_claims_are_kept_in_the_table_and_survive_a_new_run():
    frame = measured(62.0)
    again = from_contents(to_contents(frame, SUITE), SUITE)
    assert again["mmlu_pro.claimed"].tolist() == [62.0]
    assert again["mmlu_pro.claim_note"].tolist() == ["model-index, 5-shot"]
    run = from_contents(pd.DataFrame([row("org/m0", 41.0)]), SUITE)
    assert merged([again, run])["mmlu_pro.claimed"].tolist() == [62.0]


class Repository:
    revision, model, about = "0" * 40, "org/m", None

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.contents, self.files = files, {path: len(data) for path, data in files.items()}

    def read(self, path: str, start: int, length: int) -> bytes:
        return self.contents[path][start : start + length]


def test_a_repository_that_cannot_be_read_costs_itself():
    def open_model(model: str) -> Repository:
        if model == "org/gated":
            raise DeniedError("gated")
        return Repository({"README.md": CARD.encode()})

    found = dict(gather(SUITE, ["org/gated", "org/m0"], open_model))
    assert found["org/gated"] is None
    frame = apply(
        from_contents(pd.DataFrame([row("org/m0", 40.0), row("org/x", 30.0)]), SUITE),
        SUITE,
        {"org/m0": found["org/m0"]},
    )
    assert frame["mmlu_pro.claimed"].tolist()[0] == 52.5
    assert np.isnan(frame["mmlu_pro.claimed"].tolist()[1])


def table(store: LocalStore) -> pd.DataFrame:
    frame = whole_table(store, SUITE.name)[1]
    assert frame is not None
    return frame


def test_a_claim_that_is_withdrawn_leaves_the_table(tmp_path):
    store = LocalStore(tmp_path)
    publish(measured(62.0), store)
    claims = {"org/m0": {"mmlu_pro": MakerClaim("mmlu_pro", 55.0, "model-index")}}
    keep(claims, SUITE, store, is_whole=True)
    assert table(store)["mmlu_pro.claimed"].tolist() == [55.0]
    keep({"org/m0": {}}, SUITE, store, is_whole=True)
    assert "mmlu_pro.claimed" not in table(store).dropna(axis="columns", how="all")


def first_party(**fields: Any) -> dict[str, Any]:
    result = {
        "evaluation_name": "MMLU-PRO", "source_data": {"dataset_name": "MMLU-Pro"}, "score_details": {"score": 0.6},
        "metric_config": {"max_score": 1.0},
    }  # fmt: skip
    source = {"source_name": "Acme's report", "evaluator_relationship": "first_party"}
    about = {"id": "org/m0", "name": "m0"}
    return {"source_metadata": source, "model_info": about, "evaluation_results": [result]} | fields


def test_a_makers_own_records_are_claims_and_others_are_not(tmp_path, capsys):
    store = LocalStore(tmp_path / "board")
    publish(measured(62.0), store)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "own.json").write_text(json.dumps(first_party()))
    other = first_party(source_metadata={"evaluator_relationship": "third_party"})
    (tmp_path / "records" / "other.json").write_text(json.dumps(other))
    (tmp_path / "records" / "broken.json").write_text("{")
    assert main(["claims", "--store", str(tmp_path / "board"), "--records", str(tmp_path / "records")]) == 0
    known = table(store)
    assert known["mmlu_pro.claimed"].tolist() == [60.0]
    assert known["mmlu_pro.claim_note"].tolist() == ["Every Eval Ever, Acme's report"]
    printed = capsys.readouterr().out
    assert "other.json: its evaluator_relationship is not first_party" in printed
    assert "broken.json is not JSON" in printed
    assert "MMLU-PRO 60.0 claimed, 50.0 measured" in printed


def test_an_import_says_that_values_are_the_makers_own(tmp_path):
    (tmp_path / "own.json").write_text(json.dumps(first_party()))
    notes = import_files([tmp_path / "own.json"], LocalStore(tmp_path / "board")).notes
    assert any("1 values are what makers report of their own models" in note for note in notes)
