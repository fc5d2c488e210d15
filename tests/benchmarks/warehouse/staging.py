"""What dbt needs to stage customers, in DuckDB. Runs where dbt is installed; prints JSON.

python -m tests.benchmarks.warehouse.staging against-a-bare-read LAKE REPEATS
python -m tests.benchmarks.warehouse.staging one-load-more LAKE WITHHELD...
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import duckdb

sys.path.insert(0, str(Path(__file__).parents[2] / "dbt"))

from dbt.adapters.duckdb.environments import Environment
from dbt_harness import Project, parse

MODEL = "stg_pestroutes__customer"


def main(arguments: list[str]) -> dict[str, Any]:
    """Measure what is asked for."""
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        project = parse(Path(name) / "dbt")
        os.environ["TRANSLOAD_STAGED"] = "1"  # as the pod has it: it stages by a command of its own
        match arguments:
            case ["against-a-bare-read", lake, repeats]:
                return against_a_bare_read(project, Path(lake), Path(name), int(repeats))
            case ["one-load-more", lake, *withheld]:
                return one_load_more(project, Path(lake), Path(name), [Path(file) for file in withheld])
    raise SystemExit(__doc__)


def _stage(project: Project, lake: Path, database: Path) -> float:
    """The seconds in which dbt learns what is committed, and counts what is new of it."""
    began = time.perf_counter()
    ended = project.run(
        "run-operation", "stage_external_sources", "--args", "select: pestroutes", lake=lake, database=database
    )
    assert ended.success, ended.text
    return time.perf_counter() - began


def _model(project: Project, lake: Path, database: Path) -> float:
    """The seconds of the staging model alone, as dbt tells them."""
    ended = project.run("run", "--select", MODEL, lake=lake, database=database)
    assert ended.success, ended.text
    (took,) = (one.execution_time for one in ended.result.result.results if one.node.name == MODEL)
    return float(took)


def against_a_bare_read(project: Project, lake: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """The model of all loads, and what stands before it, beside a table that is made of the same parts by nothing but DuckDB.

    Both make a table of a new database. The bare one has the same fields, as texts: nothing is cast, cleaned or made unique,
    and there is no `_record`.
    """
    parts = sorted(str(part) for part in lake.glob("pestroutes/customer/load_date=*/*/*"))
    columns = dict.fromkeys(_fields(project), "VARCHAR")
    bare = "create table bare as select * from read_json($parts, format = 'newline_delimited', columns = $columns)"
    took: dict[str, list[float]] = {name: [] for name in ("staged", "model", "model_cpu", "bare", "bare_cpu")}
    for n in range(repeats):
        database = folder / str(n) / "warehouse.duckdb"  # the name is the catalog's
        database.parent.mkdir()
        took["staged"].append(_stage(project, lake, database))
        began = _cpu()
        took["model"].append(_model(project, lake, database))
        took["model_cpu"].append(_cpu() - began)
        with duckdb.connect(str(database.with_name("bare.duckdb"))) as connection:
            began, began_cpu = time.perf_counter(), _cpu()
            connection.execute(bare, {"parts": parts, "columns": columns})
            took["bare"].append(time.perf_counter() - began)
            took["bare_cpu"].append(_cpu() - began_cpu)
        shutil.rmtree(database.parent)
    return {name: round(median(seconds), 2) for name, seconds in took.items()}


def _fields(project: Project) -> list[str]:
    """The fields of which the model makes columns."""
    (node,) = (node for node in project.manifest.nodes.values() if node.name == MODEL)
    return re.findall(r"\['([^']+)', '\w+', '\w+'\]", node.raw_code)


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def one_load_more(project: Project, lake: Path, folder: Path, withheld: list[Path]) -> dict[str, Any]:
    """An incremental model that has taken in all loads of a lake but some; these are committed one after the other.

    Of each the seconds of staging and of the model; of the last one what was opened besides, which is not measured since
    the log of it takes time.
    """
    (node,) = (node for node in project.manifest.nodes.values() if node.name == MODEL)
    node.config.materialized = "incremental"
    database = folder / "warehouse.duckdb"
    whole = _stage(project, lake, database), _model(project, lake, database)
    took: dict[str, list[float]] = {"staged": [], "model": []}
    for file in withheld[:-1]:
        _commit(lake, file)
        took["staged"].append(_stage(project, lake, database))
        took["model"].append(_model(project, lake, database))
    _commit(lake, withheld[-1])
    with _opened(folder) as opened:
        _stage(project, lake, database)
        _model(project, lake, database)
    return {
        "whole_staged": round(whole[0], 2), "whole_model": round(whole[1], 2),
        "staged": round(median(took["staged"]), 2), "model": round(median(took["model"]), 2),
        "parts": len(set(opened) & {str(part) for part in lake.glob("*/*/load_date=*/*/*")}),
        "commit_records": sum("/_loads/" in path for path in set(opened)),
    }  # fmt: skip


def _commit(lake: Path, record: Path) -> None:
    record.rename(lake / "pestroutes" / "customer" / "_loads" / record.name)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[list[str]]:
    """The paths of the files that DuckDB opens while dbt runs; there when the context has ended."""
    connect = Environment.initialize_db.__func__
    paths: list[str] = []

    def logged(*arguments: Any) -> Any:
        connection = connect(*arguments)
        options = f"storage = 'file', storage_config = {{'path': '{folder}/opened'}}"
        connection.execute(f"call enable_logging('FileSystem', {options})")
        return connection

    with mock.patch.object(Environment, "initialize_db", classmethod(logged)):
        yield paths
    with (folder / "opened" / "duckdb_log_entries.csv").open(encoding="utf-8", newline="") as log:
        for row in csv.DictReader(log):
            message = json.loads(row["message"])
            if message["op"] == "OPEN":
                paths.append(message["path"])


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
