"""A repository's own operators, and helpers that make tasks, are seen through; what cannot be read is left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from transload_architect.check.config import Config
from transload_architect.check.run import check

Write = Callable[[Mapping[str, str]], None]
POD = "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator\n"
BASH = "from airflow.providers.standard.operators.bash import BashOperator\n"
DAG = 'from airflow.sdk import DAG\nfrom common.things import *\n\nwith DAG("sales_daily", tags=["x"], deadline=1, default_args={"owner": "sales"}):\n    '


def found(folder: Path) -> set[str]:
    """The rules of tasks and pods that find something, but for those of pools."""
    report = check([folder], folder, Config(ruff=False, pooled=()))
    return set(Counter(one.rule for one in report.findings)) - {"ARC108", "ARC302"}


def seen(write: Write, folder: Path, things: str, dag: str, name: str = "Load", **files: str) -> set[str]:
    """What is found of a DAG that uses a thing of another module."""
    text = DAG.replace("import *", f"import {name}") + dag + "\n"
    more = {f"dags/common/{module}.py": text for module, text in files.items()}
    write({"dags/common/things.py": things, "dags/sales/daily.py": text, **more})
    return found(folder)


BOTH = {"ARC301", "ARC303"}


@pytest.mark.parametrize(
    "things",
    [
        f"{BASH}\nclass Load(BashOperator):\n    ...\n",
        "from airflow.sdk import BaseOperator\n\nclass Base(BaseOperator):\n    ...\n\nclass Load(Base):\n    ...\n",
        "from airflow.models import BaseOperator\nfrom common.mixins import Named\n\nclass Load(Named, BaseOperator):\n    ...\n",
        f"{BASH}\nclass Load(BashOperator):\n    def __init__(self, *, name, **kwargs):\n        super().__init__(task_id=name, **kwargs)\n",
        f"{BASH}\nclass Load(BashOperator):\n    def __init__(self, **kwargs):\n        kwargs.get('retries')\n        BashOperator.__init__(self, **kwargs)\n",
        "from common import base\n\nclass Load(base.Base):\n    ...\n",
    ],
    ids=["direct", "twice removed", "mixin", "arguments handed on", "by its name", "another module"],
)  # fmt: skip
def test_an_own_operator_that_gives_nothing_is_found(write: Write, tmp_path: Path, things: str) -> None:
    mixins = "class Named:\n    def label(self):\n        return 'x'\n"
    base = f"{BASH}\nclass Base(BashOperator):\n    ...\n"
    assert seen(write, tmp_path, things, "Load(task_id='a', name='a')", mixins=mixins, base=base) == BOTH


@pytest.mark.parametrize(
    "init",
    [
        "def __init__(self, retries=3, execution_timeout=60, **kwargs):\n        super().__init__(retries=retries, execution_timeout=execution_timeout, **kwargs)",
        "def __init__(self, **kwargs):\n        kwargs.setdefault('retries', 3)\n        kwargs['execution_timeout'] = 60\n        super().__init__(**kwargs)",
        "def __init__(self, **kwargs):\n        super().__init__(**{**DEFAULTS, **kwargs})",
        "def __init__(self, **kwargs):\n        kwargs = {**DEFAULTS, **kwargs}\n        super().__init__(**kwargs)",
        "def __init__(self, **kwargs):\n        super().__init__(**given(), **kwargs)",
        "def __init__(self, **kwargs):\n        kwargs.update(retries=3, execution_timeout=60)\n        super().__init__(**kwargs)",
        "def __init__(self, **kwargs):\n        kwargs |= DEFAULTS\n        super().__init__(**kwargs)",
        "def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n        self.retries = 3\n        self.execution_timeout = 60",
    ],
    ids=["defaults", "setdefault", "spread", "assigned", "helper", "update", "or", "attributes"],
)  # fmt: skip
def test_what_an_own_operator_gives_by_itself_counts(write: Write, tmp_path: Path, init: str) -> None:
    things = (
        f"{BASH}\nDEFAULTS = {{'retries': 3, 'execution_timeout': 60}}\n\ndef given():\n    return {{'retries': 3, 'execution_timeout': 60}}\n\n"
        f"class Load(BashOperator):\n    {init}\n"
    )
    assert seen(write, tmp_path, things, "Load(task_id='a')") == set()


@pytest.mark.parametrize(
    "things",
    [
        "from elsewhere import Base\n\nclass Load(Base):\n    ...\n",
        f"{BASH}from elsewhere import Mixin\n\nclass Load(Mixin, BashOperator):\n    ...\n",
        f"{BASH}from elsewhere import fill\n\nclass Load(BashOperator):\n    def __init__(self, **kwargs):\n        fill(kwargs)\n        super().__init__(**kwargs)\n",
        f"{BASH}from elsewhere import fill\n\nclass Load(BashOperator):\n    def __init__(self, **kwargs):\n        super().__init__(**fill(**kwargs))\n",
        f"{BASH}\nclass Load(BashOperator):\n    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n        for k in 'ab':\n            setattr(self, k, 3)\n",
        f"{BASH}from elsewhere import register\n\n@register\nclass Load(BashOperator):\n    ...\n",
        "class Load(Load):\n    ...\n",
        "class Load:\n    ...\n",
        "from pydantic import BaseModel\n\nclass Load(BaseModel):\n    ...\n",
    ],
    ids=["base", "mixin", "filled", "spread", "setattr", "decorator", "itself", "no operator", "model"],
)  # fmt: skip
def test_what_cannot_be_read_of_a_class_is_not_guessed(write: Write, tmp_path: Path, things: str) -> None:
    assert seen(write, tmp_path, things, "Load(task_id='a')") == set()


def test_an_own_pod_is_a_pod(write: Write, tmp_path: Path) -> None:
    things = f"{POD}\nclass Load(KubernetesPodOperator):\n    def __init__(self, **kwargs):\n        super().__init__(image='a/b:latest', retries=0, **kwargs)\n"
    assert seen(write, tmp_path, things, "Load(task_id='a')") == {"ARC303", "ARC307", "ARC401", "ARC402"}
    (never,) = (one for one in check([tmp_path], tmp_path, Config(ruff=False)).findings if one.rule == "ARC307")
    assert (never.path, never.line) == ("dags/sales/daily.py", 5)
    assert never.message.endswith("is never tried again, as Load (dags/common/things.py) has it")


@pytest.mark.parametrize(
    ("things", "dag", "name", "rules"),
    [
        ("def load(name):\n    return BashOperator(task_id=name)\n", "load('a')", "load", BOTH),
        ("def load(name):\n    return BashOperator(task_id=name, retries=3, execution_timeout=1)\n", "load('a')", "load", set()),
        ("def load(dag):\n    return BashOperator(task_id='a', dag=dag)\n", "load(None)", "load", BOTH),
        ("def inner():\n    BashOperator(task_id='a')\n\ndef load():\n    inner()\n", "load()", "load", BOTH),
        ("def load(**kwargs):\n    return BashOperator(**kwargs)\n", "load(task_id='a')", "load", BOTH),
        ("def load(**kwargs):\n    return BashOperator(**kwargs)\n", "load(task_id='a', retries=0)", "load", {"ARC303", "ARC307"}),
        ("def load(**kwargs):\n    return BashOperator(**kwargs)\n", "load(task_id='a', retries=1, execution_timeout=1)", "load", set()),
        ("def load(**kwargs):\n    return BashOperator(**kwargs)\n", "load(**unknown())", "load", set()),
        ("def load(options):\n    return BashOperator(**options)\n", "load({})", "load", set()),
        ("class Load:\n    def make(self):\n        BashOperator(task_id='a')\n", "Load().make()", "Load", BOTH),
        ("def load():\n    return BashOperator(task_id='a')\n", "x = 1", "load", set()),
        ("from airflow.sdk import task\n\n@task\ndef load():\n    ...\n", "load()", "load", BOTH),
        ("from airflow.sdk import task\n\n@task\ndef load(x):\n    ...\n", "load.expand(x=[1])", "load", BOTH),
        ("from airflow.sdk import task\n\n@task(retries=0, execution_timeout=1)\ndef load():\n    ...\n", "load()", "load", {"ARC307"}),
        ("from airflow.sdk import task\n\n@task\ndef load():\n    ...\n", "load.override(retries=3)()", "load", set()),
        ("from airflow.sdk import task_group\n\n@task_group\ndef load():\n    BashOperator(task_id='a')\n", "load()", "load", BOTH),
    ],
    ids=["made", "made well", "of a DAG", "helper of a helper", "handed on", "retries handed on", "well handed on", "unknown handed on",
         "a dictionary", "method", "not called", "task", "mapped", "task of no retries", "overridden", "group"],
)  # fmt: skip
def test_tasks_that_helpers_make_are_the_dags(
    write: Write, tmp_path: Path, things: str, dag: str, name: str, rules: set[str]
) -> None:
    assert seen(write, tmp_path, BASH + "\n" + things, dag, name) == rules


def test_each_call_of_a_helper_is_a_task(write: Write, tmp_path: Path) -> None:
    things = f"{BASH}\ndef load(**kwargs):\n    return BashOperator(execution_timeout=1, **kwargs)\n"
    dag = "load(task_id='a', retries=1)\n    load(task_id='b', retries=0)"
    assert seen(write, tmp_path, things, dag, "load") == {"ARC307"}


@pytest.mark.parametrize(
    ("before", "rules"),
    [
        ("from common.things import DEFAULTS\n", set()),
        ("from common.things import FEW as DEFAULTS\n", {"ARC303"}),
        ("from elsewhere import DEFAULTS\n", set()),
        ("DEFAULTS = {}\nDEFAULTS['retries'] = 3\nDEFAULTS['execution_timeout'] = 1\n", set()),
        ("DEFAULTS = {}\nDEFAULTS.update(retries=3)\n", set()),
        ("DEFAULTS = {}\nDEFAULTS |= more()\n", set()),
        ("DEFAULTS = {'execution_timeout': 1}\n", {"ARC301"}),
    ],
    ids=["imported", "too few", "of elsewhere", "items", "update", "or", "as it is"],
)
def test_default_args_are_what_they_have_become(write: Write, tmp_path: Path, before: str, rules: set[str]) -> None:
    text = f"from airflow.sdk import DAG\n{BASH}{before}\nwith DAG('sales_daily', tags=['x'], deadline=1, default_args={{**DEFAULTS, 'owner': 'sales'}}):\n    BashOperator(task_id='a')\n"
    write(
        {
            "dags/common/things.py": "DEFAULTS = {'retries': 3, 'execution_timeout': 1}\nFEW = {'retries': 3}\n",
            "dags/sales/daily.py": text,
        }
    )
    assert found(tmp_path) == rules


@pytest.mark.parametrize(
    "change",
    [
        "if LOCAL:\n    ARGS['retries'] = 0\n",
        "if not LOCAL:\n    pass\nelse:\n    ARGS['retries'] = 0\n",
        "if LOCAL:\n    ARGS = {'retries': 0}\n",
        "for key in ('retries', 'sla'):\n    ARGS['retries'] = 0\n",
        "while LOCAL:\n    ARGS['retries'] = 0\n",
        "try:\n    import pytest\n    ARGS['retries'] = 0\nexcept ImportError:\n    pass\n",
        "try:\n    import pytest\nexcept ImportError:\n    ARGS['retries'] = 0\n",
        "match LOCAL:\n    case '1':\n        ARGS['retries'] = 0\n",
        "if LOCAL:\n    if LOCAL > '1':\n        ARGS['retries'] = 0\n",
        "def quick():\n    ARGS['retries'] = 0\n\nif LOCAL:\n    quick()\n",
        "if LOCAL:\n    ARGS = few()\n",
        "ARGS['retries'] = 0\nARGS.update(common())\n",
        "if LOCAL:\n    ARGS.update(common())\n",
    ],
    ids=["if", "else", "bound anew", "for", "while", "try", "except", "match", "if in if", "function", "bound to a call",
         "changed after", "changed perhaps"],
)  # fmt: skip
@pytest.mark.parametrize(
    "use", ["default_args=ARGS", "default_args={**ARGS, 'owner': 'x'}"], ids=["as it is", "spread"]
)
def test_what_a_branch_perhaps_changes_is_not_known_behind_it(
    write: Write, tmp_path: Path, change: str, use: str
) -> None:
    few = "def few():\n    return {'retries': 0}\n\n"
    text = (
        f"import os\nfrom airflow.sdk import DAG\nfrom elsewhere import common\n{BASH}\n{few}LOCAL = os.environ.get('LOCAL')\n"
        f"ARGS = {{'retries': 3}}\n{change}\nwith DAG('sales_daily', tags=['x'], deadline=1, {use}):\n"
        "    BashOperator(task_id='a', execution_timeout=1, owner='x')\n"
    )
    write({"dags/sales/daily.py": text})
    assert found(tmp_path) & {"ARC301", "ARC303", "ARC307"} == set()


@pytest.mark.parametrize(
    ("before", "rules"),
    [
        ("RETRIES = 3\nif LOCAL:\n    RETRIES = 0\n", set()),
        ("if LOCAL:\n    RETRIES = 0\nelse:\n    RETRIES = 3\n", set()),
        ("if LOCAL:\n    RETRIES = 3\nelse:\n    RETRIES = 0\n", set()),
        ("RETRIES = 3\nfor RETRIES in (1, 2):\n    pass\n", set()),
        ("RETRIES = 0\nfor RETRIES in (1, 2):\n    pass\n", set()),
        ("if LOCAL:\n    print('here')\nRETRIES = 0\n", {"ARC307"}),
        ("RETRIES = 0\nif LOCAL:\n    OTHER = 3\n", {"ARC307"}),
    ],
    ids=["if", "both", "both the other way", "loop", "loop over none", "behind", "another name"],
)
def test_a_name_is_known_unless_a_branch_binds_it(write: Write, tmp_path: Path, before: str, rules: set[str]) -> None:
    text = (
        f"import os\nfrom airflow.sdk import DAG\n{BASH}\nLOCAL = os.environ.get('LOCAL')\n{before}\n"
        "with DAG('sales_daily', tags=['x'], deadline=1, default_args={'owner': 'x'}):\n"
        "    BashOperator(task_id='a', execution_timeout=1, retries=RETRIES)\n"
    )
    write({"dags/sales/daily.py": text})
    assert found(tmp_path) & {"ARC301", "ARC303", "ARC307"} == rules


def test_what_a_branch_leaves_alone_is_known_behind_it_and_all_is_within(write: Write, tmp_path: Path) -> None:
    text = (
        f"import os\nfrom airflow.sdk import DAG\n{BASH}\nARGS = {{'retries': 0}}\nif os.environ.get('LOCAL'):\n"
        "    ARGS['email'] = 'x'\n    MORE = {**ARGS, 'execution_timeout': 1}\n    MORE['retries'] = 0\n"
        "    with DAG('a', tags=['x'], deadline=1, default_args=MORE):\n        BashOperator(task_id='within', owner='x')\n\n"
        "with DAG('b', tags=['x'], deadline=1, default_args=ARGS):\n    BashOperator(task_id='behind', owner='x')\n"
    )
    write({"dags/sales/daily.py": text})
    report = check([tmp_path], tmp_path, Config(ruff=False, pooled=()))
    assert {(one.rule, one.line) for one in report.findings if one.rule in ("ARC301", "ARC303", "ARC307")} == {
        ("ARC307", 11),
        ("ARC307", 14),
        ("ARC303", 13),
    }


@pytest.mark.parametrize(
    ("init", "call"),
    [
        ("self, idempotent=True, **kwargs):\n        if not idempotent:\n            kwargs['retries'] = 0\n", ""),
        ("self, **kwargs):\n        kwargs['retries'] = 3\n        if kwargs.get('x'):\n            kwargs['retries'] = 0\n", ""),
        ("self, **kwargs):\n        if kwargs.get('x'):\n            kwargs.setdefault('retries', 0)\n", ""),
        ("self, **kwargs):\n        if kwargs.get('x'):\n            kwargs.update(retries=0)\n", ""),
        ("self, **kwargs):\n        if kwargs.get('x'):\n            kwargs.update(NONE)\n", ""),
        ("self, **kwargs):\n        if kwargs.get('x'):\n            kwargs |= NONE\n", ""),
        ("self, **kwargs):\n        kwargs.get('x') and kwargs.update(retries=0)\n", ""),
        ("self, **kwargs):\n        for key in kwargs.pop('quick', ()):\n            kwargs['retries'] = 0\n", ""),
        ("self, **kwargs):\n        try:\n            kwargs['retries'] = int(kwargs['tries'])\n        except KeyError:\n            kwargs['retries'] = 0\n", ""),
        ("self, retries=3, **kwargs):\n        if kwargs.get('x'):\n            retries = 0\n        kwargs['retries'] = retries\n", ""),
        ("self, **kwargs):\n        kwargs['retries'] = 3\n        kwargs.setdefault('retries', 0)\n", ""),
        ("self, what, retries=0, **kwargs):\n        kwargs['retries'] = retries\n", "'x', 3, "),
        ("self, what, retries=0, **kwargs):\n        kwargs['retries'] = retries\n", "*THINGS, "),
        ("self, what, tries=0, **kwargs):\n        kwargs['retries'] = tries\n", "'x', 3, "),
        ("self, what=1, *, tries=0, **kwargs):\n        kwargs['retries'] = tries\n", "tries=3, "),
        ("self, retries=0, **kwargs):\n        kwargs['retries'] = retries\n", "**OPTIONS, "),
        ("self, **kwargs):\n        kwargs.setdefault('retries', 0)\n", "**OPTIONS, "),
        ("self, *args, retries=0, **kwargs):\n        kwargs['retries'] = retries\n", "'x', 3, "),
    ],
    ids=["if", "set anew", "setdefault", "update", "update by name", "or", "and", "for", "try", "bound anew", "set already",
         "by place", "by unknown places", "by place and another name", "by another name", "unknown given", "unknown given to kwargs",
         "more places than it names"],
)  # fmt: skip
def test_what_an_own_operator_perhaps_gives_is_not_known(write: Write, tmp_path: Path, init: str, call: str) -> None:
    things = f"{BASH}\nNONE = {{'retries': 0}}\n\nclass Load(BashOperator):\n    def __init__({init}        super().__init__(**kwargs)\n"
    dag = f"Load({call}task_id='a', execution_timeout=1)"
    assert seen(write, tmp_path, things, dag, "Load, OPTIONS, THINGS") == set()


@pytest.mark.parametrize(
    ("init", "call", "rules"),
    [
        ("self, what, retries=3, **kwargs):\n        super().__init__(retries=retries, **kwargs)", "'x', 0, ", {"ARC307"}),
        ("self, what, tries=3, **kwargs):\n        super().__init__(retries=tries, **kwargs)", "'x', 0, ", {"ARC307"}),
        ("self, what, tries=0, **kwargs):\n        super().__init__(retries=tries, **kwargs)", "'x', ", {"ARC307"}),
        ("self, what, more=0, **kwargs):\n        if more:\n            self.more = more\n        super().__init__(**kwargs)", "'x', ", {"ARC301"}),
    ],
    ids=["by place", "by place and another name", "by default", "a branch of something else"],
)  # fmt: skip
@pytest.mark.parametrize("through", ["", "\n\nclass Load(Base):\n    ...\n"], ids=["itself", "its base"])
def test_what_an_own_operator_is_called_with_goes_where_it_hands_it(
    write: Write, tmp_path: Path, init: str, call: str, rules: set[str], through: str
) -> None:
    name = "Base" if through else "Load"
    things = f"{BASH}\nclass {name}(BashOperator):\n    def __init__({init}\n{through}"
    assert seen(write, tmp_path, things, f"Load({call}task_id='a', execution_timeout=1)") == rules


@pytest.mark.parametrize(
    ("init", "call"),
    [
        ("self, **kwargs):\n        super().__init__(tries=3, **kwargs)", ""),
        ("self, **kwargs):\n        super().__init__(3, **kwargs)", ""),
        ("self, n=0, **kwargs):\n        super().__init__(tries=n, **kwargs)", "n=3, "),
        ("self, **kwargs):\n        super().__init__(retries=3, **kwargs)", "tries=0, "),
    ],
    ids=["by name", "by place", "as it was called", "past it"],
)
def test_what_an_own_operator_hands_to_its_own_base_goes_where_that_hands_it(
    write: Write, tmp_path: Path, init: str, call: str
) -> None:
    things = (
        f"{BASH}\nclass Base(BashOperator):\n    def __init__(self, tries=0, **kwargs):\n        super().__init__(retries=tries, **kwargs)\n\n"
        f"class Load(Base):\n    def __init__({init}\n"
    )
    assert seen(write, tmp_path, things, f"Load({call}task_id='a', execution_timeout=1)") == set()


@pytest.mark.parametrize(
    ("things", "more"),
    [
        ("def load(n):\n    BashOperator(task_id='a')\n" + "    load(n - 1)\n" * 8, ""),
        (
            "from common.more import other\n\ndef load(n):\n    BashOperator(task_id='a')\n" + "    other(n)\n" * 8,
            "from common.things import load\n\ndef other(n):\n" + "    load(n)\n" * 8,
        ),
        (
            "def f0():\n    BashOperator(task_id='a')\n\n"
            + "".join(f"def f{n}():\n" + f"    f{n - 1}()\n" * 8 + "\n" for n in range(1, 13))
            + "def load(n):\n    f12()\n",
            "",
        ),
    ],
    ids=["itself", "one another", "a long way"],
)
def test_helpers_that_call_one_another_often_are_gone_into_once(
    write: Write, tmp_path: Path, things: str, more: str
) -> None:
    assert seen(write, tmp_path, f"{BASH}\n{things}", "load(3)", "load", more=more) == BOTH
