"""Rules of tasks. What a DAG's tasks lack is said once for the DAG, with the tasks' names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from transload_architect.check.facts import Dag, FileFacts, Task
from transload_architect.check.project import Project
from transload_architect.check.rule import Rule, Seen

# Tasks that do nothing, or hand on to another DAG: nothing of theirs can fail for a while.
_IDLE = frozenset({"EmptyOperator", "DummyOperator", "LatestOnlyOperator"})


def _working(project: Project) -> Iterator[tuple[FileFacts, Dag, Task]]:
    for file in project.dag_files:
        for dag in file.dags:
            for task in project.tasks_of(file, dag):
                if project.is_known_operator(task) and task.operator.rpartition(".")[2] not in _IDLE:
                    yield file, dag, task


def _lacking(
    what: str, *names: str, only: Callable[[Project, Task], bool] | None = None
) -> Callable[[Project], Iterator[Seen]]:
    """Finds the DAGs with tasks to which none of these arguments is given, by themselves or by default."""

    def find(project: Project) -> Iterator[Seen]:
        lacking: dict[tuple[str, int, int, str], list[str]] = {}
        for file, dag, task in _working(project):
            given, defaults = project.given(task, file), project.defaults(dag, file)
            if given.lacks(*names) and defaults.lacks(*names) and (only is None or only(project, task)):
                lacking.setdefault((file.path, dag.line, dag.column, dag.id), []).append(task.name)
        for (path, line, column, dag_id), tasks in lacking.items():
            yield Seen(path, line, column, f"DAG {dag_id}: {what} for {_some(tasks)}")

    return find


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown


def _steady(project: Project) -> Iterator[Seen]:
    seen: dict[tuple[str, int, int, str], list[str]] = {}
    for file, dag, task in _working(project):
        given, defaults = project.given(task, file), project.defaults(dag, file)
        retries = given.constant("retries") if "retries" in given.values else defaults.constant("retries")
        if isinstance(retries, int) and retries > 1:
            name = "retry_exponential_backoff"
            if given.lacks(name, "retry_policy") and defaults.lacks(name, "retry_policy"):
                seen.setdefault((file.path, dag.line, dag.column, dag.id), []).append(task.name)
    for (path, line, column, dag_id), tasks in seen.items():
        yield Seen(path, line, column, f"DAG {dag_id}: retries at a steady pace for {_some(tasks)}")


def _never(project: Project) -> Iterator[Seen]:
    for file, dag, task in _working(project):
        given, defaults = project.given(task, file), project.defaults(dag, file)
        if (given.constant("retries") if "retries" in given.values else defaults.constant("retries")) == 0:
            yield Seen(file.path, task.line, task.column, f"task {task.name} of DAG {dag.id} is never tried again")


def _pooled(project: Project, task: Task) -> bool:
    return task.operator.rpartition(".")[2] in project.config.pooled


def _is_sensor(_project: Project, task: Task) -> bool:
    name = task.operator.rpartition(".")[2]
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
    ),
)  # fmt: skip
