"""What other sites show and ask for when somebody posts a link to the board."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from src.settings import Settings
from src.ui.app import build_app
from tests.boards.small_board import ROWS, board, row

PUBLIC = "https://board.example/lb"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    shown = board(tmp_path / "store", *ROWS, row("org/" + "long-name-" * 12 + "1", 20.0), row("作者/模型", 10.0))
    return TestClient(build_app(shown, Settings(root_path=PUBLIC)), "https://board.example")


def head(client: TestClient, path: str) -> dict[str, str]:
    """Property or relation → content or address."""
    text = client.get(f"/lb{path}").text
    metas = re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', text)
    links = re.findall(r'<link rel="(canonical)" href="([^"]*)">', text)
    oembed = re.findall(r'type="(application/json\+oembed)" title="[^"]*" href="([^"]*)"', text)
    return dict(metas) | dict(links) | dict(oembed)


def test_a_page_names_its_picture_and_itself_by_whole_addresses(client: TestClient) -> None:
    front, model = head(client, "/"), head(client, "/model/org/first")
    assert front["og:image"] == f"{PUBLIC}/picture.png"
    assert front["canonical"] == f"{PUBLIC}/"
    assert model["og:image"] == f"{PUBLIC}/picture.png?row=org%2Ffirst~bfloat16"
    assert model["canonical"] == f"{PUBLIC}/model/org/first"
    assert model["og:title"].startswith("org/first")


@pytest.mark.parametrize("query", ["", "?row=org/first", "?row=作者/模型", f"?row=org/{'long-name-' * 12}1"])
def test_the_picture_has_the_size_that_sites_want(query: str, client: TestClient) -> None:
    answer = client.get(f"/lb/picture.png{query}")
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (1200, 630)
    assert len(answer.content) < 100_000
    colours = picture.getcolors(1 << 20)
    assert colours is not None
    assert len(colours) > 20  # text and bars, and not an empty ground


def test_what_is_not_on_the_board_has_no_picture(client: TestClient) -> None:
    assert client.get("/lb/picture.png?row=org/nobody").status_code == 404
    assert client.get("/lb/picture.png?suite=nonesuch").status_code == 404


def test_a_site_learns_how_to_embed_a_page_from_the_page(client: TestClient) -> None:
    address = head(client, "/model/org/first")["application/json+oembed"].replace("&amp;", "&")
    found = client.get(f"/lb/{address}&maxwidth=400").json()
    assert (found["type"], found["version"], found["title"], found["width"]) == ("rich", "1.0", "org/first", 400)
    source = re.search(r'src="([^"]*)"', found["html"])
    assert source is not None
    assert source[1] == f"{PUBLIC}/model/org/first?embed=1"
    framed = client.get("/lb/model/org/first?embed=1")
    assert "frame-ancestors *" in framed.headers["content-security-policy"]


@pytest.mark.parametrize("url", [
    "https://elsewhere.example/lb/", f"{PUBLIC}/queue", "", "nonsense", "//[", "javascript:alert(1)",
])  # fmt: skip
def test_other_addresses_are_not_embedded(url: str, client: TestClient) -> None:
    assert client.get("/lb/oembed", params={"url": url}).status_code == 404


def test_an_address_cannot_break_out_of_the_frame(client: TestClient) -> None:
    url = f'{PUBLIC}/model/org/first"><script>x</script>?q="><b>'
    html = client.get("/lb/oembed", params={"url": url}).json()["html"]
    assert html.count("<") == 2
    assert html.count('"') == 8
