"""The streams as declared, and as the command line shows them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marketo.cli import SOURCE
from marketo.fields import FIELDS, SENSITIVE
from marketo.streams import CUSTOM_OBJECTS, Assets, Export, Feed, Listing
from transload.layout import StreamKeys

UNTIL = "2026-10-01T15:00:01Z"
NAMES = [stream.name for stream in SOURCE.streams]
CUSTOM = CUSTOM_OBJECTS.make("subscription_c")
# sources/marketo.md §3 to §6.
DOCUMENTED = """leads activities program_members activity_types programs campaigns smart_campaigns lists static_lists smart_lists
    emails forms landing_pages channels tags folders segmentations deleted_leads lead_changes""".split()
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


# What can be asked for by when it changed; of all else everything is read.
BY_CHANGES = """leads activities program_members programs smart_campaigns static_lists smart_lists emails deleted_leads
    lead_changes custom_object_subscription_c""".split()


def test_every_documented_stream_is_there() -> None:
    assert sorted(NAMES) == sorted(DOCUMENTED)
    found = [stream.name for stream in (*SOURCE.streams, CUSTOM) if "incremental" in stream.modes]
    assert sorted(found) == sorted(BY_CHANGES)


@pytest.mark.parametrize("stream", [*SOURCE.streams, CUSTOM], ids=lambda stream: stream.name)
def test_a_stream_is_sound(stream: Any) -> None:
    properties = stream.schema["properties"]
    assert stream.cursor is None or properties[stream.cursor]["x-type"] == "timestamp"
    assert stream.schema["x-timezone"] == "UTC"
    assert all("null" in one["type"] for one in properties.values())
    # Whatever is loaded by windows overlaps: a change may be seen a little late.
    assert ("incremental" in stream.modes) == (stream.look_back > timedelta(0))
    assert isinstance(stream.detail, Export | Assets | Listing | Feed)


def test_fields_are_listed_for_streams_that_there_are() -> None:
    assert set(FIELDS) == {*NAMES, "custom_object"}
    assert set(SENSITIVE) <= set(NAMES)
    assert all(
        names <= {word.partition(":")[0] for word in FIELDS[stream].split()} for stream, names in SENSITIVE.items()
    )
    for text in FIELDS.values():
        names = [word.partition(":")[0] for word in text.split()]
        assert len(names) == len(set(names))


def test_records_are_as_their_schemas_say(
    sandbox: Any, extract: Any, extracted: Callable[[str], list[Any]], committed: Any
) -> None:
    streams = [*SOURCE.streams, CUSTOM]
    outcome = extract(*(stream.name for stream in streams), "--until", UNTIL)
    assert outcome.code == 0, outcome.err
    for stream in streams:
        rows = extracted(stream.name)
        assert rows, stream.name
        for row in rows:
            for name, value in row.items():
                types = stream.schema["properties"].get(name, {"type": list(TYPES)})["type"]
                # 5.0 is an integer to JSON Schema, and so Marketo writes some.
                value = int(value) if isinstance(value, float) and value.is_integer() else value
                fits = [
                    one
                    for one in types
                    if isinstance(value, TYPES[one]) and (one == "boolean") == isinstance(value, bool)
                ]
                assert fits, (stream.name, name, value)
                meaning = stream.schema["properties"].get(name, {}).get("x-type")
                # Text where a number is meant would be what is no number.
                assert not (meaning in ("integer", "number", "boolean") and isinstance(value, str)), (
                    stream.name,
                    name,
                    value,
                )
                if meaning == "timestamp" and value is not None:
                    assert datetime.fromisoformat(value.replace("Z+", "+")).tzinfo
        if not isinstance(stream.detail, Assets) and stream is not CUSTOM:
            # Of the lead database the fields are documented: what is not listed is the account's own.
            unknown = committed(stream.name)[0].unknown_fields.names
            assert all(name.endswith("_c") for name in unknown), (stream.name, unknown)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("lead", "leads"), ("Leads", "leads"), ("programmembers", "program_members"), ("smartCampaigns", "smart_campaigns"),
        ("activity", "activities"), ("xyzzy", None),
    ],
)  # fmt: skip
def test_an_unknown_stream_suggests_the_nearest(run: Run, wrong: str, near: str | None) -> None:
    for command in (
        ["extract", wrong],
        ["schema", wrong],
        ["loads", wrong],
        ["verify", wrong, "--until", UNTIL],
        ["prune", wrong],
    ):
        outcome = run(*command)
        assert outcome.code == 64
        (line,) = outcome.err.splitlines()
        assert f"there is no stream {wrong!r}" in line
        assert (f"did you mean {near!r}?" in line) == (near is not None)
        assert "`marketo streams` lists all 19" in line


MALFORMED = [
    "",
    "1car",
    "car-c",
    "../car",
    "car/describe",
    "car c",
    "car.json",
    "car%2F",
    "véhicule",
    "_car",
    "x" * 101,
    "car\n",
]


@pytest.mark.parametrize("name", MALFORMED)
def test_a_custom_object_whose_name_could_not_stand_in_a_url_is_none(
    run: Run, sandbox: Any, tmp_path: Path, name: str
) -> None:
    outcome = run("extract", f"custom_object_{name}", "--destination", tmp_path / "lake")
    assert outcome.code == 64
    assert "there is no stream" in outcome.last
    assert sandbox.requests() == []
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("name", ["car", "car_c", "Car2", "x" * 100])
def test_a_custom_object_is_a_stream_by_its_api_name(run: Run, name: str) -> None:
    schema = json.loads(run("schema", f"custom_object_{name}").out)
    assert (schema["title"], schema["$id"]) == (f"custom_object_{name}", f"marketo/custom_object_{name}")
    stream = SOURCE.stream(f"custom_object_{name}")
    assert stream is not None
    assert stream.detail.kind == f"customobjects/{name}"
    assert stream.detail.describe == f"/rest/v1/customobjects/{name}/describe.json"
    assert StreamKeys("marketo", stream.name).loads == f"marketo/custom_object_{name}/_loads/"


def test_a_custom_object_that_the_account_lacks_is_refused_by_name(sandbox: Any, extract: Any, committed: Any) -> None:
    outcome = extract("custom_object_car_c", "--until", UNTIL)
    assert (outcome.code, outcome.summary["error"]["type"]) == (65, "Refusal")
    assert "Object 'car_c' not found" in outcome.summary["error"]["message"]
    assert committed("custom_object_car_c") == []


def test_a_custom_object_in_the_lake_is_listed_and_verified_like_any_stream(
    sandbox: Any, extract: Any, run: Run, tmp_path: Path
) -> None:
    assert extract("custom_object_subscription_c", "--until", UNTIL).code == 0
    lake = ("--destination", tmp_path / "lake")
    (load,) = json.loads(run("loads", "--json", *lake).out)
    assert (load["stream"], load["records"] > 0) == ("custom_object_subscription_c", True)
    assert run("verify", "custom_object_subscription_c", "--until", UNTIL, *lake).code == 0
    assert run("prune", "--dry-run", *lake).code == 0


def test_all_is_every_declared_stream_in_its_order(sandbox: Any, extract: Any) -> None:
    sandbox.faults({"fault": "bad_credentials", "times": -1})
    outcome = extract("--all", "--until", UNTIL)
    assert outcome.code == 77
    assert [load["stream"] for load in outcome.summary["loads"]] == NAMES


HEAVY = "airflow boto3 botocore isal kubernetes pyrate_limiter requests rich tenacity urllib3 backports".split()


@pytest.mark.parametrize("arguments", [["--help"], ["streams"], ["schema", "leads"], ["extract", "--help"]])
def test_what_only_some_commands_need_is_not_imported_by_the_others(arguments: list[str]) -> None:
    script = (
        "import sys; from marketo.cli import SOURCE; from transload.cli import run; "
        f"assert run(SOURCE, {arguments}) == 0; print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    imported = {name.partition(".")[0] for name in done.stderr.split()}
    assert "click" in imported
    assert sorted(imported & set(HEAVY)) == []


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("base-url", "https://123-ABC-456.mktorest.com/", "https://123-ABC-456.mktorest.com"),
        ("base-url", "https://123-ABC-456.mktorest.com/rest", "https://123-ABC-456.mktorest.com"),
        ("base-url", "http://127.0.0.1:8092/identity/", "http://127.0.0.1:8092"),
        ("transport", "auto", "auto"), ("reserve", "0", 0), ("reserve", "99", 99), ("rate", "1", 1), ("poll", "0.5", 0.5),
        ("job-deadline", "1e3", 1000.0), ("daily-megabytes", "500", 500),
    ],
)  # fmt: skip
def test_a_setting_is_read(option: str, text: str, value: Any) -> None:
    (found,) = [one for one in SOURCE.options if one.name == option]
    assert found.parse(text) == value
    assert type(found.parse(text)) is type(value)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("base-url", "123-ABC-456.mktorest.com"), ("base-url", "ftp://x"), ("transport", "Bulk"), ("reserve", "100"),
        ("reserve", "-1"),
        ("reserve", "٣"), ("reserve", "1.5"), ("rate", "0"), ("daily-calls", "0"), ("daily-megabytes", ""), ("poll", "-1"),
        ("poll", "inf"), ("poll", "nan"), ("job-deadline", "soon"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(option: str, text: str) -> None:
    (found,) = [one for one in SOURCE.options if one.name == option]
    with pytest.raises(ValueError, match="give"):
        found.parse(text)


def test_defaults_are_what_the_options_take() -> None:
    defaults = {one.name: one.parse(one.default) for one in SOURCE.options if one.default is not None}
    assert defaults == {
        "transport": "auto", "reserve": 20, "daily-calls": 50_000, "daily-megabytes": 500, "rate": 50, "job-deadline": 14_400.0,
        "poll": 60.0,
    }  # fmt: skip
    assert {one.name for one in SOURCE.options if one.secret} == {"client-id", "client-secret"}
    assert {one.name for one in SOURCE.options if one.affects_records} == {"base-url"}
