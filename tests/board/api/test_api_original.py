"""The original's two addresses, as a contract with the tools that read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from src.board.api.app import build_api
from src.board.api.context import Context
from src.board.live.snapshot import State
from src.core.frames.frame import from_contents, read_table
from tests.boards.small_board import AS_OF, board, snapshot

# One entry of the original's own answer (2025), as a public converter quotes it to show what it reads.
QUOTED = {
    "id": "0-hero/Matter-0.2-7B-DPO_bfloat16_26a66f0d862e2024ce4ad0a09c37052ac36e8af6_True",
    "model": {
        "name": "0-hero/Matter-0.2-7B-DPO",
        "sha": "26a66f0d862e2024ce4ad0a09c37052ac36e8af6",
        "precision": "bfloat16",
        "type": "chatmodels",
        "weight_type": "Original",
        "architecture": "MistralForCausalLM",
        "average_score": 8.90636130175029,
        "has_chat_template": True,
    },
    "evaluations": {
        "ifeval": {"name": "IFEval", "value": 0.3302792147058693, "normalized_score": 33.02792147058693},
        "bbh": {"name": "BBH", "value": 0.3596254301656297, "normalized_score": 10.055525080241035},
        "math": {"name": "MATH Level 5", "value": 0.014350453172205438, "normalized_score": 1.4350453172205437},
        "gpqa": {"name": "GPQA", "value": 0.25922818791946306, "normalized_score": 1.230425055928408},
        "musr": {"name": "MUSR", "value": 0.381375, "normalized_score": 5.871874999999999},
        "mmlu_pro": {"name": "MMLU-PRO", "value": 0.1163563829787234, "normalized_score": 1.8173758865248217},
    },
    "features": {
        "is_not_available_on_hub": True,
        "is_merged": False,
        "is_moe": False,
        "is_flagged": False,
        "is_official_provider": False,
    },
    "metadata": {
        "upload_date": "2024-04-13",
        "submission_date": "2024-08-05",
        "generation": 0,
        "base_model": "0-hero/Matter-0.2-7B-DPO",
        "hub_license": "apache-2.0",
        "hub_hearts": 3,
        "params_billions": 7.242,
        "co2_cost": 1.219174164123715,
    },
}


def client(folder, frame: pd.DataFrame | None = None) -> TestClient:
    shown = board(folder)
    if frame is not None:
        whole = type(snapshot())(frame, snapshot().suite, "r", "local", AS_OF)
        shown._state = State({"open-llm-v2": whole}, "local", AS_OF)
    return TestClient(Starlette(routes=[Mount("/api", app=build_api(Context.of(shown)))]))


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory) -> TestClient:
    table = read_table(shared("data/contents/v2_2025-02-08_contents_3827.parquet"))
    return client(tmp_path_factory.mktemp("board"), from_contents(table))


def test_an_entry_is_the_originals_up_to_what_was_graded_anew_since(real):
    entries = real.get("/api/leaderboard/formatted").json()
    ours = next(each for each in entries if each["id"] == QUOTED["id"])
    # the table is of February 2025, after MATH was re-graded and the CO₂ recomputed
    for theirs, mine in [(QUOTED, ours)]:
        expected = {**theirs, "model": {**theirs["model"], "average_score": mine["model"]["average_score"]}}
        expected["evaluations"] = {**theirs["evaluations"], "math": mine["evaluations"]["math"]}
        expected["metadata"] = {**theirs["metadata"], "co2_cost": mine["metadata"]["co2_cost"]}
        assert mine == expected
    assert list(ours) == list(QUOTED)


def test_every_entry_has_the_originals_fields_and_types(real):
    def kinds(entry, like) -> None:
        assert list(entry) == list(like)
        for name, value in like.items():
            if isinstance(value, dict):
                kinds(entry[name], value)
            elif entry[name] is None:
                # what the original left null too
                assert name in {"sha", "architecture", "hub_license", "upload_date", "submission_date", "base_model"}
            else:
                assert type(entry[name]) is type(value) or {type(entry[name]), type(value)} == {int, float}

    entries = real.get("/api/leaderboard/formatted").json()
    assert len(entries) == 3827
    for entry in entries:
        kinds(entry, QUOTED)
    assert {entry["model"]["type"] for entry in entries} == {
        "pretrained", "continuouslypretrained", "fine-tunedondomain-specificdatasets", "chatmodels",
        "basemergesandmoerges", "multimodal", "❓other",
    }  # fmt: skip


def test_the_raw_table_is_the_published_one(real, shared):
    published = pd.read_parquet(shared("data/contents/v2_2025-02-08_contents_3827.parquet"))
    ours = pd.DataFrame(real.get("/api/leaderboard").json())
    assert list(ours.columns) == list(published.columns)
    key = ["fullname", "Precision", "Model sha"]
    numbers = [name for name in published if published[name].dtype == float and name != "#Params (B)"]
    joined = published.merge(ours, on=key, suffixes=("", " ours"))
    assert len(joined) == len(published)
    for name in numbers:
        assert (joined[name] - joined[f"{name} ours"]).abs().max() < 1e-12


def test_an_unknown_size_is_minus_one_as_it_always_was(tmp_path):
    entries = client(tmp_path).get("/api/leaderboard/formatted").json()
    assert {each["model"]["name"]: each["metadata"]["params_billions"] for each in entries}["other/partial"] == -1


def test_a_converter_that_nobody_here_wrote_reads_the_board(real):
    """Every Eval Ever's own adapter, which was written against the original's address."""
    adapter = pytest.importorskip(
        "every_eval_ever.adapters.hfopenllm_v2.adapter",
        reason="pip install --no-deps --ignore-requires-python every_eval_ever==0.3.0",
    )
    entries = real.get("/api/leaderboard/formatted").json()
    named = [entry for entry in entries if "/" in entry["model"]["name"]]
    converted = adapter.convert_models(named, str(datetime(2025, 2, 8, tzinfo=UTC).timestamp()))
    assert not converted.failures
    assert len(converted.records) == len(named)
    first = converted.records[0].eval_log
    assert first.evaluation_results[0].score_details.score == pytest.approx(
        named[0]["evaluations"]["ifeval"]["value"], abs=1e-4
    )
