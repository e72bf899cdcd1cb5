"""Records of every historic form, read; and written in the newest so that reading gives the same again."""

from __future__ import annotations

import gzip
import json
import random
import string
from datetime import UTC, datetime
from typing import Any

import pytest

from src.core.errors import BadInputError
from src.core.lifecycle import Status
from src.core.records import Request, Result, Vote

V2_REQUEST = {
    "model": "org/name",
    "base_model": "",
    "revision": "main",
    "precision": "bfloat16",
    "params": 8.03,
    "architectures": "LlamaForCausalLM",
    "weight_type": "Original",
    "status": "FINISHED",
    "submitted_time": "2024-06-09T18:03:07Z",
    "model_type": "💬 : chat models (RLHF, DPO, IFT, ...)",
    "job_id": "5412",
    "job_start_time": "2024-06-10T09:00:00.123456",
    "use_chat_template": True,
    "sender": "somebody",
}
V1_REQUEST = {
    "model": "org/name",
    "base_model": "org/base",
    "revision": "main",
    "private": False,
    "precision": "torch.float16",
    "weight_type": "Adapter",
    "status": "PENDING_NEW_EVAL",
    "submitted_time": "2023-09-09T10:52:17Z",
    "model_type": "⭕ : instruction-tuned",
    "likes": 3,
    "params": -1,
    "license": "mit",
    "job_id": -1,
}


def test_a_request_of_the_second_board_is_read():
    assert Request.read(V2_REQUEST) == Request(
        model="org/name",
        precision="bfloat16",
        params=8.03,
        architectures="LlamaForCausalLM",
        status=Status.FINISHED,
        submitted_time=datetime(2024, 6, 9, 18, 3, 7, tzinfo=UTC),
        model_type="chat",
        job_id="5412",
        job_start_time=datetime(2024, 6, 10, 9, 0, 0, 123456, tzinfo=UTC),
        use_chat_template=True,
        sender="somebody",
    )


def test_a_request_of_the_first_board_is_read_and_minus_one_is_unknown():
    request = Request.read(json.dumps(V1_REQUEST).encode())
    assert request.status is Status.PENDING
    assert (request.params, request.job_id, request.likes, request.license) == (None, None, 3, "mit")
    assert (request.precision, request.weight_type, request.model_type) == ("float16", "Adapter", "chat")


@pytest.mark.parametrize(
    "form", [V1_REQUEST, V2_REQUEST, V2_REQUEST | {"error_msg": "CUDA", "traceback": "…", "status": "FAILED"}]
)
def test_a_request_written_and_read_again_is_the_same(form):
    request = Request.read(form)
    again = Request.read(request.write())
    assert again == request.model_copy(update={"job_start_time": again.job_start_time})  # written to the second


