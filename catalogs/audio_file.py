"""One audio file of a corpus: what is really in it, its samples at the catalog's rate, its hash and its URI.

The container is found in the content, whatever the name says; catalogs.decoders reads it, soxr resamples. A remote
file is read from a copy (catalogs.staging), or, where only its headers are wanted, piece by piece.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import soxr

from catalogs.container import AUDIO_SUFFIXES, SUFFIXES, identify
from catalogs.decoders import MAX_CHANNELS, Observer, Source, describe, read, read_into
from catalogs.faults import AudioFileError
from catalogs.object_store import explained
from catalogs.remote import RemotePath, is_uri
from catalogs.staging import at_hand, staged, staged_already
from fxnorm.settings import SAMPLE_RATE

__all__ = [
    "AudioFileError",
    "AudioInfo",
    "Observer",
    "available",
    "catalog_frames",
    "content_hash",
    "decode",
    "decode_streams",
    "file_status",
    "path_to_uri",
    "probe",
    "uri_to_path",
]

FilePath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_RESAMPLER_SLACK = 8
_REMOTE_PIECE_BYTES = 1 << 16
"""What is read at a time of a remote file of which only the headers are wanted."""
_OPEN_PROBLEMS = {
    errno.ELOOP: ("symlink_loop", "its symbolic links lead back to themselves"),
    errno.EACCES: ("permission", "it may not be read"),
    errno.EPERM: ("permission", "it may not be read"),
    errno.ENOTDIR: ("missing", "it does not exist"),
    errno.ENAMETOOLONG: ("path_too_long", "its path is longer than the operating system allows"),
}


@dataclass(frozen=True)
class AudioInfo:
    """What a file, or one audio stream of it, holds.

    ``container`` is a key of catalogs.container.SUFFIXES and ``encoding`` the sample encoding (``PCM_16``,
    ``AAC``, ...), both as found in the file; ``sample_rate`` in Hz; ``frames`` samples per channel; ``bytes``
    and ``modified_ns`` (ns since 1970) of the whole file. ``name_note`` says so where the name promises
    another container. ``length_declared`` is False where the length was found by reading to the end.
    """

    container: str
    encoding: str
    sample_rate: int
    channels: int
    frames: int
    bytes: int
    modified_ns: int
    name_note: str | None = None
    length_declared: bool = True

    def conversions(self, sample_rate: int = SAMPLE_RATE) -> list[str]:
        """What decoding to stereo at ``sample_rate`` (Hz) changes or overlooks, in words."""
        notes = []
        if self.channels != MAX_CHANNELS:
            notes.append(f"channels {self.channels} to {MAX_CHANNELS}")
        if self.sample_rate != sample_rate:
            notes.append(f"rate {self.sample_rate} to {sample_rate}")
        if self.name_note is not None:
            notes.append(self.name_note)
        if not self.length_declared:
            notes.append("length not declared, read to the end")
        return notes


def catalog_frames(info: AudioInfo, sample_rate: int = SAMPLE_RATE) -> int:
    """Samples per channel that ``decode`` returns: round(frames * sample_rate / input rate)."""
    return _resampled_frames(info.frames, info.sample_rate, sample_rate)


def _resampled_frames(frames: int, from_rate: int, to_rate: int) -> int:
    return (2 * frames * to_rate + from_rate) // (2 * from_rate)


def probe(path: FilePath, stream: int | None = None) -> AudioInfo:
    """What a file holds, found in its content and checked against its size, without decoding it.

    Only a file that does not declare its length (see AudioInfo) is read to the end. ``stream`` numbers the
    audio streams of an MP4 from 0; None asks for the only one.

    Errors: AudioFileError; the reason codes are in docs/input-files.md.
    """
    with _open_headers(path) as source:
        found = describe(source, stream)
        status = file_status(source.path) if isinstance(source.path, RemotePath) else os.fstat(source.file.fileno())
        return AudioInfo(
            container=source.container.name,
            encoding=found.encoding,
            sample_rate=found.sample_rate,
            channels=found.channels,
            frames=found.frames,
            bytes=status.st_size,
            modified_ns=status.st_mtime_ns,
            name_note=_name_note(source),
            length_declared=found.length_declared,
        )


def decode(path: FilePath, stream: int | None = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """A whole file as float32 (frames, 2) at ``sample_rate`` (Hz), full scale 1.0.

    Mono is repeated into both channels; another rate is resampled with soxr (VHQ) to exactly
    ``catalog_frames(probe(path, stream), sample_rate)`` samples. Samples above full scale stay as they are.

    Errors: AudioFileError as for ``probe``, and ``truncated`` (fewer samples than declared), ``damaged`` (the
    decoder gives up), ``non_finite`` (NaN or infinite samples).
    """
    return decode_streams(path, {stream: None}, sample_rate)[stream]


def decode_streams(
    path: FilePath,
    frames: Mapping[int | None, int | None],
    sample_rate: int = SAMPLE_RATE,
    observe: Observer | None = None,
) -> dict[int | None, np.ndarray]:
    """Several audio streams of one file, read in one pass, each as ``decode`` returns it.

    ``frames`` maps each wanted stream to the samples per channel, at the file's rate, that it is cut or
    zero-padded to at the end before resampling; None leaves its own length. ``observe`` is called with the
    samples of each stream as the file has them: its own channels, rate and length.
    """
    with _open_audio(path) as source:
        native = read(source, list(frames))
    decoded = {}
    for stream, wanted in frames.items():
        found, samples = native.pop(stream)
        _refuse_non_finite(source.path, samples, found.sample_rate)
        if observe is not None:
            observe(samples)
        if wanted is not None:
            samples = _fit(samples, wanted)
        decoded[stream] = _to_stereo(_resample(samples, found.sample_rate, sample_rate))
    return decoded


def decode_into(
    path: FilePath, stream: int | None, frames: int, output: np.ndarray, observe: Observer | None = None
) -> None:
    """Add a stream to an array of the catalog's rate, without a copy of the whole where its rate is the same.

    ``frames`` is its length at the file's rate, as in ``decode_streams``; ``output`` is float32 (samples, 2), at
    least as long as that is at the catalog's rate. ``observe`` is called with the samples as the file has them, in
    blocks, in order. Errors: as for ``decode``; ``output`` is of no use then.
    """
    with _open_audio(path) as source:
        found = describe(source, stream)
        if found.sample_rate == SAMPLE_RATE:
            place = output[:frames]
            read_into(source, stream, place, observe)
            _refuse_non_finite(source.path, place, SAMPLE_RATE)
            return
    samples = decode_streams(path, {stream: frames}, observe=observe)[stream]
    output[: len(samples)] += samples


def content_hash(path: FilePath) -> str:
    """BLAKE2b-128 of the file's bytes, hexadecimal. Errors: AudioFileError where it cannot be read."""
    path = _as_path(path)
    if isinstance(path, RemotePath):
        with available(path):
            return staged(path).content_hash
    with _open_file(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def path_to_uri(path: FilePath) -> str:
    """The absolute path as a percent-encoded URI, from which every name can be had back: ``file``, or the store's."""
    path = _as_path(path)
    return path.uri if isinstance(path, RemotePath) else path.absolute().as_uri()


def uri_to_path(uri: str) -> Path:
    """The path of a URI. Errors: ValueError for one that pyarrow cannot open, a local host, or a NUL byte."""
    if not uri.startswith("file:") and is_uri(uri):
        return RemotePath.from_uri(uri)
    path = unquote_to_bytes(uri.removeprefix("file://"))
    if not uri.startswith("file:///") or b"\0" in path:
        raise ValueError(f"{uri!r} is no URI of a local file; it has to begin with file:/// or the scheme of a store")
    return Path(os.fsdecode(path))


def file_status(path: FilePath) -> os.stat_result:
    """Status of a regular file that may stand behind symbolic links; of a remote file that is at hand, its copy's.

    Errors: AudioFileError with reason ``missing``, ``dangling_symlink``, ``symlink_loop``, ``permission``,
    ``path_too_long``, ``io_error`` or ``not_a_file`` (a folder, FIFO, socket or device).
    """
    path = _as_path(path)
    copy = staged_already(path) if isinstance(path, RemotePath) else None
    if copy is not None:
        return copy.status
    with _refusals(path):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a FIFO, socket or device"
        raise AudioFileError("not_a_file", path, f"it is {kind}, not a file")
    return status


def _unopened(path: Path, error: OSError) -> AudioFileError:
    if error.errno == errno.ENOENT and path.is_symlink():
        return AudioFileError("dangling_symlink", path, "it is a symbolic link to nothing")
    if error.errno == errno.ENOENT:
        return AudioFileError("missing", path, "it does not exist")
    reason, problem = _OPEN_PROBLEMS.get(error.errno or 0, ("io_error", f"reading it fails ({error.strerror})"))
    return AudioFileError(reason, path, problem)


@contextmanager
def available(path: Path) -> Iterator[None]:
    """Have a remote file on this machine for the block, fetched once for all that is done with it.

    Errors: AudioFileError with reason ``missing``, ``permission`` or ``io_error``.
    """
    with _refusals(path), at_hand(path):
        yield


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unopened(path, error) from error


@contextmanager
def _open_file(path: Path) -> Iterator[BufferedReader]:
    if isinstance(path, RemotePath):
        with available(path), staged(path).opened() as file:
            yield file
        return
    file_status(path)
    with _refusals(path), path.open("rb") as file:
        yield file


@contextmanager
def _open_audio(path: FilePath) -> Iterator[Source]:
    path = _as_path(path)
    with _open_file(path) as file:
        yield Source(path, file, identify(file, path, os.fstat(file.fileno()).st_size))


@contextmanager
def _open_headers(path: FilePath) -> Iterator[Source]:
    """A file of which only the headers are wanted: nothing else of a remote one is fetched unless it has to be."""
    path = _as_path(path)
    if isinstance(path, RemotePath) and staged_already(path) is None:
        size = file_status(path).st_size
        location = path.location
        with _refusals(path), explained(path.address), location.filesystem.open_input_file(location.path) as pieces:
            file = BufferedReader(pieces, _REMOTE_PIECE_BYTES)
            container = identify(file, path, size)
            if container.length_declared:
                yield Source(path, file, container, is_remote=True)
                return
    with _open_audio(path) as source:
        yield source


def _as_path(path: FilePath) -> Path:
    return path if isinstance(path, RemotePath) else Path(os.fsdecode(path))


def _name_note(source: Source) -> str | None:
    suffix = source.path.suffix.lower()
    if suffix in AUDIO_SUFFIXES and suffix not in SUFFIXES[source.container.name]:
        return f"name {suffix} holds {source.container.name}"
    return None


def _refuse_non_finite(path: Path, samples: np.ndarray, rate: int) -> None:
    if not np.isfinite([samples.min(initial=0.0), samples.max(initial=0.0)]).all():
        finite = np.isfinite(samples)
        first, channel = (int(i) for i in np.argwhere(~finite)[0])
        problem = (
            f"{int((~finite).sum())} sample values are NaN or infinite, "
            f"the first at sample {first} ({first / rate:.3f} s) of channel {channel}"
        )
        raise AudioFileError("non_finite", path, problem)


def _fit(samples: np.ndarray, frames: int) -> np.ndarray:
    """Cut or zero-padded at the end to ``frames`` rows."""
    return samples if len(samples) == frames else np.pad(samples[:frames], ((0, max(0, frames - len(samples))), (0, 0)))


def _resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    if from_rate == to_rate:
        return samples
    frames = _resampled_frames(len(samples), from_rate, to_rate)
    resampled = soxr.resample(samples, from_rate, to_rate, quality="VHQ")
    if abs(len(resampled) - frames) > _RESAMPLER_SLACK:
        raise RuntimeError(f"soxr made {len(resampled)} samples of {len(samples)}, expected {frames}")
    return _fit(resampled, frames)


def _to_stereo(samples: np.ndarray) -> np.ndarray:
    stereo = np.repeat(samples, MAX_CHANNELS, axis=1) if samples.shape[1] == 1 else samples
    return np.ascontiguousarray(stereo, dtype=np.float32)
