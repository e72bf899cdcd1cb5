"""Who is asking: nobody by a forged session, one person on their own machine, the Hub's people in a Space."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import itsdangerous
import pytest
from starlette.testclient import TestClient

from src.board.live.opening import open_board
from src.core.errors import BadInputError
from src.core.queue import Queue
from src.core.store import LocalStore
from src.settings import Settings
from src.ui.app import build_app
from src.ui.web import sign_in
from tests.boards.requests import ask

SECRET = "a client secret that only the Hub and the Space know"
SAME = {"Sec-Fetch-Site": "same-origin", "Origin": "https://space.example", "Content-Type": "application/json"}


def session(secret: str, name: str = "mallory", expires_in: float = 3600.0) -> dict[str, str]:
    """A cookie as `huggingface_hub` makes it, signed with the key that it derives from `secret`."""
    reported = {"userinfo": {"sub": "1", "preferred_username": name}, "expires_at": time.time() + expires_in}
    data = base64.b64encode(json.dumps({"oauth_info": reported}).encode())
    key = hashlib.sha256((secret + "-v1").encode()).hexdigest()
    return {"session": itsdangerous.TimestampSigner(key).sign(data).decode()}


def served(settings: Settings, base: str = "https://space.example") -> TestClient:
    """The whole app, as a browser reaches it."""
    board = open_board(settings)
    board.open()
    return TestClient(build_app(board, settings), base_url=base)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    Queue(LocalStore(tmp_path / "board")).submit(ask("org/m", sender="alice"))
    return tmp_path / "board"


@pytest.fixture(scope="class")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    """A board in a Space whose card says `hf_oauth: true`, and its store."""
    folder = tmp_path_factory.mktemp("space") / "board"
    Queue(LocalStore(folder)).submit(ask("org/m", sender="alice"))
    values = {
        "OAUTH_CLIENT_ID": "id", "OAUTH_CLIENT_SECRET": SECRET, "OAUTH_SCOPES": "openid profile",
        "OPENID_PROVIDER_URL": "https://hub.example",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
            patch.setattr(huggingface_hub.constants, name, value)  # read when it is imported
        patch.setenv("SPACE_ID", "owner/board")
        patch.setenv("SYSTEM", "spaces")
        with served(Settings(store=str(folder))) as client:
            yield client, folder


def vote(client: TestClient, store: Path, cookies: dict[str, str], headers: dict[str, str] = SAME) -> tuple[int, str]:
    key = Queue(LocalStore(store)).snapshot().waiting[0].key
    client.cookies.clear()
    client.cookies.update(cookies)
    answer = client.post("/queue/vote", content=json.dumps({"key": key}), headers=headers)
    return answer.status_code, answer.json()["message"]


def voters(store: Path) -> set[str]:
    path = store / "votes/votes_data.jsonl"
    return {json.loads(line)["username"] for line in path.read_text().splitlines()} if path.exists() else set()


class TestInASpace:
    def test_somebody_signed_in_votes_by_their_name(self, space: tuple[TestClient, Path]) -> None:
        client, store = space
        client.cookies.update(session(SECRET, "bob"))
        page = client.get("/queue").text
        assert ">bob<" in page
        assert "Sign out" in page
        assert vote(client, store, session(SECRET, "bob")) == (200, "You voted for org/m. It is stored.")
        assert "bob" in voters(store)

    @pytest.mark.parametrize(
        "forged",
        [
            session(""),  # the key of the imitated sign-in: everybody knows it
            session("secret"),
            session(SECRET, expires_in=-1),
            {"session": session(SECRET)["session"].replace("e", "f", 1)},
            {"session": "eyJvYXV0aF9pbmZvIjp7fX0="},
            {},
        ],
        ids=["public key", "guessed key", "expired", "changed", "unsigned", "none"],
    )
    def test_a_session_that_is_not_the_hubs_is_nobody(self, space: tuple[TestClient, Path], forged) -> None:
        client, store = space
        assert vote(client, store, forged) == (403, "You are not signed in (any more). Sign in and try again.")
        assert "mallory" not in voters(store)
        page = client.get("/queue").text
        assert "Sign in with Hugging Face" in page
        assert 'href="oauth/huggingface/login?_target_url=%2Fqueue"' in page

    def test_another_site_cannot_use_somebodys_session(self, space: tuple[TestClient, Path]) -> None:
        client, store = space
        for headers in (SAME | {"Sec-Fetch-Site": "cross-site"}, SAME | {"Content-Type": "text/plain"}):
            assert vote(client, store, session(SECRET), headers)[0] == 403
        assert "mallory" not in voters(store)

    @pytest.mark.parametrize(
        ("target", "onward"),
        [
            ("/queue", "../../queue"),
            ("//evil.example/x", "../../x"),
            ("https://evil.example/submit", "../../submit"),
            ("", "../../"),
        ],
    )
    def test_who_declines_at_the_hub_comes_back_to_this_board_only(
        self, space: tuple[TestClient, Path], target: str, onward: str
    ) -> None:
        client, _ = space
        output = {"_target_url": target, "state": "x", "error": "access_denied"}
        answer = client.get("/oauth/huggingface/callback", params=output, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, onward)

    @pytest.mark.parametrize("target", ["//evil.example/x", "https://evil.example/x", "/\\evil.example/x"])
    def test_signing_out_leads_to_this_board_only(self, space: tuple[TestClient, Path], target: str) -> None:
        client, _ = space
        answer = client.get("/oauth/huggingface/logout", params={"_target_url": target}, follow_redirects=False)
        assert answer.status_code == 307
        assert answer.headers["location"] in ("/x", "/evil.example/x")


def test_outside_a_space_nobody_signs_in_whatever_the_environment_says(store: Path, monkeypatch) -> None:
    """There the library would make everybody who presses the button the account of this machine."""
    monkeypatch.setenv("OAUTH_CLIENT_ID", "id")
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("OAUTH_SCOPES", "openid profile")
    monkeypatch.setenv("OPENID_PROVIDER_URL", "https://hub.example")
    monkeypatch.setenv("SPACE_ID", "owner/board")  # without SYSTEM: no Space
    monkeypatch.delenv("SYSTEM", raising=False)
    with served(Settings(store=str(store))) as client:
        assert client.get("/oauth/huggingface/login").status_code == 404
        for secret in ("", SECRET):
            status, output = vote(client, store, session(secret))
            assert status == 403
            assert "Nobody can sign in here" in output
    assert voters(store) == set()


def test_a_board_for_one_person_listens_on_this_machine_only(store: Path) -> None:
    settings = Settings(store=str(store), user="alice", host="0.0.0.0")
    with pytest.raises(BadInputError, match=r"leave out --host 0\.0\.0\.0"):
        build_app(open_board(settings), settings)
    sign_in.check(settings.model_copy(update={"host": "localhost"}))


def test_a_board_for_one_person_does_nothing_under_a_strangers_name(store: Path) -> None:
    """A page of a stranger may point its own name at this machine: then browsers call it the same site."""
    settings = Settings(store=str(store), user="alice")
    with served(settings, "http://evil.example:7860") as client:
        headers = SAME | {"Origin": "http://evil.example:7860"}
        for method, path in (("POST", "/queue/vote"), ("GET", "/queue"), ("GET", "/api/v1/models"), ("GET", "/config")):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 421
            assert "alice" not in answer.text
    with served(settings, "http://127.0.0.1:7860") as client:
        assert vote(client, store, {}, SAME | {"Origin": "http://127.0.0.1:7860"})[0] == 200
        assert "Access-Control-Allow-Origin" not in client.get("/api/v1/models", headers={"Origin": "null"}).headers
    assert voters(store) == {"alice"}


def test_what_a_page_sends_is_bounded_and_understood_or_refused(store: Path) -> None:
    with served(Settings(store=str(store), user="alice"), "http://127.0.0.1") as client:
        headers = SAME | {"Origin": "http://127.0.0.1"}
        for body in (b"[]", b"{", b'"x"', b"\xff", b'{"key": {"deep": []}}', b"{" * 19_000):
            answer = client.post("/queue/vote", content=body, headers=headers)
            assert not answer.json()["ok"]
        answer = client.post("/queue/vote", content=b" " * 30_000, headers=headers)
        assert answer.json()["message"] == "This is more than a form can hold."
