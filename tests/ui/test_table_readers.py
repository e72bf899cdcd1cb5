"""The board's parquet file by its address, in the libraries that people read tables with: the same rows in each."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import fsspec
import httpx
import pandas as pd
import pyarrow.dataset
import pytest

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
httpfs = pytest.importorskip("duckdb_extension_httpfs", reason="duckdb's HTTP extension is not installed")
polars = pytest.importorskip("polars", reason="polars is not installed")

PATH = "/api/v1/models.parquet"
COLUMNS = ["rank", "model", "average"]


def with_duckdb(address: str) -> pd.DataFrame:
    with duckdb.connect() as connection:
        (extension,) = (Path(httpfs.__file__).parent / "extensions").rglob("httpfs.duckdb_extension")
        connection.load_extension(str(extension))
        return connection.sql(f"select rank, model, average from read_parquet('{address}')").df()


def with_polars(address: str) -> pd.DataFrame:
    rows = polars.scan_parquet(address).select(COLUMNS).collect()
    return pd.DataFrame(rows.to_dict(as_series=False))


def with_pyarrow(address: str) -> pd.DataFrame:
    filesystem = fsspec.filesystem("http")
    return pyarrow.dataset.dataset(address, filesystem=filesystem).to_table(columns=COLUMNS).to_pandas()


def with_pandas(address: str) -> pd.DataFrame:
    return pd.read_parquet(address, columns=COLUMNS)


@pytest.mark.parametrize("read", [with_duckdb, with_polars, with_pyarrow, with_pandas])
def test_the_parquet_file_opens_by_its_address(read: Callable[[str], pd.DataFrame], url: str) -> None:
    whole = pd.read_parquet(io.BytesIO(httpx.get(url + PATH, timeout=60).content))[COLUMNS]
    assert len(whole) > 100
    pd.testing.assert_frame_equal(read(url + PATH), whole, check_dtype=False)


def test_a_query_in_the_address_is_the_query_of_the_table(url: str) -> None:
    found = with_polars(f"{url}{PATH}?q=tidewater")
    assert 0 < len(found) < 100
    assert found["model"].str.contains("tidewater").all()
