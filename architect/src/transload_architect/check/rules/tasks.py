"""Rules of tasks. What a DAG's tasks lack is said once for the DAG, with the tasks' names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from transload_architect.check.facts import Dag, FileFacts
from transload_architect.check.given import Given
from transload_architect.check.operators import Made
from transload_architect.check.project import Project
from transload_architect.check.rule import Rule, Seen
from transload_architect.words import listed

# Tasks that do nothing, or hand on to another DAG: nothing of theirs can fail for a while.
_IDLE = frozenset({"EmptyOperator", "DummyOperator", "LatestOnlyOperator"})


def _working(project: Project) -> Iterator[tuple[FileFacts, Dag, Made]]:
    for file in project.dag_files:
        for dag in file.dags:
            for made in project.operators.of_dag(file, dag):
                if made.kind.base and made.kind.name not in _IDLE:
                    yield file, dag, made


def _lacking(
    what: str, *names: str, only: Callable[[Project, Made], bool] | None = None
) -> Callable[[Project], Iterator[Seen]]:
    """Finds the DAGs with tasks to which none of these arguments is given: by themselves, their class or by default."""

    def find(project: Project) -> Iterator[Seen]:
        lacking: dict[tuple[str, int, int, str], list[str]] = {}
        for file, dag, made in _working(project):
            defaults = project.defaults(dag, file)
            if made.given.lacks(*names) and defaults.lacks(*names) and (only is None or only(project, made)):
                lacking.setdefault((file.path, dag.line, dag.column, dag.id), []).append(_named(made, file))
        for (path, line, column, dag_id), tasks in lacking.items():
            yield Seen(path, line, column, f"DAG {dag_id}: {what} for {listed(tasks)}")

    return find


def _named(made: Made, file: FileFacts) -> str:
    """A task's name, with the file that makes it where that is another than the DAG's."""
    return made.task.name if made.file is file else f"{made.task.name} (made in {made.file.path})"


def _steady(project: Project) -> Iterator[Seen]:
    seen: dict[tuple[str, int, int, str], list[str]] = {}
    for file, dag, made in _working(project):
        defaults = project.defaults(dag, file)
        retries = _retries(made, defaults)
        if isinstance(retries, int) and retries > 1:
            name = "retry_exponential_backoff"
            if made.given.lacks(name, "retry_policy") and defaults.lacks(name, "retry_policy"):
                seen.setdefault((file.path, dag.line, dag.column, dag.id), []).append(_named(made, file))
    for (path, line, column, dag_id), tasks in seen.items():
        yield Seen(path, line, column, f"DAG {dag_id}: retries at a steady pace for {listed(tasks)}")


def _retries(made: Made, defaults: Given) -> object:
    given = made.given
    return given.constant("retries") if "retries" in given.values else defaults.constant("retries")


def _never(project: Project) -> Iterator[Seen]:
    for file, dag, made in _working(project):
        if _retries(made, project.defaults(dag, file)) == 0:
            task, through = made.task, made.kind.through
            by = f", as {through} has it" if through and "retries" not in task.arguments else ""
            message = f"task {task.name} of DAG {dag.id} is never tried again{by}"
            yield Seen(made.file.path, task.line, task.column, message)


def _pooled(project: Project, made: Made) -> bool:
    names = (made.kind.name, made.task.operator.rpartition(".")[2])
    return any(name in project.config.pooled for name in names)


def _is_sensor(_project: Project, made: Made) -> bool:
    name = made.kind.name
    # Those that wait for a moment end at it.
    return name.endswith(("Sensor", "SensorAsync")) and not name.startswith(("Time", "DateTime"))


def _large(project: Project) -> Iterator[Seen]:
    for file in project.parsed:
        for spot in file.large:
            yield Seen(file.path, spot.line, spot.column, f"{spot.text} goes into XCom, however large it is")


_IMPORTS = "from datetime import timedelta\n\nimport pendulum\nfrom airflow.sdk import DAG, task\n\n\n"


def _task(arguments: str, body: str = 'print("loaded")', imports: str = "") -> str:
    decorator = f"@task({arguments})" if arguments else "@task"
    return f'{imports}{_IMPORTS}{decorator}\ndef load():\n    {body}\n\n\nwith DAG("sales_daily", tags=["sales"]):\n    load()\n'


_KPO = "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator\n"
_SENSOR = "from airflow.providers.standard.sensors.python import PythonSensor\n"


def _operator(given: str) -> Mapping[str, str]:
    """A repository's own operator of pods, which gives something to all its tasks."""
    return {
        "dags/common/operators.py": "from datetime import timedelta\n\n" * ("timedelta" in given)
        + _KPO
        + "\n\nclass Load(KubernetesPodOperator):\n    def __init__(self, **kwargs):\n"
        f'{given}        super().__init__(image="erp/extractor:1.4.0", **kwargs)\n',
        "dags/sales/daily.py": "from airflow.sdk import DAG\nfrom common.operators import Load\n\n"
        'with DAG("sales_daily", tags=["sales"]):\n    Load(task_id="load")\n',
    }


