"""The samples browser reads what it shows, and joins two models on the item, never on the position."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random

import numpy as np
import pytest

from src.board.model.samples import SampleFile
from src.core.items.details import write_twin


def line(doc_id: int, right: bool, question: str = "", target: str = "0") -> dict:
    question = question or f"What is {doc_id} + 1?"
    better, worse = (-1.0, -9.0) if right else (-9.0, -1.0)
    return {
        "doc_id": doc_id,
        "doc": {"question": question, "options": ["yes", "no"]},
        "target": target,
        "arguments": {
            "gen_args_0": {"arg_0": f"Q: 1 + 1?\nA: 2\n\nQ: {question}\nA:", "arg_1": " yes"},
            "gen_args_1": {"arg_0": f"Q: 1 + 1?\nA: 2\n\nQ: {question}\nA:", "arg_1": " no"},
        },
        "resps": [[[better, False]], [[worse, False]]],
        "filtered_resps": [[better, False], [worse, False]],
        "doc_hash": hashlib.sha256(question.encode()).hexdigest(),
        "acc_norm": float(right),
    }


def sample_file(lines: list[dict], gated: bool = False) -> SampleFile:
    file = io.BytesIO()
    assert write_twin(lines, ["acc_norm"], file, gated) == len(lines)
    file.seek(0)
    return SampleFile(file)


class CountingFile(io.BytesIO):
    """A file that counts the bytes read from it."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def test_right_and_wrong_answers_are_told_apart():
    file = sample_file([line(i, right=i % 3 == 0) for i in range(200)])
    assert file.rows("right").tolist() == list(range(0, 200, 3))
    assert len(file.rows("wrong")) == 200 - 67
    assert [sample.answer for sample in file.page(np.array([3, 4]))] == ["yes", "no"]


def test_an_opened_sample_shows_the_prompt_as_sent_and_each_option():
    answer = sample_file([line(i, right=True) for i in range(70)]).open(69)
    assert answer.prompt == "Q: 1 + 1?\nA: 2\n\nQ: What is 69 + 1?\nA:"
    assert answer.choices == ((" yes", -1.0), (" no", -9.0))
    assert answer.metrics == {"acc_norm": 1.0}
    assert answer.doc["options"] == ["yes", "no"]


def test_search_looks_in_question_target_and_answer_without_regard_to_case():
    lines = [line(i, right=True) for i in range(150)]
    lines[149] = line(149, right=True, question="Who wrote FAUST?")
    file = sample_file(lines)
    assert list(file.search("faust", file.rows())) == [149]
    assert list(file.search("faust", file.rows("wrong"))) == []


def test_changed_answers_are_found_whatever_the_row_order():
    mine = [line(i, right=True) for i in range(100)]
    theirs = [line(i, right=i not in (7, 8)) for i in range(100)]
    random.Random(0).shuffle(theirs)
    assert sample_file(mine).rows("changed", sample_file(theirs)).tolist() == [7, 8]


def test_a_permanent_link_finds_its_question_again():
    lines = [line(i, right=True) for i in range(100)]
    file = sample_file(lines)
    assert file.find(lines[42]["doc_hash"][:12]) == 42
    assert file.find("no such hash") is None
    assert file.find("") is None


def test_of_a_gated_benchmark_only_hashes_and_scores_are_kept():
    answer = sample_file([line(0, right=True, question="a secret question")], gated=True).open(0)
    assert (answer.sample.score, answer.sample.question, answer.prompt, answer.doc) == (1.0, None, None, {})
    assert answer.sample.doc_hash


def test_a_generated_answer_and_a_list_metric_are_read():
    generated = {
        "doc_id": 0,
        "doc": {"prompt": "Write."},
        "target": None,
        "arguments": {"gen_args_0": {"arg_0": "Write.", "arg_1": {"until": []}}},
        "filtered_resps": ["Written."],
        "inst_level_strict_acc": [True, False],
        "acc_norm": None,
    }
    answer = sample_file([generated]).open(0)
    assert (answer.sample.answer, answer.choices, answer.sample.score) == ("Written.", (), None)
    assert answer.metrics["inst_level_strict_acc"] == 0.5


def test_a_file_without_answers_is_an_empty_page():
    file = sample_file([])
    assert len(file) == 0
    assert file.page(file.rows()) == []


def test_the_first_screen_of_a_long_benchmark_reads_three_percent_of_the_file_at_most():
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnop", k=7)) for _ in range(4000)]
    lines = [line(i, right=i % 2 == 0, question=" ".join(rng.choices(words, k=120))) for i in range(12_032)]
    buffer = CountingFile()
    write_twin(lines, ["acc_norm"], buffer)
    size = buffer.tell()
    buffer.seek(0)
    buffer.read_bytes = 0
    assert len(SampleFile(buffer).page(np.arange(20))) == 20
    assert 0 < buffer.read_bytes <= 0.03 * size


def test_real_sample_lines_become_a_twin(shared):
    folder = shared("data/samples/metabench_pythia-14m")
    for path in sorted(folder.glob("*arc*.gz")):
        lines = [json.loads(text) for text in gzip.decompress(path.read_bytes()).splitlines()]
        file = sample_file(lines)
        # the file's own acc_norm, recomputed from the answer that the page shows
        assert file.scores.mean() == pytest.approx(sum(float(item["acc_norm"]) for item in lines) / len(lines))
        shown = file.open(3)
        assert len(shown.choices) == 4
        assert shown.sample.question == lines[3]["doc"]["question"]
