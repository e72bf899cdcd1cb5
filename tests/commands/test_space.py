"""`python app.py space`: what it says, on a stand-in Hub."""

from __future__ import annotations

from huggingface_hub import constants

from app import main
from tools.hub import Hub, in_process


def test_it_makes_a_space_names_the_missing_secret_and_waits(capsys, monkeypatch):
    hub = Hub()
    hub.spaces.stages = ["RUNNING"]
    with in_process(hub) as endpoint:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setenv("HF_TOKEN", "hf_alice")
        monkeypatch.setenv("BOARD_TOKEN", "hf_written_only")
        assert main(["space", "alice/leaderboard"]) == 0
        first = capsys.readouterr().out
        assert main(["space", "alice/leaderboard", "--secret", "HF_TOKEN=BOARD_TOKEN", "--wait", "0"]) == 0
        second = capsys.readouterr().out
    assert first.startswith("created  alice/leaderboard\ncreated  alice/requests\n")
    assert "missing  secret HF_TOKEN: a token that may write to the datasets of alice" in first
    assert first.endswith("It is up and shows live data.\n")
    assert second == "Every file is up to date.\n"
    assert hub.spaces.secrets == {"HF_TOKEN": "hf_written_only"}


def test_a_secret_comes_from_the_environment_never_from_the_command_line(capsys, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    assert main(["space", "alice/leaderboard", "--secret", "HF_TOKEN=NOT_SET"]) == 1
    assert capsys.readouterr().err == ("The environment variable NOT_SET is empty; put the secret HF_TOKEN there.\n")
