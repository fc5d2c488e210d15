"""No secret of Marketo is left anywhere: on the screen, in the log, in the lake, in a URL; however the run ends."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from unittest.mock import Mock

import pytest

pytestmark = pytest.mark.usefixtures("waits")
SINCE, UNTIL = "2026-09-30T15:00:01Z", "2026-10-01T15:00:01Z"


@pytest.fixture
def own_secrets(marketo: Any, connect_to: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sandbox whose only user has an id and a secret as long as real ones, and that echoes what it gets."""
    client_id, secret = str(uuid.uuid4()), token_urlsafe(24)
    sandbox = marketo(records=60, activities_per_day=20, users={client_id: secret})
    connect_to(sandbox, client_id, secret)
    return sandbox, (client_id, secret)


CASES: dict[str, tuple[tuple[dict[str, Any], ...], str]] = {
    "good": ((), "good"),
    "refused": (({"fault": "bad_credentials", "times": -1},), "wrong"),
    "echoed": (({"fault": "code", "times": -1, "code": "1003", "message": "bad {id}, {secret} and {token}"},), "wrong"),
    "echoed for ever": (
        ({"fault": "code", "times": -1, "code": "601", "message": "bad {id}, {secret} and {token}"},),
        "wrong",
    ),
    "no JSON": (({"fault": "not_json", "times": -1},), "wrong"),
    "a bug": ((), "bug"),
}


@pytest.mark.parametrize("case", CASES)
def test_no_secret_is_left_anywhere(
    own_secrets: Any, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    sandbox, pair = own_secrets
    token, _ = sandbox.server.api.identity._token(pair[0], None)
    own = (*pair, token.partition(":")[0])
    faults, ends = CASES[case]
    words = {"id": pair[0], "secret": pair[1], "token": token}
    sandbox.faults(*({**one, "message": one["message"].format(**words)} if "message" in one else one for one in faults))
    if ends == "bug":
        monkeypatch.setattr("marketo.rest.Sized.get", Mock(side_effect=RuntimeError(" ".join((*pair, token)))))
    lake = tmp_path / "lake"
    command = ("--until", UNTIL, "--destination", lake, "--retry-deadline", "0", "--debug")
    outcome = run("extract", "activities", "forms", "--since", SINCE, *command, "--json")
    assert (outcome.code == 0) == (ends == "good")
    said = outcome.out + outcome.err
    for arguments in (["check", *command[2:]], ["loads", *command[2:4]]):
        outcome = run(*arguments)
        said += outcome.out + outcome.err
    left = [path.read_bytes() for path in lake.rglob("*") if path.is_file()]
    said += "".join((gzip.decompress(one) if one[:2] == b"\x1f\x8b" else one).decode() for one in left)
    assert ("[redacted]" in said) == bool((faults and case != "no JSON") or ends == "bug")
    assert not [secret for secret in own if secret in said]
    # Nor did any go in a URL, where servers and proxies would log it.
    assert {one["method"] for one in sandbox.requests() if one["kind"] == "identity"} == {"POST"}