def _helper(given: str) -> Mapping[str, str]:
    """A function in another module that makes a task."""
    return {
        "dags/common/loads.py": "from datetime import timedelta\n\n"
        * ("timedelta" in given)
        + "from airflow.providers.standard.operators.bash import BashOperator\n\n\n"
        f'def load(name):\n    return BashOperator(task_id=name, bash_command="load"{given})\n',
        "dags/sales/daily.py": "from airflow.sdk import DAG\nfrom common.loads import load\n\n"
        'with DAG("sales_daily", tags=["sales"]):\n    load("orders")\n',
    }


RULES = (
    Rule(
        "ARC301",
        "Task without retries",
        "warning",
        "Airflow tries a task once unless told otherwise. A network that fails for a second then fails the night.",
        "Give `retries` in the DAG's `default_args`, and make the task safe to run twice.",
        bad=_task("execution_timeout=timedelta(hours=1)"),
        good=_task("retries=3"),
        find=_lacking("no retries", "retries", "retry_policy"),
        more=(
            (_operator(""), _operator('        kwargs.setdefault("retries", 3)\n')),
            (_helper(""), _helper(", retries=3")),
        ),
    ),
    Rule(
        "ARC302",
        "Retries at a steady pace",
        "info",
        "Several tries within the same minutes meet the same outage, and load a source that is just coming back.",
        "Give `retry_exponential_backoff=2` and a `max_retry_delay`.",
        bad=_task("retries=3"),
        good=_task("retries=3, retry_exponential_backoff=2, max_retry_delay=timedelta(minutes=30)"),
        find=_steady,
    ),
    Rule(
        "ARC303",
        "Task without a time limit",
        "warning",
        "A request that never answers holds its slot for ever, and the runs behind it wait.",
        "Give `execution_timeout` in the DAG's `default_args`: some times what it takes on a bad day.",
        bad=_task("retries=3"),
        good=_task("execution_timeout=timedelta(hours=1)"),
        find=_lacking("no execution_timeout", "execution_timeout"),
        more=(
            (_operator(""), _operator('        kwargs.setdefault("execution_timeout", timedelta(hours=1))\n')),
            (_helper(""), _helper(", execution_timeout=timedelta(hours=1)")),
        ),
    ),
    Rule(
        "ARC304",
        "Task on a shared system without a pool",
        "info",
        "All DAGs together may start as many as Airflow has slots; what the vendor or the cluster allows, only a pool knows.",
        "Give a `pool` per system, with as many slots as its limits allow. Which operators should have one is `pooled` in pyproject.toml.",
        bad=_KPO + _IMPORTS + 'with DAG("sales_daily"):\n    KubernetesPodOperator(task_id="load", image="a/b:1")\n',
        good=_KPO + _IMPORTS + 'with DAG("sales_daily"):\n    KubernetesPodOperator(task_id="load", image="a/b:1", pool="erp")\n',
        find=_lacking("no pool", "pool", only=_pooled),
    ),
    Rule(
        "ARC305",
        "Large value in XCom",
        "warning",
        "XCom is a table of Airflow's database, read and written whole. A result set there grows with the data until the database or "
        "the task dies.",
        "Write it to storage and hand on its key, or a count.",
        bad=_task("retries=3", body='return read_sql("SELECT * FROM sales").to_dict()', imports="from pandas import read_sql\n\n"),
        good=_task("retries=3", body='frame = read_sql("SELECT * FROM sales")\n    frame.to_parquet("s3://lake/sales")\n    return len(frame)',
                   imports="from pandas import read_sql\n\n"),
        find=_large,
    ),
    Rule(
        "ARC306",
        "Sensor without a time limit of its own",
        "warning",
        "A sensor waits for seven days unless told otherwise, and in its usual mode it holds a worker's slot all the while.",
        "Give `timeout`, and `mode=\"reschedule\"` or `deferrable=True`.",
        bad=_SENSOR + _IMPORTS + 'with DAG("sales_daily"):\n    PythonSensor(task_id="wait", python_callable=print)\n',
        good=_SENSOR + _IMPORTS + 'with DAG("sales_daily"):\n    PythonSensor(task_id="wait", python_callable=print, timeout=3600)\n',
        find=_lacking("no timeout", "timeout", only=_is_sensor),
    ),
    Rule(
        "ARC307",
        "Task that is never tried again",
        "warning",
        "`retries=0` is mostly there because a second try would do harm: then so does the first that dies half-way and is cleared by hand.",
        "Make the task safe to run twice (overwrite a partition, commit once), then give it retries. Where it must not be, ignore this with the reason.",
        bad=_task("retries=0"),
        good=_task("retries=2"),
        find=_never,
        more=(
            (_operator('        kwargs.setdefault("retries", 0)\n'), _operator('        kwargs.setdefault("retries", 3)\n')),
            (_helper(", retries=0"), _helper(", retries=3")),
        ),
    ),
)  # fmt: skip
