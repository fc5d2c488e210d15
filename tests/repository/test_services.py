"""The parts that the demo and the benchmarks start beside themselves."""

from __future__ import annotations

import socket

from tools.services import free_ports


def test_a_port_is_given_once_and_never_one_that_is_taken() -> None:
    first = free_ports(3)
    with socket.create_server(("127.0.0.1", first[-1] + 1)):
        second = free_ports(3)
    assert len({*first, *second, first[-1] + 1}) == 7
