"""Samples of an open audio file, at its own rate and channels, from libsndfile or FFmpeg (PyAV).

FFmpeg reads MP4, which libsndfile cannot, and MP3 and FLAC that do not declare their length: libsndfile
guesses that of an MP3 from its first frame and cuts the audio there, and fails at the end of such a FLAC.
libsndfile reads everything else, through the file descriptor, so that file names need not be text.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import soundfile

from catalogs.container import Container
from catalogs.faults import AudioFileError

Observer = Callable[[np.ndarray], None]
"""Looks at float32 samples of shape (frames, channels) before they are converted."""

MAX_CHANNELS = 2
MIN_RATE, MAX_RATE = 8_000, 384_000
"""Sample rates that are accepted, Hz."""

_BLOCK_FRAMES = 1 << 18
_LARGEST_COMPRESSION = 64
"""Samples for each byte of a file that memory is reserved for at once, whatever length it declares."""
_CODEC_FRAME = 2_048
"""Samples that an MP4 may be short of its declared duration: one AAC frame, as durations are rounded."""

_FFMPEG_FORMATS = {"MP4": "mov", "MP3": "mp3", "FLAC": "flac"}
_FFMPEG_ENCODINGS = {
    ("MP3", "fltp"): "MPEG_LAYER_III",
    ("FLAC", "s16"): "PCM_16",
    ("FLAC", "s32"): "PCM_24",
}
"""libsndfile's names of encodings, by container and FFmpeg's sample format; else the codec's name is used."""


@dataclass(frozen=True)
class Source:
    """An open file whose container is known; ``is_remote`` where it is no file of this machine."""

    path: Path
    file: BufferedReader
    container: Container
    is_remote: bool = False

    @property
    def needs_ffmpeg(self) -> bool:
        """Whether libsndfile cannot be trusted with it."""
        undeclared = self.container.name in ("MP3", "FLAC") and not self.container.length_declared
        return self.container.name == "MP4" or undeclared


@dataclass(frozen=True)
class Stream:
    """One audio stream: sample encoding, rate in Hz, channels, and samples per channel."""

    encoding: str
    sample_rate: int
    channels: int
    frames: int
    length_declared: bool


def describe(source: Source, stream: int | None) -> Stream:
    """The stream's properties; it is decoded only where its length is not declared.

    ``stream`` numbers the audio streams from 0; None asks for the only one.

    Errors: AudioFileError with reason ``unreadable``, ``damaged``, ``missing_stream``, ``several_streams``,
    ``sample_rate``, ``channels`` or ``empty``.
    """
    if source.needs_ffmpeg:
        with _open_ffmpeg(source) as container:
            found = _ffmpeg_stream(source, container, _select(source, container, stream))
            if found.length_declared:
                return _refuse_empty(source, found)
        return _refuse_empty(source, _counted(found, len(read(source, [stream])[stream][1])))
    _refuse_number(source, stream)
    with _open_soundfile(source) as handle:
        found = Stream(
            encoding=handle.subtype,
            sample_rate=handle.samplerate,
            channels=handle.channels,
            frames=handle.frames,
            length_declared=source.container.length_declared,
        )
        return _refuse_empty(source, _checked(source, found))


def read(source: Source, streams: Sequence[int | None]) -> dict[int | None, tuple[Stream, np.ndarray]]:
    """The wanted streams in one pass: properties, and samples as float32 (frames, channels), full scale 1.0.

    Errors: as for ``describe``, and AudioFileError with reason ``truncated`` where samples are missing.
    """
    if not source.needs_ffmpeg:
        return {stream: _read_soundfile(source, stream) for stream in streams}
    with _open_ffmpeg(source) as container:
        chosen = {stream: _select(source, container, stream) for stream in streams}
        found = {stream: _ffmpeg_stream(source, container, av_stream) for stream, av_stream in chosen.items()}
        samples = {s.index: _Samples(source, found[n]) for n, s in chosen.items()}
        _decode_ffmpeg(source, container, {s.index: found[n] for n, s in chosen.items()}, samples)
        return {n: _fit_declared(source, found[n], samples[s.index].array) for n, s in chosen.items()}


