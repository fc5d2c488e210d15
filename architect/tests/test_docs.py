"""`architect docs`: what is documented is what is there, the same every time, and nothing of ours is stale."""

from __future__ import annotations

import copy
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from transload_architect.check.pages import pages as rule_pages
from transload_architect.design.example import EXAMPLE
from transload_architect.design.names import external_table
from transload_architect.documents.build import DocumentsError, differing, documents, gather, kept_lineage
from transload_architect.documents.dag_objects import DagsUnreadable, read_dags
from transload_architect.documents.lineage import LineageError, marts_of, read_manifest, stale_models
from transload_architect.documents.pages import Whole
from transload_architect.documents.run import LINEAGE, refreshed

ROOT = Path(__file__).parents[2]
# Importing Airflow takes eight seconds, and on a busy machine minutes.
pytestmark = pytest.mark.timeout(400)
LINEAGE_KEPT = kept_lineage(ROOT / "docs" / LINEAGE)


@pytest.fixture(scope="module")
def whole(real_dags: dict[str, Any]) -> Whole:
    return gather(ROOT, real_dags, LINEAGE_KEPT)


@pytest.fixture(scope="module")
def made(whole: Whole) -> dict[str, str]:
    return documents(whole)


def test_our_documents_are_not_stale(real_dags: dict[str, Any]) -> None:
    done = refreshed(ROOT, real_dags, LINEAGE_KEPT, only_check=True)
    assert (done.lines, done.failed) == ((), False)
    known = {f"{name}" for name in rule_pages()}
    assert {path.name for path in (ROOT / "docs" / "rules").iterdir()} == known


def test_they_come_out_the_same_every_time(whole: Whole, made: dict[str, str]) -> None:
    assert documents(whole) == made


def test_a_change_of_a_dag_makes_them_stale(real_dags: dict[str, Any]) -> None:
    dags = copy.deepcopy(real_dags)
    dags["dags"][0]["schedule"] = "7 * * * *"
    done = refreshed(ROOT, dags, LINEAGE_KEPT, only_check=True)
    assert done.failed
    assert "docs/architecture/README.md is stale: run make docs" in done.lines


def test_a_file_that_does_not_import_is_documented_and_fails(real_dags: dict[str, Any], whole: Whole) -> None:
    broken = {**real_dags, "errors": {"acme/daily.py": "ModuleNotFoundError: No module named 'acme'"}}
    done = refreshed(ROOT, broken, LINEAGE_KEPT, only_check=True)
    assert done.failed
    assert "dags/acme/daily.py could not be imported: ModuleNotFoundError: No module named 'acme'" in done.lines
    page = documents(gather(ROOT, broken, whole.lineage))["architecture/README.md"]
    assert "## DAG files that could not be imported" in page
    assert "| `acme/daily.py` | `ModuleNotFoundError: No module named 'acme'` |" in page


