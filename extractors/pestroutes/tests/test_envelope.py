"""Answers that are no envelope: what is said of them, and what never is."""

from __future__ import annotations

import pytest

from pestroutes.envelope import read_envelope
from transload.http_client import Transient

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (f"<!DOCTYPE html><title>{SECRET}</title>".encode(), "an HTML page"),
        (f"\n<HTML>{SECRET}".encode(), "an HTML page"),
        (f'{{"params":{{"authenticationKey":"{SECRET}'.encode(), "JSON cut short"),
        (f'["{SECRET}"]'.encode(), "something else"),
        (f'{{"authenticationKey": {SECRET}}}'.encode(), "something else"),
        (f"Fatal error: {SECRET}".encode(), "something else"),
        (b"\xff\xfe", "something else"),
    ],
)
def test_what_is_no_envelope_is_named_by_its_size_and_kind_and_never_quoted(body: bytes, kind: str) -> None:
    with pytest.raises(Transient, match=f"^customer/get: .*{len(body)} bytes, {kind}") as caught:
        read_envelope(body, "customer/get")
    assert SECRET[:8] not in str(caught.value)
