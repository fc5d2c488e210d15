"""What a cell is in the lake: typed by its column, without loss, and the same in whatever company it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketo.cells import DEEPEST, Kind, Refused, Table, kind_of
from transload.errors import ContractBroken

KINDS: tuple[Kind, ...] = ("text", "moment", "number", "boolean", "json")


class Literal(str):
    """A number as it stands in the JSON."""

    __slots__ = ()


class Members(tuple[Any, ...]):
    """An object as it stands in the JSON: names may come twice."""

    __slots__ = ()


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def parse(line: bytes) -> Any:
    """JSON by a parser that loses nothing: numbers as their digits, objects as their members."""
    return json.loads(
        line, parse_int=Literal, parse_float=Literal, parse_constant=refuse, object_pairs_hook=Members
    )  # fmt: skip


def encode(kind: Kind, *cells: str) -> list[Any]:
    """The values of a column's cells."""
    lines, _ = Table(["a", "b"], {"b": kind}, (), None).encode([("x", cell) for cell in cells])
    assert lines.endswith(b"\n")
    assert b"\r" not in lines
    rows = [parse(line) for line in lines[:-1].split(b"\n")]
    assert [row[0] for row in rows] == [("a", "x")] * len(cells)
    return [dict(row)["b"] for row in rows]


class TestKinds:
    @pytest.mark.parametrize(
        ("kind", "types"),
        [
            ("text", "string text email phone url lead_function formula and_what_comes_next"),
            ("number", "integer float currency percent score reference"),
            ("moment", "date datetime"),
            ("boolean", "boolean"),
            ("json", "array"),
        ],
    )
    def test_described_types_and_the_kinds_themselves(self, kind: Kind, types: str) -> None:
        assert {kind_of(name) for name in [*types.split(), kind]} == {kind}


class TestNothing:
    @pytest.mark.parametrize("kind", KINDS)
    def test_null_is_no_value(self, kind: Kind) -> None:
        assert encode(kind, "null") == [None]
        assert encode(kind, "null", "some text")[0] is None

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_empty_cell_is_a_value_of_text_only(self, kind: Kind) -> None:
        nothing = "" if kind == "text" else None
        assert encode(kind, "") == [nothing]
        assert encode(kind, "", "some text")[0] == nothing

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("text", ["NULL", "Null", " null", "nulls", "nul", "none", "\\N"])
    def test_other_spellings_are_text(self, kind: Kind, text: str) -> None:
        assert encode(kind, text) == [text]


class TestTexts:
    @settings(deadline=None)
    @given(st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from('\x00\r\n"\\\u2028\u2029\x85\ufeff😀')))
    def test_any_text(self, text: str) -> None:
        assert encode("text", f"x{text}") == [f"x{text}"]
        assert encode("moment", f"x{text}") == [f"x{text}"]

    @pytest.mark.parametrize("text", ["2026-10-02T09:15:00Z", "2026-10-02", "2026-10-02T09:15:00+0000", "0001-01-01"])
    def test_dates_are_as_they_were_sent(self, text: str) -> None:
        assert encode("moment", text, "null", "") == [text, None, None]


class TestNumbers:
    @pytest.mark.parametrize(
        "digits",
        """0 -0 7 -7 5.0 0.10 -290.1849 9223372036854775807 9223372036854775808 9007199254740993 -9223372036854775809
        123456789012345678901234567890 0.1234567890123456789012345678901 1e400 1E-7 -1.5e+300 0e0""".split(),
    )
    @pytest.mark.parametrize("others", [(), ("1", "2.5"), ("null",), ("", "x")], ids=repr)
    def test_digits_are_kept(self, digits: str, others: tuple[str, ...]) -> None:
        value = encode("number", *others, digits)[-1]
        assert isinstance(value, Literal)
        assert value == digits

    @pytest.mark.parametrize(
        "text",
        """007|-007|00|+5|5.|.5|-|-.|--|1.2.3|1,234|1,2|,|NaN|Infinity|-Infinity|1e|1e+|0x1F|1_000|١٢|1٣|[1]|[1,2]|1]|[1|{}|true
|false|"1"|5%|$5|1-2|null1|1null|nullnull|null,null|1e5x| 1|1 |1\n2|1\n|\t1|x\x001|\x00x|\ufeff1""".split("|"),
    )
    @pytest.mark.parametrize("others", [(), ("1", "2.5"), ("", "1"), ("1,2", "3")], ids=repr)
    def test_what_is_no_number_stays_text(self, text: str, others: tuple[str, ...]) -> None:
        value = encode("number", *others, text)[-1]
        assert not isinstance(value, Literal)
        assert value == text

    @pytest.mark.parametrize("cell", ["\x0012.50", "12\x00.50", "12.50\x00\x00"])
    @pytest.mark.parametrize("others", [(), ("1", "2.5"), ("", "x")], ids=repr)
    def test_nul_bytes_are_no_part_of_a_number(self, cell: str, others: tuple[str, ...]) -> None:
        value = encode("number", *others, cell)[-1]
        assert isinstance(value, Literal)
        assert value == "12.50"

    @pytest.mark.parametrize("cell", ["\x00", "nu\x00ll", "\x00null"])
    def test_nul_bytes_do_not_make_a_number_of_nothing(self, cell: str) -> None:
        assert encode("number", "1", cell)[-1] is None


