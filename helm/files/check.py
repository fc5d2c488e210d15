"""Looks at an installation from inside, for `helm test`: a line for each thing that holds, an error for the first that does not."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from kubernetes import client, config

API = os.environ["API"]
PATIENCE_SECONDS = 180


def ask(path: str, body: dict[str, str] | None = None, token: str = "") -> Any:
    """Return what Airflow's API answers, as JSON. Raises OSError if it does not."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(API + path, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def until(what: str, right: Any) -> Any:
    """Return the first answer of `right` that is true, and say so; ends the process when none comes in time."""
    deadline, seen = time.monotonic() + PATIENCE_SECONDS, ""
    while time.monotonic() < deadline:
        try:
            if found := right():
                print(f"ok: {what}", flush=True)
                return found
        except urllib.error.HTTPError as error:
            seen = f": {error} {error.read()[:300]!r}"
        except OSError as error:
            seen = f": {error}"
        time.sleep(3)
    sys.exit(f"not so after {PATIENCE_SECONDS} s: {what}{seen}")


def healthy() -> bool:
    """Return whether every component has been heard of lately."""
    parts = ask("/api/v2/monitor/health")
    ill = {name: part for name, part in parts.items() if part and part.get("status") not in ("healthy", None)}
    if ill:
        raise OSError(str(ill))
    return all(parts[name]["status"] for name in ("metadatabase", "scheduler", "triggerer", "dag_processor"))


def may_launch() -> bool:
    """Return whether this service account may do in the jobs' namespace what launching pods takes."""
    config.load_incluster_config()
    wanted = [("create", "pods", ""), ("delete", "pods", ""), ("get", "pods", "log"), ("list", "events", "")]
    for verb, resource, part in wanted:
        review = client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(
                    namespace=os.environ["JOBS_NAMESPACE"], verb=verb, resource=resource, subresource=part
                )
            )
        )
        if not client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed:
            raise OSError(f"may not {verb} {resource}/{part} in {os.environ['JOBS_NAMESPACE']}")
    return True


account = {"username": os.environ["ADMIN_USERNAME"], "password": os.environ["ADMIN_PASSWORD"]}
until("database, scheduler, triggerer and DAG processor are healthy", healthy)
token = until("the administrator may log in", lambda: ask("/auth/token", account)["access_token"])
dags = until("there are DAGs", lambda: ask("/api/v2/dags?limit=100", token=token)["dags"])
broken = ask("/api/v2/importErrors", token=token)["import_errors"]
if broken:
    sys.exit(f"DAG files that do not load: {[(one['filename'], one['stack_trace'][-500:]) for one in broken]}")
print(f"ok: all DAG files load: {', '.join(sorted(dag['dag_id'] for dag in dags))}")
until("the DAGs' pools are there", lambda: ask("/api/v2/pools/dbt", token=token)["slots"])
until("Airflow may launch pods", may_launch)
