"""Local copies of remote files while they are decoded: one at a time, without a name, gone with the process.

Decoders seek and read small pieces, which over a network would be a request each.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import IO

from pyarrow import NativeFile

from catalogs.object_store import CHUNK_BYTES, StorageError, explained, read_exactly
from catalogs.remote import SECOND_NS, RemotePath, status_of


@dataclass(frozen=True)
class StagedFile:
    """A remote file that was copied to this machine.

    ``status`` is what the store says about it, ``content_hash`` its BLAKE2b-128, hexadecimal.
    """

    path: RemotePath
    status: os.stat_result
    content_hash: str
    copy: IO[bytes]

    @contextmanager
    def opened(self) -> Iterator[BufferedReader]:
        """The content, from its beginning."""
        os.lseek(self.copy.fileno(), 0, os.SEEK_SET)
        with os.fdopen(os.dup(self.copy.fileno()), "rb") as file:
            yield file


class _Stage(threading.local):
    file: StagedFile | None = None
    users: int = 0

    def clear(self) -> None:
        if self.file is not None:
            self.file.copy.close()
        self.file = None


_stage = _Stage()


@contextmanager
def last_file_kept() -> Iterator[None]:
    """Keep the file that was used last until another one is needed, or the block ends."""
    with _in_use():
        yield


@contextmanager
def at_hand(path: Path) -> Iterator[None]:
    """Have a copy of a remote file on this machine for the block; a local file is where it is.

    Errors: OSError where it cannot be fetched as a whole.
    """
    if isinstance(path, RemotePath):
        with _in_use():
            staged(path)
            yield
    else:
        yield


@contextmanager
def _in_use() -> Iterator[None]:
    _stage.users += 1
    try:
        yield
    finally:
        _stage.users -= 1
        if not _stage.users:
            _stage.clear()


def staged(path: RemotePath) -> StagedFile:
    """The copy of a file, made now unless it is at hand; the copy of another file is given up.

    Errors: OSError where it cannot be fetched as a whole.
    """
    found = staged_already(path)
    if found is None:
        _stage.clear()
        found = _stage.file = _fetched(path)
    return found


def staged_already(path: RemotePath) -> StagedFile | None:
    """The copy of a file that is at hand; None where there is none."""
    return _stage.file if _stage.file is not None and _stage.file.path == path else None


def _fetched(path: RemotePath) -> StagedFile:
    location = path.location
    digest = hashlib.blake2b(digest_size=16)
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - it outlives the call
    try:
        with explained(path.address), location.filesystem.open_input_file(location.path) as stream:
            before = _status(path, stream)
            left = before.st_size
            while left:
                chunk = read_exactly(stream, min(left, CHUNK_BYTES), path.address)
                digest.update(chunk)
                copy.write(chunk)
                left -= len(chunk)
        copy.flush()
        after = path.current_status()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise StorageError(errno.EIO, "it was changed while it was read", path.address)
    except BaseException:
        copy.close()
        raise
    return StagedFile(path, after, digest.hexdigest(), copy)


def _status(path: RemotePath, stream: NativeFile) -> os.stat_result:
    """Status of an open file; stores that do not give the time with the content are asked for it."""
    told = stream.metadata().get("Last-Modified")
    if told is None:
        return path.current_status()
    seconds = int(datetime.fromisoformat(told.decode()).timestamp())
    return status_of(stat.S_IFREG, stream.size(), seconds * SECOND_NS)
