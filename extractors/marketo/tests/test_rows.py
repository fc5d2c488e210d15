"""Rows of a file: what was written is read, in whatever pieces it comes; what cannot be read is set apart, and harms no other."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import chain, cycle
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketo import rows as module
from marketo.cells import Kind
from marketo.rows import BLOCK, START, Batch, Place, Rows
from transload.errors import ContractBroken

COLUMNS = ("id", "name", "note")
HEADER = b"id,name,note\n"


def read(
    data: bytes,
    *,
    columns: Sequence[str] = COLUMNS,
    kinds: dict[str, Kind] | None = None,
    cursor: str | None = None,
    place: Place = START,
    sizes: Sequence[int] = (1 << 18,),
    batch_bytes: int = 1 << 20,
) -> list[Batch]:
    """The batches of a file, or of the rest of one, that is fed in pieces of these sizes."""
    rows = Rows(
        kinds or {}, expected=columns, primary_key=columns[:1], cursor=cursor, place=place, batch_bytes=batch_bytes
    )
    fed = chain.from_iterable(map(rows.feed, pieces(data, sizes)))
    return [*fed, *rows.finish()]


def pieces(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


def records(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    for batch in batches:
        assert batch.lines.count(b"\n") == batch.records
    lines = b"".join(batch.lines for batch in batches)
    assert not lines or lines.endswith(b"\n")
    return [json.loads(line) for line in lines.split(b"\n")[:-1]]


def rejected(batches: Sequence[Batch]) -> list[tuple[int, str, str]]:
    """Line, fault and text of what was rejected."""
    found = []
    for one in chain.from_iterable(batch.rejected for batch in batches):
        line, fault = re.fullmatch(r"line (\d+): (.+)", one.reason).groups()  # type: ignore[union-attr]
        found.append((int(line), fault, one.text))
    return found


def outcome(batches: Sequence[Batch]) -> tuple[bytes, list[tuple[int, str, str]]]:
    return b"".join(batch.lines for batch in batches), rejected(batches)


def written(cell: str, *, quoted: bool = False) -> str:
    """A cell by RFC 4180."""
    return '"' + cell.replace('"', '""') + '"' if quoted or re.search('[",\r\n]', cell) else cell


special = st.text(st.sampled_from('",\n\r\x00\u2028\u2029\x85\x0b\x0c\x1c\ufeff\\ né😀'), max_size=6)
texts = special | st.text(st.characters(exclude_categories=("Cs",)), max_size=6) | st.sampled_from(["null", "", '""'])
sizes_of = st.lists(st.integers(1, 60), min_size=1, max_size=4)
blocks = st.integers(1, 120)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[tuple[str, ...]], bytes]:
    """Rows, and a file of them."""
    width = draw(st.integers(1, len(COLUMNS)))
    keys = texts.filter(lambda text: text not in ("", "null"))
    rows = draw(st.lists(st.tuples(keys, *[texts] * (width - 1)), max_size=12))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = [
        ",".join(written(cell, quoted=draw(st.booleans())) for cell in row) for row in (COLUMNS[:width], *rows)
    ]  # fmt: skip
    text = draw(st.sampled_from(["", "\ufeff"])) + end.join(lines) + draw(st.sampled_from(["", end]))
    return rows, text.encode()


class TestTables:
    @settings(deadline=None)
    @given(tables(), sizes_of, blocks, st.integers(1, 200))
    def test_any_cells_read_back(
        self, table: tuple[list[tuple[str, ...]], bytes], sizes: list[int], block: int, batch_bytes: int
    ) -> None:
        rows, data = table
        columns = COLUMNS[: len(rows[0]) if rows else data.count(b",") + 1]
        with mock.patch.object(module, "BLOCK", block):
            batches = read(data, columns=columns, sizes=sizes, batch_bytes=batch_bytes)
        assert rejected(batches) == []
        values = [tuple(record.values()) for record in records(batches)]
        assert values == [tuple(None if cell == "null" else cell for cell in row) for row in rows]
        assert batches[-1].place.offset == len(data)
        assert batches[-1].place.header == columns

    @pytest.mark.parametrize("sizes", [[7001], [1 << 17, 3], [1 << 22]], ids=str)
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_a_file_of_many_blocks(self, end: str, sizes: list[int]) -> None:
        rows = [(str(n), "x\n" * (n % 7) + "é" * (n % 11), "\r" * (n % 13 == 0) + '"' * (n % 5)) for n in range(30_000)]
        data = "".join(",".join(map(written, row)) + end for row in (COLUMNS, *rows)).encode()
        assert len(data) > 5 * BLOCK
        batches = read(data, sizes=sizes, batch_bytes=1 << 17)
        assert rejected(batches) == []
        assert [tuple(record.values()) for record in records(batches)] == rows
        assert len(batches) > 3
        assert batches[-1].place == Place(len(data), data.count(b"\n") + 1, COLUMNS)

    @pytest.mark.parametrize("note", ["a\rb", "\ra", "a\r", "\r\r", "a\r\rb", "\r", "a\r\r\rb\r", 'a"b"', 'a""'])
    @pytest.mark.parametrize("block", [1, 1000])
    def test_an_unquoted_cell_may_hold_carriage_returns_and_quotes(self, note: str, block: int) -> None:
        with mock.patch.object(module, "BLOCK", block):
            (middle,) = records(read(HEADER + f"1,{note},c\n".encode()))
            (last,) = records(read(HEADER + f"1,b,{note}\n".encode()))
        assert middle == {"id": "1", "name": note, "note": "c"}
        # One at the end of a row is part of the row's end.
        assert last == {"id": "1", "name": "b", "note": note.removesuffix("\r")}

    def test_a_cell_of_50_megabytes(self) -> None:
        cell = ("long text, " * 100 + '"and",\r\n\u2028') * 45_000
        data = HEADER + f"1,{written(cell)},x\n2,y,z\n".encode()
        assert len(data) > 50_000_000
        found = records(read(data))
        assert found[0]["name"] == cell
        assert found[1:] == [{"id": "2", "name": "y", "note": "z"}]

    def test_what_is_held_does_not_grow_with_the_file(self) -> None:
        piece = b"".join(b'%d,"some text, and\nmore",%s\n' % (n, b"x" * 80) for n in range(10_000))
        rows = Rows({}, expected=COLUMNS, primary_key=("id",), cursor=None, batch_bytes=1 << 17)
        tracemalloc.start()
        try:
            count = sum(batch.records for data in (HEADER, *[piece] * 8) for batch in rows.feed(data))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        count += sum(batch.records for batch in rows.finish())
        assert count == 80_000
        assert peak < 4 * len(piece) < len(piece) * 8

    @pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
    def test_a_file_of_no_bytes_has_no_rows(self, data: bytes) -> None:
        batches = read(data)
        assert records(batches) == []
        assert rejected(batches) == []

    @pytest.mark.parametrize("data", [HEADER, HEADER[:-1], b"id,name,note\r\n", b'"note","id","name"\n'])
    def test_a_header_alone_has_no_rows(self, data: bytes) -> None:
        (batch,) = read(data)
        assert (batch.lines, batch.records, batch.cursor_max, batch.rejected) == (b"", 0, None, ())
        assert batch.place.offset == len(data)
        assert batch.place.line == 2
        assert sorted(batch.place.header or ()) == sorted(COLUMNS)

    def test_columns_have_their_kinds(self) -> None:
        data = HEADER + b'9007199254740993,TRUE,"{""a"": 1.50}"\n-0,0,"null"\n'
        kinds: dict[str, Kind] = {"id": "number", "name": "boolean", "note": "json"}
        (batch,) = read(data, kinds=kinds)
        assert batch.lines == (
            b'{"id":9007199254740993,"name":true,"note":{"a": 1.50}}\n{"id":-0,"name":false,"note":null}\n'
        )


class TestHeader:
    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("id,name", "missing: 'note'"),
            ("id,name,note,more", "not asked for: 'more'"),
            ("id,name,note,name", "more than once: 'name'"),
            ("id,Name,note", "missing: 'name'; not asked for: 'Name'"),
            ("", "missing: 'id', 'name', 'note'; not asked for: ''"),
            ('{"requestId":"a","success":false}', "a quote is out of place"),
            ('id,"na"me",note', "a quote is out of place"),
            ('id,name,"note', "a quote is out of place"),
            ("a,b,c,d,e,f,g", "not asked for: 'a', 'b', 'c', 'd', 'e' and 2 more"),
        ],
    )
    @pytest.mark.parametrize("size", [1, 1000])
    def test_another_header_breaks_the_contract(self, header: str, reason: str, size: int) -> None:
        with pytest.raises(ContractBroken, match=re.escape(reason)):
            read(header.encode() + b"\n1,x,y\n", sizes=[size])

    def test_a_header_that_cannot_be_read_is_not_waited_for(self) -> None:
        reader = Rows({}, expected=COLUMNS, primary_key=("id",), cursor=None)
        with pytest.raises(ContractBroken, match="a quote is out of place"):
            list(reader.feed(b'id,"na"me",note\n' * BLOCK))

    def test_a_header_that_is_not_utf_8(self) -> None:
        with pytest.raises(ContractBroken, match="not UTF-8"):
            read(b"id,name,n\xffte\n")

    def test_the_header_of_a_place_is_looked_at_as_well(self) -> None:
        with pytest.raises(ContractBroken, match="missing: 'note'"):
            read(b"", place=Place(10, 2, ("id", "name")))

    @pytest.mark.parametrize("block", [1, 5, 1000])
    def test_columns_come_in_any_order_quoted_or_not(self, block: int) -> None:
        with mock.patch.object(module, "BLOCK", block):
            batches = read(b'"note","id",name\r\nx,1,y\n', sizes=[2])
        assert records(batches) == [{"note": "x", "id": "1", "name": "y"}]


# Rows of which each is rejected by itself, with what is said of them.
DAMAGED = {
    b"7": "1 fields, the header has 3",
    b"7,x": "2 fields, the header has 3",
    b'7,"a\nb"': "2 fields, the header has 3",
    b"7,x,y,": "4 fields, the header has 3",
    b"": "1 fields, the header has 3",
    b"7,\xff,x": "not UTF-8",
    b'7,"\xed\xa0\x80",x': "not UTF-8",
    b",x,y": "no primary key: id is null or empty",
    b'"null",x,"\n"': "no primary key: id is null or empty",
    b'7,"first"Name1",x': "a quote is out of place",
    b'7,x,"first"Name1"': "a quote is out of place",
    b'7,"first" ,x': "a quote is out of place",
    b'7,"x"\r,y': "a quote is out of place",
    b'7,x,"y"\r\r': "a quote is out of place",
}
NEIGHBOUR = b'7,"between,\n""them""",x'
good = st.tuples(st.just("7"), texts, texts).map(lambda row: ",".join(map(written, row)).encode())


