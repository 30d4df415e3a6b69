"""Paths of files in object stores, for all who look into the folders of a corpus with the methods of ``pathlib``.

A RemotePath is a pure path whose first two parts say where it lies: the scheme and options of its URI, and the bucket.
So it keeps no state of its own: parents, children and names come from ``pathlib`` and know their store.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import OrderedDict
from collections.abc import Generator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pyarrow import fs as pafs

from catalogs.object_store import explained, open_filesystem, read_exactly, without_password
from catalogs.storage import Location

if TYPE_CHECKING:
    _PathMethods = Path
else:
    _PathMethods = PurePosixPath

SECRET_OPTIONS = ("secret", "password", "token", "key")
"""Parts of names, in lower case, of URI options that must not be written down."""

SECOND_NS = 1_000_000_000
"""Nanoseconds; remote modification times are multiples of it."""

_KINDS = {pafs.FileType.File: stat.S_IFREG, pafs.FileType.Directory: stat.S_IFDIR}

LISTINGS = 4_096
"""Folders whose content is remembered, those that were asked for last."""

_listings: OrderedDict[RemotePath, dict[str, pafs.FileInfo]] = OrderedDict()


class RemotePath(_PathMethods):
    """A file or folder of an object store.

    It has the methods of ``pathlib.Path`` that corpora are read with, and no others. There are no links. A file is
    known by its size and its modification time in whole seconds, since stores tell fractions in listings only. What
    a folder was found to hold is remembered until ``forget_listings``: one request a folder, none for its files.

    Errors of all methods that ask the store: OSError with an ``errno`` as for local files.
    """

    @classmethod
    def from_uri(cls, uri: str) -> RemotePath:
        """The path of a URI such as ``s3://bucket/folder?region=eu-north-1``.

        Errors: ValueError for a URI with a password in it, or that pyarrow cannot open.
        """
        parts = urlsplit(uri)
        secret = [n for n, _ in parse_qsl(parts.query) if any(word in n.lower() for word in SECRET_OPTIONS)]
        if parts.password is not None or secret:
            named = without_password(uri).partition("?")[0]
            raise ValueError(
                f"{named}: its URI holds a password or key, which would stand in the catalog; "
                "give it in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
            )
        if parts.fragment:
            raise ValueError(f"{uri}: '#' in a URI is written %23, '?' is written %3F")
        store = quote(f"{parts.scheme}?{parts.query}", safe="")
        path = cls("/", store, parts.netloc, *filter(None, unquote(parts.path).split("/")))
        try:
            _filesystem(store, parts.netloc)
        except ValueError as error:
            raise ValueError(f"{without_password(uri)}: {without_password(str(error))}") from None
        return path

    @property
    def uri(self) -> str:
        """The URI: percent-encoded, with the options of the store."""
        scheme, _, query = unquote(self.parts[1]).partition("?")
        return f"{scheme}://{quote('/'.join(self.parts[2:]), safe='/:@')}{'?' if query else ''}{query}"

    @property
    def address(self) -> str:
        """The URI for people: as it is, without options."""
        if not self.is_absolute():
            return os.fspath(self)
        return f"{unquote(self.parts[1]).partition('?')[0]}://{'/'.join(self.parts[2:])}"

    @property
    def location(self) -> Location:
        """The same as a Location."""
        filesystem, base = _filesystem(self.parts[1], self.parts[2] if len(self.parts) > 2 else "")
        return Location(filesystem, "/".join([base.rstrip("/"), *self.parts[3:]]))

    def absolute(self) -> RemotePath:
        """The path itself."""
        return self

    def is_symlink(self) -> bool:
        """False: there are no links."""
        return False

    def iterdir(self) -> Generator[RemotePath, None, None]:
        """What lies in the folder."""
        if self not in _listings:
            location = self.location
            with explained(self.address):
                found = location.filesystem.get_file_info(pafs.FileSelector(location.path))
            _listings[self] = {info.base_name: info for info in found}
            while len(_listings) > LISTINGS:
                _listings.popitem(last=False)
        yield from [self / name for name in _listings[self]]

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Kind, size in bytes, and modification time.

        Errors: FileNotFoundError where there is nothing.
        """
        return self._status(self._info())

    def current_status(self) -> os.stat_result:
        """The same as ``stat``, whatever was found earlier."""
        return self._status(self._current_info())

    def _status(self, info: pafs.FileInfo) -> os.stat_result:
        if info.type not in _KINDS:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.address)
        return status_of(_KINDS[info.type], info.size or 0, info.mtime_ns or 0)

    def is_dir(self) -> bool:
        """Whether this is a folder."""
        return self._info().type == pafs.FileType.Directory

    def is_file(self) -> bool:
        """Whether this is a file."""
        return self._info().type == pafs.FileType.File

    def exists(self) -> bool:
        """Whether there is anything."""
        return self._info().type != pafs.FileType.NotFound

    def _info(self) -> pafs.FileInfo:
        siblings = _listings.get(self.parent)
        if siblings is None:
            return self._current_info()
        _listings.move_to_end(self.parent)
        return siblings.get(self.name) or pafs.FileInfo(self.location.path, pafs.FileType.NotFound)

    def _current_info(self) -> pafs.FileInfo:
        location = self.location
        with explained(self.address):
            return location.filesystem.get_file_info(location.path)

    def read_bytes(self) -> bytes:
        """The content."""
        location = self.location
        with explained(self.address), location.filesystem.open_input_file(location.path) as stream:
            return bytes(read_exactly(stream, stream.size(), self.address))

    def read_text(self, encoding: str | None = "utf-8", errors: str | None = "strict") -> str:
        """The content of a text file."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(  # type: ignore[override]
        self, mode: str = "r", encoding: str = "utf-8", newline: str | None = None
    ) -> IO[Any]:
        """The content of a small file, read at once, as a file for reading (``r`` or ``rb``)."""
        content = io.BytesIO(self.read_bytes())
        return content if mode == "rb" else io.TextIOWrapper(content, encoding, newline=newline)


def status_of(kind: int, size: int, modified_ns: int) -> os.stat_result:
    """Status of a remote file as the system tells that of a local one; the time is in whole seconds."""
    seconds = modified_ns // SECOND_NS
    return os.stat_result(
        (kind | 0o444, 0, 0, 1, 0, 0, size, seconds, seconds, seconds),
        {"st_mtime_ns": seconds * SECOND_NS},
    )


def forget_listings() -> None:
    """Look into all folders anew."""
    _listings.clear()


def is_uri(text: str) -> bool:
    """Whether a text is a URI, and no path on this machine."""
    return "://" in text


@cache
def _filesystem(store: str, netloc: str) -> tuple[pafs.FileSystem, str]:
    scheme, _, query = unquote(store).partition("?")
    return open_filesystem(f"{scheme}://{netloc}{'?' if query else ''}{query}")
