"""What Airflow's names are, wherever a version keeps them."""

from __future__ import annotations

import re
from functools import lru_cache

_DAG = re.compile(r"airflow\.(?:[\w.]+\.)?(?:DAG|dag)")
_GROUP = re.compile(r"airflow\.(?:[\w.]+\.)?(?:TaskGroup|task_group)")
_TASK = re.compile(r"airflow\.(?:[\w.]+\.)?task(?:\.\w+)?")
_OPERATOR = re.compile(r"(?:[\w.?]*\.)?[A-Z]\w*(?:Operator|Sensor)(?:Async)?(?:\.partial)?")


@lru_cache(4096)
def is_dag(name: str) -> bool:
    """Whether a dotted name is Airflow's class or decorator of a DAG."""
    return _DAG.fullmatch(name) is not None


@lru_cache(4096)
def is_group(name: str) -> bool:
    """Whether it makes a task group."""
    return _GROUP.fullmatch(name) is not None


@lru_cache(4096)
def is_task_decorator(name: str) -> bool:
    """Whether it is ``@task``, or one of its kinds such as ``@task.branch``."""
    return _TASK.fullmatch(name) is not None and not is_group(name)


@lru_cache(4096)
def looks_like_task(name: str) -> bool:
    """Whether a call of it makes a task, by the way that operators and sensors are named."""
    return _OPERATOR.fullmatch(name) is not None


_CLASS = re.compile(r"(?P<module>[\w.]*)\.[A-Z]\w*(?:\.partial)?")
# Classes of these make no tasks, or are known to.
_OTHERS = frozenset(
    {"airflow", "builtins", "datetime", "decimal", "enum", "kubernetes", "pathlib", "pendulum", "typing"}
)


@lru_cache(4096)
def may_make_task(name: str) -> bool:
    """Whether a call of it makes a task if it is a class of the repository that is an operator."""
    found = _CLASS.fullmatch(name)
    return found is not None and found["module"].partition(".")[0] not in _OTHERS


_FUNCTION = re.compile(r"[\w.]*\.[a-z_]\w*")
_MADE = re.compile(r"\.(?:expand|expand_kwargs|partial\(\)\.expand)$")


@lru_cache(4096)
def may_call_helper(name: str) -> bool:
    """Whether it may be a function of the repository, which makes tasks when it is called."""
    return _FUNCTION.fullmatch(name) is not None and name.partition(".")[0] not in _OTHERS


def of_mapped(name: str) -> str:
    """The task behind a call that maps it: ``load`` of ``load.expand``."""
    return _MADE.sub("", name)


def is_xcom_push(name: str) -> bool:
    """Whether it puts a value into XCom."""
    return name.endswith(".xcom_push")
