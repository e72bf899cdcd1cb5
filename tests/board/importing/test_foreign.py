"""Files of other harnesses and boards: each becomes rows, with its settings, its source and its answers."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.board.exports import every_eval_ever
from src.board.exports.formats import FORMATS
from src.board.importing.files import import_files
from src.board.importing.reader import Hints
from src.board.live.snapshot import Snapshot
from src.board.model.detail_files import DetailFiles
from src.board.table.listing import listing, records
from src.board.table.query import Query
from src.core.errors import BadInputError
from src.core.frames.frame import from_contents, read_table
from src.core.store import LocalStore
from src.core.suites import load
from src.core.table_paths import contents_path

V1, V2 = load("open-llm-v1"), load("open-llm-v2")
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "board")


def rows(store: LocalStore, suite: Any = V2) -> pd.DataFrame:
    return from_contents(read_table(store.read(contents_path(suite.name))), suite)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# Inspect


def inspect_log(**fields: Any) -> dict[str, Any]:
    sample = {"id": "a", "epoch": 1, "input": "Say yes.", "target": "yes", "output": {"completion": "yes"}}
    scores = {"prompt_strict_acc": 0.5, "prompt_strict_stderr": 0.02, "inst_strict_acc": 0.7, "final_acc": 0.9}
    metrics = {name: {"name": name, "value": value} for name, value in scores.items()}
    about = {"task": "ifeval", "model": "vendor/served-1", "created": "2026-01-02T03:04:05+00:00", "config": {},
             "dataset": {}, "packages": {"inspect_ai": "0.3.100"}}  # fmt: skip
    return {
        "version": 2,
        "status": "success",
        "eval": about | fields.pop("eval", {}),
        "results": {"total_samples": 541, "completed_samples": 541, "scores": [{"name": "s", "metrics": metrics}]},
        "samples": [sample | {"scores": {"s": {"value": "C", "answer": "yes"}}}],
    } | fields


def test_an_inspect_log_is_a_row_with_its_harness_and_its_answers(store, tmp_path):
    import_files([write(tmp_path / "2026_ifeval.json", inspect_log())], store)
    row = rows(store).iloc[0]
    assert (row["model"], row["ifeval.score"]) == ("vendor/served-1", pytest.approx(60))
    assert row["harness"] == "inspect 0.3.100"
    answers = DetailFiles(store, V2).open(row, "ifeval")
    assert answers is not None
    assert [each.answer for each in answers.page([0])] == ["yes"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_an_inspect_archive_is_read_as_its_json(method, store, tmp_path):
    log = inspect_log(eval={"model": "hf/org/weights"})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for at, sample in enumerate(log.pop("samples")):
            archive.writestr(f"samples/{at}_epoch_1.json", json.dumps(sample))
        archive.writestr("header.json", json.dumps(log))
    (tmp_path / "x.eval").write_bytes(out.getvalue())
    done = import_files([tmp_path / "x.eval"], store)
    assert (rows(store)["model"].tolist(), done.samples) == (["org/weights"], 1)


def test_an_inspect_archive_of_inspects_own_writer_is_read(store, tmp_path):
    """Zstandard entries, which this Python's zipfile cannot read: tests/data/make_inspect_log.py made it."""
    suite = tmp_path / "sums.toml"
    suite.write_text(
        'name = "sums"\ntitle = "Sums"\n[[benchmark]]\nkey = "sums"\ntitle = "Sums"\nitems = 8\n'
        'metrics = ["accuracy"]\n'
        'from = { inspect = "sums" }\n'
    )
    (log,) = (DATA / "inspect").glob("*.eval")
    done = import_files([log], store, Hints(suite=load(suite).name))
    row = rows(store, load("sums")).iloc[0]
    assert (row["sums.score"], done.samples) == (75, 1)
    answers = DetailFiles(store, load("sums")).open(row, "sums")
    assert answers is not None
    assert answers.scores.tolist() == [1, 1, 1, 0, 1, 1, 0, 1]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"status": "error"}, "ended with 'error'"),
        (
            {"eval": {"config": {"limit": 5}}, "results": inspect_log()["results"] | {"completed_samples": 5}},
            "only 5 of 541",
        ),
    ],
)
def test_an_unfinished_or_limited_inspect_log_is_no_score(fields, why, store, tmp_path):
    with pytest.raises(BadInputError, match=why):
        import_files([write(tmp_path / "2026.json", inspect_log(**fields))], store)


def test_a_log_without_its_settings_is_read_and_says_what_it_lacks(store, tmp_path):
    log = inspect_log()
    del log["eval"]["dataset"]
    done = import_files([write(tmp_path / "2026.json", log)], store)
    assert "the log lacks eval.dataset" in done.notes[0]