class _Page(HTMLParser):
    """Notes what a browser would fetch or run, and whether tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.fetched += [
            f"{tag} {name}" for name in ("src", "href", "srcset") if (found.get(name) or "#")[0] not in "#d"
        ]
        if tag in ("script", "iframe", "object", "embed"):
            self.fetched.append(tag)
        self.ids |= {str(found["id"])} if "id" in found else set()
        self.pictures += tag == "svg"
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_no_server_no_network_and_no_script(made: dict[str, str], whole: Whole) -> None:
    text = made["architecture/index.html"]
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.fetched == []
    assert {"README", "marketo", "pestroutes"} <= page.ids
    # The day, what each source's marts are made of, and the tasks of each DAG.
    assert page.pictures == 1 + len(whole.declared) + len(whole.dags)


def test_the_day_is_drawn_with_pools_runs_and_deadlines(made: dict[str, str], whole: Whole) -> None:
    drawing = ElementTree.fromstring(made["architecture/day.svg"])
    titles = [one.text or "" for one in drawing.iter("{http://www.w3.org/2000/svg}title")]
    labels = [one.text or "" for one in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"pool pestroutes, slot 2", "pool marketo, slot 1", "pool dbt, slot 1", "pestroutes_daily"} <= set(labels)
    assert "pestroutes_weekly 12:00 to 12:17" in titles
    assert sum("deadline of" in title for title in titles) >= 50
    assert whole.day.late == []


def test_no_slot_has_two_pods_at_once(whole: Whole) -> None:
    day = whole.day
    slots: dict[tuple[str, int], float] = {}
    for pod in sorted(day.pods, key=lambda one: (one.pool, one.slot, one.start, one.end)):
        assert pod.start >= slots.get((pod.pool, pod.slot), 0.0) - 0.02, pod
        assert pod.slot < day.pools[pod.pool]
        slots[pod.pool, pod.slot] = pod.end


def test_every_variable_secret_and_stream_is_in_the_pages(made: dict[str, str], whole: Whole) -> None:
    page = made["architecture/README.md"]
    for line in (
        "| `transload_destination` | required |",
        "| `transload_webhook_url` | empty | `common/notifications.py` |",
        "| `transload_namespace` | `transload-production` |",
        "| `transload_deferrable` | `false` | ",
        "| `transload_node_selector` | `{}` |",
        "| `transload_tolerations` | `[]` |",
        "| `transload_priority_class` | empty |",
        "| `transload_warehouse_claim` | empty | ",
        "| `transload-marketo` | yes | `MARKETO_BASE_URL`",
        "| `kubernetes_default` |",
        "| `customer` | `pestroutes/customer/` | `raw_pestroutes.customer` | `stg_pestroutes__customer` |",
    ):
        assert line in page, line
    for variable in ("deferrable", "warehouse_claim"):
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `transload_{variable}` |"))
        assert all(f"DbtOperator ({source})" in row for source in whole.declared)
    for said in whole.declared.values():
        assert all(f"| `{stream['name']}` |" in page for stream in said["streams"])
    assert "The DAGs are what it asks for." in made["architecture/pestroutes.md"]


def test_tables_are_called_as_dbt_calls_them(made: dict[str, str], whole: Whole) -> None:
    """And `design`, which knows no manifest, says the same."""
    assert whole.lineage["tables"]["pestroutes.group"] == "raw_pestroutes.pestroutes_group"
    for source, said in whole.declared.items():
        for stream in said["streams"]:
            table = whole.lineage["tables"][f"{source}.{stream['name']}"]
            assert table == external_table(source, stream["name"])
            assert f"| `{source}/{stream['name']}/` | `{table}` |" in made["architecture/README.md"]


def test_the_loads_of_a_run_are_shown_with_their_pool_and_what_is_before_and_behind(made: dict[str, str]) -> None:
    """Once the first task of a DAG was taken for a load; it is the one that chooses among them."""
    page = made["architecture/pestroutes.md"]
    assert 'subgraph extract["extract: 7 tasks, pool pestroutes"]' in page
    assert "  choose --> extract\n  extract --> dbt\n" in page
    assert "| image | `{{ var.value.get('transload_image_pestroutes', 'transload/pestroutes:0.1.0') }}` |" in page
    assert "| production | transload-production | transload-pestroutes | s3://acme-lake/raw | snowflake |" in page
    assert re.search(r"\d\.\d{3,}|None", page) is None
    assert "| `pestroutes_daily` | 6 | 1 min to 30 min, 10 s each |" in page


def test_a_deadline_behind_midnight_is_in_the_drawing(made: dict[str, str]) -> None:
    deadlines = re.findall(
        r'<path d="M([\d.]+) [^>]*><title>deadline of (\d\d:\d\d): (\d\d:\d\d)<', made["architecture/day.svg"]
    )
    late = [float(x) for x, start, end in deadlines if end < start]
    assert late
    assert all(190 <= x <= 190 + 1440 for x in late)


def test_a_mart_is_made_of_the_streams_that_its_models_read(whole: Whole) -> None:
    assert {"customer", "appointment"} <= set(marts_of(whole.lineage, "pestroutes")["customers"])
    assert marts_of(whole.lineage, "marketo").keys() >= {"engagement_by_week"}


def test_a_model_that_changed_makes_the_lineage_stale(whole: Whole, tmp_path: Path) -> None:
    project = tmp_path / "dbt"
    for model in whole.lineage["models"].values():
        (project / model["path"]).parent.mkdir(parents=True, exist_ok=True)
        (project / model["path"]).write_text((ROOT / "dbt" / model["path"]).read_text())
    assert stale_models(whole.lineage, project) == []
    one, other = (project / name for name in ("models/marts/pestroutes/customers.sql", "models/marts/new.sql"))
    one.write_text(one.read_text() + "-- more\n")
    other.write_text("select 1\n")
    assert stale_models(whole.lineage, project) == ["models/marts/new.sql", "models/marts/pestroutes/customers.sql"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": {"a": {"resource_type": "model"}}}', "\0"])
def test_a_broken_manifest_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(LineageError, match=r"is no manifest of dbt .* make one with `dbt parse`"):
        read_manifest(tmp_path / "manifest.json")


def test_a_manifest_is_read_for_what_depends_on_what(tmp_path: Path) -> None:
    def model(name: str, *needs: str) -> dict[str, Any]:
        return {
            "resource_type": "model", "name": name, "original_file_path": f"models/{name}.sql", "checksum": {"checksum": "c"},
            "config": {"schema": None, "materialized": "table"}, "depends_on": {"nodes": list(needs)},
        }  # fmt: skip

    nodes = {
        "model.t.a": model("a", "source.t.acme.order"),
        "model.t.b": model("b", "model.t.a"),
        "test.t.x": {"resource_type": "test"},
    }
    table = {"source_name": "acme", "name": "order", "schema": "raw_acme", "identifier": "acme_order"}
    sources = {"source.t.acme.order": table}
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": sources}))
    lineage = read_manifest(tmp_path / "manifest.json")
    models = lineage["models"]
    assert (models["a"]["sources"], models["b"]["models"]) == (["acme.order"], ["a"])
    assert lineage["tables"] == {"acme.order": "raw_acme.acme_order"}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what documents are made of, with DAG files of other shapes: two of them do not import."""
    folder = tmp_path_factory.mktemp("repository")
    for part in ("dags", "dbt/models", "docs/architecture", "docs/rules"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    dag = "from airflow.sdk import DAG, task\n\n\n@task\ndef one(x=1):\n    ...\n\n\n"
    (folder / "dags/other").mkdir()
    (folder / "dags/other/mapped.py").write_text(
        f"{dag}with DAG('mapped', schedule='@daily'):\n    one.expand(x=[1, 2])\n"
    )
    (folder / "dags/other/empty.py").write_text(
        "from airflow.sdk import DAG\n\ndag = DAG('empty', schedule=None, tags=['pestroutes'])\n"
    )
    (folder / "dags/other/broken.py").write_text(f"import nowhere\n{dag}")
    (folder / "dags/other/syntax.py").write_text("with DAG(\n    from airflow\n")
    return folder


def test_a_dag_file_that_really_does_not_import_is_documented_and_the_exit_code_says_so(
    elsewhere: Path, command: Callable[..., Result]
) -> None:
    python = ROOT / ".venv-airflow" / "bin" / "python"
    done = command("docs", "--root", elsewhere, "--airflow-python", python)
    assert done.exit_code == 1, done.output
    assert "dags/other/broken.py could not be imported: ModuleNotFoundError: No module named 'nowhere'" in done.stderr
    assert "dags/other/syntax.py could not be imported: SyntaxError" in done.stderr
    page = (elsewhere / "docs/architecture/README.md").read_text()
    assert "| `other/broken.py` | `ModuleNotFoundError: No module named 'nowhere'` |" in page
    for line in (
        "| `mapped` | `0 0 * * *` | UTC | 1 | none |",
        "| `empty` | `none` | UTC | 0 | none |",
        "| `pestroutes_daily` |",
    ):
        assert line in page
    assert "| `empty` |" in (elsewhere / "docs/architecture/pestroutes.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--manifest", "manifest.json"), "manifest.json is no manifest of dbt"),
        ((), "lineage.json is missing or is no lineage: give --manifest"),
    ],
    ids=["broken manifest", "no repository"],
)
def test_what_documents_cannot_be_made_of_is_told_with_exit_code_2(
    tmp_path: Path, command: Callable[..., Result], arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "manifest.json").write_text('{"nodes": 5}')
    done = command("docs", *arguments)
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "docs").exists()


