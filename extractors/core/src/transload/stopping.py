"""Ending within ``END_SECONDS`` of SIGTERM or Ctrl-C, whatever the process does meanwhile.

A signal's handler raises in the main thread, and what it raises can be lost: Python drops what is raised within a ``__del__`` or a
callback of its garbage collection, and a lock that was just being taken stays taken, so that the run waits for it for ever. A
second thread sees to it: it signals once more, and then ends the process as SIGKILL would, which every load survives.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from transload.errors import Stopped

# ``docker stop`` kills after ten seconds, Kubernetes after thirty (dags/common/pods.py).
AGAIN_SECONDS, END_SECONDS = 4.0, 8.0

_ENDED = 0  # no signal has this number
_STDERR = 2


@contextmanager
def heeding_signals() -> Iterator[None]:
    """SIGTERM raises ``Stopped`` in the main thread, and neither it nor Ctrl-C goes unheard. For the main thread only."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # set_wakeup_fd insists
    handler = signal.signal(signal.SIGTERM, _stop)
    # The interpreter writes a signal's number there before any handler runs.
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread = threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGTERM, handler)
        os.write(writing, bytes([_ENDED]))
        thread.join()
        os.close(reading)
        os.close(writing)


def _stop(number: int, _frame: object) -> None:
    raise Stopped(number)


def _watch(reading: int) -> None:
    number = os.read(reading, 1)[0]
    if number == _ENDED or _ends(reading, AGAIN_SECONDS):
        return
    # Not to the process: where another thread takes the signal, what the main thread waits in is not interrupted.
    signal.pthread_kill(threading.main_thread().ident or 0, number)
    if _ends(reading, END_SECONDS - AGAIN_SECONDS):
        return
    # Where nobody reads it, a write would wait for ever; and a lock may be what the main thread hangs on.
    if select.select([], [_STDERR], [], 0)[1]:
        os.write(_STDERR, f"did not stop within {END_SECONDS:.0f} seconds of the signal, so it was ended\n".encode())
    os._exit(128 + number)


def _ends(reading: int, seconds: float) -> bool:
    """Whether the run comes to its end within so long. Further signals meanwhile change nothing."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and select.select([reading], [], [], left)[0]:
        if os.read(reading, 1)[0] == _ENDED:
            return True
    return False
