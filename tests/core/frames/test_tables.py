"""Table files: whole ones are read by what they are, broken ones refused in a sentence."""

from __future__ import annotations

import gzip
import io

import pandas as pd
import pytest

from src.core.errors import BadInputError
from src.core.frames import tables
from src.core.frames.tables import read_table, write_parquet

TABLE = pd.DataFrame({"fullname": ["org/one", "org/ещё"], "IFEval": [1.5, None]})


def as_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


@pytest.mark.parametrize(
    "make", [write_parquet, as_csv, lambda it: gzip.compress(as_csv(it))], ids=["parquet", "csv", "gz"]
)
@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x"])
def test_a_file_is_what_its_bytes_say_whatever_it_is_called(make, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(make(TABLE))
    pd.testing.assert_frame_equal(read_table(path), TABLE)
    pd.testing.assert_frame_equal(read_table(path.read_bytes()), TABLE)


def test_an_index_column_is_no_column():
    assert list(read_table(TABLE.to_csv().encode()).columns) == ["fullname", "IFEval"]


@pytest.mark.parametrize("keep", [4, 40, -1, -10])
def test_a_truncated_parquet_is_refused_in_words(keep):
    with pytest.raises(BadInputError, match=r"^x\.parquet is not a whole parquet file \(.*\)\. Download it again\.$"):
        read_table(write_parquet(TABLE)[:keep], "x.parquet")


def test_every_mangled_parquet_is_refused_or_read_never_a_crash():
    whole = write_parquet(pd.concat([TABLE] * 50))
    for at in range(0, len(whole), 7):
        data = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        try:
            read_table(data)
        except BadInputError:
            continue


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (gzip.compress(b"a,b\n1,2\n" * 100)[:-9], "is not a whole gzip file"),
        (b"\x1f\x8b but not gzip", "is not a whole gzip file"),
        (b"\x00\x01\x02", "is neither parquet nor text"),
        (b"a,b\n\xff\xfe,2\n", "cannot be read as csv in UTF-8"),
        (b"a,b\n1,2,3,4\n1,2,3,4,5,6\n", "cannot be read as csv"),
    ],
    ids=["nothing", "blank lines", "half a gzip", "a gzip's first bytes", "zeros", "no UTF-8", "ragged rows"],
)
def test_what_is_no_table_says_why(data, complaint):
    with pytest.raises(BadInputError, match=complaint):
        read_table(data, "x.csv")


def test_two_columns_of_one_name_are_refused():
    buffer = io.BytesIO()
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([[1], [2]], names=["IFEval", "IFEval"]), buffer)
    with pytest.raises(BadInputError, match="two columns called IFEval"):
        read_table(buffer.getvalue(), "x.parquet")


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(tables, "LARGEST", 1000)
    with pytest.raises(BadInputError, match="would unpack to more than"):
        read_table(gzip.compress(b"a,b\n" + b"1,2\n" * 1000))
    with pytest.raises(BadInputError, match="would unpack to more than"):
        read_table(write_parquet(pd.DataFrame({"a": range(1000)})))


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(BadInputError, match=r"gone\.parquet cannot be read: No such file"):
        read_table(tmp_path / "gone.parquet")
