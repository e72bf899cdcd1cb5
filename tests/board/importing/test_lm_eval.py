"""What lm-eval's result files say about their runs: names, adapters, files, configurations, limits, answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from src.board.importing.files import Imported, import_files
from src.board.importing.reader import Hints
from src.board.model.detail_files import DetailFiles
from src.core.errors import BadInputError
from src.core.frames.frame import from_contents, read_table
from src.core.store import LocalStore
from src.core.suites import load
from src.core.table_paths import contents_path

V2 = load("open-llm-v2")
IFEVAL = {"leaderboard_ifeval": {"prompt_level_strict_acc,none": 0.5, "inst_level_strict_acc,none": 0.7}}
GPQA = {f"leaderboard_gpqa_{name}": {"acc_norm,none": 0.4} for name in ("diamond", "extended", "main")}
BF16 = {"model": "hf", "model_dtype": "torch.bfloat16", "model_sha": "a" * 40}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "board")


def run(folder: Path, results: Any, stamp: str = "2026-01-01T00-00-00.000000", **fields: Any) -> Path:
    """A result file as lm-eval writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"results_{stamp}.json"
    known = {"model_name": "org/one", "config": BF16, "chat_template": None, "chat_template_sha": None}
    path.write_text(json.dumps({"results": results, "date": 1767225600.0} | known | fields, ensure_ascii=False))
    return path


def rows(store: LocalStore) -> pd.DataFrame:
    return from_contents(read_table(store.read(contents_path(V2.name))), V2)


def notes(done: Imported) -> str:
    return "\n".join(done.notes)


@pytest.mark.parametrize(
    "name",
    [
        "vendor/model:free",
        "vendor/model-1.5",
        "組織/模型",
        "pack/M-GGUF/M-Q4.gguf",
        "pack/M-GGUF:Q8_0",
        "/srv/models/m",
    ],
)
def test_a_model_keeps_the_name_that_its_file_gives(name, store, tmp_path):
    import_files([run(tmp_path / name.replace("/", "__"), IFEVAL, model_name=name)], store)
    row = rows(store).iloc[0]
    assert row["model"] == name
    assert json.loads(store.read(row["result_path"]))["model_name"] == name


def test_a_local_checkpoint_beside_a_good_one_costs_nobody_a_row(store, tmp_path):
    run(tmp_path / "in" / "__srv__m", IFEVAL, model_name="/srv/m")
    run(tmp_path / "in" / "org__one", IFEVAL)
    import_files([tmp_path / "in"], store)
    assert sorted(rows(store)["model"]) == ["/srv/m", "org/one"]


def test_a_hint_names_a_model_in_any_script(store, tmp_path):
    import_files([run(tmp_path, IFEVAL, model_name="/srv/m")], store, Hints(model="組織/模型:free"))
    assert rows(store)["model"].tolist() == ["組織/模型:free"]


def test_an_adapter_without_model_name_is_the_adapters_row_with_its_base(store, tmp_path):
    config = {"model": "hf", "model_args": "pretrained=maker/base,peft=me/lora,dtype=bfloat16"}
    import_files([run(tmp_path, IFEVAL, model_name=None, config=config)], store)
    row = rows(store).iloc[0]
    assert (row["model"], row["base_model"], row["weight_type"]) == ("me/lora", "maker/base", "Adapter")


def test_two_gguf_files_of_one_repository_are_two_rows_with_their_files(store, tmp_path):
    for day, file in ((1, "m-Q8_0.gguf"), (2, "m-Q2_K.gguf")):
        config = BF16 | {"model_args": f"pretrained=org/one,gguf_file={file}"}
        run(tmp_path, IFEVAL, f"2026-01-0{day}T00-00-00.000000", config=config)
    done = import_files([tmp_path], store)
    frame = rows(store)
    assert sorted(frame["configuration"]) == ["m-Q2_K.gguf", "m-Q8_0.gguf"]
    assert frame["id"].nunique() == 2
    assert "rows of their own" in notes(done)


def test_a_run_with_a_template_and_a_system_prompt_is_never_poured_into_one_without(store, tmp_path):
    plain = run(tmp_path, IFEVAL | GPQA)
    asked = {"chat_template": "{{ messages }}", "chat_template_sha": "x", "system_instruction": "Think."}
    prompted = run(
        tmp_path,
        {"leaderboard_ifeval": dict.fromkeys(IFEVAL["leaderboard_ifeval"], 0.9)},
        "2026-01-02T00-00-00",
        **asked,
    )
    for files in ([plain, prompted], [prompted, plain]):
        for file in files:  # one import after the other makes the same rows as both at once
            import_files([file], store)
        frame = rows(store).set_index("chat_template")
        assert frame.loc[False, "ifeval.score"] == pytest.approx(60)
        assert frame.loc[True, "ifeval.score"] == pytest.approx(90)
        assert pd.isna(frame.loc[True, "gpqa.score"])
        assert "system prompt" in frame.loc[True, "configuration"]


