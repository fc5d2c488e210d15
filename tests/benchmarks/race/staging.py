"""How long dbt takes to stage one stream, against the number of its loads. Runs where dbt is installed; prints JSON."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "dbt"))

from dbt_harness import FixtureLake, parse

RECORDS = 1_000


def main(counts: list[int]) -> list[dict[str, float]]:
    """Grow a lake load by load, and stage it at each count; the second of two runs, as the first makes the tables."""
    measured = []
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(name)
        project, lake = parse(folder / "dbt"), FixtureLake(folder / "lake")
        database = folder / "warehouse.duckdb"
        for count in counts:
            while lake.loads < count:
                at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=lake.loads)
                records = [
                    {
                        "customerID": str(lake.loads * RECORDS + n),
                        "fname": "Ann",
                        "dateUpdated": f"{at:%Y-%m-%d %H:%M:%S}",
                    }
                    for n in range(RECORDS)
                ]
                lake.load(
                    "customer", records, started_at=f"{at:%Y-%m-%dT%H}:00:00.000Z", until=f"{at:%Y-%m-%dT%H:%M:%SZ}"
                )
            for _ in range(2):
                began = time.perf_counter()
                ended = project.run("run-operation", "stage_external_sources", lake=lake.root, database=database)
                views = time.perf_counter() - began
                ended = project.run("run", "--select", "stg_pestroutes__customer", lake=lake.root, database=database)
                assert ended.success, ended.text
                seconds = time.perf_counter() - began
            measured.append(
                {"loads": count, "records": count * RECORDS, "views": round(views, 2), "seconds": round(seconds, 2)}
            )
    return measured


if __name__ == "__main__":
    print(json.dumps(main([int(word) for word in sys.argv[1:]])))
