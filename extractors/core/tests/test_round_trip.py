"""Whatever a vendor sends as a record comes out of DuckDB as it was sent, byte for byte: by way of page, part and lake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transload.lake_directory import DirectoryLake
from transload.part import Compression
from transload.testing.data import cjk, nested, pour, read_by_duckdb, records

pytestmark = pytest.mark.fault(
    table="Records of every kind, read back by DuckDB byte for byte", mode="as sent", lake="directory"
)

Through = Callable[..., list[str]]


@pytest.fixture
def through(make_load: Any) -> Through:
    """Returns a function that loads pages of records, and reads what is committed of them."""

    def go(pages: Sequence[Sequence[str]], batch_size: int = 1_000_000, compression: Compression = "gzip") -> list[str]:
        with TemporaryDirectory() as folder:
            load = make_load(DirectoryLake(folder), compression=compression)
            load.begin()
            pour((f"[{','.join(page)}]".encode() for page in pages), load, batch_size)
            return read_by_duckdb([Path(folder, part.key) for part in load.commit().parts])

    return go


# On one line: white space between tokens that breaks it is not kept, and test_page looks after that.
on_one_line = records().filter(lambda text: not set(text) & set("\r\n"))


@pytest.mark.fault(step="any JSON, any Unicode, long numbers, duplicate keys; empty pages, pages of one")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.lists(st.lists(on_one_line, max_size=4), max_size=4),
    batch_size=st.sampled_from([1, 3, 1000]),
    compression=st.sampled_from(["gzip", "zstd", "none"]),
)
def test_any_records(through: Through, pages: list[list[str]], batch_size: int, compression: Compression) -> None:
    assert through(pages, batch_size, compression) == [record for page in pages for record in page]


DIGITS = "123456789012345678901234567890"
KINDS = {
    "a number of 30 digits, and one of 30 decimals": f'{{"id":1,"n":{DIGITS},"d":0.{DIGITS}}}',
    "800 levels of nesting": f'{{"id":1,"deep":{nested(800)}}}',
    "one key several times": '{"id":1,"a":1,"a":"2","a":null,"id":1}',
    "escapes as they were sent": r'{"id":1,"a":"\u00e9\/\ud83d\ude00\u0000\"","\u0061":"\t"}',
}


@pytest.mark.parametrize(
    "record", [pytest.param(record, marks=pytest.mark.fault(step=kind), id=kind) for kind, record in KINDS.items()]
)
def test_one_record(through: Through, record: str) -> None:
    assert through([[], [record], []]) == [record]


@pytest.mark.fault(step="20,000 records of CJK text")
def test_cjk_in_bulk(through: Through) -> None:
    sent = [f'{{"id":{n},"{cjk(3, n)}":"{cjk(100, -n)}"}}' for n in range(20_000)]
    assert through([sent[start : start + 1000] for start in range(0, len(sent), 1000)], 7000) == sent


@pytest.mark.exhaustive
@pytest.mark.fault(step="a text of 50 MB")
def test_50_megabytes(through: Through) -> None:
    text = cjk(1_000_000) * 16
    sent = [f'{{"id":1,"text":"{text}"}}', '{"id":2}']
    assert len(sent[0].encode()) > 50_000_000
    assert through([sent]) == sent
