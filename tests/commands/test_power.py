"""`python app.py power`: items needed, benchmark by benchmark."""

from app import main


def test_items_needed_are_printed_for_each_benchmark(capsys):
    assert main(["power", "--width", "1", "--suite", "open-llm-v2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["items", "now", "±", "for", "±1", "to", "tell", "1"]
    (ifeval,) = (line.split() for line in lines if line.startswith("IFEval"))
    assert ifeval == ["IFEval", "541", "4.21", "9,604", "19,623"]


def test_a_width_of_nothing_is_refused(capsys):
    assert main(["power", "--width", "0"]) == 1
    assert "--width is above 0" in capsys.readouterr().err
