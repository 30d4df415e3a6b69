"""Where a catalog lies: a path or URI on any pyarrow filesystem, with writes that appear whole or not at all."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

TEMPORARY_SUFFIX = ".part"
"""Ending of files that are being written; a reader never looks at them."""

SPOOLED_BYTES = 1 << 26
"""A file for an object store is held in memory up to this size, and on disk beyond, until it is complete."""

ATTEMPTS = 6
"""Times that a request to an object store is tried, with growing pauses of up to 20 s, before it counts as failed."""

TIMEOUT_VARIABLE = "FXNORM_STORAGE_TIMEOUT"
DEFAULT_TIMEOUT = 20.0
"""Seconds in which an object store has to accept a connection, and may keep silent, at each attempt; the environment
variable FXNORM_STORAGE_TIMEOUT sets another number."""

CHUNK_BYTES = 1 << 23
"""What is read from an object store in one request: little for latency to count, and to be held in memory."""

_DENIED = re.compile("ACCESS_DENIED|ACCESS_KEY|SIGNATURE|EXPIRED_TOKEN|HTTP status 40[13]")
_NO_BUCKET = re.compile("NO_SUCH_BUCKET")


_REMEDIES = {
    errno.EACCES: "check the credentials and what they may do there, or name another location",
    errno.ENOENT: "create the bucket, or correct its name",
    errno.EIO: "run the same command again when the storage works",
}


class StorageError(OSError):
    """An object store that refuses, fails or does not answer.

    ``errno`` is EACCES, ENOENT or EIO; ``strerror`` says what happened, ``filename`` to what.
    """

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}; {_REMEDIES[self.errno or errno.EIO]}"


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn what an object store's client raises into a StorageError that says what to do; FileNotFoundError stays.

    ``address`` names the file in the message.
    """
    try:
        yield
    except (FileNotFoundError, StorageError):
        raise
    except OSError as error:
        text = " ".join(str(error).split())
        number = errno.EACCES if _DENIED.search(text) else errno.ENOENT if _NO_BUCKET.search(text) else errno.EIO
        raise StorageError(number, text, address) from error


def read_exactly(stream: Any, size: int, address: str) -> bytearray:
    """The next ``size`` bytes of a file of an object store.

    The client does not notice an answer that is too short: it returns as many bytes as were asked for, the last ones as
    they happened to lie in memory. So they are read over a random byte, which has to be gone afterwards.

    Raises:
        StorageError: the store gave less.
    """
    start = stream.tell()
    for _ in range(ATTEMPTS):
        buffer = bytearray(size)
        mark = secrets.randbelow(256)
        if size:
            buffer[-1] = mark
        if stream.readinto(buffer) == size and (not size or buffer[-1] != mark):
            return buffer
        stream.seek(start)
    raise StorageError(errno.EIO, f"{size} bytes at {start} were asked for, and fewer came", address)


def _without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)


def storage_timeout() -> float:
    """Seconds of patience with an object store; see DEFAULT_TIMEOUT.

    Raises:
        ValueError: the environment variable is no positive number.
    """
    given = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        seconds = float(given or DEFAULT_TIMEOUT)
    except ValueError:
        seconds = 0.0
    if not seconds > 0.0:
        raise ValueError(f"{TIMEOUT_VARIABLE} is {given!r}; give it a number of seconds, or remove it")
    return seconds


def open_filesystem(uri: str) -> tuple[pafs.FileSystem, str]:
    """The filesystem of a URI, patient within bounds, and the path on it.

    pyarrow's URIs have no options for timeouts and retries, so that the client is made once more, with them. Files that
    fit into one part are sent with one request in place of three.

    Raises:
        ValueError: a URI that pyarrow cannot open.
    """
    try:
        filesystem, path = pafs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"not a location that pyarrow can open ({error})") from None
    if isinstance(filesystem, pafs.S3FileSystem):
        _, (options,) = filesystem.__reduce__()
        given = {name: value for name, value in options.items() if value not in (None, "") and name != "proxy_options"}
        filesystem = pafs.S3FileSystem(
            **{
                **given,
                "connect_timeout": storage_timeout(),
                "request_timeout": storage_timeout(),
                "retry_strategy": pafs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
                "allow_delayed_open": True,
            }
        )
    return filesystem, path


