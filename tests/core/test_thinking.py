"""Where thinking ends and the answer begins."""

import pytest

from src.core.thinking import ThoughtText, split_thinking, start_marker


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\n2 + 2\n</think>\n\n4", ThoughtText("2 + 2", "4")),
        ("2 + 2</think>4", ThoughtText("2 + 2", "4")),  # the template opened the thinking
        ("<think></think>4", ThoughtText(None, "4")),  # it was asked to think, and did not
        ("<think>a</think>b<think>c</think>d", ThoughtText("a</think>b<think>c", "d")),
        ("<think>the answer is 4", ThoughtText("the answer is 4", "", unfinished=True)),
        ("the answer is 4", ThoughtText("the answer is 4", "", unfinished=True)),
        ("", ThoughtText(None, "", unfinished=True)),
    ],
)
def test_a_text_is_parted_at_the_last_marker_and_without_one_it_has_no_answer(text, parts):
    assert split_thinking(text) == parts


def test_without_thinking_a_plain_text_is_an_answer_and_an_opened_one_is_not():
    assert split_thinking("4", expected=False) == ThoughtText(None, "4")
    assert split_thinking(" <think>4", expected=False) == ThoughtText("4", "", unfinished=True)
    assert split_thinking("<think>2+2</think>4", expected=False) == ThoughtText("2+2", "4")


def test_a_servers_reasoning_content_is_thinking_and_an_empty_content_is_unfinished():
    assert split_thinking("4", reasoning="2 + 2") == ThoughtText("2 + 2", "4")
    assert split_thinking("", reasoning="2 + 2") == ThoughtText("2 + 2", "", unfinished=True)
    assert split_thinking("<think>still", reasoning="2 + 2") == ThoughtText("2 + 2\nstill", "", unfinished=True)
    assert split_thinking("4", reasoning="") == split_thinking("4")


def test_other_markers_have_their_own_start():
    assert split_thinking("[THINK]a[/THINK]b", "[/THINK]") == ThoughtText("a", "b")
    text = "<|channel|>analysis<|message|>a<|channel|>final<|message|>b"
    assert split_thinking(text, "<|channel|>final<|message|>") == ThoughtText("a", "b")
    assert start_marker("</seed:think>") == "<seed:think>"