def test_a_request_is_written_with_the_originals_names_and_null_for_unknown():
    output = json.loads(Request.read(V2_REQUEST).write())
    assert set(V2_REQUEST) <= set(output)
    assert output["submitted_time"] == "2024-06-09T18:03:07Z"
    assert output["model_type"] == "💬 : chat models (RLHF, DPO, IFT, ...)"
    assert output["base_model"] is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model": "../../etc/passwd"}, "cannot be a model's name"),
        ({"model": None}, "cannot be a model's name"),
        ({"model": "a/<script>"}, "cannot be a model's name"),
        ({"status": "DANCING"}, "'DANCING' is no status"),
        ({"weight_type": "Pickle"}, "weight_type"),
        ({"suite_version": "new"}, "suite_version"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(change, complaint):
    with pytest.raises(BadInputError, match=complaint):
        Request.read(V2_REQUEST | change)


def test_a_v1_result_is_read_by_its_task_names():
    run = Result.read(
        {
            "config_general": {"model_name": "org/name", "model_sha": "abc", "model_dtype": "torch.float16"},
            "results": {
                "all": {"acc": 0.6},
                "harness|arc:challenge|25": {"acc": 0.5, "acc_stderr": 0.01, "acc_norm": 0.6, "acc_norm_stderr": 0.02},
                "harness|hendrycksTest-anatomy|5": {"acc": 0.4},
            },
            "versions": {"harness|arc:challenge|25": 0, "all": 0},
        },
        "results/org/name/results_2023-09-09T10-52-17.123456.json",
    )
    assert run == Result(
        model="org/name",
        revision="abc",
        precision="float16",
        date=datetime(2023, 9, 9, 10, 52, 17, 123456, tzinfo=UTC),
        written=datetime(2023, 9, 9, 10, 52, 17, 123456, tzinfo=UTC),
        tasks={"arc:challenge": {"acc": 0.5, "acc_norm": 0.6}, "hendrycksTest-anatomy": {"acc": 0.4}},
        stderrs={"arc:challenge": {"acc": 0.01, "acc_norm": 0.02}},
        shots={"arc:challenge": 25, "hendrycksTest-anatomy": 5},
        versions={"arc:challenge": 0},
        settings={"config_general": {"model_name": "org/name", "model_sha": "abc", "model_dtype": "torch.float16"}},
        form="v1",
        path="results/org/name/results_2023-09-09T10-52-17.123456.json",
    )


def dump(**more: Any) -> dict[str, Any]:
    return {"model_name": "org/name", "results": {"leaderboard_mmlu_pro": {"acc,none": 0.5}}} | more


def test_groups_are_left_out_whether_whole_stale_or_empty():
    run = Result.read(
        dump(
            results={
                "leaderboard_musr": {" ": " ", "alias": "leaderboard_musr"},
                "leaderboard_bbh": {"acc_norm,none": 0.9},
                "leaderboard_bbh_snarks": {"acc_norm,none": 0.5, "alias": " - leaderboard_bbh_snarks"},
            },
            groups={"leaderboard_bbh": {"acc_norm,none": 0.9}},
            group_subtasks={"leaderboard_bbh": ["leaderboard_bbh_snarks"], "leaderboard_bbh_snarks": []},
        )
    )
    assert run.tasks == {"leaderboard_bbh_snarks": {"acc_norm": 0.5}}


def test_not_available_and_not_finite_are_none():
    run = Result.read(
        b'{"model_name": "a/b", "results": {"t": {"acc,none": NaN, "acc_stderr,none": "N/A", "f1,none": Infinity}}}'
    )
    assert (run.tasks, run.stderrs) == ({"t": {"acc": None, "f1": None}}, {"t": {"acc": None}})


def test_a_filter_stays_in_a_metrics_name_unless_it_is_none():
    run = Result.read(
        dump(
            results={
                "gsm8k": {"exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.1, "acc,none": 0.4}
            }
        )
    )
    assert run.tasks == {"gsm8k": {"exact_match,strict-match": 0.5, "acc": 0.4}}
    assert run.stderrs == {"gsm8k": {"exact_match,strict-match": 0.1}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_dtype": "torch.bfloat16"}, "bfloat16"),
        ({"model_args": "pretrained=a/b,dtype=float16"}, "float16"),
        ({"model_args": "pretrained=a/b,load_in_4bit=True,dtype=float16"}, "4bit"),
        ({"model_args": {"pretrained": "a/b", "load_in_8bit": True}}, "8bit"),
        ({"model_args": "pretrained=a/b,dtype=auto"}, None),
        ({"model_args": "pretrained=a/b,autogptq=True"}, "GPTQ"),
    ],
)
def test_the_precision_is_what_was_loaded(config, expected):
    assert Result.read(dump(config=config)).precision == expected


@pytest.mark.parametrize(
    ("output", "path", "expected"),
    [
        ({"model_name": "org/name"}, "", "org/name"),
        ({"config": {"model_args": "pretrained=org/name,revision=main"}}, "", "org/name"),
        ({"model_name": "/data/models/x"}, "results/org/name/results_2024-01-01T00-00-00.json", "org/name"),
        ({}, "somewhere/org__name/results_2024-01-01T00-00-00.json", "org/name"),
        ({}, "results/gpt2/results_2024-01-01T00-00-00.json", "gpt2"),
    ],
)
def test_whose_run_it_is(output, path, expected):
    assert Result.read({"results": {}} | output, path).model == expected


@pytest.mark.parametrize("path", ["", "home/user/results_x.json", "results/../../etc/results_x.json"])
def test_a_run_of_nobody_is_refused(path):
    with pytest.raises(BadInputError, match="does not say which model"):
        Result.read({"results": {}}, path)


def test_only_finished_items_count_as_samples_and_heavy_blocks_are_left_out():
    run = Result.read(
        dump(
            **{
                "n-samples": {"leaderboard_mmlu_pro": {"original": 12032, "effective": 100}},
                "n-shot": {"leaderboard_mmlu_pro": 5},
                "configs": {"leaderboard_mmlu_pro": {"doc_to_text": "…"}},
                "pretty_env_info": "…",
                "git_hash": "8f1dc26",
                "date": 1718742335.35,
                "chat_template": "",
            }
        )
    )
    assert (run.samples, run.shots) == ({"leaderboard_mmlu_pro": 100}, {"leaderboard_mmlu_pro": 5})
    assert run.settings == {"git_hash": "8f1dc26"}
    assert run.date == datetime(2024, 6, 18, 20, 25, 35, 350000, tzinfo=UTC)
    assert run.chat_template is None


def test_every_real_result_written_and_read_again_is_the_same(shared):
    files = sorted(shared("data/results").rglob("*.json*"))
    assert len(files) == 28
    for file in files:
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        run = Result.read(data, str(file))
        again = Result.read(run.write(), str(file))
        same = {"form": "v2"} if run.form == "v2" else {"form": "v2", "settings": again.settings}
        assert again == run.model_copy(update=same)


def test_a_vote_written_and_read_again_is_the_same():
    line = (
        b'{"model": "org/name", "revision": "main", "username": "ines", '
        b'"timestamp": "2024-06-20T17:00:00Z", "vote_type": "up"}'
    )
    vote = Vote.read(line)
    assert vote.timestamp == datetime(2024, 6, 20, 17, tzinfo=UTC)
    assert json.loads(vote.write()) == json.loads(line)
    assert Vote.read(vote.write()) == vote


@pytest.mark.parametrize("kind", [Request, Result, Vote])
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"3", b'"x"', b"\xff\xfe", b"[" * 100_000, b"{}", b'{"model": []}', b'{"results": 3}'],
    ids=repr,
)
def test_what_is_no_record_is_refused_never_a_crash(kind, data):
    with pytest.raises(BadInputError):
        kind.read(data)


def test_ten_thousand_mangled_files_never_crash(shared):
    path = shared(
        "data/results/leaderboard_v2_excerpts/EleutherAI__pythia-1.4b/results_2025-01-28T10-22-20.980995.json"
    )
    whole = path.read_bytes()
    rng = random.Random(0)
    for _ in range(10_000):
        data = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole[:2000])
        for _ in range(rng.randrange(1, 9)):
            if data:
                data[rng.randrange(len(data))] = ord(rng.choice(string.printable))
        try:
            Result.read(bytes(data), str(path))
        except BadInputError:
            continue


@pytest.mark.parametrize(
    "junk",
    [
        None,
        3,
        "x",
        [],
        [1],
        {"a": {"b": []}},
        {"t": None},
        {"t": {"acc,none": {}}},
        {"t": {"acc,none": [1]}},
        {3: {4: 5}},
    ],
)
@pytest.mark.parametrize(
    "block", ["results", "n-samples", "n-shot", "versions", "config", "groups", "group_subtasks", "date"]
)
def test_blocks_of_the_wrong_kind_never_crash(block, junk):
    try:
        Result.read(dump(**{block: junk}))
    except BadInputError:
        return
