"""The reference of Bulk Extract: a loop that downloads the same files and runs them through ``csv.reader`` alone.

Arguments: the account's address, the kind of export, and the exports' ids. Prints one JSON object: rows, bytes and seconds of the
loop, without imports and start-up.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time

import requests


def loop(base: str, kind: str, exports: list[str]) -> dict[str, float]:
    """Read each file, one after the other."""
    session = requests.Session()
    form = {"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret"}
    token = session.post(f"{base}/identity/oauth/token", data=form).json()["access_token"]
    session.headers.update({"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"})
    rows = size = 0
    began = time.perf_counter()
    for export in exports:
        with session.get(f"{base}/bulk/v1/{kind}/export/{export}/file.json", stream=True) as answer:
            answer.raise_for_status()
            size += int(answer.headers["Content-Length"])
            answer.raw.auto_close = False  # else it is closed before the wrapper has seen its end
            # Large reads: requests' own iterators would be what is measured.
            text = io.TextIOWrapper(io.BufferedReader(answer.raw, 1 << 18), encoding="utf-8", newline="")
            for _ in csv.reader(text):
                rows += 1
            rows -= 1  # the header
    return {"rows": rows, "bytes": size, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(loop(sys.argv[1], sys.argv[2], sys.argv[3:])))
