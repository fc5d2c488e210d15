"""What can become of a request: the faults of ``transload.testing.proxy``."""

from __future__ import annotations

import email.utils
import gzip
import time
from typing import Literal

from transload.testing.proxy import Exchange, Fault, Headers, Reply

Moment = Literal["before", "within", "after", "lost"]


def answered(
    status: int, body: bytes = b"", headers: Headers = (), *, served: bool = False, name: str | None = None
) -> Fault:
    """An answer in place of the server's.

    Args:
        status: of HTTP.
        body: of the answer.
        headers: of the answer.
        served: whether the server does the work first, and its answer is thrown away.
        name: under which it is counted; the status by default.
    """

    def act(exchange: Exchange) -> None:
        if served:
            exchange.ask()
        exchange.answer(Reply(status, headers, body))

    return Fault(name or f"{status}{' after the work' if served else ''}", act)


def too_many(retry_after: float | None = None, *, as_date: bool = False) -> Fault:
    """429, without a Retry-After, or with one of so many seconds, or of a moment that far ahead."""
    if retry_after is None:
        return answered(429, name="429")

    def act(exchange: Exchange) -> None:
        # A date has whole seconds: the next one, so that it is never too early.
        moment = email.utils.formatdate(int(time.time() + retry_after) + 1, usegmt=True)
        exchange.answer(Reply(429, [("Retry-After", moment if as_date else f"{retry_after:.0f}")]))

    return Fault(f"429, Retry-After as {'date' if as_date else 'seconds'}", act)


def reset(moment: Moment) -> Fault:
    """A TCP reset: before the server is asked, in the middle of the answer's body (of its head, where there is no body),
    behind its last byte; or in place of the answer, when the server has done the work (``lost``).
    """

    def act(exchange: Exchange) -> None:
        if moment != "before":
            reply = exchange.ask()
            head, body = reply.encoded(bodiless=exchange.method == "HEAD")
            if moment == "within":
                exchange.write(head + body[: len(body) // 2] if body else head[: len(head) // 2])
                exchange.pause(0.02)  # a reset overtakes what the client has not read yet
            elif moment == "after":
                exchange.write(head + body)
                exchange.pause(0.02)
        exchange.close(reset=True)

    return Fault({"lost": "answer lost"}.get(moment, f"reset {moment}"), act)


def closed_within() -> Fault:
    """The connection ends properly in the middle of the body."""

    def act(exchange: Exchange) -> None:
        head, body = exchange.ask().encoded()
        exchange.write(head + body[: len(body) // 2])
        exchange.close()

    return Fault("closed within", act)


def truncated_gzip() -> Fault:
    """The first half of a compressed body, of which Content-Length tells truly."""

    def act(exchange: Exchange) -> None:
        reply = exchange.ask()
        packed = any(name.lower() == "content-encoding" for name, _ in reply.headers)
        body = reply.body if packed else gzip.compress(reply.body)
        half = body[: len(body) // 2]
        exchange.answer(reply.with_body(half, *(() if packed else (("Content-Encoding", "gzip"),))))

    return Fault("truncated gzip", act)


def drip(seconds: float = 0.5, pieces: int = 10) -> Fault:
    """The body in pieces, spread over so many seconds."""

    def act(exchange: Exchange) -> None:
        head, body = exchange.ask().encoded()
        exchange.write(head)
        step = max(1, -(-len(body) // pieces))
        for start in range(0, len(body), step):
            exchange.pause(seconds / pieces)
            exchange.write(body[start : start + step])

    return Fault("slow drip", act)


def hang(seconds: float) -> Fault:
    """Nothing for so long; then the connection ends, unless the client has left before."""

    def act(exchange: Exchange) -> None:
        exchange.pause(seconds)
        exchange.close()

    return Fault("hang", act)


def wrong_length(by: int) -> Fault:
    """Content-Length says so many bytes more (or less, below 0) than the body has; then the connection ends."""

    def act(exchange: Exchange) -> None:
        reply = exchange.ask()
        head, body = reply.encoded(length=max(0, len(reply.body) + by))
        exchange.write(head + body)
        exchange.close()

    return Fault(f"Content-Length {'too great' if by > 0 else 'too small'}", act)


def s3_error(status: int, code: str, message: str = "as the test wants it", *, served: bool = False) -> Fault:
    """An error as S3 writes it; ``served`` as of ``answered``."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
        "<RequestId>0</RequestId></Error>"
    )
    name = f"{status} {code}{' after the work' if served else ''}"
    return answered(status, body.encode(), [("Content-Type", "application/xml")], served=served, name=name)
