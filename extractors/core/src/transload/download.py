"""Downloads of files too large for memory: a connection that breaks is taken up by Range where it was."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

from transload.errors import ContractBroken
from transload.http_client import AGAIN, Body, HttpClient, Transient

log = logging.getLogger(__name__)

STALLS = 5  # tries in a row that bring no byte
_BACK_OFF = (0.5, 2.0, 8.0, 20.0)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def download(
    http: HttpClient,
    url: str,
    accept: Callable[[Body], None],
    *,
    offset: int = 0,
    headers: Callable[[], Mapping[str, str]] = dict,
    before: Callable[[], None] = lambda: None,
    within: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[bytes]:
    """The bytes of a file from an offset to its end.

    Args:
        http: sends the requests.
        url: of the file.
        accept: looks at each answer that has begun; raises for what is not the file, as ``read`` of ``HttpClient.request`` does.
        offset: bytes that are there already.
        headers: as of ``HttpClient.request``.
        before: as of ``HttpClient.request``.
        within: as of ``HttpClient.open``.

    Raises:
        SourceUnavailable: several tries in a row brought nothing.
        ContractBroken: it came compressed, or not from where it was asked for.
        TransloadError: what ``accept`` raised.
    """
    at, stalls = offset, 0
    while True:
        place = at

        def ranged(place: int = place) -> Mapping[str, str]:
            # As it is: bytes of what a server compressed on the way could not be counted.
            span = {"Range": f"bytes={place}-"} if place else {}
            return {**headers(), "Accept-Encoding": "identity", **span}

        problem: Transient | None = None
        with http.open(url, _accepting(accept, place), headers=ranged, before=before, within=within) as body:
            if body.status == 416:
                return  # all of it was there before
            total = _total(body, place, url)
            if total is not None and place > total:
                raise ContractBroken(f"{url} has {total} bytes, and {place} were read of it before: it is another file")
            skip = place if body.status == 200 else 0
            try:
                for piece in body.pieces():
                    fresh = piece[skip:]
                    skip -= len(piece) - len(fresh)
                    at += len(fresh)
                    if fresh:
                        yield fresh
            except Transient as error:
                problem = error
        if problem is None and (total is None or at >= total):
            return
        stalls = stalls + 1 if at == place else 0
        if stalls >= STALLS:
            raise (problem.finally_raise if problem else ContractBroken)(
                f"{url}: {at} of {total} bytes came, and {stalls} further tries brought none ({problem or 'the answer ended'})"
                f"{AGAIN}"
            )
        log.warning(
            "the download broke off, and goes on from there", extra={"at": at, "of": total, "reason": str(problem)}
        )
        http.pause(_BACK_OFF[min(stalls, len(_BACK_OFF) - 1)])


def _accepting(accept: Callable[[Body], None], place: int) -> Callable[[Body], None]:
    def accepting(body: Body) -> None:
        if body.status == 416 and body.headers.get("Content-Range") == f"bytes */{place}":
            return  # all of it was read before; an answer may have told of more bytes than the file has
        accept(body)

    return accepting


def _total(body: Body, place: int, url: str) -> int | None:
    """How large the whole file is, by the answer's head; None if it does not say."""
    encoding = body.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise ContractBroken(f"{url} came with Content-Encoding {encoding}, which was not asked for: report it")
    if body.status == 206:
        span = _CONTENT_RANGE.fullmatch(body.headers.get("Content-Range", ""))
        if not span or int(span[1]) != place:
            raise ContractBroken(
                f"{url} was asked for the bytes from {place} on, and gave {body.headers.get('Content-Range', 'others')!r}"
            )
        return None if span[3] == "*" else int(span[3])
    length = body.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None
