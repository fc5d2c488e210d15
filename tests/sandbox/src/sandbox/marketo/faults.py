"""The faults that can be switched on (sources/marketo.md §8)."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.http import WIRE_FAULTS

MATCHABLE = ("path", "kind", "action", "user", "method")

# name -> what it does
IDENTITY_FAULTS: Mapping[str, str] = {
    "bad_credentials": "identity: HTTP 401 `error` (unauthorized)",
    "no_access_token": "identity: HTTP 200 without access_token",
    "short_token": "identity: a new token that lives `seconds` (1)",
}
CALL_FAULTS: Mapping[str, str] = {
    "code": "any in-body `code` (611) with its usual text, or with `message`",
    "token_invalid": "the token is revoked: 601 until the client asks for another",
    "token_expired": "the token expires: 602 until the client asks for another",
    "denied": "603: the user lacks the permission; give `times` -1 and a match",
    "rate_limit": "606",
    "daily_quota": "607",
    "concurrency": "615",
    "slow": "the answer comes after `seconds` (1)",
}
REST_FAULTS: Mapping[str, str] = {
    "empty_page": "activities: no rows, nextPageToken as it was, moreResult true; `absent` true: no `result` key either",
    "duplicate_rows": "the first `count` (1) rows come twice, in REST and in files",
    "late_activities": "half of the activities of the last `minutes` (60) are not there yet, in REST and in files",
    "long_token": "paging tokens have `length` (7000) characters more",
    "offset_slip": "assets: the page begins `count` (1) rows early, negative: late, as if rows had come or gone",
}
BULK_FAULTS: Mapping[str, str] = {
    "no_bulk_extract": "`code` (703): the account has no bulk extract",
    "queue_full": "1029 Too many jobs in queue",
    "export_quota": "1029 Export daily quota 500MB exceeded",
    "job_already_queued": "enqueue: done, and answered with 1029 Job already queued",
    "filter_unsupported": "create: 1035 if the filter is `filter` (updatedAt)",
    "invalid_fields": "create: 1003 Invalid fields if one of `fields` is asked for",
    "create_without_result": "create: success without result",
    "slow_job": "create: the job takes `seconds` (3600) more, by the sandbox's clock",
    "failed_job": "create: the job ends as Failed, with `message`",
    "stale_status": "status: the one that was last answered, or Created",
    "canceled_spelling": "status and list: the other spelling of Cancelled",
    "no_checksum": "status: neither fileChecksum nor fileSize",
    "wrong_checksum": "status: another fileChecksum",
    "wrong_size": "status: a fileSize that is one more",
    "file_missing": "file: 404 though the job is Completed",
    "file_is_json": "file: 200 with a JSON error envelope, `code` (611)",
    "cut_file": "file: the connection closes after `bytes` (half of what was asked for)",
    "corrupt_file": "file: the byte at `at` (middle of what was asked for) is another",
    "range_loses_last_byte": "file: a range answer lacks its last byte",
    "ignores_range": "file: 200 and the whole file though a range was asked for",
    "gzipped_file": "file: compressed, though the vendor never does that (hypothetical)",
}
FILE_FAULTS: Mapping[str, str] = {
    "ragged_quote": "create: the file has unescaped quotes in a quoted field, in `count` (1) rows",
    "nul_bytes": "create: the file has NUL bytes in `count` (1) rows",
    "bom": "create: the file begins with a byte order mark",
    "crlf": "create: the file's rows end in CR LF",
    "zero_bytes": "create: a file without rows has no header either",
    "missing_column": "create: the file lacks the last column",
    "invalid_utf8": "create: the file has a byte that is no UTF-8, in `count` (1) rows",
}
FAULTS: Mapping[str, str] = {
    **WIRE_FAULTS, **IDENTITY_FAULTS, **CALL_FAULTS, **REST_FAULTS, **BULK_FAULTS, **FILE_FAULTS,
}  # fmt: skip

_ACTIVITIES = frozenset({"activities", "leadchanges", "deletedleads"})
_CREATE, _ENQUEUE, _STATUS, _FILE = (frozenset({one}) for one in ("create", "enqueue", "status", "file"))
# name -> the last words of the paths at which it can strike; so it waits for the call that it is meant for
_ACTIONS: Mapping[str, frozenset[str]] = {
    "empty_page": _ACTIVITIES,
    "duplicate_rows": _ACTIVITIES | _CREATE,
    "late_activities": frozenset({"activities", "create"}),
    "no_bulk_extract": frozenset({"create", "enqueue", "list"}),
    "queue_full": _CREATE | _ENQUEUE,
    "export_quota": _CREATE | _ENQUEUE,
    "job_already_queued": _ENQUEUE,
    "canceled_spelling": frozenset({"status", "cancel", "list"}),
    **dict.fromkeys(("stale_status", "no_checksum", "wrong_checksum", "wrong_size"), _STATUS),
    **dict.fromkeys(
        ("filter_unsupported", "invalid_fields", "create_without_result", "slow_job", "failed_job"), _CREATE
    ),
    **dict.fromkeys((name for name, text in BULK_FAULTS.items() if text.startswith("file:")), _FILE),
    **dict.fromkeys(FILE_FAULTS, _CREATE),
}


def possible(kind: str, action: str) -> list[str]:
    """The faults that a request can be struck by."""
    if kind == "identity":
        return [*WIRE_FAULTS, *IDENTITY_FAULTS, "slow"]
    bulk = kind not in ("rest", "asset")
    names = [*WIRE_FAULTS, *CALL_FAULTS]
    for name in (*REST_FAULTS, *BULK_FAULTS, *FILE_FAULTS):
        if name == "long_token":
            fits = kind == "rest"
        elif name == "offset_slip":
            fits = kind == "asset"
        else:
            fits = action in _ACTIONS[name] and (bulk or name in REST_FAULTS)
        names += [name] if fits else []
    return names
