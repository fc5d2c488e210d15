"""What ``[tool.architect.check]`` in pyproject.toml may say. Whatever is silenced has a reason there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class ConfigError(ValueError):
    """The configuration says what can't be; the message says what may be said."""


@dataclass(frozen=True, slots=True)
class Config:
    """The options of ``architect check``. In pyproject.toml they are written with dashes.

    Args:
        paths: what is checked where the command line names nothing.
        exclude: globs of paths, from the top.
        ignore: rules that are not checked, each with the reason.
        per_file_ignore: by glob, rules with reasons.
        severity: of rules by id, where it differs from the rule's own.
        fail_on: the least severity that makes the exit code 1.
        ruff: whether ruff's rules for Airflow (AIR) are asked as well.
        heavy_imports: modules that take long to import.
        slow_providers: provider packages that the dag-processor should see named in a DAG file.
        max_lines: of a DAG file.
        max_logic: branches, loops and functions at the top of a DAG file.
        max_ungrouped: tasks without a group in a DAG.
        pooled: operators that should name a pool, by their class.
        file_names: the stems that DAG files may have, such as hourly; empty: any.
        dag_id: what an id must be, with {folder} and {file}, as a regular expression; empty: anything.
    """

    paths: tuple[str, ...] = ("dags",)
    exclude: tuple[str, ...] = ()
    ignore: Mapping[str, str] = field(default_factory=dict)
    per_file_ignore: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    fail_on: Severity = "warning"
    ruff: bool = True
    heavy_imports: tuple[str, ...] = (
        *(
            "pandas",
            "numpy",
            "polars",
            "pyarrow",
            "scipy",
            "sklearn",
            "tensorflow",
            "torch",
            "matplotlib",
            "transformers",
        ),
        *(
            "boto3",
            "botocore",
            "snowflake.connector",
            "snowflake.snowpark",
            "google.cloud",
            "googleapiclient",
            "pyspark",
        ),
        *("dbt", "great_expectations", "docker", "sqlalchemy", "duckdb", "openai", "selenium"),
    )
    slow_providers: tuple[str, ...] = ("airflow.providers.cncf.kubernetes",)
    max_lines: int = 400
    max_logic: int = 15
    max_ungrouped: int = 20
    pooled: tuple[str, ...] = ("KubernetesPodOperator", "HttpOperator", "SimpleHttpOperator")
    file_names: tuple[str, ...] = ()
    dag_id: str = ""


_NAMES = {one.name.replace("_", "-"): one.name for one in fields(Config)}


def find_config(start: Path) -> tuple[Config, Path]:
    """The configuration for a place, and the folder it counts paths from: of the nearest pyproject.toml that has one.

    Raises:
        ConfigError: it says what can't be.
    """
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            try:
                data = tomllib.loads(file.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"{file}: {error}") from None
            section = data.get("tool", {}).get("architect", {}).get("check")
            if section is not None:
                return parse_config(section), folder
    return Config(), start


def parse_config(section: Mapping[str, Any]) -> Config:
    """Reads the section.

    Raises:
        ConfigError: a name is unknown, or a value is not what it must be.
    """
    values: dict[str, Any] = {}
    for key, value in section.items():
        if key not in _NAMES:
            raise ConfigError(f"[tool.architect.check] knows no {key!r}: it may have {', '.join(sorted(_NAMES))}")
        values[_NAMES[key]] = _value(key, value)
    return Config(**values)


def _value(key: str, value: Any) -> Any:
    default = getattr(Config(), _NAMES[key])
    if key == "severity":
        return _severities(value)
    if key == "fail-on":
        return _severity(key, value)
    if key == "ignore":
        return _reasons(key, value)
    if key == "per-file-ignore":
        return {glob: _reasons(f"{key}.{glob}", rules) for glob, rules in _table(key, value).items()}
    if isinstance(default, tuple):
        if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise ConfigError(f"{key} must be a list of texts")
        return tuple(value)
    if type(value) is not type(default):
        raise ConfigError(f"{key} must be {'true or false' if isinstance(default, bool) else type(default).__name__}")
    return value


def _table(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{key} must be a table")
    return value


def _reasons(key: str, value: Any) -> Mapping[str, str]:
    table = _table(key, value)
    for rule, reason in table.items():
        if not (isinstance(reason, str) and reason.strip()):
            raise ConfigError(f'{key}: {rule} needs a reason, as {rule} = "why"')
    return cast(Mapping[str, str], table)


def _severities(value: Any) -> Mapping[str, Severity]:
    return {rule: _severity(f"severity.{rule}", one) for rule, one in _table("severity", value).items()}


def _severity(key: str, value: Any) -> Severity:
    if value not in SEVERITIES:
        raise ConfigError(f"{key} is {value!r}: it must be one of {', '.join(SEVERITIES)}")
    return cast(Severity, value)
