"""The warehouse beside the vendors' own truth: dbt's staging models are built, and every record is compared."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marketo.cli import SOURCE as MARKETO
from pestroutes.cli import SOURCE as PESTROUTES
from tools.soak.world import ROOT, Running, World
from transload.lake import open_lake
from transload.layout import StreamKeys, commit_records
from transload.source import Source

SOURCES: dict[str, Source] = {"pestroutes": PESTROUTES, "marketo": MARKETO}
Key = tuple[str, ...]
# Marketo's own columns of a file; truth has those that must be asked for as well.
ONLY_BY_REQUEST = {"activities": ("actionResult",)}


@dataclass(frozen=True, slots=True)
class Compared:
    """One stream: how many records were compared, and how many of them are wrong.

    ``deleted`` are in the warehouse and no longer at the vendor: until the next full load that is as designed.
    """

    source: str
    stream: str
    records: int
    missing: int
    doubled: int
    stale: int
    deleted: int
    examples: tuple[str, ...] = ()

    @property
    def wrong(self) -> int:
        """What must be 0."""
        return self.missing + self.doubled + self.stale


def build(world: World) -> None:
    """Stage and test all streams of the soak with dbt, straight from the S3 server.

    Raises:
        RuntimeError: dbt, or one of its tests of reconciliation, failed.
    """
    models = [f"+{_model(one.vendor.name, stream)}" for one in world.vendors for stream in one.vendor.streams]
    scratch = str(world.folder / "dbt")
    command = [
        str(ROOT / ".venv-dbt/bin/dbt"), "build", "--select", *models, "--indirect-selection", "cautious", "--exclude",
        "resource_type:unit_test", "--project-dir", str(ROOT / "dbt"), "--profiles-dir", str(ROOT / "dbt"),
        "--target-path", scratch, "--log-path", scratch,
    ]  # fmt: skip
    environment = world.environment | {
        "TRANSLOAD_ENDPOINT_URL": world.endpoint, "TRANSLOAD_DUCKDB_PATH": str(world.folder / "warehouse.duckdb"),
    }  # fmt: skip
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"dbt ended with {done.returncode}:\n{done.stdout[-4000:]}")


def compared(
    source: str, stream: str, truth: Mapping[Key, Any], held: Sequence[tuple[Key, Any]], loaded: Mapping[Key, int]
) -> Compared:
    """Hold one stream's rows against the truth.

    Args:
        source: of the stream.
        stream: which.
        truth: every record that the vendor has, by its key.
        held: every row of the staging model, with its key.
        loaded: how often one load has a record, by load and key: there as well it must be once, where the staging rule hides it.
    """
    warehouse = dict(held)
    wrong = {
        "missing": truth.keys() - warehouse.keys(),
        "doubled": {key for key, count in [*Counter(key for key, _ in held).items(), *loaded.items()] if count > 1},
        "stale": {key for key in truth.keys() & warehouse.keys() if truth[key] != warehouse[key]},
    }
    examples = tuple(f"{what} {key}" for what, keys in wrong.items() for key in sorted(keys)[:3])
    counts = {what: len(keys) for what, keys in wrong.items()}
    deleted = len(warehouse.keys() - truth.keys())
    return Compared(source, stream, len(truth), **counts, deleted=deleted, examples=examples)


class Comparison:
    """Holds the warehouse, and what was loaded since the last time, against the vendors' truth.

    Args:
        world: whose.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lake = open_lake(world.environment["TRANSLOAD_DESTINATION"], world.endpoint)
        self._seen: set[str] = set()

    def streams(self) -> list[Compared]:
        """Every record of every stream; the clocks must stand."""
        import duckdb

        found = []
        with duckdb.connect(str(self._world.folder / "warehouse.duckdb"), read_only=True) as warehouse:
            for one in self._world.vendors:
                for stream in one.vendor.streams:
                    rows = warehouse.execute(
                        f"select _record from staging.{_model(one.vendor.name, stream)}"
                    ).fetchall()
                    found.append(self._compared(one, stream, [row[0] for row in rows]))
        return found

    def _compared(self, running: Running, stream: str, rows: list[str]) -> Compared:
        source = running.vendor.name
        declared = SOURCES[source].stream(stream)
        assert declared is not None
        names = declared.primary_key
        truth = {_key(record, names): record for record in _truth(running, stream)}
        held = [(_key(record, names), record) for record in map(_decode, rows)]
        return compared(source, stream, truth, held, self._loaded(source, stream, names))

    def _loaded(self, source: str, stream: str, names: tuple[str, ...]) -> Counter[Key]:
        """How often each record is in one load, of the loads that were not looked at before; load and key."""
        counted: Counter[Key] = Counter()
        for record in commit_records(self._lake, StreamKeys(source, stream)):
            if record.load_id in self._seen:
                continue
            self._seen.add(record.load_id)
            for part in record.parts:
                with self._lake.open(part.key) as pieces:
                    data = b"".join(pieces)
                for line in (gzip.decompress(data) if part.key.endswith(".gz") else data).splitlines():
                    counted[record.load_id, *_key(_decode(line), names)] += 1
        return counted


def _key(record: Any, names: tuple[str, ...]) -> Key:
    return tuple(str(record[name]).strip() for name in names)


def _truth(running: Running, stream: str) -> Iterable[Any]:
    if running.vendor.name == "pestroutes":
        return map(_decode, running.controls.truth(stream))
    query = {}
    if stream == "program_members":
        query["programIds"] = ",".join(str(_decode(one)["id"]) for one in running.controls.truth("programs"))
    rows = [_decode(one) for one in running.controls.truth(stream, **query)]
    if stream == "deleted_leads":
        # The feed says no more of them, and writes its moments otherwise (sources/marketo.md §3).
        return [{**row, "attributes": [], "activityDate": row["activityDate"].replace("Z", "+0000")} for row in rows]
    return [{name: value for name, value in row.items() if name not in ONLY_BY_REQUEST.get(stream, ())} for row in rows]


def _decode(text: str | bytes) -> Any:
    # Numbers as they are written: floating point would hide a digit that was lost.
    return json.loads(text, parse_float=Decimal)


def _model(source: str, stream: str) -> str:
    return f"stg_{source}__{re.sub(r'(?<=[a-z])(?=[A-Z])', '_', stream).lower()}"
