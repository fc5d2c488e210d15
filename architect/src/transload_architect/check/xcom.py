"""Values that grow with the data: what nobody should put into XCom."""

from __future__ import annotations

import ast
import re

from transload_architect.check.names import Scope

_LARGE = re.compile(
    r"(?:pandas|polars)\.(?:read_\w+|DataFrame|concat|merge)\(\)"
    r"|.*\.(?:fetchall|fetchmany|get_records|get_pandas_df|get_df|to_dict|to_json|to_csv|to_pandas)\(\)"
    r"|(?:requests|httpx)\.(?:\w+\(\)\.)?\w+\(\)\.(?:json\(\)|text|content)"
    r"|.*\.(?:read|read_text|read_bytes|readlines|read_key)\(\)"
)
_SMALL = re.compile(r".*\b(?:len|sum|min|max|str|int)\(\)")


def is_large(scope: Scope, node: ast.expr) -> str:
    """What a value is made by if that has no small bound, such as ``fetchall()``; empty if it is not known to be large."""
    name = scope.resolve(node)
    if _LARGE.fullmatch(name) and not _SMALL.fullmatch(name):
        return name.removeprefix("?.")
    if isinstance(node, ast.Dict):
        return next((what for value in node.values if (what := is_large(scope, value))), "")
    return ""
