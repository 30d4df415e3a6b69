"""Where a catalog lies: a path or URI on any pyarrow filesystem, with writes that appear whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from catalogs.object_store import CHUNK_BYTES, explained, insisting, open_filesystem, read_exactly, without_password

TEMPORARY_SUFFIX = ".part"
"""Ending of files that are being written; a reader never looks at them."""

SPOOLED_BYTES = 1 << 26
"""A file for an object store is held in memory up to this size, and on disk beyond, until it is complete."""

PARQUET_OPTIONS: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
"""How every Parquet file is written."""


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
            raise ValueError(f"{without_password(text)}: {without_password(str(error))}") from None

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

    def explained(self) -> AbstractContextManager[None]:
        """Make errors of an object store in the block say what to do; local ones are clear."""
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
        return set(self.file_sizes())

    def file_sizes(self) -> dict[str, int]:
        """Bytes of the files directly in this folder, by name; empty if there is no folder."""
        selector = pafs.FileSelector(self.path, allow_not_found=True)
        with self.explained():
            found = self.filesystem.get_file_info(selector)
        return {info.base_name: info.size for info in found if info.type == pafs.FileType.File}

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

    def delete(self) -> None:
        """Delete the file; nothing happens if there is none."""
        if self.exists():
            with self.explained():
                self.filesystem.delete_file(self.path)

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
        folder = Location(self.filesystem, self.path.rpartition("/")[0])
        with folder.open_to_be_named(lambda: self.name) as stream:
            yield stream

    @contextmanager
    def open_to_be_named(self, name: Callable[[], str]) -> Iterator[IO[bytes] | Any]:
        """As :meth:`open_atomic`, for a file of this folder whose name is asked for when its content is whole."""
        if not self.is_local:
            with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as content:
                yield content
                content.seek(0)
                final = self / name()
                with final.explained(), final.filesystem.open_output_stream(final.path) as upload:
                    shutil.copyfileobj(content, upload, CHUNK_BYTES)
            return
        folder = Path(self.path)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
        try:
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(folder / name())
        finally:
            temporary.unlink(missing_ok=True)

    def remove_temporaries(self) -> None:
        """Delete what an interrupted local run left half-written in this folder."""
        if self.is_local and Path(self.path).is_dir():
            for leftover in Path(self.path).glob(f".*{TEMPORARY_SUFFIX}"):
                leftover.unlink(missing_ok=True)


class HashingStream(io.RawIOBase):
    """Writes through to a stream and hashes what passes.

    Args:
        target: where the bytes go.
    """

    def __init__(self, target: IO[bytes]) -> None:
        super().__init__()
        self._target = target
        self._digest = hashlib.blake2b(digest_size=16)

    def writable(self) -> bool:
        """True: it is there to be written to."""
        return True

    def write(self, data: Any) -> int:
        """Write and hash; the number of bytes."""
        self._digest.update(data)
        return self._target.write(data)

    def hexdigest(self) -> str:
        """BLAKE2b-128 of what was written, hexadecimal."""
        return self._digest.hexdigest()


def read_table(location: Location, columns: list[str] | None = None, rows: pc.Expression | None = None) -> pa.Table:
    """Read a Parquet file, verifying its checksums.

    Args:
        location: of the file.
        columns: names of those to read; all by default.
        rows: condition on those to read; row groups that cannot hold any are not read.

    Raises:
        FileNotFoundError: no such file.
        OSError, pyarrow.ArrowException: not Parquet, or damaged.
    """

    def read() -> pa.Table:
        with location.explained(), location.filesystem.open_input_file(location.path) as source:
            return pq.read_table(source, columns=columns, filters=rows, page_checksum_verification=True)

    return insisting(read)


def write_table(location: Location, table: pa.Table, **options: Any) -> None:
    """Write a Parquet file (zstd, with checksums) in one step; the same rows give the same bytes."""
    with location.open_atomic() as stream:
        pq.write_table(table, stream, **PARQUET_OPTIONS, **options)
