"""Records go through untouched: what the vendor sent, less white space between tokens, is what stands in the lake."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transload.errors import ContractBroken
from transload.lake_directory import DirectoryLake
from transload.page import Lines, Look, lines, split, unknown_fields
from transload.part import Compression, PartWriter
from transload.testing.data import blanks, records

LOOK = Look(("id",), "changed", "id")


def compact(text: str) -> bytes:
    """The text less white space between tokens, by a reader of our own that knows nothing of values."""
    kept, inside, escaped = [], False, False
    for char in text:
        if inside:
            kept.append(char)
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char not in " \t\r\n":
            kept.append(char)
            inside = char == '"'
    return "".join(kept).encode("utf-8", "surrogatepass")


def through(array: bytes, compression: Compression) -> bytes:
    """An array of records by way of page, lines and part into a lake, and back."""
    with TemporaryDirectory() as folder:
        lake = DirectoryLake(folder)
        found = split(array, LOOK)
        assert found.rejected == []
        writer = PartWriter("part", lake.create("part"), compression)
        writer.write(lines(found.records), len(found.records))
        part = writer.close()
        assert part.records == len(found.records)
        return _decompressed(Path(folder, "part").read_bytes(), compression)


def _decompressed(data: bytes, compression: Compression) -> bytes:
    import gzip

    from backports import zstd

    if compression == "gzip":
        return gzip.decompress(data)
    if compression == "zstd":
        return zstd.decompress(data)
    return data


@settings(deadline=None, max_examples=150)
@given(sent=st.lists(records(), max_size=5), blank=blanks, compression=st.sampled_from(["gzip", "zstd", "none"]))
def test_any_records_go_through_byte_for_byte(sent: list[str], blank: str, compression: Compression) -> None:
    array = f"[{blank}{(',' + blank).join(sent)}{blank}]".encode()
    read = through(array, compression)
    found = read.split(b"\n")[:-1]
    assert len(found) == len(sent)
    for line, text in zip(found, sent, strict=True):
        # Blanks within a line may stay; they go where the record was sent over several lines.
        assert compact(line.decode()) == compact(text)
        if not set(text) & {"\n", "\r"} and "\n" not in blank + "".join(sent):
            assert line == text.encode()


def test_a_record_on_one_line_keeps_even_its_blanks() -> None:
    assert lines(split(b'[ {"id" : 1 ,  "a":"x  y"} ]', LOOK).records) == b'{"id" : 1 ,  "a":"x  y"}\n'


def test_the_key_the_cursor_and_the_ids_are_looked_up() -> None:
    found = split(
        '[{"id":"2","changed":"2026-02"},{"changed":"2026-03","id":1},{"id":"ä","changed":null}]'.encode(), LOOK
    )
    assert (found.ids, found.cursor_max, len(found.records)) == (["2", 1, "ä"], "2026-03", 3)
    assert split(b"[]", LOOK).cursor_max is None
    assert split(b'[{"id":1}]', Look(("id",), None, "id")).cursor_max is None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"name":"x"}', "no primary key: id is missing or null"),
        (b'{"id":null}', "no primary key: id is missing or null"),
        (b"42", "not a record"),
        (b"null", "not a record"),
        (b'"text"', "not a record"),
        (b"[]", "not a record"),
        (b'{"id":{"a":1}}', "not a record"),
        (b'{"id":1,"a":"\xff"}', "not UTF-8"),
    ],
)
def test_what_is_no_record_is_rejected_alone_with_the_reason(record: bytes, reason: str) -> None:
    found = split(b'[{"id":1},%s,{"id":2}]' % record, LOOK)
    assert [bytes(one) for one in found.records] == [b'{"id":1}', b'{"id":2}']
    assert found.ids == [1, 2]
    assert found.joined == lines(found.records)
    assert len(found.rejected) == 1
    assert reason in found.rejected[0].reason
    assert found.rejected[0].text == record.decode("utf-8", "backslashreplace")


def test_every_field_of_a_compound_key_is_needed() -> None:
    look = Look(("id", "flag"), None, "id")
    found = split(b'[{"id":1,"flag":"a"},{"id":1},{"flag":"b"}]', look)
    assert found.ids == [1]
    assert [one.reason for one in found.rejected] == [
        "no primary key: flag is missing or null",
        "no primary key: id is missing or null",
    ]


@pytest.mark.parametrize(
    "array",
    [b"", b"{}", b"null", b'[{"id":1}', b'[{"id":1}] x', b'[{"id":01}]', b'[{"id":1,"a":"x\ny"}]', b'[{"id":1,"a":nan}]',
     b'[{"id":1,"a":' + b"[" * 5000 + b"]" * 5000 + b"}]"],
)  # fmt: skip
def test_what_is_no_array_of_json_breaks_the_contract(array: bytes) -> None:
    with pytest.raises(ContractBroken, match="cannot be read"):
        split(array, LOOK)


def test_unknown_fields_are_those_of_the_top_level_that_nobody_named() -> None:
    assert unknown_fields(b'{"id":1,"new":{"deeper":1},"\\u00e9":2}', frozenset({"id"})) == {"new", "é"}
    assert unknown_fields(msgspec.Raw(b"{}"), frozenset()) == set()


@given(st.lists(st.text(alphabet='ab{}"\r\u2028', max_size=5)))
def test_lines_are_the_records_that_were_joined(texts: list[str]) -> None:
    records = [text.encode() for text in texts]
    found = Lines(lines(records), len(records))
    assert list(found) == records
    assert len(found) == len(records)
    assert found[:2] == records[:2]
    if records:
        assert found[0] == records[0]
