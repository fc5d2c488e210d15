"""A plan for machines."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

from transload_architect.design.markdown import RULES
from transload_architect.design.parts import environments, errors, external_or_raw, integration, operators, variables
from transload_architect.design.plan import Plan


def as_json(plan: Plan) -> str:
    """One object; times are in seconds."""
    files = {
        run.schedule.name: {
            "dag": f"{plan.spec.source}_{run.schedule.name}",
            "cron": run.schedule.cron,
            "full_refresh": run.schedule.full,
            "streams": plan.sizes(run),
            "calls": run.calls,
            "megabytes": round(run.megabytes, 1),
            "expected": run.duration,
            "done_within": run.done_within,
            "loads": [dataclasses.asdict(load) for load in run.loads],
        }
        for run in plan.runs
    }
    whole = {
        "format": 1,
        "source": plan.spec.source,
        "folder": plan.spec.folder,
        "time_zone": plan.spec.time_zone,
        "pool": {"name": plan.spec.source, "slots": plan.pool_slots, "rule": plan.slots.rule, "why": plan.slots.text},
        "files": files,
        "streams": [dataclasses.asdict(one) for one in plan.streams.values()],
        "operators": [dataclasses.asdict(one) for one in operators(plan)],
        "errors": [dataclasses.asdict(one) for one in errors(plan)],
        "environments": list(environments(plan)),
        "variables": variables(plan),
        "warehouse": dataclasses.asdict(external_or_raw(plan)),
        "tables": [dataclasses.asdict(one) for one in integration(plan)],
        "budgets": [{**dataclasses.asdict(one), "is_met": one.is_met} for one in plan.budgets],
        "problems": [dataclasses.asdict(one) for one in plan.problems],
        "rules": RULES,
    }
    return json.dumps(whole, indent=1, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{value!r} has no form in JSON")