def test_runs_that_differ_only_in_their_engine_are_one_row_and_a_note_says_so(store, tmp_path):
    run(tmp_path, GPQA)
    run(tmp_path, IFEVAL, "2026-01-02T00-00-00.000000", config={"model": "vllm", "model_args": "dtype=auto"})
    done = import_files([tmp_path], store)
    row = rows(store).iloc[0]
    assert (len(rows(store)), row["precision"], row["ifeval.score"]) == (1, "bfloat16", pytest.approx(60))
    assert pd.notna(row["gpqa.score"])
    assert "2 runs by hf and vllm are one row; one does not say its precision and revision" in notes(done)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"gen_kwargs": "temperature=0.7"}, "temperature 0.7"),
        ({"model_args": "pretrained=org/one,enable_thinking=True"}, "enable_thinking True"),
        ({"model": "openai-chat-completions"}, "served (openai-chat-completions)"),
        ({"repeats": 4}, "4 repeats"),
    ],
)
def test_what_changes_answers_makes_another_row(other, words, store, tmp_path):
    run(tmp_path, IFEVAL)
    run(tmp_path, GPQA, "2026-01-02T00-00-00.000000", config=BF16 | other)
    import_files([tmp_path], store)
    assert sorted(rows(store)["configuration"].fillna("")) == ["", words]


@pytest.mark.parametrize("other", [{"batch_size": 8}, {"gen_kwargs": {"do_sample": False}}, {"model": "vllm"}])
def test_what_is_harmless_does_not(other, store, tmp_path):
    run(tmp_path, IFEVAL)
    run(tmp_path, GPQA, "2026-01-02T00-00-00.000000", config=BF16 | other)
    import_files([tmp_path], store)
    assert len(rows(store)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"config": BF16 | {"limit": 100.0}},
        {"config": BF16 | {"limit": 0.1}},
        {"n-samples": {"leaderboard_ifeval": {"original": 541, "effective": 100}}},
    ],
)
def test_a_limited_run_has_no_score_the_reason_is_named_and_nothing_is_written(fields, store, tmp_path):
    with pytest.raises(BadInputError, match=r"no IFEval .*(only 100|10%) of 541 items"):
        import_files([run(tmp_path, IFEVAL, **fields)], store)
    assert not [file for file in (tmp_path / "board").rglob("*.json") if ".board" not in file.parts]


def test_a_limit_above_the_number_of_items_is_none(store, tmp_path):
    import_files([run(tmp_path, IFEVAL, config=BF16 | {"limit": 1000})], store)
    assert rows(store)["ifeval.score"].tolist() == [pytest.approx(60)]


def test_files_of_one_start_time_all_count_and_importing_them_again_adds_none(store, tmp_path):
    for name, results in (("a", IFEVAL), ("b", GPQA), ("c", {"leaderboard_mmlu_pro": {"acc,none": 0.5}})):
        run(tmp_path / "in", results).rename(tmp_path / "in" / f"{name}.json")
    for _ in range(2):
        assert import_files([tmp_path / "in"], store).results == 3
        assert rows(store)[["ifeval.score", "gpqa.score", "mmlu_pro.score"]].notna().all(axis=None)
        assert len(store.list("results")) == 3


def test_a_group_value_alone_is_no_score_and_the_missing_subtasks_are_named(store, tmp_path):
    done = import_files([run(tmp_path, IFEVAL | {"leaderboard_bbh": {"acc_norm,none": 0.5}})], store)
    assert pd.isna(rows(store).loc[0, "bbh.score"])
    assert "no BBH" in notes(done)
    assert "not run (24 of 24 tasks: leaderboard_bbh_boolean_expressions" in notes(done)


def test_a_suite_that_names_a_group_takes_the_groups_tasks(tmp_path, store):
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\ntitle = "Mine"\n[[benchmark]]\nkey = "m"\ntitle = "M"\nmetrics = ["acc"]\n'
        'tasks = [{ name = "family" }]\n'
    )
    groups = {"family": ["left", "right"], "right": ["right_a", "right_b"]}
    tasks = {"family": {"acc,none": 0.9}} | {
        name: {"acc,none": value} for name, value in (("left", 0.2), ("right_a", 0.4), ("right_b", 0.9))
    }
    from src.core.records import Result
    from src.core.scoring import score

    file = run(tmp_path, tasks, groups={"family": {}}, group_subtasks=groups)
    scored = score(Result.read(file.read_bytes(), str(file)), load(suite)).benchmarks["m"]
    assert [each.task for each in scored.subtasks] == ["left", "right_a", "right_b"]
    assert scored.score == pytest.approx(50)


