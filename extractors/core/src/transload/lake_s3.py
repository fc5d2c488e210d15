"""A lake on S3, or on any store that speaks its protocol. Imports boto3, so it is itself imported late."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import urllib3.exceptions
from botocore.config import Config

from transload.errors import AccessDenied, ConfigError, LakeUnavailable
from transload.lake import ObjectInfo, PreconditionFailed, Stored
from transload.steps import Step, reached

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

# S3 takes at most 10,000 pieces of an object, none under 5 MiB but the last: 48 GiB an object.
PIECE_BYTES = 5 << 20

# boto3 tries a request again until its answer begins, and leaves the body to us.
_READS = 5
_BROKEN_OFF = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.IncompleteReadError,
    urllib3.exceptions.HTTPError,
)
# Behind these lie minutes: boto3 has tried each again.
_WAITED_OUT = (
    botocore.exceptions.ConnectTimeoutError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.EndpointConnectionError,
)

_DENIED = {"AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
           "TokenRefreshRequired", "AccountProblem", "401", "403", "Forbidden"}  # fmt: skip
_MISSING = {"NoSuchKey", "404", "NotFound"}
_CONDITION = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


class S3Lake:
    """Objects in a bucket below a prefix.

    Credentials and region come from where boto3 looks for them: the environment, a role, a profile.

    Args:
        url: ``s3://bucket/prefix``.
        endpoint_url: of a store other than AWS.
        connections: requests that may be under way at once.

    Raises:
        ConfigError: no bucket in the URL, or an endpoint that is not a URL.
    """

    def __init__(self, url: str, endpoint_url: str | None, *, connections: int) -> None:
        self.url = url
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        if not self._bucket:
            raise ConfigError(f"destination {url!r} names no bucket: s3://bucket/prefix")
        config = Config(
            connect_timeout=10, read_timeout=60, max_pool_connections=connections,
            # A store that is not AWS may know no DNS name a bucket.
            s3={"addressing_style": "path"} if endpoint_url else {},
            retries={"mode": "standard", "total_max_attempts": 8},
        )  # fmt: skip
        try:
            session = boto3.Session()
            region = session.region_name or "us-east-1"
            self._s3: S3Client = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        except (ValueError, botocore.exceptions.BotoCoreError) as error:
            raise ConfigError(f"S3 cannot be set up: {error}") from error

    def get(self, key: str) -> Stored | None:
        try:
            with _explaining(self.url, key):
                for _ in range(_READS - 1):
                    try:
                        return self._whole(key)
                    except _WAITED_OUT:
                        raise
                    except _BROKEN_OFF:
                        continue
                return self._whole(key)
        except KeyError:
            return None

    def _whole(self, key: str) -> Stored:
        answer = self._s3.get_object(Bucket=self._bucket, Key=self._full(key))
        with closing(answer["Body"]) as body:
            return Stored(body.read(), answer["ETag"])

    def put(self, key: str, data: bytes, *, match: str | None = None, absent: bool = False) -> str:
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if absent else {"IfMatch": match} if match else {}
        try:
            with _explaining(self.url, key):
                return self._s3.put_object(Bucket=self._bucket, Key=self._full(key), Body=data, **condition)["ETag"]
        except KeyError:
            # A write over a version that has been removed: S3 says 404, not 412.
            raise PreconditionFailed(key) from None

    def create(self, key: str) -> _MultipartWriter:
        return _MultipartWriter(self._s3, self._bucket, self._full(key), self.url)

    @contextmanager
    def open(self, key: str) -> Iterator[Iterator[bytes]]:
        with _explaining(self.url, key):
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._full(key))
            with closing(answer["Body"]) as body:
                yield body.iter_chunks(1 << 20)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._full(prefix))
        with _explaining(self.url, prefix):
            for page in pages:
                for found in page.get("Contents", ()):
                    yield ObjectInfo(self._relative(found["Key"]), found["Size"], found["LastModified"])

    def folders(self, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._full(prefix), Delimiter="/"
        )
        with _explaining(self.url, prefix):
            for page in pages:
                for found in page.get("CommonPrefixes", ()):
                    yield found["Prefix"].removesuffix("/").rpartition("/")[2]

    def delete(self, keys: Iterable[str]) -> None:
        # One request a key: not every store knows DeleteObjects, and prune is never in a hurry.
        for key in keys:
            with _explaining(self.url, key):
                self._s3.delete_object(Bucket=self._bucket, Key=self._full(key))

    def unfinished(self, prefix: str, before: datetime, *, remove: bool) -> int:
        count = 0
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=self._full(prefix)
        )
        with _explaining(self.url, prefix):
            for page in pages:
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"] < before:
                        count += 1
                        if remove:
                            self._s3.abort_multipart_upload(
                                Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                            )
        return count

    def _full(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def _relative(self, full: str) -> str:
        return full[len(self._prefix) + 1 :] if self._prefix else full


class _MultipartWriter:
    """One object on its way to S3: pieces go up in a thread, one at a time, while the next one fills.

    An object smaller than a piece is one PUT.
    """

    def __init__(self, s3: S3Client, bucket: str, key: str, url: str) -> None:
        self._s3, self._url = s3, url
        self._where: Any = {"Bucket": bucket, "Key": key}
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._etags: list[str] = []
        self._sent = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._under_way: Future[str] | None = None

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= PIECE_BYTES:
            self._send()

    def close(self) -> None:
        with _explaining(self._url, self._where["Key"]):
            if self._upload_id is None:
                reached(Step.MID_UPLOAD)
                self._s3.put_object(Body=bytes(self._buffer), **self._where)
            else:
                if self._buffer:
                    self._send()
                self._wait()
                self._complete(self._upload_id)
        self._thread.shutdown()

    def _complete(self, upload_id: str) -> None:
        pieces: list[Any] = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(self._etags, 1)]
        try:
            self._s3.complete_multipart_upload(UploadId=upload_id, MultipartUpload={"Parts": pieces}, **self._where)
        except botocore.exceptions.ClientError as error:
            # When the answer to a completion is lost, the retry finds the upload gone. Nobody else writes this key, so an
            # object of this size is ours.
            if error.response["Error"].get("Code") != "NoSuchUpload" or self._stored() != self._sent:
                raise

    def _stored(self) -> int | None:
        """The size of the object that is there; None if there is none."""
        try:
            return self._s3.head_object(**self._where)["ContentLength"]
        except botocore.exceptions.ClientError as error:
            if error.response["Error"].get("Code") in _MISSING:
                return None
            raise

    def abort(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._upload_id is None:
            return
        try:
            self._s3.abort_multipart_upload(UploadId=self._upload_id, **self._where)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            log.warning("an unfinished upload is left behind; prune removes it", extra={"reason": str(error)})

    def _send(self) -> None:
        with _explaining(self._url, self._where["Key"]):
            if self._upload_id is None:
                self._upload_id = self._s3.create_multipart_upload(**self._where)["UploadId"]
            self._wait()
        piece, self._buffer = self._buffer, bytearray()
        self._sent += len(piece)
        self._under_way = self._thread.submit(self._upload, piece, len(self._etags) + 1)

    def _wait(self) -> None:
        if self._under_way is not None:
            self._etags.append(self._under_way.result())
            self._under_way = None

    def _upload(self, piece: bytearray, number: int) -> str:
        assert self._upload_id is not None
        body: Any = piece
        answer = self._s3.upload_part(Body=body, PartNumber=number, UploadId=self._upload_id, **self._where)
        reached(Step.MID_UPLOAD)
        return answer["ETag"]


@contextmanager
def _explaining(url: str, key: str) -> Iterator[None]:
    try:
        yield
    except botocore.exceptions.ClientError as error:
        raise _explained(error, url, key) from error
    except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
        raise ConfigError(
            f"{url}: no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this process a role"
        ) from error
    except botocore.exceptions.ParamValidationError as error:
        raise ConfigError(f"{url}: {' '.join(str(error).split())}") from error
    except (botocore.exceptions.BotoCoreError, urllib3.exceptions.HTTPError) as error:
        raise LakeUnavailable(
            f"{url}: {' '.join(str(error).split())}; run the same command again, it goes on from its checkpoint"
        ) from error


def _explained(error: botocore.exceptions.ClientError, url: str, key: str) -> Exception:
    code = error.response["Error"].get("Code", "")
    message = " ".join(error.response["Error"].get("Message", "").split())
    if code in _CONDITION:
        return PreconditionFailed(key)
    if code in _MISSING:
        return KeyError(key)
    if code == "NoSuchBucket":
        return ConfigError(f"{url}: there is no such bucket; create it, or correct --destination")
    if code == "NoSuchUpload":
        return LakeUnavailable(
            f"{url}: the unfinished upload of {key} was removed, by prune or a rule of the bucket; run the same command again, "
            "it goes on from its checkpoint"
        )
    if code in _DENIED:
        return AccessDenied(
            f"{url}: {error.operation_name} of {key} was refused ({code}: {message}); renew the credentials, or let the "
            "credentials do that there"
        )
    return LakeUnavailable(
        f"{url}: {error.operation_name} of {key} failed ({code}: {message}); run the same command again, "
        "it goes on from its checkpoint"
    )
