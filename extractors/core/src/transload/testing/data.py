"""Records of every kind, as hypothesis makes them, and the way that they go: page, part, DuckDB.

DuckDB is asked the way that the dbt project asks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from transload.load import Load

LARGEST = 128 << 20  # bytes of a record: largest_record_bytes of the dbt project

numbers = st.sampled_from(
    "0 -0 1e5 1E-7 0.10 -1.50 123456789012345678901234567890 3.14159265358979323846264338".split()
)
texts = st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"]), max_size=8
).map(json.dumps)
scalars = numbers | texts | st.sampled_from(["null", "true", "false", '"\\/"', '"\\u00e9"', '" 00 "', '"\\n"'])
blanks = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t"])


def _array(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(blanks, st.lists(inner, max_size=3)).map(
        lambda pair: f"[{pair[0]}{(',' + pair[0]).join(pair[1])}]"
    )


def _object(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    # Names may come twice: JSON allows it, and what the vendor sent is kept.
    members = st.lists(st.tuples(texts, blanks, inner).map(lambda one: f"{one[0]}:{one[1]}{one[2]}"), max_size=4)
    return st.tuples(blanks, members).map(lambda pair: "{" + pair[0] + ("," + pair[0]).join(pair[1]) + "}")


values = st.recursive(scalars, lambda inner: _array(inner) | _object(inner), max_leaves=8)


@st.composite
def records(draw: st.DrawFn) -> str:
    """JSON text of a record that has a key."""
    key = draw(st.sampled_from(['"10000"', "7", "123456789012345678901234567890", '"käse"', "1.0"]))
    members = draw(
        st.lists(st.tuples(texts.filter(lambda name: name not in ('"id"', '"changed"')), values), max_size=4)
    )
    blank = draw(blanks)
    fields = [f'"id":{key}', *(f"{name}:{blank}{value}" for name, value in members)]
    return "{" + blank + ("," + blank).join(draw(st.permutations(fields))) + "}"


def nested(depth: int, inner: str = "1") -> str:
    """A value within so many arrays and objects, by turns."""
    opened = "".join('{"a":' if level % 2 else "[" for level in range(depth))
    closed = "".join("}" if level % 2 else "]" for level in reversed(range(depth)))
    return f"{opened}{inner}{closed}"


def cjk(length: int, seed: int = 0) -> str:
    """Text of Chinese characters (rare ones too), kana and hangul, never twice the same."""
    import random

    dice = random.Random(seed)
    blocks = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x3041, 0x30FE), (0xAC00, 0xD7A3))
    return "".join(chr(dice.randint(*dice.choice(blocks))) for _ in range(length))


def pour(arrays: Iterable[bytes], load: Load, batch_size: int) -> None:
    """Take arrays of records (with a field ``id``), a page each, into a begun load, as a source does."""
    from transload.flow import Limits, flow
    from transload.page import Look, Page, split

    look = Look(("id",), None, "id")
    found = (split(array, look) for array in arrays)
    pages = (Page(one.records, number, rejected=one.rejected) for number, one in enumerate(found))
    flow(pages, load, Limits(batch_size, 1 << 30, 0), frozenset({"id"}), lambda _records, _size: None)


def read_by_duckdb(parts: Sequence[Path]) -> list[str]:
    """The records of some parts, in their order, as the warehouse reads them."""
    import duckdb

    if not parts:
        return []
    query = f"select json::varchar from read_ndjson_objects(?, maximum_object_size = {LARGEST})"
    with duckdb.connect() as connection:
        return [value for (value,) in connection.execute(query, [[str(part) for part in parts]]).fetchall()]
