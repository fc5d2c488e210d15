"""What option values are taken, and what is said of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from transload import parsing

ADDRESS = parsing.address("https://api.example.com")
PORT = parsing.number(1, 65535, "a port")
WAY = parsing.one_of("auto", "bulk", "rest")


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (ADDRESS, "http://127.0.0.1:8800/api/", "http://127.0.0.1:8800/api"),
        (ADDRESS, "https://api.example.com", "https://api.example.com"),
        (PORT, "1", 1),
        (PORT, "065535", 65535),
        (parsing.reserve, "0", 0),
        (parsing.seconds, "0.05", 0.05),
        (parsing.seconds, "1e3", 1000.0),
        (WAY, "rest", "rest"),
    ],
)
def test_what_is_allowed_is_taken(parse: Callable[[str], Any], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (ADDRESS, "api.example.com", "give the whole address, such as https://api.example.com"),
        (ADDRESS, "", "give the whole address"),
        (ADDRESS, "https://user:password@api.example.com/x", "give the address without a user and a password"),
        (PORT, "0", "give a port from 1 to 65535"),
        (PORT, "65536", "give a port"),
        (PORT, "-1", "give a port"),
        (PORT, "1.0", "give a port"),
        (PORT, "\u0663", "give a port"),  # a digit, and none that everybody reads
        (parsing.reserve, "100", "give a percentage from 0 to 99"),
        (parsing.seconds, "0", "more than 0"),
        (parsing.seconds, "-1", "more than 0"),
        (parsing.seconds, "nan", "more than 0"),
        (parsing.seconds, "inf", "more than 0"),
        (parsing.seconds, "soon", "more than 0"),
        (WAY, "REST", "give auto, bulk or rest"),
    ],
)
def test_what_is_not_is_refused_with_what_is(parse: Callable[[str], Any], text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)
