"""One part: records joined by newlines, compressed and hashed on their way into the lake."""

from __future__ import annotations

import hashlib
import sys
from typing import Literal, Protocol

from transload.lake import ObjectWriter
from transload.records import Part

Compression = Literal["gzip", "zstd", "none"]
SUFFIX: dict[Compression, str] = {"gzip": ".json.gz", "zstd": ".json.zst", "none": ".json"}


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _compressor(compression: Compression) -> _Compressor:
    if compression == "gzip":
        from isal import isal_zlib

        # Level 2 of ISA-L: about eight times the speed of gzip -6 at 85 % of its ratio. wbits 31 is a gzip header.
        compressor: _Compressor = isal_zlib.compressobj(level=2, wbits=31)
        return compressor
    if compression == "zstd":
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        choice = zstd.CompressionParameter
        return zstd.ZstdCompressor(options={choice.compression_level: 1, choice.checksum_flag: 1})
    return _Plain()


class PartWriter:
    """Writes one part and counts what it writes.

    Args:
        key: the part's key below the destination.
        writer: the object that takes the bytes.
        compression: how they are compressed.
    """

    def __init__(self, key: str, writer: ObjectWriter, compression: Compression) -> None:
        self.key = key
        self.records = 0
        self.raw_bytes = 0
        self._writer = writer
        self._compressor = _compressor(compression)
        self._sha256 = hashlib.sha256()
        self._stored = 0

    def write(self, lines: bytes, records: int) -> None:
        """Take some records: newline-delimited JSON that ends in a newline, and how many they are."""
        self.records += records
        self.raw_bytes += len(lines)
        self._store(self._compressor.compress(lines))

    def close(self) -> Part:
        """Make the part visible in the lake (not yet to the warehouse), and say what it is."""
        self._store(self._compressor.flush())
        self._writer.close()
        return Part(self.key, self.records, self._stored, self._sha256.hexdigest())

    def abort(self) -> None:
        """Give the part up and leave nothing of it in the lake."""
        self._writer.abort()

    def _store(self, data: bytes) -> None:
        if data:
            self._sha256.update(data)
            self._stored += len(data)
            self._writer.write(data)
