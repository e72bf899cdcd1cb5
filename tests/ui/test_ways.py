"""Ways between pages: what was chosen travels along, and everything is linked from where it is wanted."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from tests.boards.served import sample_app


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return TestClient(sample_app(tmp_path_factory.mktemp("ways")))


def nav(html: str) -> dict[str, str]:
    """Return the addresses of the top bar, by page."""
    return {
        name: address.replace("&amp;", "&")
        for address, name in re.findall(r'<a href="([^"]*)" data-page="(\w*)"', html)
    }


def suite_links(html: str) -> list[str]:
    """Return the addresses of the suite switch."""
    switch = html.partition('class="lb-suites"')[2].partition("</nav>")[0]
    return [address.replace("&amp;", "&") for address in re.findall(r'href="([^"]*)"', switch)]


def test_filters_and_ranking_travel_from_the_table_to_explore_and_back(client: TestClient) -> None:
    there = nav(client.get("/?types=merge&aggregate=median").text)["explore"]
    assert there == "./explore?types=merge&aggregate=median"
    back = nav(client.get(there[1:] + "&chart=spread&y=bbh.score").text)[""]
    assert back == "./?types=merge&aggregate=median"


def test_the_suite_travels_to_every_page(client: TestClient) -> None:
    for page in (
        "/?suite=open-llm-v1",
        "/explore?suite=open-llm-v1",
        "/compare?suite=open-llm-v1",
        "/about?suite=open-llm-v1",
    ):
        links = nav(client.get(page).text)
        assert all("suite=open-llm-v1" in links[name] for name in ("", "explore", "compare", "about")), page


def test_the_suite_switch_keeps_the_page_and_what_was_chosen(client: TestClient) -> None:
    assert suite_links(client.get("/about").text) == ["./about", "./about?suite=open-llm-v1"]
    assert suite_links(client.get("/?types=merge").text)[1] == "./?types=merge&suite=open-llm-v1"
    page = client.get("/model/tidewater-ml/Estuary-7.62B-Instruct?tab=history&precision=bfloat16").text
    assert suite_links(page)[1] == "./model/tidewater-ml/Estuary-7.62B-Instruct?suite=open-llm-v1"


def test_an_address_without_a_model_is_a_page_of_ours(client: TestClient) -> None:
    answer = client.get("/model")
    assert answer.status_code == 404
    assert '<input type="search" name="q"' in answer.text


def test_feeds_api_mcp_and_snapshots_are_linked_from_every_page(client: TestClient) -> None:
    for path in ("/", "/about", "/model/tidewater-ml/Estuary-7.62B-Instruct"):
        page = client.get(path).text
        assert '<link rel="alternate" type="application/atom+xml"' in page
        assert '<link rel="canonical"' in page
        foot = page.partition('<footer class="lb-foot">')[2]
        for address in ("api/", "changes", "about#programs", "api/feeds/results.atom"):
            assert f'href="{address}"' in foot, (path, address)
    assert "gradio_api/mcp/" in client.get("/about").text


def test_the_board_of_a_day_is_reached_from_any_page_and_says_so(client: TestClient) -> None:
    changes = client.get("/changes").text
    day = re.search(r'href="\./\?at=(\d{4}-\d\d-\d\d)"', changes)
    assert day
    past = client.get(f"/?at={day[1]}").text
    assert f'The board as it was on <time datetime="{day[1]}">' in past
    assert "Back to today" in past
    assert f"Since {day[1]}" in changes
    assert "is kept for 1999" in client.get("/?at=1999-01-01").text


def test_a_fine_tune_is_compared_with_its_base_first_at_one_click(client: TestClient) -> None:
    page = client.get("/model/tidewater-ml/Estuary-7.62B-Instruct").text
    link = re.search(r'href="(compare\?models=[^"]*)">Compare with base', page)
    assert link
    assert link[1].index("Estuary-7.62B~") < link[1].index("Estuary-7.62B-Instruct~") if "~" in link[1] else True
    assert client.get("/" + link[1].replace("&amp;", "&")).status_code == 200


def test_part_of_a_name_picks_the_one_model_or_asks_which(client: TestClient) -> None:
    several = client.get("/compare?models=&add=estuary").text
    assert "Several models are called “estuary”. Which one?" in several
    assert re.search(r'<li><a href="compare\?models=[^"]*Estuary', several)
    one = client.get("/compare?models=tidewater-ml/Estuary-7.62B&add=Lantern-1-13B").text
    assert "Which one?" not in one
    assert "brass-lantern/Lantern-1-13B" in one.partition('class="lb-contrasts')[2]
    assert "No model of this board is called “no-such-thing”" in client.get("/compare?add=no-such-thing").text


def test_subtasks_stand_beside_those_of_the_base(client: TestClient) -> None:
    page = client.get("/model/tidewater-ml/Estuary-7.62B-Instruct?tab=subtasks&part=1").text
    assert "Score of the base model" in page
    row = page.partition("Boolean expressions</th>")[2].partition("</tr>")[0]
    assert re.search(r'<td class="lb-num">[\d.]+</td><td class="lb-num">[+−][\d.]+</td>$', row)


def test_counts_are_whole_numbers(client: TestClient) -> None:
    table = client.get("/explore?chart=spread").text.partition('class="lb-numbers"')[2]
    counts = re.findall(r'<tr><td>[^<]*</td><td class="lb-num">([^<]*)</td>', table)
    assert counts
    assert all(count.isdigit() for count in counts)
