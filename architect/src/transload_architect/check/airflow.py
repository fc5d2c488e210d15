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


def is_xcom_push(name: str) -> bool:
    """Whether it puts a value into XCom."""
    return name.endswith(".xcom_push")
