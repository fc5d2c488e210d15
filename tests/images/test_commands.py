"""Every command of an extractor by `docker run`: to S3 and to a mounted directory, with variables and with mounted files."""

from __future__ import annotations

import gzip
import json
import secrets
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.images.conftest import Docker, flags

UNTIL = "2026-10-02T00:00:00Z"


def secret_options(given_by: str, folder: Path, values: dict[str, str]) -> list[str]:
    """The options that give secrets to a container: as variables, or as files that only its user can read."""
    if given_by == "variables":
        return flags(values)
    place = folder / "secrets"
    place.mkdir()
    for name, value in values.items():
        (place / name).write_text(f"{value}\n")
        (place / name).chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    named = flags({f"{name}_FILE": f"/run/secrets/{name}" for name in values})
    return ["--volume", f"{place}:/run/secrets:ro", *named]


@pytest.mark.parametrize("given_by", ["variables", "files"])
@pytest.mark.parametrize("kind", ["s3", "directory"])
def test_every_command(
    docker: Docker, pestroutes: Any, s3: Any, tmp_path: Path, lake_folder: Path, kind: str, given_by: str
) -> None:
    key, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    sandbox = pestroutes(records=300, key=key, token=token)
    own = {"PESTROUTES_AUTHENTICATION_KEY": key, "PESTROUTES_AUTHENTICATION_TOKEN": token}
    options = ["--env", f"PESTROUTES_BASE_URL={sandbox.url}", *secret_options(given_by, tmp_path, own)]
    if kind == "s3":
        place = f"s3://raw/{secrets.token_hex(6)}"
        options += flags({"TRANSLOAD_DESTINATION": place, "TRANSLOAD_ENDPOINT_URL": s3.endpoint_url, **s3.environment})
    else:
        options += ["--volume", f"{lake_folder}:/lake"]  # ./lake, the default, of a container whose folder is /

    said = []

    def run(*arguments: str, code: int = 0) -> str:
        ended = docker.run("pestroutes", *arguments, options=options)
        assert ended.code == code, ended.err
        said.append(ended.out + ended.err)
        return ended.out

    assert {"customer", "appointment"} <= {stream["name"] for stream in json.loads(run("streams", "--json"))}
    assert json.loads(run("schema", "customer"))["x-primary-key"] == ["customerID"]
    run("check")
    summary = json.loads(run("extract", "customer", "appointment", "--until", UNTIL, "--json"))
    assert [(load["committed"], load["records"]) for load in summary["loads"]] == [(True, 300), (True, 600)]
    (load,) = json.loads(run("loads", "customer", "--json"))
    assert load["records"] == 300
    run("verify", "customer", "--until", UNTIL)
    run("verify", "customer", "--until", "2026-10-03T00:00:00Z", code=1)
    run("extract", "customer", "--until", UNTIL)  # replaces the load, and its parts are for prune
    for more in ("--dry-run",), ():
        assert run("prune", "--older-than", "0", *more, "customer").splitlines()[1].split()[:2] == ["customer", "1"]
    run("verify", "customer", "--until", UNTIL)
    if kind == "directory":
        (part,) = lake_folder.glob("pestroutes/customer/load_date=*/*/part-*")
        assert len(gzip.decompress(part.read_bytes()).splitlines()) == 300
    assert not any(one in text for text in said for one in (key, token))


def test_secrets_in_files_are_nowhere_that_docker_shows(
    docker: Docker, pestroutes: Any, tmp_path: Path, lake_folder: Path
) -> None:
    key, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    sandbox = pestroutes(records=20, key=key, token="another")
    own = {"PESTROUTES_AUTHENTICATION_KEY": key, "PESTROUTES_AUTHENTICATION_TOKEN": token}
    options = ["--network", "host", "--volume", f"{lake_folder}:/lake", "--env", f"PESTROUTES_BASE_URL={sandbox.url}"]
    name = docker.detached(
        "pestroutes", "extract", "customer", "--debug", options=[*options, *secret_options("files", tmp_path, own)]
    )
    assert docker("wait", name).out == "77\n"
    said = docker.logs(name)
    assert "refused" in said.err
    shown = json.dumps(docker.inspect(name)) + said.out + said.err + docker("top", name, check=False).out
    assert not any(one in shown for one in (key, token))


def test_a_lake_that_is_not_mounted_or_not_ours_is_named(
    docker: Docker, pestroutes: Any, account: Any, tmp_path: Path
) -> None:
    options = account(pestroutes(records=5))
    ended = docker.run("pestroutes", "extract", "customer", options=options)
    assert ended.code == 77, ended.err
    assert "cannot write /lake: Read-only file system" in ended.err
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o500)
    ended = docker.run("pestroutes", "extract", "customer", options=[*options, "--volume", f"{foreign}:/lake"])
    assert (ended.code, "cannot write /lake/" in ended.err and "Permission denied" in ended.err) == (77, True), (
        ended.err
    )


def test_a_setting_that_is_missing_is_named(docker: Docker) -> None:
    ended = docker.run("pestroutes", "check")
    assert ended.code == 78
    assert "PESTROUTES_BASE_URL" in ended.err


def test_without_a_command_it_says_what_there_is(docker: Docker) -> None:
    ended = docker.run("pestroutes")
    assert ended.code == 0
    assert "Usage: pestroutes" in ended.out
