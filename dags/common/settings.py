"""What differs between local, staging and production: one frozen structure, chosen by one environment variable.

`TRANSLOAD_ENVIRONMENT` must be the same on the dag-processor and on the workers. What may change without a release
stands here as a template of an Airflow Variable, which is read when a task runs, never when a DAG file is parsed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast, get_args

Environment = Literal["local", "staging", "production"]
Runner = Literal["kubernetes", "docker", "process"]
Size = Literal["small", "medium", "large", "models"]

DBT_PROJECT = Path(__file__).parents[2] / "dbt"


class SettingsError(ValueError):
    """A setting that decides everything is missing or unknown; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a pod of one size class asks for, and how long it may take."""

    cpu: str
    cpu_limit: str
    memory: str
    memory_limit: str
    scratch: str
    timeout: timedelta


# An extractor stays under 120 MiB whatever the stream's length; the larger classes buy speed and time. The last is for dbt:
# DuckDB holds two records of the largest size there may be (128 MiB) for each thread that reads.
SIZES: Mapping[Size, Resources] = {
    "small": Resources("100m", "1", "192Mi", "384Mi", "256Mi", timedelta(hours=1)),
    "medium": Resources("250m", "1", "256Mi", "512Mi", "512Mi", timedelta(hours=3)),
    "large": Resources("500m", "2", "384Mi", "768Mi", "1Gi", timedelta(hours=10)),
    "models": Resources("500m", "2", "768Mi", "3Gi", "1Gi", timedelta(hours=10)),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator needs to know of where it runs. Texts with braces are templates."""

    environment: Environment
    runner: Runner
    namespace: str
    destination: str | None
    endpoint_url: str | None
    image_tag: str
    service_account: str
    dbt_target: str
    dbt_vars: str
    warehouse_claim: str | None
    placement: Mapping[str, str]
    deferrable: str
    retries: int
    retry_delay: timedelta
    max_retry_delay: timedelta
    min_reschedule: timedelta

    def image(self, name: str) -> str:
        """Returns an image's reference: in a cluster a template, so that `transload_image_NAME` may pin a digest."""
        if self.environment == "local":
            return f"transload/{name}:{self.image_tag}"
        return f"{{{{ var.value.get('transload_image_{name}', 'transload/{name}:{self.image_tag}') }}}}"


def load(environ: Mapping[str, str]) -> Settings:
    """Returns the settings that `environ` asks for.

    Raises SettingsError where TRANSLOAD_ENVIRONMENT or TRANSLOAD_RUNNER is not one of the known words.
    """
    environment = _choice(environ, "TRANSLOAD_ENVIRONMENT", get_args(Environment))
    if environment == "local":
        return _local(cast(Runner, _choice({"TRANSLOAD_RUNNER": "process", **environ}, "TRANSLOAD_RUNNER", _LOCAL)))
    return _cluster(cast(Environment, environment))


def current() -> Settings:
    """Returns the settings of this process. Read anew each time: it is a dictionary look-up."""
    return load(os.environ)


_LOCAL = ("docker", "process")


def _choice(environ: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = environ.get(name, "")
    if value not in known:
        found = f"is {value!r}" if value else "is not set"
        raise SettingsError(f"{name} {found}: it must be one of {', '.join(known)}")
    return value


def _local(runner: Runner) -> Settings:
    """Nothing from Variables: the lake and the keys come from the environment, as for anybody who types the command."""
    return Settings(
        environment="local",
        runner=runner,
        namespace="default",
        destination=None,
        endpoint_url=None,
        image_tag="latest",
        service_account="default",
        dbt_target="duckdb",
        dbt_vars="",
        warehouse_claim=None,
        placement={},
        deferrable="false",
        retries=1,
        retry_delay=timedelta(seconds=2),
        max_retry_delay=timedelta(seconds=10),
        min_reschedule=timedelta(seconds=1),
    )


def _cluster(environment: Environment) -> Settings:
    return Settings(
        environment=environment,
        runner="kubernetes",
        namespace=f"{{{{ var.value.get('transload_namespace', 'transload-{environment}') }}}}",
        # No default: bucket names are one space for everybody, and a guessed one may be somebody else's.
        destination="{{ var.value.transload_destination }}",
        endpoint_url="{{ var.value.get('transload_endpoint_url', '') }}",
        image_tag="0.1.0",
        service_account="transload",
        dbt_target="{{ var.value.get('transload_dbt_target', 'snowflake') }}",
        # dbt's variables, as JSON: what `--vars` takes. In local the environment's TRANSLOAD_DBT_VARS says it.
        dbt_vars="{{ var.value.get('transload_dbt_vars', '') }}",
        # The volume that DuckDB's file is on, where DuckDB is the warehouse.
        warehouse_claim="{{ var.value.get('transload_warehouse_claim', '') }}",
        # On which nodes: each JSON, as a pod has it, but for the name of the class.
        placement={
            "node_selector": "{{ var.value.get('transload_node_selector', '{}') }}",
            "tolerations": "{{ var.value.get('transload_tolerations', '[]') }}",
            "priority_class": "{{ var.value.get('transload_priority_class', '') }}",
        },
        # Who waits for a pod: a process of its own, which shows its log live, or the triggerer, for all of them.
        deferrable="{{ var.value.get('transload_deferrable', 'false') }}",
        retries=3 if environment == "staging" else 5,
        retry_delay=timedelta(minutes=1),
        max_retry_delay=timedelta(minutes=30),
        # A source that names a time in the past must not make us knock in a circle.
        min_reschedule=timedelta(minutes=1),
    )
