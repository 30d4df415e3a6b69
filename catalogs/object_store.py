"""The client of object stores: how long it waits, how often it tries, and what its errors mean."""

from __future__ import annotations

import errno
import math
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs as pafs

ATTEMPTS_VARIABLE = "FXNORM_STORAGE_ATTEMPTS"
DEFAULT_ATTEMPTS = 6
"""Times that a request to an object store is tried, with growing pauses of up to 20 s, before it counts as failed; the
environment variable FXNORM_STORAGE_ATTEMPTS sets another number."""

TIMEOUT_VARIABLE = "FXNORM_STORAGE_TIMEOUT"
DEFAULT_TIMEOUT = 20.0
"""Seconds in which an object store has to accept a connection, and may keep silent, at each attempt; the environment
variable FXNORM_STORAGE_TIMEOUT sets another number."""

CHUNK_BYTES = 1 << 23
"""What is read from an object store in one request: little for latency to count, and to be held in memory."""

_DENIED = re.compile("ACCESS_DENIED|ACCESS_KEY|SIGNATURE|EXPIRED_TOKEN|HTTP status 40[13]")
_NO_BUCKET = re.compile("NO_SUCH_BUCKET")
_ANSWER_TOO_LONG = "Failed to flush response stream"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds before another attempt; each pause is twice the one before it."""

T = TypeVar("T")

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


def insisting(read: Callable[[], T]) -> T:
    """What a function reads from a store, tried again where the client gives up too soon.

    The client stores an answer where the content should go. An error answer that is longer than the content that was
    asked for does not fit, and the client then does not try again, as it does for other errors.
    """
    for attempt in range(storage_attempts() - 1):
        try:
            return read()
        except OSError as error:
            if _ANSWER_TOO_LONG not in str(error):
                raise
        time.sleep(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
    return read()


def read_exactly(stream: Any, size: int, address: str) -> bytearray:
    """The next ``size`` bytes of a file of an object store.

    The client does not notice an answer that is too short: it returns as many bytes as were asked for, the last ones as
    they happened to lie in memory. So they are read over a random byte, which has to be gone afterwards.

    Raises:
        StorageError: the store gave less.
    """
    start = stream.tell()
    for _ in range(storage_attempts()):
        buffer = bytearray(size)
        mark = secrets.randbelow(256)
        if size:
            buffer[-1] = mark
        if insisting(lambda: _read_at(stream, start, buffer)) == size and (not size or buffer[-1] != mark):  # noqa: B023
            return buffer
    raise StorageError(errno.EIO, f"{size} bytes at {start} were asked for, and fewer came", address)


def _read_at(stream: Any, start: int, buffer: bytearray) -> int:
    stream.seek(start)
    return stream.readinto(buffer)


def without_password(text: str) -> str:
    """A text for people, with the user and password of a URI in it left out, escaped as they should be or not."""
    return re.sub(r"://[^\s@]*:[^\s@]*@", "://", text)


def adopt_credentials(uri: str) -> str:
    """The URI without the user and password of an ``s3`` one, which this process and those that it starts get instead.

    So they stand in no table, message or report. The environment is changed: for command lines.

    Raises:
        ValueError: the environment, or an earlier URI, has others.
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3" or parts.username is None or parts.password is None:
        return uri
    given = {"AWS_ACCESS_KEY_ID": unquote(parts.username), "AWS_SECRET_ACCESS_KEY": unquote(parts.password)}
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    for name, value in given.items():
        if os.environ.get(name, value) != value:
            raise ValueError(f"{plain}: its URI names other credentials than {name}; use one set for all locations")
    os.environ.update(given)
    return plain


def storage_timeout() -> float:
    """Seconds of patience with an object store; see DEFAULT_TIMEOUT.

    Raises:
        ValueError: the environment variable is no positive number.
    """
    return _setting(TIMEOUT_VARIABLE, DEFAULT_TIMEOUT)


def storage_attempts() -> int:
    """Times that a request is tried; see DEFAULT_ATTEMPTS.

    Raises:
        ValueError: the environment variable is no positive number.
    """
    return math.ceil(_setting(ATTEMPTS_VARIABLE, DEFAULT_ATTEMPTS))


def _setting(variable: str, default: float) -> float:
    given = os.environ.get(variable, "")
    try:
        number = float(given or default)
    except ValueError:
        number = 0.0
    if not 0.0 < number < math.inf:
        raise ValueError(f"{variable} is {given!r}; give it a positive number, or remove it")
    return number


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
                "retry_strategy": pafs.AwsStandardS3RetryStrategy(max_attempts=storage_attempts()),
                "allow_delayed_open": True,
            }
        )
    return filesystem, path
