"""Rules of what parsing a DAG file runs: every 30 seconds, in the dag-processor, and at the start of every task."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from transload_architect.check.facts import FileFacts
from transload_architect.check.project import Project, Reach
from transload_architect.check.rule import Rule, Seen
from transload_architect.check.touches import Touch

_WHAT: dict[Touch, str] = {
    "database": "opens a database",
    "network": "goes over the network",
    "file": "reads or writes files",
    "variable": "reads an Airflow Variable",
    "connection": "asks for an Airflow connection",
    "process": "starts a process",
}


def _at_parse(touch: Touch) -> Callable[[Project], Iterator[Seen]]:
    def find(project: Project) -> Iterator[Seen]:
        for file in project.parsed:
            for call in file.calls:
                for reach in project.reaches(call, file):
                    if reach.touch == touch:
                        yield Seen(file.path, call.line, call.column, _message(reach, file))

    return find


def _message(reach: Reach, file: FileFacts) -> str:
    name = reach.end.removeprefix("?.").removeprefix("builtins.")
    through = f" through {' and '.join(reach.through)}" if reach.through else ""
    return f"{name} {_WHAT[reach.touch]} when the file is parsed{through}".replace(f" ({file.path})", "")


def _heavy(project: Project) -> Iterator[Seen]:
    heavy = project.config.heavy_imports
    for file in project.parsed:
        for one in file.imports:
            found = next((name for name in heavy if f"{one.dotted}.".startswith(f"{name}.")), None)
            if found is not None:
                yield Seen(file.path, one.line, 1, f"{found} is imported when the file is parsed")


def _unnamed(project: Project) -> Iterator[Seen]:
    for file in project.dag_files:
        named = {one.module for one in file.imports}
        for package in project.config.slow_providers:
            if any(name.startswith(package) for name in named):
                continue
            for other in project.imports_of(file):
                hidden = next((one for one in other.imports if one.module.startswith(package)), None)
                if hidden is not None:
                    yield Seen(file.path, file.dags[0].line, 1, f"{hidden.module} is imported by {other.path} only")
                    break


_BEGIN = "from datetime import timedelta\n\nfrom airflow.sdk import DAG, task\n{imports}\n"
_TASK = "\n\n@task(retries=3, execution_timeout=timedelta(hours=1))\ndef load():\n{body}"
_HELPER = {
    "dags/common/helpers.py": "import requests\n\n\ndef rates():\n    return requests.get('https://rates').json()\n"
}

RULES = (
    Rule(
        "ARC101",
        "Database at parse",
        "error",
        "The dag-processor parses each file every 30 seconds, and every task parses it once more: the database gets a "
        "connection each time, and while it is down no DAG loads.",
        "Move it into a task.",
        bad="import psycopg2\n" + _BEGIN.format(imports="") + 'TABLES = psycopg2.connect("dbname=x").cursor()\n\n'
        'with DAG("sales_daily"):\n    ...\n',
        good=_BEGIN.format(imports="") + _TASK.format(body='    import psycopg2\n\n    psycopg2.connect("dbname=x")\n')
        + '\n\nwith DAG("sales_daily"):\n    load()\n',
        find=_at_parse("database"),
    ),
    Rule(
        "ARC102",
        "Network at parse",
        "error",
        "A slow answer slows down every parse, and one that never comes stops all DAGs of the file. Helpers in other modules count.",
        "Move it into a task; what a DAG's shape depends on is mapped over (`expand`) or written to a file by a deployment.",
        bad={**_HELPER, "dags/sales/daily.py": "from airflow.sdk import DAG\nfrom common.helpers import rates\n\nRATES = rates()\n\n"
             'with DAG("sales_daily"):\n    ...\n'},
        good={**_HELPER, "dags/sales/daily.py": "from airflow.sdk import DAG, task\nfrom common.helpers import rates\n\n\n"
              '@task\ndef load():\n    rates()\n\n\nwith DAG("sales_daily"):\n    load()\n'},
        find=_at_parse("network"),
    ),
    Rule(
        "ARC103",
        "File access at parse",
        "warning",
        "Reading a small file beside the DAG is quick; a folder on a network disk, or a file that may be missing, is not, and "
        "writing makes every parse a race with the others.",
        "Move it into a task, or make the file a Python module. Where it is small and shipped with the DAGs, ignore this with that reason.",
        bad=_BEGIN.format(imports="") + 'QUERY = open("/mnt/share/query.sql").read()\n\nwith DAG("sales_daily"):\n    ...\n',
        good=_BEGIN.format(imports="") + 'QUERY = "SELECT 1"\n\nwith DAG("sales_daily"):\n    ...\n',
        find=_at_parse("file"),
    ),
    Rule(
        "ARC104",
        "Variable at parse",
        "error",
        "Each is a query of Airflow's database, 40 ms at every parse, and outside of Airflow (in tests) it fails. ruff's AIR003 sees "
        "the direct ones only, and sees them in helpers that only tasks call.",
        "Use a template, `{{ var.value.name }}`, or read it inside the task; what decides the shape of a DAG belongs in the environment.",
        bad='from airflow.sdk import DAG, Variable\n\nLIMIT = Variable.get("limit")\n\nwith DAG("sales_daily"):\n    ...\n',
        good='from airflow.sdk import DAG\n\nLIMIT = "{{ var.value.limit }}"\n\nwith DAG("sales_daily"):\n    ...\n',
        find=_at_parse("variable"),
    ),
    Rule(
        "ARC105",
        "Connection or hook at parse",
        "error",
        "A hook asks Airflow's database for its connection, and most then connect: at every parse.",
        "Make the hook inside the task.",
        bad="from airflow.providers.postgres.hooks.postgres import PostgresHook\nfrom airflow.sdk import DAG\n\n"
        'ROWS = PostgresHook("erp").get_records("SELECT 1")\n\nwith DAG("sales_daily"):\n    ...\n',
        good="from airflow.providers.postgres.hooks.postgres import PostgresHook\nfrom airflow.sdk import DAG, task\n\n\n"
        '@task\ndef load():\n    PostgresHook("erp").run("SELECT 1")\n\n\nwith DAG("sales_daily"):\n    load()\n',
        find=_at_parse("connection"),
    ),
    Rule(
        "ARC106",
        "Process at parse",
        "error",
        "A process for each parse of each file; and what it prints or waits for is nobody's.",
        "Move it into a task.",
        bad="import subprocess\n\nfrom airflow.sdk import DAG\n\nREVISION = subprocess.check_output(['git', 'rev-parse', 'HEAD'])\n\n"
        'with DAG("sales_daily"):\n    ...\n',
        good="import os\n\nfrom airflow.sdk import DAG\n\nREVISION = os.environ.get('REVISION')\n\nwith DAG('sales_daily'):\n    ...\n",
        find=_at_parse("process"),
    ),
    Rule(
        "ARC107",
        "Heavy import at parse",
        "warning",
        "Half a second to several, for each parse in a process of its own and again at the start of each task. A module that a DAG "
        "file imports counts like the DAG file itself.",
        "Import it inside the function that needs it. Which modules are heavy is `heavy-imports` in pyproject.toml.",
        bad="import pandas as pd\nfrom airflow.sdk import DAG, task\n\n\n@task\ndef load():\n    print(len(pd.DataFrame()))\n\n\n"
        'with DAG("sales_daily"):\n    load()\n',
        good="from airflow.sdk import DAG, task\n\n\n@task\ndef load():\n    import pandas as pd\n\n    print(len(pd.DataFrame()))\n\n\n"
        'with DAG("sales_daily"):\n    load()\n',
        find=_heavy,
    ),
    Rule(
        "ARC108",
        "Provider that the dag-processor cannot see",
        "warning",
        "The dag-processor imports, once and for all, what a DAG file itself names of `airflow.*`. A provider that only a helper "
        "imports is imported anew at each parse: measured, 6 s instead of 0.1 s.",
        "Name it in the DAG file too: `import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401`.",
        bad={"dags/common/pods.py": "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator\n\n\n"
             "class Pod(KubernetesPodOperator):\n    ...\n",
             "dags/sales/daily.py": 'from airflow.sdk import DAG\nfrom common.pods import Pod\n\nwith DAG("sales_daily"):\n    Pod(task_id="a")\n'},
        good={"dags/common/pods.py": "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator\n\n\n"
              "class Pod(KubernetesPodOperator):\n    ...\n",
              "dags/sales/daily.py": "import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401\nfrom airflow.sdk import DAG\n"
              'from common.pods import Pod\n\nwith DAG("sales_daily"):\n    Pod(task_id="a")\n'},
        find=_unnamed,
    ),
)  # fmt: skip