@dataclasses.dataclass(frozen=True)
class Location:
    """A file or folder.

    Its methods raise OSError; that of an object store is a StorageError or FileNotFoundError.

    Attributes:
        filesystem: any pyarrow filesystem.
        path: path on it, with forward slashes.
    """

    filesystem: pafs.FileSystem
    path: str

    @classmethod
    def parse(cls, target: str | Path) -> Location:
        """A local path, or a URI such as ``s3://bucket/folder``.

        Raises:
            ValueError: a URI of a scheme that pyarrow does not know; it is named without its password.
        """
        text = str(target)
        if "://" not in text:
            return cls(pafs.LocalFileSystem(), str(Path(text).absolute()))
        try:
            return cls(*open_filesystem(text))
        except ValueError as error:
            raise ValueError(f"{_without_password(text)}: {_without_password(str(error))}") from None

    @property
    def is_local(self) -> bool:
        """Whether the files are on this machine's disk."""
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]

    @property
    def address(self) -> str:
        """The path, with the kind of store before it where it is not on this machine's disk."""
        return self.path if self.is_local else f"{self.filesystem.type_name}://{self.path}"

    def _explained(self) -> AbstractContextManager[None]:
        return nullcontext() if self.is_local else explained(self.address)

    def __truediv__(self, part: str) -> Location:
        return Location(self.filesystem, f"{self.path.rstrip('/')}/{part}")

    def exists(self) -> bool:
        """Whether there is a file here."""
        return self._info().type == pafs.FileType.File

    def size(self) -> int | None:
        """Bytes of the file; None if there is none."""
        info = self._info()
        return info.size if info.type == pafs.FileType.File else None

    def _info(self) -> pafs.FileInfo:
        with self.explained():
            return self.filesystem.get_file_info(self.path)

    def file_names(self) -> set[str]:
        """Names of the files directly in this folder; empty if there is no folder."""
        selector = pafs.FileSelector(self.path, allow_not_found=True)
        with self.explained():
            found = self.filesystem.get_file_info(selector)
        return {info.base_name for info in found if info.type == pafs.FileType.File}

    def read_bytes(self) -> bytes:
        """Content of the file."""
        return b"".join(self._chunks())

    def hash(self) -> str:
        """BLAKE2b-128 of the file, hexadecimal."""
        digest = hashlib.blake2b(digest_size=16)
        for chunk in self._chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self) -> Iterator[bytes | bytearray]:
        with self.explained(), self.filesystem.open_input_file(self.path) as stream:
            left = stream.size()
            while left:
                chunk = read_exactly(stream, min(left, CHUNK_BYTES), self.address)
                yield chunk
                left -= len(chunk)

    def write_bytes(self, data: bytes) -> None:
        """Replace the file in one step."""
        with self.open_atomic() as stream:
            stream.write(data)

    @contextmanager
    def open_atomic(self) -> Iterator[IO[bytes] | Any]:
        """A stream whose content becomes this file when the block ends without an error, and vanishes otherwise.

        An object store shows a file when its upload is complete, even one that an error cut short: nothing is sent
        before the content is whole.
        """
        if not self.is_local:
            with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as content:
                yield content
                content.seek(0)
                with self.explained(), self.filesystem.open_output_stream(self.path) as upload:
                    shutil.copyfileobj(content, upload, CHUNK_BYTES)
            return
        final = Path(self.path)
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.parent / f".{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
        try:
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)

    def remove_temporaries(self) -> None:
        """Delete what an interrupted local run left half-written in this folder."""
        if self.is_local and Path(self.path).is_dir():
            for leftover in Path(self.path).glob(f".*{TEMPORARY_SUFFIX}"):
                leftover.unlink(missing_ok=True)


def read_table(location: Location, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file, verifying its checksums.

    Raises:
        FileNotFoundError: no such file.
        OSError, pyarrow.ArrowException: not Parquet, or damaged.
    """
    with location.explained(), location.filesystem.open_input_file(location.path) as source:
        return pq.read_table(source, columns=columns, page_checksum_verification=True)


def write_table(location: Location, table: pa.Table, **options: Any) -> None:
    """Write a Parquet file (zstd, with checksums) in one step; the same rows give the same bytes."""
    with location.open_atomic() as stream:
        pq.write_table(table, stream, compression="zstd", write_page_checksum=True, **options)
