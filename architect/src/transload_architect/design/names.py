"""What the warehouse calls things, before dbt has made them: as `dbt/generation` does, which a test holds this to."""

from __future__ import annotations

import re

# Words that one of the engines does not take as a name without quotes.
_RESERVED = """
all alter analyse analyze and anti any array as asc asof asymmetric at authorization between binary both by case cast
check collate collation column concurrently connect connection constraint create cross current current_date current_time
current_timestamp current_user database default deferrable delete desc describe distinct do drop else end except exists
false fetch following for foreign freeze from full glob grant group having ilike in increment initially inner insert
intersect into is isnull issue join lambda lateral leading left like limit localtime localtimestamp minus natural not
notnull null of offset on only or order organization outer overlaps pivot pivot_longer pivot_wider placing positional
primary qualify references regexp returning revoke right rlike row rows sample schema select semi set show similar some
start summarize symmetric table tablesample then to trailing trigger true try_cast union unique unpack unpivot update
using values variadic verbose view when whenever where window with
"""
RESERVED = frozenset(_RESERVED.split())


def snake_case(name: str) -> str:
    """A stream's name as the warehouse spells it: ticketItem is ticket_item."""
    name = re.sub(r"(?<![A-Z])ID(s?)(?=[A-Z_]|$)", r"Id\1", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def external_table(source: str, stream: str) -> str:
    """The external table of a stream, with its schema."""
    name = snake_case(stream)
    return f"raw_{source}.{f'{source}_{name}' if name in RESERVED else name}"


def staging_model(source: str, stream: str) -> str:
    """The staging model of a stream."""
    return f"stg_{source}__{snake_case(stream)}"
