"""One export: create, enqueue, status, file (sources/marketo.md §6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from marketo.api import Api, Missing, Refusal
from transload.errors import ContractBroken, TransloadError

State = Literal["Created", "Queued", "Processing", "Completed", "Failed", "Cancelled", "Gone"]
_INVALID = re.compile(r"invalid fields?\s*\[([^\]]*)\]", re.IGNORECASE)
_TRIES = 3


class QueueFull(TransloadError):
    """There is no room in the queue, which all integrations share: not an error, but a reason to wait."""


class FilterUnsupported(TransloadError):
    """The account does not have this filter (1035)."""


class InvalidFields(TransloadError):
    """Fields that are described, and that an export does not take (1003).

    Args:
        fields: which.
    """

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"Marketo does not export the fields {', '.join(fields)}")
        self.fields = fields


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What status says of an export; ``Gone`` is ours, for one that Marketo does not know (any more)."""

    status: str
    export_id: str = ""
    number_of_records: int | None = None
    file_size: int | None = None
    file_checksum: str | None = None
    error_msg: str | None = None

    @property
    def state(self) -> State:
        """The status as one of ours: both spellings of Cancelled are in use (§6)."""
        known: Mapping[str, State] = {
            "created": "Created", "queued": "Queued", "processing": "Processing", "completed": "Completed", "failed": "Failed",
            "cancelled": "Cancelled", "canceled": "Cancelled", "gone": "Gone",
        }  # fmt: skip
        try:
            return known[self.status.casefold()]
        except KeyError:
            raise ContractBroken(f"export {self.export_id} has the unknown status {self.status!r}") from None

    @property
    def sha256(self) -> str | None:
        """The file's checksum in hex; None if status does not give one of this kind."""
        kind, _, digest = (self.file_checksum or "").partition(":")
        return digest.lower() if kind.casefold() == "sha256" else None


_STATUSES = msgspec.json.Decoder(list[Status])


class Exports:
    """The exports of one kind.

    Args:
        api: of the account.
        kind: in the URL.
    """

    def __init__(self, api: Api, kind: str) -> None:
        self._api, self._kind = api, kind
        self._base = f"/bulk/v1/{kind}/export"

    def create(self, filter_: Mapping[str, Any], fields: Sequence[str]) -> str:
        """Make an export, which does nothing and costs nothing before it is enqueued; returns its id.

        Args:
            filter_: what is asked for.
            fields: the columns; none for the usual ones.

        Raises:
            QueueFull: try later.
            FilterUnsupported, InvalidFields: try otherwise.
            QuotaExhausted: the day's megabytes are used up.
            TransloadError: as ``Api.get``.
        """
        content = {"format": "CSV", "filter": filter_, **({"fields": list(fields)} if fields else {})}
        for _ in range(_TRIES):
            try:
                found = self._statuses(self._api.post(f"{self._base}/create.json", content).result)
            except Refusal as refusal:
                raise self._meaning(refusal) from refusal
            if found and found[0].export_id:
                return found[0].export_id
        raise ContractBroken(f"{self._base}/create.json gave no export id, {_TRIES} times")

    def enqueue(self, export: str) -> None:
        """Start an export; one that has been started already is left alone.

        Raises:
            QueueFull: try later.
            QuotaExhausted: the day's megabytes are used up.
            Missing: there is no such export.
            TransloadError: as ``Api.get``.
        """
        try:
            self._api.post(f"{self._base}/{export}/enqueue.json")
        except Refusal as refusal:
            if not (refusal.code == "1029" and "already queued" in refusal.said.casefold()):
                raise self._meaning(refusal) from refusal

    def status(self, export: str) -> Status:
        """What has become of an export. It is of up to a minute ago (§6). Raises as ``Api.get``."""
        try:
            found = self._statuses(self._api.get(f"{self._base}/{export}/status.json").result)
        except Missing:
            return Status("Gone", export)
        if not found:
            raise ContractBroken(f"{self._base}/{export}/status.json says nothing")
        return found[0]

    def file(self, export: str, offset: int) -> Iterator[bytes]:
        """The bytes of a completed export's file from an offset on. Raises as ``Api.file``."""
        return self._api.file(f"{self._base}/{export}/file.json", offset)

    def _statuses(self, result: msgspec.Raw | None) -> list[Status]:
        try:
            return _STATUSES.decode(result or b"[]")
        except msgspec.MsgspecError as error:
            raise ContractBroken(f"{self._base}: the state of an export cannot be read: {error}") from error

    def _meaning(self, refusal: Refusal) -> TransloadError:
        """1029 means three things, told apart by the message; 1003 names fields, or refuses the filter (§2)."""
        said = refusal.said.casefold()
        if refusal.code == "1029" and "daily quota" in said:
            self._api.observe_all("export_bytes")
            error = self._api.exhausted("the day's megabytes of exports (1029)")
            # Streams that are read over REST can go on.
            error.ends_run = False
            return error
        if refusal.code == "1029":
            return QueueFull(refusal.said)
        if refusal.code == "1035":
            return FilterUnsupported(refusal.said)
        if refusal.code == "1003" and (invalid := _INVALID.search(refusal.said)):
            return InvalidFields(tuple(name.strip() for name in invalid[1].split(",") if name.strip()))
        return refusal
