"""What one writes in ten minutes: requests, json.dumps, gzip, boto3. One object, no retries, nothing committed or resumed."""

from __future__ import annotations

import gzip
import json
import sys
import tempfile

import boto3
import requests


def main(url: str, bucket: str, key: str, endpoint: str) -> None:
    """Follow the pages, write JSON lines to a file, upload it."""
    session = requests.Session()
    following = f"{url}/records?page=1"
    with tempfile.NamedTemporaryFile(suffix=".jsonl.gz") as file:
        with gzip.open(file, "wt", encoding="utf-8") as lines:
            while following:
                page = session.get(following).json()
                for record in page["records"]:
                    lines.write(json.dumps(record) + "\n")
                following = page["next"]
        file.flush()
        boto3.client("s3", endpoint_url=endpoint).upload_file(file.name, bucket, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