def read_into(source: Source, stream: int | None, output: np.ndarray, observe: Observer | None = None) -> None:
    """Add one stream, at its own rate, to an array, without a copy of the whole.

    ``output`` is float32 (samples, channels); mono is added to every channel, and what is longer than it is cut.
    ``observe`` is called with each block as the file has it, in order.

    Errors: as for ``read``.
    """
    if not source.needs_ffmpeg:
        _decode_soundfile(source, describe(source, stream), _Added(output, observe))
        return
    with _open_ffmpeg(source) as container:
        chosen = _select(source, container, stream)
        found = _ffmpeg_stream(source, container, chosen)
        sink = _Added(output[: found.frames] if found.length_declared else output, observe)
        _decode_ffmpeg(source, container, {chosen.index: found}, {chosen.index: sink})
    if found.length_declared:
        _refuse_short(source, found, sink.length + _CODEC_FRAME)


def _counted(stream: Stream, frames: int) -> Stream:
    return Stream(stream.encoding, stream.sample_rate, stream.channels, frames, length_declared=False)


def _refuse_number(source: Source, stream: int | None) -> None:
    if stream:
        problem = f"audio stream {stream} is asked for, and it has only one"
        raise AudioFileError("missing_stream", source.path, problem)


def _refuse_empty(source: Source, stream: Stream) -> Stream:
    if stream.frames < 1:
        raise AudioFileError("empty", source.path, "it holds no samples")
    return stream


def _checked(source: Source, stream: Stream) -> Stream:
    if not MIN_RATE <= stream.sample_rate <= MAX_RATE:
        raise AudioFileError("sample_rate", source.path, f"its sample rate is {stream.sample_rate} Hz")
    if not 1 <= stream.channels <= MAX_CHANNELS:
        raise AudioFileError("channels", source.path, f"it has {stream.channels} channels")
    return stream


def _refuse_short(source: Source, stream: Stream, frames: int) -> None:
    if frames < stream.frames:
        problem = f"it declares {stream.frames} samples, and {frames} can be decoded"
        raise AudioFileError("truncated", source.path, problem)