# lighteval


def lighteval(folder: Path) -> Path:
    config = {"lighteval_sha": "abc", "model_name": "org/one", "model_sha": "a" * 40, "model_dtype": "torch.bfloat16",
              "max_samples": None}  # fmt: skip
    results = {"leaderboard|arc:challenge|25": {"acc_norm": 0.55, "acc_norm_stderr": 0.01}, "all": {"acc_norm": 0.55}}
    file = folder / "results" / "org" / "one" / "results_2026-01-01T00-00-00.000000.json"
    return write(file, {"config_general": config, "results": results})


def test_lighteval_results_and_details_are_a_row_and_its_answers(store, tmp_path):
    lighteval(tmp_path / "in")
    details = [
        {
            "doc": {"query": "Two?", "choices": [" a", " b"], "gold_index": 1, "id": "0"},
            "metric": {"acc_norm": 1.0},
            "model_response": {"logprobs": [-2.0, -1.0], "text": []},
        }
    ]
    folder = tmp_path / "in" / "details"
    folder.mkdir()
    name = "details_leaderboard|arc:challenge|25_2026-01-01T00-00-00.000000.parquet"
    pq.write_table(pa.Table.from_pylist(details), folder / name)
    import_files([tmp_path / "in"], store)
    row = rows(store, V1).iloc[0]
    assert (row["arc.score"], row["harness"], row["precision"]) == (pytest.approx(55), "lighteval abc", "bfloat16")
    answers = DetailFiles(store, V1).open(row, "arc:challenge")
    assert answers is not None
    assert [(each.answer, each.score) for each in answers.page([0])] == [("b", 1)]


def test_a_run_of_lightevals_own_tracker_is_read(store, tmp_path):
    """tests/data/make_lighteval_run.py made it."""
    suite = tmp_path / "parity.toml"
    suite.write_text(
        'name = "parity"\ntitle = "Parity"\n[[benchmark]]\nkey = "parity"\ntitle = "Parity"\nmetrics = ["acc"]\n'
        'items = 4\nfrom = { lighteval = "parity|0" }\n'
    )
    done = import_files([DATA / "lighteval"], store, Hints(suite=load(suite).name))
    row = rows(store, load("parity")).iloc[0]
    (file,) = (DATA / "lighteval" / "results").rglob("*.json")
    (metrics,) = (value for task, value in json.loads(file.read_text())["results"].items() if task.startswith("parity"))
    assert (row["model"], row["parity.raw"], done.samples, done.left) == ("dummy", metrics["acc"], 1, ())
    answers = DetailFiles(store, load("parity")).open(row, "parity")
    assert answers is not None
    assert answers.scores.mean() == metrics["acc"]
    assert {each.question for each in answers.page(range(4))} == {f"Is {at} even?" for at in range(4)}


def test_lighteval_details_alone_are_left_with_a_reason(store, tmp_path):
    pq.write_table(pa.table({"doc": [1], "metric": [2]}), tmp_path / "details_x|y|0_2026-01-01.parquet")
    with pytest.raises(BadInputError, match="answers without their result file"):
        import_files([tmp_path], store)


# HELM and EvalScope


def test_a_helm_run_folder_is_a_row_and_its_answers(store, tmp_path):
    folder = tmp_path / "runs" / "mmlu_pro:model=org_one"
    adapter = {"model": "org/one", "max_train_instances": 5, "temperature": 0.0}
    write(folder / "run_spec.json", {"name": "mmlu_pro:model=org_one", "adapter_spec": adapter})
    named = {"name": "chain_of_thought_correctness", "split": "test"}
    write(folder / "stats.json", [{"name": named, "mean": 0.55}, {"name": named | {"perturbation": {}}, "mean": 0.55},
                                  {"name": {"name": "num_instances", "split": "test"}, "mean": 12032}])  # fmt: skip
    instance = {"id": "id1", "input": {"text": "Q?"}, "references": [{"output": {"text": "A"}, "tags": ["correct"]}]}
    state = {"instance": instance, "request": {"prompt": "Q?"}, "result": {"completions": [{"text": "A"}]}}
    write(folder / "scenario_state.json", {"request_states": [state]})
    write(folder / "per_instance_stats.json", [{"instance_id": "id1", "stats": [{"name": named, "mean": 1.0}]}])
    done = import_files([tmp_path / "runs"], store)
    row = rows(store).iloc[0]
    assert (row["model"], row["mmlu_pro.raw"], row["harness"], done.left) == ("org/one", 0.55, "helm", ())
    answers = DetailFiles(store, V2).open(row, "mmlu_pro")
    assert answers is not None
    assert [(each.question, each.target, each.score) for each in answers.page([0])] == [("Q?", "A", 1)]