class TestDamage:
    @settings(deadline=None)
    @given(
        st.lists(st.sampled_from(sorted(DAMAGED)) | good, max_size=10),
        sizes_of,
        blocks,
        st.sampled_from([b"\n", b"\r\n"]),
    )
    def test_rows_around_a_damaged_one_are_intact(
        self, lines: list[bytes], sizes: list[int], block: int, end: bytes
    ) -> None:
        # A good row between any two: where a row ends whose quotes are out of place, only another that begins can tell.
        lines = [row for line in lines for row in (line, NEIGHBOUR)]
        data = HEADER + b"".join(line + end for line in lines)
        with mock.patch.object(module, "BLOCK", block):
            batches = read(data, sizes=sizes)
        expected, line = [], 2
        for row in lines:
            if row in DAMAGED:
                expected.append((line, DAMAGED[row], (row + end).decode("utf-8", "backslashreplace")[:-1]))
            line += (row + end).count(b"\n")
        assert rejected(batches) == expected
        kept = [row for row in lines if row not in DAMAGED]
        assert records(batches) == records(read(HEADER + b"".join(row + end for row in kept)))
        assert len(records(batches)) == len(kept)

    @pytest.mark.parametrize("damaged", sorted(DAMAGED))
    @pytest.mark.parametrize("end", [b"\n", b"\r\n"])
    @pytest.mark.parametrize("block", [1, 1000])
    def test_each_damage_is_told_apart(self, damaged: bytes, end: bytes, block: int) -> None:
        with mock.patch.object(module, "BLOCK", block):
            batches = read(HEADER + end.join([NEIGHBOUR, damaged, NEIGHBOUR]))
        text = (damaged + end).decode("utf-8", "backslashreplace")[:-1]
        assert rejected(batches) == [(4, DAMAGED[damaged], text)]
        assert [record["name"] for record in records(batches)] == ['between,\n"them"'] * 2

    def test_a_quote_that_is_not_closed_takes_no_other_row(self) -> None:
        rows = [b'%d,"x, y",z\n' % n for n in range(100)]
        rows[50] = b'50,"x, y,z\n'
        batches = read(HEADER + b"".join(rows))
        assert [int(record["id"]) for record in records(batches)] == [n for n in range(100) if n != 50]
        assert rejected(batches) == [(52, "a quote is out of place", '50,"x, y,z')]

    @pytest.mark.parametrize("sizes", [[1], [10_000]])
    def test_a_quote_that_is_never_closed_is_not_waited_for_forever(self, sizes: list[int]) -> None:
        rows = [b"%d,x,z\n" % n for n in range(1000)]
        rows[50] = b'50,"x,z\n'
        with mock.patch.multiple(module, BLOCK=100, LONGEST=1000):
            reader = Rows({}, expected=COLUMNS, primary_key=("id",), cursor=None, batch_bytes=1)
            before = [batch for piece in pieces(HEADER + b"".join(rows), sizes) for batch in reader.feed(piece)]
            batches = [*before, *reader.finish()]
        assert rejected(batches) == [(52, "a quote is out of place", '50,"x,z')]
        assert [int(record["id"]) for record in records(batches)] == [n for n in range(1000) if n != 50]
        assert sum(batch.records for batch in before) > 700

    def test_a_file_that_ends_within_a_cell_loses_that_row_only(self) -> None:
        batches = read(HEADER + b'1,x,y\n2,x,"y\n3 ')
        assert [record["id"] for record in records(batches)] == ["1"]
        assert rejected(batches) == [(3, "a quote is out of place", '2,x,"y\n3 ')]
        assert batches[-1].place.offset == len(HEADER) + 15

    def test_what_follows_damage_and_is_no_row_is_rejected_with_it_up_to_a_limit(self) -> None:
        astray = b'1,"a"b,c\n' + b'remains, "of" it\n' * 20
        with mock.patch.object(module, "ASTRAY", 100):
            batches = read(HEADER + astray + b"2,x,y\n")
        assert [record["id"] for record in records(batches)] == ["2"]
        assert "\n".join(text for *_, text in rejected(batches)) + "\n" == astray.decode()
        assert len(rejected(batches)) > 2
        assert max(len(text) for *_, text in rejected(batches)) < 120
        assert rejected(read(HEADER + astray + b"2,x,y\n")) == [(2, "a quote is out of place", astray.decode()[:-1])]

    @pytest.mark.parametrize(
        ("damaged", "fault"),
        [
            ('1,"x ""y" and,\nsome, more\n\n"lines"",","z"\n', "a quote is out of place"),
            ('1,"x "y",\nsome, more",z\n', "a quote is out of place"),
            ('1,x"y\nsome, more",z\n', "2 fields, the header has 3"),
        ],
    )
    @pytest.mark.parametrize("block", [1, 1000])
    def test_the_other_lines_of_a_damaged_row_are_no_rows(self, damaged: str, fault: str, block: int) -> None:
        with mock.patch.object(module, "BLOCK", block):
            batches = read(HEADER + damaged.encode() + b"2,x,y\n")
        assert rejected(batches) == [(2, fault, damaged[:-1])]
        assert [record["id"] for record in records(batches)] == ["2"]

    def test_an_escape_of_half_a_character_is_rejected_and_its_neighbours_are_not(self) -> None:
        data = (
            HEADER
            + rb"""1,"[""\ud83d\ude00""]",x
2,"[""\ud83d""]",x
3,"[""\\ud83d""]",x
"""
        )
        batches = read(data, kinds={"name": "json"})
        assert rejected(batches) == [(3, "an escape of half a surrogate pair", r'2,"[""\ud83d""]",x')]
        assert [record["name"] for record in records(batches)] == [["😀"], [r"\ud83d"]]


