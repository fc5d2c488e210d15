"""LakeHook: the commit records of a lake, for DAGs. It reads; only extractors write."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import BaseHook

WINDOW_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """What a DAG needs of a commit record (format 1)."""

    stream: str
    mode: str
    window: str
    since: datetime | None
    load_id: str
    attempt: int
    started_at: datetime
    committed_at: datetime
    records: int
    bytes: int
    parts: int
    quarantined: int

    @classmethod
    def parse(cls, line: str) -> Self:
        """Returns the record in one line of a `_loads` file. Raises ValueError for what is not format 1."""
        data: dict[str, Any] = json.loads(line)
        if data.get("format") != 1:
            raise ValueError(f"commit record of format {data.get('format')!r}: this version reads format 1")
        return cls(
            stream=data["stream"],
            mode=data["mode"],
            window=data["window"],
            since=datetime.fromisoformat(data["since"]) if data["since"] else None,
            load_id=data["load_id"],
            attempt=data["attempt"],
            started_at=datetime.fromisoformat(data["started_at"]),
            committed_at=datetime.fromisoformat(data["committed_at"]),
            records=data["records"],
            bytes=data["bytes"],
            parts=len(data["parts"]),
            quarantined=data["quarantined"],
        )

    @property
    def until(self) -> datetime | None:
        """The end of the window; None for a sample, which is the end of nothing."""
        return window_end(self.window)

    def brief(self) -> dict[str, Any]:
        """Returns the few figures that go into XCom and onto the asset's event: nothing of the data itself."""
        return {
            "stream": self.stream,
            "mode": self.mode,
            "window": self.window,
            "load_id": self.load_id,
            "attempt": self.attempt,
            "records": self.records,
            "bytes": self.bytes,
            "parts": self.parts,
            "quarantined": self.quarantined,
            "seconds": round((self.committed_at - self.started_at).total_seconds(), 1),
        }


def window_end(window: str) -> datetime | None:
    """Returns the end that a window's name carries, or None for a sample and for what is not a window's name."""
    start, _, end = window.partition("-")
    if start == "sample" or not end:
        return None
    try:
        return datetime.strptime(end, WINDOW_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


class LakeHook(BaseHook):
    """Reads commit records from S3 or from a directory.

    `destination` and `endpoint_url` default to TRANSLOAD_DESTINATION and TRANSLOAD_ENDPOINT_URL. Credentials for S3
    are found where boto3 looks for them: the worker's role, or AWS_* in its environment.
    """

    def __init__(self, destination: str | None = None, endpoint_url: str | None = None) -> None:
        super().__init__()
        self.destination = destination or os.environ.get("TRANSLOAD_DESTINATION", "")
        self.endpoint_url = endpoint_url or os.environ.get("TRANSLOAD_ENDPOINT_URL") or None
        if not self.destination:
            raise ValueError("no lake to look into: set TRANSLOAD_DESTINATION")

    def records(self, source: str, stream: str, *, until: datetime | None = None) -> Iterator[CommitRecord]:
        """Yields the commit records of a stream, or only those of windows that end at `until`.

        A file named after a window that ends elsewhere is not read; a compacted one always is.
        """
        for name in self._names(f"{source}/{stream}/_loads/"):
            end = window_end(Path(name).stem)
            if until is not None and end is not None and end != until:
                continue
            for line in filter(str.strip, self._read(f"{source}/{stream}/_loads/{name}").splitlines()):
                record = CommitRecord.parse(line)
                if until is None or record.until == until:
                    yield record

    def load(self, source: str, stream: str, until: datetime, load_id: str) -> CommitRecord | None:
        """Returns the commit record of one load of a window that ends at `until`, or None: then it is not committed."""
        return next((r for r in self.records(source, stream, until=until) if r.load_id == load_id), None)

    def committed_since(
        self,
        source: str,
        stream: str,
        until: datetime,
        moment: datetime,
        *,
        full: bool = False,
        start: datetime | None = None,
    ) -> CommitRecord | None:
        """Returns the newest record of a window that ends at `until` and was committed at `moment` or later, or None.

        With `full` only a full load counts; with `start`, only the incremental load of the window that begins there.
        """
        found = (
            record
            for record in self.records(source, stream, until=until)
            if record.committed_at >= moment
            and (record.mode == "full" or not full)
            and (start is None or (record.mode == "incremental" and record.since == start))
        )
        return max(found, key=lambda record: record.committed_at, default=None)

    def newest_until(self, source: str, stream: str) -> datetime | None:
        """Returns up to when the stream is committed, or None if nothing is."""
        ends = (record.until for record in self.records(source, stream))
        return max((end for end in ends if end is not None), default=None)

    def _names(self, prefix: str) -> list[str]:
        """Returns the file names under a prefix of the lake, sorted."""
        if self._bucket is None:
            folder = self._folder / prefix
            return sorted(path.name for path in folder.glob("*.json")) if folder.is_dir() else []
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(prefix))
        keys = (found["Key"] for page in pages for found in page.get("Contents", []))
        return [key.rpartition("/")[2] for key in keys if key.endswith(".json")]

    def _read(self, key: str) -> str:
        if self._bucket is None:
            return (self._folder / key).read_text(encoding="utf-8")
        body = self._s3.get_object(Bucket=self._bucket, Key=self._key(key))["Body"]
        return body.read().decode("utf-8")

    @cached_property
    def _bucket(self) -> str | None:
        parts = urlsplit(self.destination)
        return parts.netloc if parts.scheme == "s3" else None

    @cached_property
    def _folder(self) -> Path:
        return Path(self.destination.removeprefix("file://"))

    def _key(self, key: str) -> str:
        prefix = urlsplit(self.destination).path.strip("/")
        return f"{prefix}/{key}" if prefix else key

    @cached_property
    def _s3(self) -> Any:
        # Half a second to import, and only tasks need it: never when a DAG file is parsed.
        import boto3
        from botocore.config import Config

        # A store that is not AWS may know no DNS name a bucket.
        config = Config(s3={"addressing_style": "path"} if self.endpoint_url else {})
        session = boto3.Session()
        region = session.region_name or "us-east-1"
        return session.client("s3", endpoint_url=self.endpoint_url, region_name=region, config=config)