@contextmanager
def _open_soundfile(source: Source) -> Iterator[soundfile.SoundFile]:
    if source.is_remote:
        source.file.seek(0)
    else:
        os.lseek(source.file.fileno(), 0, os.SEEK_SET)
    try:
        handle = soundfile.SoundFile(source.file if source.is_remote else source.file.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        problem = f"libsndfile cannot open it as {source.container.name} ({_reason(error)})"
        raise AudioFileError("unreadable", source.path, problem) from error
    with handle:
        yield handle


def _reason(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(".")


class _Sink(Protocol):
    """Takes the samples of a stream, block by block."""

    length: int

    def append(self, block: np.ndarray) -> None:
        """The next samples, shape (samples, channels)."""


class _Samples:
    """Decoded samples of a stream, in one array that grows where its length is not declared, or not to be believed."""

    def __init__(self, source: Source, stream: Stream) -> None:
        plausible = _LARGEST_COMPRESSION * os.fstat(source.file.fileno()).st_size
        self._array = np.empty((min(stream.frames + _CODEC_FRAME, plausible), stream.channels), np.float32)
        self.length = 0

    def append(self, block: np.ndarray) -> None:
        end = self.length + len(block)
        if end > len(self._array):
            grown = np.empty((max(end, 2 * len(self._array)), self._array.shape[1]), np.float32)
            grown[: self.length] = self.array
            self._array = grown
        self._array[self.length : end] = block
        self.length = end

    @property
    def array(self) -> np.ndarray:
        return self._array[: self.length]


class _Added:
    """Samples added to an array that the caller has; those beyond its end are counted and left out."""

    def __init__(self, output: np.ndarray, observe: Observer | None) -> None:
        self._output = output
        self._observe = observe
        self.length = 0

    def append(self, block: np.ndarray) -> None:
        if self._observe is not None:
            self._observe(block)
        place = self._output[self.length : self.length + len(block)]
        place += block[: len(place)]
        self.length += len(block)


def _read_soundfile(source: Source, stream: int | None) -> tuple[Stream, np.ndarray]:
    found = describe(source, stream)
    samples = _Samples(source, found)
    _decode_soundfile(source, found, samples)
    return found, samples.array


def _decode_soundfile(source: Source, stream: Stream, sink: _Sink) -> None:
    buffer = np.empty((min(stream.frames, _BLOCK_FRAMES), stream.channels), np.float32)
    with _open_soundfile(source) as handle:
        try:
            while len(block := handle.read(out=buffer[: stream.frames - sink.length])):
                sink.append(block)
        except soundfile.LibsndfileError as error:
            problem = f"decoding it fails within a few seconds after sample {sink.length} ({_reason(error)})"
            raise AudioFileError("damaged", source.path, problem) from error
    _refuse_short(source, stream, sink.length)


@contextmanager
def _open_ffmpeg(source: Source) -> Iterator[Any]:
    source.file.seek(0)
    try:
        container = av.open(source.file, format=_FFMPEG_FORMATS[source.container.name])
    except av.FFmpegError as error:
        problem = f"FFmpeg cannot open it as {source.container.name} ({error.strerror})"
        raise AudioFileError("unreadable", source.path, problem) from error
    with container:
        yield container


def _select(source: Source, container: Any, stream: int | None) -> Any:
    available = container.streams.audio
    if stream is None and len(available) > 1:
        raise AudioFileError("several_streams", source.path, f"it holds {len(available)} audio streams")
    if (stream or 0) >= len(available):
        problem = f"audio stream {stream or 0} is asked for, and it holds {len(available)}"
        raise AudioFileError("missing_stream", source.path, problem)
    return available[stream or 0]


def _ffmpeg_stream(source: Source, container: Any, av_stream: Any) -> Stream:
    codec = av_stream.codec_context
    declared = source.container.length_declared and av_stream.duration is not None
    frames = 0
    if declared:
        seconds = ((av_stream.start_time or 0) + av_stream.duration) * av_stream.time_base
        frames = round(seconds * codec.sample_rate)
    found = Stream(
        encoding=_FFMPEG_ENCODINGS.get((source.container.name, codec.format.name), codec.name.upper()),
        sample_rate=codec.sample_rate,
        channels=codec.channels,
        frames=frames,
        length_declared=declared,
    )
    return _checked(source, found)


def _decode_ffmpeg(source: Source, container: Any, streams: Mapping[int, Stream], sinks: Mapping[int, _Sink]) -> None:
    begun: set[int] = set()
    to_float = {index: av.AudioResampler(format="fltp") for index in streams}
    wanted = [s for s in container.streams.audio if s.index in streams]
    try:
        for packet in container.demux(wanted):
            index, stream = packet.stream.index, streams[packet.stream.index]
            for frame in packet.decode():
                if (frame.sample_rate, frame.layout.nb_channels) != (stream.sample_rate, stream.channels):
                    problem = "its sample rate or channels change within the file"
                    raise AudioFileError("damaged", source.path, problem)
                if index not in begun:
                    begun.add(index)
                    sinks[index].append(_delay(frame, stream))
                for part in to_float[index].resample(frame):
                    sinks[index].append(part.to_ndarray().T)
    except av.FFmpegError as error:
        raise AudioFileError("damaged", source.path, f"decoding it fails ({error.strerror})") from error


def _delay(frame: Any, stream: Stream) -> np.ndarray:
    """Silence before a stream that begins later than the file."""
    start = round((frame.pts or 0) * frame.time_base * stream.sample_rate)
    return np.zeros((max(0, start), stream.channels), np.float32)


def _fit_declared(source: Source, stream: Stream, samples: np.ndarray) -> tuple[Stream, np.ndarray]:
    """The samples cut to the declared length, or padded where they lack less than one codec frame."""
    if not stream.length_declared:
        return _counted(stream, len(samples)), samples
    _refuse_short(source, stream, len(samples) + _CODEC_FRAME)
    missing = max(0, stream.frames - len(samples))
    return stream, np.pad(samples, ((0, missing), (0, 0))) if missing else samples[: stream.frames]