fragments = st.sampled_from(
    [b'"', b'"', b",", b",", b"\n", b"\n", b"\r", b"\r\n", b"a", b"1,b,c\n", b'2,"x\ny",z\n', b'""', b"\xff", b"null",
     b"3,,\r\n", '4,"\u2028",😀\n'.encode(), b'5,"a"b",c\n', b"6,a\n", b'7,"\n8,x,y\n",z\n']
)  # fmt: skip
soups = st.lists(fragments, max_size=40).map(b"".join)
limits = st.fixed_dictionaries({"LONGEST": st.sampled_from([150, 1 << 20]), "ASTRAY": st.sampled_from([20, 1 << 20])})


class TestAnyBytes:
    @pytest.mark.parametrize("row", ['7,{},"y"', '7,"{}",y', '"7","{}\n2,x,y\n3,x,y\n","""y"""'])
    @pytest.mark.parametrize("damaged", ["", '1,"a"b",c\r\n'])
    def test_a_row_that_is_not_all_there_is_waited_for(self, row: str, damaged: str) -> None:
        with mock.patch.object(module, "BLOCK", 1):
            for length in range(17):  # to have it cut everywhere
                batches = read(HEADER + f"{damaged}{row.format('x' * length)}\r\n".encode(), sizes=[1])
                assert [record["id"] for record in records(batches)] == ["7"]
                assert len(rejected(batches)) == bool(damaged)

    @settings(deadline=None)
    @given(soups, sizes_of, blocks, limits)
    def test_the_pieces_are_no_matter(self, soup: bytes, sizes: list[int], block: int, limits: dict[str, int]) -> None:
        with mock.patch.multiple(module, BLOCK=150, **limits):
            expected = outcome(read(HEADER + soup))
        with mock.patch.multiple(module, BLOCK=block, **limits):
            assert outcome(read(HEADER + soup, sizes=sizes)) == expected

    @settings(deadline=None)
    @given(soups, sizes_of, blocks, limits)
    def test_another_reader_goes_on_at_any_place(
        self, soup: bytes, sizes: list[int], block: int, limits: dict[str, int]
    ) -> None:
        data = HEADER + soup
        with mock.patch.multiple(module, BLOCK=block, **limits):
            batches = read(data, batch_bytes=1, sizes=sizes)
            lines, faults = outcome(batches)
            for n, batch in enumerate(batches):
                before = outcome(batches[: n + 1])
                after = outcome(read(data[batch.place.offset :], place=batch.place, sizes=sizes))
                assert (before[0] + after[0], before[1] + after[1]) == (lines, faults)

    @settings(deadline=None)
    @given(soups, blocks)
    def test_no_line_is_lost(self, soup: bytes, block: int) -> None:
        data = HEADER + soup
        with mock.patch.object(module, "BLOCK", block):
            batches = read(data)
        lines = data.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")
        count = 1
        for line, _, text in rejected(batches):
            of_it = text.split("\n")
            assert lines[line - 1 : line - 1 + len(of_it)] == of_it
            count += len(of_it)
        count += sum(1 + "".join(cell or "" for cell in record.values()).count("\n") for record in records(batches))
        assert count == len(lines)
        assert batches[-1].place == Place(len(data), len(lines) + 1, COLUMNS)


