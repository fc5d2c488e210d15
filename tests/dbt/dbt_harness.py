"""A lake made by hand (commit records and parts of docs/design.md, section 3), and dbt run over it in this process."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

PROJECT = Path(__file__).parents[2] / "dbt"

# One staging model with the checks that hang on it.
CUSTOMER = (
    "--select",
    "+stg_pestroutes__customer",
    "--indirect-selection=cautious",
    "--exclude=resource_type:unit_test",
)

Record = Mapping[str, Any] | bytes


@dataclass
class FixtureLake:
    """Writes loads into a directory as an extractor would."""

    root: Path
    source: str = "pestroutes"
    loads: int = field(default=0)

    def load(
        self,
        stream: str,
        records: Sequence[Record],
        *,
        mode: str = "incremental",
        window: str | None = None,
        until: str = "2026-01-31T00:00:00Z",
        started_at: str | None = None,
        parts: int = 1,
        commit: bool = True,
    ) -> dict[str, Any]:
        """One load of ``records`` in ``parts``. Each starts an hour after the one before, unless told otherwise."""
        self.loads += 1
        started_at = started_at or f"2026-01-31T{self.loads:02d}:00:00.000Z"
        stamp = started_at.replace("-", "").replace(":", "").replace(".", "")
        load_id = f"{stamp}-{self.loads:06x}"
        written = [
            self._part(f"{self.source}/{stream}/load_date={started_at[:10]}/{load_id}/part-{number:05d}.json.gz", chunk)
            for number, chunk in enumerate(_split(records, parts))
        ]
        window = window or (f"window-{self.loads}" if mode == "incremental" else f"{mode}-{self.loads}")
        record = {
            "format": 1,
            "source": self.source,
            "stream": stream,
            "mode": mode,
            "window": window,
            "since": "2026-01-30T00:00:00Z" if mode == "incremental" else None,
            "until": until,
            "load_id": load_id,
            "attempt": 1,
            "started_at": started_at,
            "committed_at": started_at.replace(":00:00.000Z", ":30:00.000Z"),
            "records": len(records),
            "bytes": sum(part["bytes"] for part in written),
            "raw_bytes": 1000,
            "quarantined": 0,
            "parts": written,
            "cursor": None,
            "schema": "0123456789abcdef",
            "version": "0.1.0",
            "unknown_fields": {"sampled": "the first page of every part", "names": []},
            "notes": {"vanished": 0},
        }
        if commit:
            self.commit(stream, f"{window}.json", record)
        return record

    def commit(self, stream: str, name: str, *records: Mapping[str, Any]) -> Path:
        """A file of commit records, a line each."""
        path = self.root / self.source / stream / "_loads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    def part(self, record: Mapping[str, Any], number: int = 0) -> Path:
        """Where a part of a load lies."""
        return self.root / record["parts"][number]["key"]

    def _part(self, key: str, records: Sequence[Record]) -> dict[str, Any]:
        lines = [one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode() for one in records]
        data = gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=1)
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"key": key, "records": len(lines), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _split(records: Sequence[Record], parts: int) -> Iterator[Sequence[Record]]:
    for number in range(parts):
        yield records[number::parts]


@dataclass
class Outcome:
    """What a dbt command did."""

    result: dbtRunnerResult
    messages: list[str]

    @property
    def success(self) -> bool:
        return self.result.success

    @property
    def text(self) -> str:
        return "\n".join([*self.messages, str(self.result.exception or "")])


@dataclass
class Project:
    """A dbt project, parsed once."""

    folder: Path
    scratch: Path
    manifest: Manifest

    def run(self, *arguments: str, lake: Path | str, database: Path) -> Outcome:
        """One dbt command over a lake into a DuckDB file."""
        messages: list[str] = []
        os.environ.update(TRANSLOAD_DESTINATION=str(lake), TRANSLOAD_DUCKDB_PATH=str(database))
        runner = dbtRunner(self.manifest, callbacks=[lambda event: messages.append(event.info.msg)])
        outcome = Outcome(runner.invoke([*arguments, *dbt_options(self.scratch, self.folder)]), messages)
        DuckDBConnectionManager.close_all_connections()  # the adapter would hold the file until the process ends
        return outcome


def dbt_options(scratch: Path, project: Path = PROJECT) -> list[str]:
    folders = {"project-dir": project, "profiles-dir": project, "target-path": scratch, "log-path": scratch}
    return [
        "--quiet",
        "--no-write-json",
        *(word for name, path in folders.items() for word in (f"--{name}", str(path))),
    ]


def parse(scratch: Path, project: Path = PROJECT) -> Project:
    """A project, parsed with nothing in the environment that would change it."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "DBT_", "TRANSLOAD_", "SNOWFLAKE_"))]:
        del os.environ[name]
    parsed = dbtRunner().invoke(["parse", *dbt_options(scratch, project)])
    assert parsed.success, parsed.exception
    assert isinstance(parsed.result, Manifest)
    return Project(project, scratch, parsed.result)


def query(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query over what dbt built."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()
