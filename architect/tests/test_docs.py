"""`architect docs`: what is documented is what is there, the same every time, and nothing of ours is stale."""

from __future__ import annotations

import copy
import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from transload_architect.check.pages import pages as rule_pages
from transload_architect.documents.build import differing, documents, gather, kept_lineage
from transload_architect.documents.dag_objects import DagsUnreadable, read_dags
from transload_architect.documents.lineage import LineageError, marts_of, read_manifest, stale_models
from transload_architect.documents.pages import Whole
from transload_architect.documents.run import LINEAGE, refreshed

ROOT = Path(__file__).parents[2]
# Importing Airflow takes eight seconds, and on a busy machine minutes.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def whole(real_dags: dict[str, Any]) -> Whole:
    return gather(ROOT, real_dags, kept_lineage(ROOT / "docs" / LINEAGE))


@pytest.fixture(scope="module")
def made(whole: Whole) -> dict[str, str]:
    return documents(whole)


def test_our_documents_are_not_stale(real_dags: dict[str, Any]) -> None:
    done = refreshed(ROOT, real_dags, None, only_check=True)
    assert (done.lines, done.failed) == ((), False)
    known = {f"{name}" for name in rule_pages()}
    assert {path.name for path in (ROOT / "docs" / "rules").iterdir()} == known


def test_they_come_out_the_same_every_time(whole: Whole, made: dict[str, str]) -> None:
    assert documents(whole) == made


def test_a_change_of_a_dag_makes_them_stale(real_dags: dict[str, Any]) -> None:
    dags = copy.deepcopy(real_dags)
    dags["dags"][0]["schedule"] = "7 * * * *"
    done = refreshed(ROOT, dags, None, only_check=True)
    assert done.failed
    assert "docs/architecture/README.md is stale: run make docs" in done.lines


def test_a_file_that_does_not_import_is_documented_and_fails(real_dags: dict[str, Any], whole: Whole) -> None:
    broken = {**real_dags, "errors": {"acme/daily.py": "ModuleNotFoundError: No module named 'acme'"}}
    done = refreshed(ROOT, broken, None, only_check=True)
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
        "| `transload-marketo` | yes | `MARKETO_BASE_URL`",
        "| `kubernetes_default` |",
        "| `customer` | `pestroutes/customer/` | `pestroutes.customer` | `stg_pestroutes__customer` |",
    ):
        assert line in page, line
    for said in whole.declared.values():
        assert all(f"| `{stream['name']}` |" in page for stream in said["streams"])
    assert "The DAGs are what it asks for." in made["architecture/pestroutes.md"]


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
    sources = {"source.t.acme.order": {"source_name": "acme", "name": "order"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": sources}))
    models = read_manifest(tmp_path / "manifest.json")["models"]
    assert (models["a"]["sources"], models["b"]["models"]) == (["acme.order"], ["a"])


def test_without_airflow_or_lineage_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DagsUnreadable, match="name an interpreter that has Airflow"):
        read_dags(tmp_path, tmp_path / "python")
    with pytest.raises(LineageError, match="give --manifest"):
        kept_lineage(tmp_path / "lineage.json")


def test_what_differs_is_named(tmp_path: Path) -> None:
    (tmp_path / "same.md").write_text("a")
    (tmp_path / "other.md").write_text("b")
    assert differing(tmp_path, {"same.md": "a", "other.md": "c", "new.md": ""}) == ["new.md", "other.md"]
