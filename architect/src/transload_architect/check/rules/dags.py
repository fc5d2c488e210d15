"""Rules of DAGs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from transload_architect.check.facts import Dag, FileFacts, Value
from transload_architect.check.given import Given
from transload_architect.check.project import Project
from transload_architect.check.rule import Rule, Seen
from transload_architect.words import count

_MOVING = re.compile(r"(?:.*\.)?(?:now|utcnow|today|days_ago|yesterday|tomorrow|time)\(\).*")


def _each(project: Project) -> Iterator[tuple[FileFacts, Dag, Given, Given]]:
    for file in project.dag_files:
        for dag in file.dags:
            yield file, dag, project.given(dag, file), project.defaults(dag, file)


def _at(file: FileFacts, dag: Dag, message: str) -> Seen:
    return Seen(file.path, dag.line, dag.column, f"DAG {dag.id} {message}")


def _dags(condition: Callable[[Given, Given], bool], message: str) -> Callable[[Project], Iterator[Seen]]:
    def find(project: Project) -> Iterator[Seen]:
        for file, dag, given, defaults in _each(project):
            if condition(given, defaults):
                yield _at(file, dag, message)

    return find


def _is_nobodys(given: Given, defaults: Given) -> bool:
    return not given.open and (defaults.lacks("owner") or defaults.constant("owner") == "airflow")


def _floods(given: Given, _defaults: Given) -> bool:
    return given.constant("catchup") is True and given.lacks("max_active_runs")


def _moving_start(project: Project) -> Iterator[Seen]:
    for file, dag, given, defaults in _each(project):
        owners: list[Given] = [given, defaults, *(made.given for made in project.operators.in_file(file, dag))]
        seen: set[int] = set()
        for owner in owners:
            value = owner.values.get("start_date")
            moving = next((part for part in value.walk() if _is_moving(part)), None) if value else None
            if moving is not None and moving.line not in seen:
                seen.add(moving.line)
                yield Seen(file.path, moving.line, 1, f"DAG {dag.id}: the start date moves with {moving.name}")


def _is_moving(value: Value) -> bool:
    return value.kind == "call" and _MOVING.fullmatch(value.name) is not None


def _task_start(project: Project) -> Iterator[Seen]:
    for file in project.dag_files:
        for made in project.operators.of_file(file):
            task = made.task
            if "start_date" in task.arguments:
                yield Seen(file.path, task.line, task.column, f"task {task.name} has a start date of its own")


def _waiting(project: Project) -> Iterator[Seen]:
    for file, dag, given, defaults in _each(project):
        if not given.lacks("deadline", "dagrun_timeout"):
            continue
        if defaults.constant("depends_on_past") is True:
            yield _at(file, dag, "waits for its past (default_args) and tells nobody")
        for made in project.operators.of_dag(file, dag):
            if made.given.constant("depends_on_past") is True:
                where = made.file.path, made.task.line, made.task.column
                yield Seen(*where, f"task {made.task.name} waits for its past and tells nobody")


def _zero_width(project: Project) -> Iterator[Seen]:
    for file, dag, given, _defaults in _each(project):
        schedule = given.constant("schedule")
        if isinstance(schedule, str) and file.intervals and not schedule.startswith("@continuous"):
            spot = file.intervals[0]
            yield Seen(
                file.path, spot.line, spot.column,
                f"{spot.text}: with schedule={schedule!r} DAG {dag.id} has data intervals of no width on Airflow 3",
            )  # fmt: skip


def _ungrouped(project: Project) -> Iterator[Seen]:
    most = project.config.max_ungrouped
    for file, dag, _given, _defaults in _each(project):
        alone = [made for made in project.operators.in_file(file, dag) if not made.task.grouped]
        if len(alone) > most:
            yield _at(file, dag, f"has {count(len(alone), 'task')} without a group; {most} are the most")


_IMPORTS = "from datetime import timedelta\n\nimport pendulum\nfrom airflow.sdk import DAG, task\n\n"
_START = 'start_date=pendulum.datetime(2026, 1, 1, tz="UTC")'


def _dag(arguments: str, body: str = "...", before: str = "") -> str:
    return f'{_IMPORTS}{before}with DAG("sales_daily", schedule="@daily", {_START}, {arguments}):\n    {body}\n'


RULES = (
    Rule(
        "ARC201",
        "DAG without an owner",
        "warning",
        "Whoever is woken by its failure asks first whose it is. `airflow`, the default, is nobody.",
        'Give `default_args={"owner": "team-name"}`.',
        bad=_dag('tags=["sales"]'),
        good=_dag('default_args={"owner": "sales-data"}'),
        find=_dags(_is_nobodys, "has no owner"),
    ),
    Rule(
        "ARC202",
        "DAG without tags",
        "info",
        "Among hundreds of DAGs, tags are how the UI finds those of a source or of a team.",
        'Give `tags=["source"]`.',
        bad=_dag("catchup=False"),
        good=_dag('tags=["sales"]'),
        find=_dags(lambda given, _: given.lacks("tags"), "has no tags"),
    ),
    Rule(
        "ARC203",
        "DAG that may be late without anybody knowing",
        "warning",
        "A run that hangs is no failure: no task has failed, no callback is called, and the data grows old in silence. `sla=` does nothing "
        "on Airflow 3.",
        "Give a `deadline=DeadlineAlert(...)` (Airflow 3.1), or a `dagrun_timeout`.",
        bad=_dag('tags=["sales"]'),
        good=_dag("dagrun_timeout=timedelta(hours=2)"),
        find=_dags(lambda given, _: given.lacks("deadline", "dagrun_timeout"), "has neither a deadline nor a dagrun_timeout"),
    ),
    Rule(
        "ARC204",
        "Catch-up without a limit",
        "warning",
        "When it is first switched on, or was paused for a while, all missed runs start at once, 16 at a time, against a source that "
        "allows two.",
        "Give `max_active_runs=1`, or `catchup=False` where a run takes all since the last one anyway.",
        bad=_dag("catchup=True"),
        good=_dag("catchup=True, max_active_runs=1"),
        find=_dags(_floods, "catches up with 16 runs at once (max_active_runs)"),
    ),
    Rule(
        "ARC205",
        "Start date that moves",
        "error",
        "Each parse makes another DAG: an interval never ends, so it never runs, and every parse is stored as a new version. ruff has this "
        "in preview (AIR304), without `default_args`.",
        "Write a fixed date with a time zone: `pendulum.datetime(2026, 1, 1, tz=\"UTC\")`.",
        bad=f'from datetime import datetime\n\n{_IMPORTS}with DAG("sales_daily", default_args={{"start_date": datetime.now()}}):\n    ...\n',
        good=_dag('tags=["sales"]'),
        find=_moving_start,
    ),
    Rule(
        "ARC206",
        "Task with a start date of its own",
        "warning",
        "Before that date the task is left out of runs, or holds them up, and nothing in the UI says why.",
        "Give the start date to the DAG only.",
        bad=_dag('tags=["sales"]', body="EmptyOperator(task_id='a', start_date=pendulum.datetime(2026, 5, 1))",
                 before="from airflow.providers.standard.operators.empty import EmptyOperator\n\n"),
        good=_dag('tags=["sales"]', body="EmptyOperator(task_id='a')",
                  before="from airflow.providers.standard.operators.empty import EmptyOperator\n\n"),
        find=_task_start,
    ),
    Rule(
        "ARC207",
        "depends_on_past that stops in silence",
        "warning",
        "One failed run holds up every later one. They are not failed, so nobody is told; weeks later somebody finds the data old.",
        "Make loads independent of the run before (state in commit records, say), or give the DAG a deadline or dagrun_timeout.",
        bad=_dag('default_args={"depends_on_past": True}'),
        good=_dag('default_args={"depends_on_past": True}, dagrun_timeout=timedelta(hours=2)'),
        find=_waiting,
    ),
    Rule(
        "ARC208",
        "Data interval of no width",
        "warning",
        "On Airflow 3 a schedule given as text starts and ends its data interval at the same moment, so a query between them finds "
        "nothing, and succeeds.",
        "Use `CronDataIntervalTimetable(\"0 3 * * *\", timezone=\"UTC\")`, or do not use the interval.",
        bad=_dag('tags=["sales"]', body='print("{{ data_interval_start }}")'),
        good=f"from airflow.timetables.interval import CronDataIntervalTimetable\n{_IMPORTS}"
        'with DAG("sales_daily", schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC")):\n    print("{{ data_interval_start }}")\n',
        find=_zero_width,
    ),
    Rule(
        "ARC209",
        "Many tasks without a group",
        "info",
        "A graph of dozens of boxes shows nothing; groups fold it to what a person can take in.",
        "Put tasks of one kind into a `TaskGroup`. How many may be without is `max-ungrouped` in pyproject.toml.",
        bad=_dag('tags=["sales"]', body="\n    ".join(f"EmptyOperator(task_id='t{n}')" for n in range(3)),
                 before="from airflow.providers.standard.operators.empty import EmptyOperator\n\n"),
        good=_dag('tags=["sales"]', body="with TaskGroup('all'):\n        " + "\n        ".join(f"EmptyOperator(task_id='t{n}')" for n in range(3)),
                  before="from airflow.providers.standard.operators.empty import EmptyOperator\nfrom airflow.sdk import TaskGroup\n\n"),
        find=_ungrouped,
        options={"max-ungrouped": 2},
    ),
)  # fmt: skip
