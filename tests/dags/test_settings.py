"""One environment variable decides where a DAG runs, and a wrong one says so."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from common import settings


@pytest.mark.parametrize(
    ("environ", "runner"),
    [
        ({"TRANSLOAD_ENVIRONMENT": "local"}, "process"),
        ({"TRANSLOAD_ENVIRONMENT": "local", "TRANSLOAD_RUNNER": "docker"}, "docker"),
        ({"TRANSLOAD_ENVIRONMENT": "staging"}, "kubernetes"),
        ({"TRANSLOAD_ENVIRONMENT": "production", "TRANSLOAD_RUNNER": "process"}, "kubernetes"),
    ],
)
def test_the_environment_chooses_the_runner(environ: dict[str, str], runner: str) -> None:
    assert settings.load(environ).runner == runner


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "TRANSLOAD_ENVIRONMENT is not set: it must be one of local, staging, production"),
        ({"TRANSLOAD_ENVIRONMENT": "prod"}, "TRANSLOAD_ENVIRONMENT is 'prod': it must be one of local, staging"),
        (
            {"TRANSLOAD_ENVIRONMENT": "local", "TRANSLOAD_RUNNER": "kubernetes"},
            "TRANSLOAD_RUNNER is 'kubernetes': it must be one of docker, process",
        ),
    ],
)
def test_an_unknown_word_is_named_with_the_known_ones(environ: dict[str, str], message: str) -> None:
    with pytest.raises(settings.SettingsError, match=message):
        settings.load(environ)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        settings.load({"TRANSLOAD_ENVIRONMENT": "local"}).retries = 7  # type: ignore[misc]


def test_the_dbt_project_is_found_from_the_file_itself() -> None:
    assert Path(__file__).parents[2] / "dbt" == settings.DBT_PROJECT