class TestBatches:
    def test_each_has_its_greatest_cursor(self) -> None:
        moments = ["2026-01-02", "null", "2026-01-03", "2026-01-01", "", "null"]
        data = HEADER + "".join(f"{n},{moment},x\n" for n, moment in enumerate(moments)).encode()
        kinds: dict[str, Kind] = {"name": "moment"}
        with mock.patch.object(module, "BLOCK", 1):
            each = read(data, kinds=kinds, cursor="name", batch_bytes=1)
            (together,) = read(data, kinds=kinds, cursor="name")
        newest = [batch.cursor_max for batch in each if batch.records]
        assert newest == [moment if moment > "2" and moment < "3" else None for moment in moments]
        assert together.cursor_max == "2026-01-03"
        assert read(data)[0].cursor_max is None

    def test_they_are_about_as_big_as_is_asked(self) -> None:
        data = HEADER + b"1,x,y\n" * 50_000
        offsets = [batch.place.offset for batch in read(data, batch_bytes=100_000)]
        sizes = [there - here for here, there in zip([0, *offsets], offsets, strict=False)]
        assert sum(sizes) == len(data)
        assert all(100_000 <= size < 100_000 + BLOCK for size in sizes[:-1])
        assert len(sizes) >= 2

    def test_what_is_all_rejected_makes_a_batch_without_rows(self) -> None:
        (batch,) = read(HEADER + b"1\n2\n")
        assert (batch.lines, batch.records, batch.cursor_max) == (b"", 0, None)
        assert [one.text for one in batch.rejected] == ["1", "2"]
