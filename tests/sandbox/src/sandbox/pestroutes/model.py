"""What an entity is, and what a row knows while its record is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.pestroutes.tables import Table
    from sandbox.pestroutes.world import World

Record = dict[str, object]


@dataclass(slots=True)
class Row:
    """One row: where it stands, its hash and its moments. A record is made from this and nothing else."""

    world: World
    table: Table
    k: int  # position in its table, from 0
    id: int
    h: int  # 64 bits that never change
    version: int  # how often it has changed
    customer: int  # position of the customer it belongs to, or -1
    office: int
    added: int  # instants; `updated` is 0 if the row never changed
    updated: int


Build = Callable[[Row], Record]
At = Callable[["World", int], int]


@dataclass(frozen=True)
class Entity:
    """One line of the table in sources/pestroutes.md §6."""

    name: str
    get: str  # the parameter of get that holds the ids
    key: str | None  # the record's key field
    build: Build
    ratio: float = 0.0  # rows per customer
    count: int = 0  # rows, for small tables
    per_office: int = 0  # rows in every office
    parent: str | None = None
    grouped: bool = False  # ids are those of the parent: one id may stand for several rows
    first: int = 1
    stride: int = 1
    added: str | None = None  # the column that says when a row was made
    daily: float = 0.0  # share of rows that change in a day
    dates: tuple[str, ...] = ()  # columns compared as moments
    added_at: At | None = None
    moments: Mapping[str, At] = field(default_factory=dict)  # quick ways to a date column: wall-clock seconds
    codes: Mapping[str, At] = field(default_factory=dict)  # quick ways to a code column
    default: tuple[str, str, tuple[str, ...]] | None = None  # hidden filter: parameter, column, values
    aliases: Mapping[str, str] = field(default_factory=dict)  # other names of a filter
    helpers: tuple[str, ...] = ()  # columns with ...Start and ...End parameters
    includes: tuple[str, ...] = ()
    shared: bool = False  # some rows belong to no office: -1 or 0
    ignores_office: bool = False
    search_name: str | None = None

    mortal: bool = True  # rows are deleted as time goes by

    @cached_property
    def carried(self) -> bool:
        """Whether another date finds rows that lack dateUpdated (sources/pestroutes.md §7); only then may they."""
        return self.added in self.dates and self.added != "dateUpdated"

    @property
    def plural(self) -> str:
        """The property that holds a list of records."""
        return f"{self.name}s"

    @property
    def id_name(self) -> str:
        """The property of a search answer that holds the ids, and the filter on them."""
        return self.search_name or f"{self.name}IDs"