def test_an_evalscope_report_is_a_row(store, tmp_path):
    metric = {"name": "mean_acc", "num": 12032, "score": 0.55, "macro_score": 0.54, "categories": []}
    report = {"name": "x", "dataset_name": "mmlu_pro", "model_name": "one", "score": 0.55, "metrics": [metric]}
    import_files([write(tmp_path / "20260101_120000" / "reports" / "one" / "mmlu_pro.json", report)], store)
    row = rows(store).iloc[0]
    assert (row["model"], row["mmlu_pro.raw"], row["harness"]) == ("one", 0.54, "evalscope")


# Every Eval Ever


def record(model: str, score: float, **metric: Any) -> dict[str, Any]:
    """A record of another board, by the schema."""
    return {
        "schema_version": "0.3.0",
        "evaluation_id": f"other/{model}",
        "evaluation_timestamp": "2026-01-02T00:00:00Z",
        "retrieved_timestamp": "1767312000",
        "source_metadata": {"source_name": "Other board", "source_type": "documentation",
                            "source_organization_name": "Other", "evaluator_relationship": "third_party"},
        "eval_library": {"name": "their_harness", "version": "7"},
        "model_info": {"name": model, "id": model},
        "evaluation_results": [
            {
                "evaluation_name": "IFEval",
                "source_data": {"dataset_name": "IFEval", "source_type": "other"},
                "metric_config": {"lower_is_better": False, "score_type": "continuous", "min_score": 0, "max_score": 1}
                | metric,
                "score_details": {
                    "score": score,
                    "uncertainty": {"standard_error": {"value": 0.01, "method": "bootstrap"}, "num_samples": 541},
                },
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(("score", "metric"), [(0.81, {}), (81.0, {"max_score": 100})])
def test_a_record_of_another_board_is_a_row_with_error_items_and_source(score, metric, store, tmp_path):
    data = record("org/one", score, **metric)
    import_files([write(tmp_path / "r.json", data)], store)
    row = rows(store).iloc[0]
    assert row["ifeval.score"] == pytest.approx(81)
    assert (row["harness"], row["source"], row["ifeval.n"]) == ("their_harness 7", "Other board", 541)
    if not metric:
        assert row["ifeval.se"] == pytest.approx(1)


def test_instances_open_in_the_browser_of_answers(store, tmp_path):
    write(tmp_path / "in" / "u.json", record("org/one", 0.81))
    line = {"schema_version": "instance_level_eval_0.3.0", "evaluation_name": "IFEval", "sample_id": "7",
            "input": {"raw": "Say yes.", "reference": ["yes"]}, "output": {"raw": ["yes"]},
            "evaluation": {"score": 1.0, "is_correct": True}}  # fmt: skip
    write(tmp_path / "in" / "u_samples.jsonl", json.dumps(line) + "\n")
    done = import_files([tmp_path / "in"], store)
    assert (done.samples, done.left) == (1, ())
    answers = DetailFiles(store, V2).open(rows(store).iloc[0], "leaderboard_ifeval")
    assert answers is not None
    assert [(each.question, each.answer, each.score) for each in answers.page([0])] == [("Say yes.", "yes", 1)]


def test_benchmarks_that_no_suite_has_are_counted_and_the_others_taken(store, tmp_path):
    data = record("org/one", 0.81)
    data["evaluation_results"].append(data["evaluation_results"][0] | {"evaluation_name": "Nonesuch",
                                      "source_data": {"dataset_name": "nonesuch", "source_type": "other"}})  # fmt: skip
    done = import_files([write(tmp_path / "r.json", data)], store)
    assert "1 values left out: no suite has nonesuch (1)" in "".join(done.notes)


def test_an_incomplete_record_is_read_and_says_what_it_lacks(store, tmp_path):
    data = record("org/one", 0.81)
    del data["eval_library"], data["evaluation_results"][0]["metric_config"]
    done = import_files([write(tmp_path / "r.json", data)], store)
    assert "the record lacks eval_library, metric_config" in done.notes[0]
    assert rows(store)["ifeval.score"].tolist() == [pytest.approx(81)]


# what this program gives out


def shown_of(frame: pd.DataFrame, suite: Any) -> Snapshot:
    return Snapshot(frame, suite, "1", "local", datetime(2026, 1, 1, tzinfo=UTC))


def snapshot(suite: Any) -> Snapshot:
    """A board with every benchmark of `suite`, two models, two configurations."""
    table = {"fullname": ["org/one", "org/one", "org/two"], "Precision": "bfloat16", "Model sha": "a" * 40,
             "Chat Template": [True, False, False], "Configuration": ["system prompt 1a2b", None, None],
             "Hub License": "mit", "Harness": "lm-eval 0.4.13"}  # fmt: skip
    for at, benchmark in enumerate(suite.benchmarks):
        low, high = benchmark.bounds or (0, 100)
        span = min(high, low + 100) - low
        table[benchmark.column] = [low + span * share for share in (0.31 + at / 50, 0.42, 0.53)]
        if benchmark.raw_column:
            table[benchmark.raw_column] = [0.41, 0.52, 0.63]
        table[f"{benchmark.column} SE"] = [0.7, 0.8, 0.9]
    return shown_of(from_contents(pd.DataFrame(table), suite), suite)


@pytest.mark.parametrize("name", ["open-llm-v2", "open-llm-v1", "open-asr", "safety-capability"])
def test_our_own_records_validate_and_come_back_equal(name, store, tmp_path):
    schema = pytest.importorskip("every_eval_ever.eval_types", reason="its package is not installed")
    suite = load(name)
    shown = snapshot(suite)
    before = dict(every_eval_ever.records(listing(shown, Query())))
    assert len(before) == 3
    for each in before.values():
        schema.EvaluationLog.model_validate(each)
    file = tmp_path / "board.eee.zip"
    file.write_bytes(FORMATS["eee.zip"].write(listing(shown, Query())))
    import_files([file], store)
    after = every_eval_ever.records(listing(shown_of(rows(store, suite), suite), Query()))
    assert reported(each for _, each in after) == reported(before.values())


def reported(listed: Any) -> Any:
    """Score, error and items of every result, by model and configuration."""
    return sorted(
        (
            each["model_info"]["id"],
            each["model_info"]["additional_details"].get("configuration", ""),
            one["evaluation_result_id"],
            round(one["score_details"]["score"], 9),
            round(one["score_details"].get("uncertainty", {}).get("standard_error", {}).get("value", -1), 9),
            one["score_details"].get("uncertainty", {}).get("num_samples"),
        )
        for each in listed
        for one in each["evaluation_results"]
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_our_own_tables_come_back(kind, store, tmp_path):
    shown = snapshot(V2)
    file = tmp_path / f"models.{kind}"
    file.write_bytes(FORMATS[kind].write(listing(shown, Query())))
    import_files([file], store)
    back, was = rows(store), shown.frame
    assert sorted(zip(back["model"], back["bbh.score"].round(6), strict=True)) == sorted(
        zip(was["model"], was["bbh.score"].round(6), strict=True)
    )
    assert back["license"].tolist() == ["mit"] * 3


def test_answers_of_the_api_come_back(store, tmp_path):
    shown = snapshot(V2)
    keys = [each.key for each in V2.benchmarks]
    import_files([write(tmp_path / "api.json", {"models": records(shown.frame, keys)})], store)
    assert rows(store)["bbh.score"].round(6).tolist() == shown.frame["bbh.score"].round(6).tolist()


def test_the_original_apis_answers_come_back(store, tmp_path):
    from src.board.api.original import entry, table

    shown = snapshot(V2)
    for name, payload in (("raw", table(shown)), ("formatted", [entry(row, shown) for row in table(shown)])):
        target = LocalStore(tmp_path / name)
        import_files([write(tmp_path / f"{name}.json", payload)], target)
        assert rows(target)["bbh.score"].round(6).tolist() == shown.frame["bbh.score"].round(6).tolist()


def test_a_whole_board_in_a_folder_comes_back_without_its_queue(store, tmp_path):
    file = lighteval(tmp_path / "in")
    import_files([file], store)
    write(tmp_path / "board" / "requests" / "old.json", {"model": "org/x"})
    other = LocalStore(tmp_path / "other")
    done = import_files([tmp_path / "board"], other)
    assert done.left == ()
    assert rows(other, V1)["arc.score"].tolist() == rows(store, V1)["arc.score"].tolist()


def test_a_card_and_a_file_of_results_are_rows(store, tmp_path):
    result = "  - dataset: {name: IFEval, type: x}\n    metrics: [{type: acc, value: 61.5}]\n"
    card = f"---\nmodel-index:\n- name: one\n  results:\n{result}---\nText\n"
    import_files([write(tmp_path / "org" / "one" / "README.md", card)], store)
    row = rows(store).iloc[0]
    assert (row["model"], row["ifeval.score"], row["source"]) == ("org/one", 61.5, "the model's own card")
