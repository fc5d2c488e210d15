"""The reference: a bare loop of requests over the same pages that throws the bodies away.

Prints one JSON object: records, bytes and seconds of the loop, without imports and start-up.
"""

from __future__ import annotations

import json
import sys
import time

import requests

SEARCH_CAP, GET_CAP = 50_000, 1_000


def loop(base: str, entity: str) -> dict[str, float]:
    """Search and get every id of an entity, one request after the other."""
    session = requests.Session()
    session.headers.update({"authenticationKey": "key", "authenticationToken": "token"})
    records = size = 0
    after, began = 0, time.perf_counter()
    while True:
        form = {"officeIDs": "0", f"{entity}IDs": json.dumps({"operator": ">", "value": after})}
        found = session.post(f"{base}/{entity}/search", data=form).json()[f"{entity}IDs"]
        for start in range(0, len(found), GET_CAP):
            ids = found[start : start + GET_CAP]
            answer = session.post(f"{base}/{entity}/get", data={"officeIDs": "0", f"{entity}IDs": json.dumps(ids)})
            size += len(answer.content)
            records += len(ids)
        if len(found) < SEARCH_CAP:
            return {"records": records, "bytes": size, "seconds": time.perf_counter() - began}
        after = found[-1]


if __name__ == "__main__":
    print(json.dumps(loop(sys.argv[1], sys.argv[2])))
