"""Makes Airflow's database what this release of the chart says: schema, administrator, pools. Safe to run again.

One process and not a command each: every start of Airflow's command line costs seconds.
"""

import json
import os
from pathlib import Path

from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf


def airflow(*arguments: str) -> None:
    """Run a command of Airflow's. It ends this process if it fails."""
    asked = get_parser().parse_args(arguments)
    asked.func(asked)


def pools() -> Path:
    """Return a file with the pools that the DAGs come with, and over them those that were set."""
    wanted = json.loads((Path(conf.get("core", "dags_folder")) / "pools.json").read_text())
    for name, changed in json.loads(Path("/scripts/pools.json").read_text()).items():
        wanted[name] = {"description": "", "include_deferred": True, **wanted.get(name, {}), **changed}
    file = Path("/tmp/pools.json")
    file.write_text(json.dumps(wanted))
    return file


username, password = os.environ["ADMIN_USERNAME"], os.environ["ADMIN_PASSWORD"]
airflow("db", "check", "--retry", "60", "--retry-delay", "5")
airflow("db", "migrate")
airflow(
    *("users", "create", "--role", "Admin", "--username", username, "--password", password),
    *("--email", f"{username}@localhost", "--firstname", "Airflow", "--lastname", "Administrator"),
)
# One that was there already keeps its password when it is created again.
airflow("users", "reset-password", "--username", username, "--password", password)
airflow("pools", "import", str(pools()))
