"""The floor: a bare loop of requests over the pages, as many at once as ours has under way; the bodies are thrown away."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import requests


def main(url: str, at_once: int) -> None:
    """Get every page."""
    session = requests.Session()
    session.trust_env = False
    last = session.get(f"{url}/records", params={"page": "1"}).json()["pages"]

    def get(number: int) -> int:
        return len(session.get(f"{url}/records", params={"page": str(number)}).content)

    if at_once == 1:
        print(sum(map(get, range(2, last + 1))))
        return
    with ThreadPoolExecutor(at_once) as threads:
        print(sum(threads.map(get, range(2, last + 1))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