class TestBooleans:
    @pytest.mark.parametrize(
        ("value", "texts"), [(True, ["true", "TRUE", "True", "1"]), (False, ["false", "FALSE", "False", "0"])]
    )
    def test_both_spellings(self, value: bool, texts: list[str]) -> None:
        assert [one is value for one in encode("boolean", *texts)] == [True] * len(texts)

    @pytest.mark.parametrize("text", ["yes", "no", "t", "2", "01", "1.0", "-0", "truefalse", " true", "tʀue"])
    def test_what_is_none_stays_text(self, text: str) -> None:
        assert encode("boolean", "true", text) == [True, text]


numbers = st.sampled_from("0 -0 1e400 0.10 123456789012345678901234567890 9007199254740993 1E-7".split())
strings = st.text(st.characters(exclude_categories=("Cs",)), max_size=8).flatmap(
    lambda text: st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False)])
)
blanks = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\r", "\t"])


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Objects and arrays with white space in all places; names may come twice."""
    items = st.lists(st.tuples(blanks, inner, blanks).map("".join), max_size=3).map(",".join)
    name = st.sampled_from(['"a"', '"b"']) | strings
    member = st.tuples(blanks, name, blanks, st.just(":"), blanks, inner, blanks).map("".join)
    members = st.lists(member, max_size=3).map(",".join)
    return st.builds("[{}{}]".format, blanks, items) | st.builds("{{{}{}}}".format, blanks, members)


embedded = nested(st.recursive(numbers | strings | st.sampled_from(["null", "true", "false"]), nested, max_leaves=6))


class TestJson:
    @settings(deadline=None)
    @given(embedded, st.lists(embedded | st.sampled_from(["null", "", "[1", "x"]), max_size=3))
    def test_objects_and_arrays_are_embedded_as_they_are(self, text: str, others: list[str]) -> None:
        assert encode("json", *others, text)[-1] == parse(text.encode())

    @pytest.mark.parametrize(
        "text",
        ["{", "}", "{}}", "{}{}", "[1,2", "[1,]", "{'a': 1}", '{"a":1,}', "{a:1}", '{"a":NaN}', '{"a":01}', "[+1]", "[.5]",
         '{"a":"\n"}', '{"a":"\x00"}', '{"a":"\\q"}', "[nul]", "nul", "nothing", "Cold call;Web", "n", "[1] x", "\ufeff{}", "'[]'"],
    )  # fmt: skip
    @pytest.mark.parametrize("others", [(), ("{}",), ("null", "[]")], ids=repr)
    def test_what_is_none_stays_text(self, text: str, others: tuple[str, ...]) -> None:
        assert encode("json", *others, text)[-1] == text

    @pytest.mark.parametrize("text", ["12", "-1.5", "true", "false", '"quoted"', "007", "1e400"])
    def test_scalars_stay_text_lest_the_type_hang_on_what_an_array_holds(self, text: str) -> None:
        assert encode("json", "[]", text) == [parse(b"[]"), text]
        assert not isinstance(encode("json", text)[0], Literal)

    @pytest.mark.parametrize("others", [(), ("x",), ("[]",)], ids=repr)
    def test_white_space_around_it_is_no_part_of_it(self, others: tuple[str, ...]) -> None:
        assert encode("json", *others, ' \t{"a":[]}\r\n')[-1] == parse(b'{"a":[]}')

    def test_a_pair_of_surrogates_is_a_character(self) -> None:
        assert encode("json", r'["\ud83d\ude00"]') == [["😀"]]

    @pytest.mark.parametrize("text", [r'{"a":"\ud83d"}', r'{"a":"\ude00"}', r'["\ude00\ud83d"]', r'{"\ud83d x":1}'])
    def test_half_of_a_pair_is_refused(self, text: str) -> None:
        table = Table(["a"], {"a": "json"}, (), None)
        with pytest.raises(Refused, match="half a surrogate pair"):
            table.encode([["{}"], [text]])
        with pytest.raises(Refused, match="half a surrogate pair"):
            table.check([text])

    def test_half_of_a_pair_in_other_text_is_no_matter(self) -> None:
        text = r"{\ud83d"
        Table(["a"], {"a": "json"}, (), None).check([text])
        assert encode("json", text) == [text]

    @pytest.mark.parametrize("others", [(), ("[]",), ("x",)], ids=repr)
    def test_nesting_has_a_limit_that_is_the_same_everywhere(self, others: tuple[str, ...]) -> None:
        deep, deeper = ("[" * n + "]" * n for n in (DEEPEST, DEEPEST + 1))
        assert isinstance(encode("json", *others, deep)[-1], list)
        assert encode("json", *others, deeper)[-1] == deeper
        assert encode("json", *others, '{"a":' * 5000)[-1] == '{"a":' * 5000

    def test_brackets_in_strings_are_not_nesting(self) -> None:
        text = json.dumps({'"[{' * DEEPEST: ["{\\"] * DEEPEST})
        assert encode("json", text) == [parse(text.encode())]


tricky = st.text(st.sampled_from('-.,0123456789eE nul{}[]":\\\n\rta\x00é😀'), max_size=6) | st.sampled_from(
    ["null", "", "true", "1", "0", "-0", "007", "1.50", "{}", "[]", '{"a":[1]}', "[1,", "2]", "{}{}", "[\n]", "1,2"]
)


class TestTables:
    @settings(deadline=None)
    @given(st.lists(st.tuples(*[tricky] * len(KINDS)), min_size=1, max_size=6))
    def test_a_row_is_the_same_in_whatever_company(self, rows: list[tuple[str, ...]]) -> None:
        table = Table(KINDS, dict(zip(KINDS, KINDS, strict=True)), (), None)
        together, _ = table.encode(rows)
        assert together == b"".join(table.encode([row])[0] for row in rows)
        assert together.count(b"\n") == len(rows)
        for line in together.splitlines():
            parse(line)

    def test_keys_are_the_header_in_its_order(self) -> None:
        lines, _ = Table(["b", "ключ", "a.b c", "B"], {}, (), None).encode([["1", "2", "3", "4"]])
        assert lines == '{"b":"1","ключ":"2","a.b c":"3","B":"4"}\n'.encode()

    @pytest.mark.parametrize("name", ['a"', "a\\", "a\nb", "\x00"])
    def test_a_name_that_is_none_breaks_the_contract(self, name: str) -> None:
        with pytest.raises(ContractBroken, match="name"):
            Table(["id", name], {}, (), None)

    @pytest.mark.parametrize("rows", ["", "1", "123", "12 1", "12 123", "123 12"])
    def test_ragged_rows_are_an_error(self, rows: str) -> None:
        with pytest.raises(ValueError, match=r"number of cells|argument 2 is"):
            Table(["a", "b"], {}, ("b",), None).encode([list(row) for row in rows.split()])

    @pytest.mark.parametrize("nothing", ["", "null"])
    def test_each_part_of_the_primary_key_must_be_there(self, nothing: str) -> None:
        table = Table(["a", "x", "b"], {"b": "number"}, ("a", "b"), None)
        for row, names in ((["1", "", nothing], "b"), ([nothing, "", "1"], "a"), ([nothing, "", nothing], "a, b")):
            with pytest.raises(Refused, match=f"^no primary key: {names} is null or empty$"):
                table.check(row)
            with pytest.raises(Refused):
                table.encode([["1", "", "2"], row])
        table.check(["1", nothing, "0"])
        assert table.encode([["1", nothing, "0"]])[0].endswith(b'"b":0}\n')

    @pytest.mark.parametrize(
        ("cells", "newest"),
        [
            ("2026-01-02 2026-01-10 2026-01-01", "2026-01-10"),
            ("2026-01-02 null 2026-01-01", "2026-01-02"),
            ("null", None),
            ("null null", None),
            ("2026-01-02 tomorrow", "2026-01-02"),
            ("-1 never", None),
        ],
    )
    def test_the_cursor_is_the_greatest_date(self, cells: str, newest: str | None) -> None:
        table = Table(["at"], {"at": "moment"}, (), "at")
        assert table.encode([[cell] for cell in cells.split()])[1] == newest
        assert table.encode([[""], *([cell] for cell in cells.split())])[1] == newest

    def test_without_a_cursor_there_is_no_greatest(self) -> None:
        assert Table(["at"], {"at": "moment"}, (), None).encode([["2026-01-01"]])[1] is None