def sample(item: int, right: bool) -> str:
    fields = {"doc_id": item, "doc": {"question": f"Is {item} even?"}, "target": "yes", "doc_hash": f"h{item}"}
    calls = {f"gen_args_{at}": {"arg_0": "Q", "arg_1": text} for at, text in enumerate((" yes", " no"))}
    answers = [[-1.0, False], [-2.0, False]] if right else [[-2.0, False], [-1.0, False]]
    return json.dumps(fields | {"arguments": calls, "filtered_resps": answers, "acc_norm": float(right)})


def test_logged_samples_open_in_the_browser_of_answers(store, tmp_path):
    task = "leaderboard_musr_murder_mysteries"
    run(tmp_path / "in", IFEVAL | {task: {"acc_norm,none": 0.5}})
    lines = "\n".join(sample(item, right=item % 2 == 0) for item in range(4))
    (tmp_path / "in" / f"samples_{task}_2026-01-01T00-00-00.000000.jsonl").write_text(lines + "\n")
    done = import_files([tmp_path / "in"], store)
    assert done.samples == 1
    answers = DetailFiles(store, V2).open(rows(store).iloc[0], task)
    assert answers is not None
    assert answers.scores.tolist() == [1, 0, 1, 0]
    assert [each.question for each in answers.page([0, 1])] == ["Is 0 even?", "Is 1 even?"]


def test_gated_questions_never_enter_a_board(store, tmp_path):
    task = "leaderboard_gpqa_main"
    run(tmp_path / "in", GPQA)
    (tmp_path / "in" / f"samples_{task}_2026-01-01T00-00-00.000000.jsonl").write_text(sample(0, right=True))
    import_files([tmp_path / "in"], store)
    written = [file.read_bytes() for file in (tmp_path / "board").rglob("*") if file.is_file()]
    assert not [data for data in written if b"even?" in data]
    answers = DetailFiles(store, V2).open(rows(store).iloc[0], task)
    assert answers is not None
    assert answers.scores.tolist() == [1]


def test_samples_without_their_result_are_left_and_named(store, tmp_path):
    run(tmp_path / "in", IFEVAL)
    (tmp_path / "in" / "samples_other_2026-01-01T00-00-00.000000.jsonl").write_text(sample(0, right=True))
    done = import_files([tmp_path / "in"], store)
    assert ["answers without their result file" in reason for reason in done.left] == [True]


def test_tasks_that_no_suite_has_are_named_with_how_to_draft_one(store, tmp_path):
    with pytest.raises(BadInputError, match=r"no suite has the tasks mine; `python app.py suite FILE` drafts"):
        import_files([run(tmp_path, {"mine": {"acc,none": 0.5}})], store)


def test_logged_samples_give_the_row_its_errors_and_the_models_uncertainty(store, tmp_path):
    task = "leaderboard_mmlu_pro"
    run(tmp_path / "in", {task: {"acc,none": 0.5}})
    lines = [json.loads(sample(item, right=item % 2 == 0)) for item in range(60)]
    text = "\n".join(json.dumps(line | {"acc": line["acc_norm"], "target": "yes"}) for line in lines)
    (tmp_path / "in" / f"samples_{task}_2026-01-01T00-00-00.000000.jsonl").write_text(text + "\n")
    import_files([tmp_path / "in"], store)
    row = rows(store).iloc[0]
    assert row["mmlu_pro.se"] == pytest.approx(100 / 0.9 * 0.5 / 59**0.5)
    assert row["mmlu_pro.from"] < row["mmlu_pro.score"] < row["mmlu_pro.to"]
    assert row["set_size"] == 2  # as often wrong as right: both options stay open


def test_answers_that_are_not_as_logged_leave_the_errors_to_counts_and_it_is_said(store, tmp_path):
    task = "leaderboard_mmlu_pro"
    run(tmp_path / "in", {task: {"acc,none": 0.5}})
    line = json.loads(sample(0, right=True)) | {"doc": "no mapping", "arguments": {"a": 5}}
    (tmp_path / "in" / f"samples_{task}_2026-01-01T00-00-00.000000.jsonl").write_text(json.dumps(line) + "\n")
    done = import_files([tmp_path / "in"], store, dry_run=True)
    assert ["errors come from counts" in note for note in done.notes if "answers are not" in note] == [True]
