"""Rules of secrets in code."""

from __future__ import annotations

from collections.abc import Iterator

from transload_architect.check.project import Project
from transload_architect.check.rule import Rule, Seen


def _secrets(project: Project) -> Iterator[Seen]:
    for file in project.files.values():
        for spot in file.secrets:
            yield Seen(file.path, spot.line, spot.column, f"{spot.text} stands in the code")


RULES = (
    Rule(
        "ARC601",
        "Secret in code",
        "error",
        "Everybody with the repository has it, and everybody who ever had it keeps it: history does not forget.",
        "Revoke it first. Then keep the new one in a secrets backend or a Kubernetes Secret.",
        bad='from airflow.sdk import DAG\n\nerp_password = "Tr0ub4dor&3"\n\nwith DAG("sales_daily", tags=["sales"]):\n    ...\n',
        good='import os\n\nfrom airflow.sdk import DAG\n\nerp_password = os.environ["ERP_PASSWORD"]\n\n'
        'with DAG("sales_daily", tags=["sales"]):\n    ...\n',
        find=_secrets,
    ),
)
