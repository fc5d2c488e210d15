"""The vendor's names as names of columns and tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from itertools import count

# Names that one of the engines does not take as a column's without quotes: such a column gets its table's name before.
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
    """The vendor's spelling as a column's: customerID is customer_id, officeIDs is office_ids. Empty without a letter or digit."""
    name = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    name = re.sub(r"(?<![A-Z])ID(s?)(?=[A-Z_]|$)", r"Id\1", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def column_names(fields: Sequence[str], table: str, taken: Collection[str] = ()) -> list[str]:
    """A column's name for each field.

    A name that an engine reserves, that begins with a digit or that is ``taken`` gets the table's name before. Of fields
    that would be called the same (`url` and `URL`) one keeps the name, the others get a number; whichever way the fields
    are ordered, they are the same ones.
    """
    names: dict[str, str] = {}
    for field in sorted(fields, key=lambda field: (field != snake_case(field), field)):
        name = snake_case(field) or "field"
        if name in RESERVED or name in taken or not name[0].isalpha():
            name = f"{table}_{name}"
        used = names.values()
        names[field] = next(one for n in count(1) if (one := name if n == 1 else f"{name}_{n}") not in used)
    return [names[field] for field in fields]
