"""How often S3 is read again. The client is a stand-in: with a real one, each of these waits lasts minutes."""

from __future__ import annotations

from typing import Any

import botocore.exceptions
import pytest

from transload.errors import LakeUnavailable
from transload.lake_s3 import S3Lake

URL = "http://127.0.0.1:9"


class Client:
    """Fails each read in the same way."""

    def __init__(self, error: Exception) -> None:
        self.error, self.reads = error, 0

    def get_object(self, **_: Any) -> Any:
        self.reads += 1
        raise self.error


@pytest.mark.parametrize(
    ("error", "reads"),
    [
        (botocore.exceptions.ReadTimeoutError(endpoint_url=URL), 1),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url=URL), 1),
        (botocore.exceptions.EndpointConnectionError(endpoint_url=URL), 1),
        (botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), 5),
        (botocore.exceptions.ConnectionClosedError(endpoint_url=URL), 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_that_breaks_off_is_read_again_and_one_that_never_comes_is_not(error: Exception, reads: int) -> None:
    lake = S3Lake("s3://bucket", URL, connections=1)
    client = Client(error)
    lake._s3 = client  # type: ignore[assignment]
    with pytest.raises(LakeUnavailable):
        lake.get("key")
    assert client.reads == reads