def test_a_source_that_is_not_installed_and_pools_that_are_missing_are_told(
    tmp_path: Path, real_dags: dict[str, Any]
) -> None:
    (tmp_path / "dags/acme").mkdir(parents=True)
    with pytest.raises(DocumentsError, match=r"pools\.json cannot be read .* is this the top of the repository"):
        gather(tmp_path, real_dags, LINEAGE_KEPT)
    (tmp_path / "dags/pools.json").write_text("{}")
    (tmp_path / "dags/acme/spec.yaml").write_text(EXAMPLE.replace("source: acme", "source: notinstalled"))
    with pytest.raises(DocumentsError, match=r"the extractor of notinstalled cannot be imported .*: make setup"):
        gather(tmp_path, real_dags, LINEAGE_KEPT)


def test_without_airflow_or_lineage_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DagsUnreadable, match="name an interpreter that has Airflow"):
        read_dags(tmp_path, tmp_path / "python")
    with pytest.raises(LineageError, match="give --manifest"):
        kept_lineage(tmp_path / "lineage.json")


def test_what_differs_is_named(tmp_path: Path) -> None:
    (tmp_path / "same.md").write_text("a")
    (tmp_path / "other.md").write_text("b")
    assert differing(tmp_path, {"same.md": "a", "other.md": "c", "new.md": ""}) == ["new.md", "other.md"]
