"""Files by parts, one tag for each encoding, and parameters that nobody knows."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from tests.board.api.test_api import board, serve

PARQUET = "/api/v1/models.parquet"


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[TestClient]:
    with serve(board(tmp_path_factory.mktemp("store"))) as made:
        yield made


def test_a_file_is_sent_in_parts_that_make_the_whole(client: TestClient):
    whole = client.get(PARQUET)
    assert whole.headers["accept-ranges"] == "bytes"
    half = len(whole.content) // 2
    parts = [client.get(PARQUET, headers={"Range": f"bytes={span}"}) for span in (f"0-{half - 1}", f"{half}-")]
    assert [part.status_code for part in parts] == [206, 206]
    assert b"".join(part.content for part in parts) == whole.content
    assert parts[0].headers["content-range"] == f"bytes 0-{half - 1}/{len(whole.content)}"
    tail = client.get(PARQUET, headers={"Range": "bytes=-8"})
    assert tail.content == whole.content[-8:]
    assert pq.read_table(io.BytesIO(whole.content)).num_rows


def test_a_range_beyond_the_end_is_refused_and_one_of_another_version_is_ignored(client: TestClient):
    assert client.get(PARQUET, headers={"Range": "bytes=99999999-"}).status_code == 416
    other = client.get(PARQUET, headers={"Range": "bytes=0-1", "If-Range": '"another"'})
    assert other.status_code == 200


def test_each_encoding_has_a_tag_of_its_own(client: TestClient):
    tags = {
        encoding: client.get("/api/v1/models", headers={"Accept-Encoding": encoding}).headers["etag"]
        for encoding in ("identity", "gzip", "br")
    }
    assert len(set(tags.values())) == 3
    for encoding, tag in tags.items():
        for asked, status in ((encoding, 304), ("identity" if encoding != "identity" else "br", 200)):
            headers = {"Accept-Encoding": asked, "If-None-Match": tag}
            assert client.get("/api/v1/models", headers=headers).status_code == status


@pytest.mark.parametrize("query", ["colour=red", "sort=-nonesuch", "columns=model,nonesuch"])
def test_what_nobody_knows_is_reported_in_json_and_refused_in_files(query: str, client: TestClient):
    assert client.get(f"/api/v1/models?{query}").json()["unread"]
    refused = client.get(f"/api/v1/models.csv?{query}")
    assert refused.status_code == 400
    assert "Nobody knows" in refused.json()["detail"]


def test_a_licence_is_found_in_any_case(client: TestClient):
    lower, upper = (client.get(f"/api/v1/models?license={word}").json()["matches"] for word in ("mit", "MIT"))
    assert lower == upper


def test_every_operation_has_a_name_and_no_parameter_that_clients_use_themselves(client: TestClient):
    paths = client.get("/api/openapi.json").json()["paths"]
    operations = [each for path in paths.values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    assert all(len(name) < 40 for name in names)
    parameters = {parameter["name"] for each in operations for parameter in each.get("parameters", ())}
    assert "params" not in parameters
    assert "billions" in parameters
    sizes = {client.get(f"/api/v1/models?{name}=0,1").json()["matches"] for name in ("params", "billions")}
    assert len(sizes) == 1
