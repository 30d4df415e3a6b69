"""Folders of audio files as in MUSDB18-HQ: ``<split>/<song>/{mixture,vocals,...}.wav``, with ``song.json``."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from catalogs.export.format import ExportConfig, ExportError, Piece, Unit
from catalogs.export.names import folder_names, portable, stem_names
from catalogs.export.pieces import SongReader, flac_writer
from catalogs.export.songs import ExportSong, ExportStem
from catalogs.flac import quantize
from catalogs.ingest import load_stem
from catalogs.storage import Location
from fxnorm.stereo import peak

DESCRIPTION = "song.json"

BYTES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
"""Size of a sample in a WAV file."""

LARGEST_WAV = 2**32 - 2**16
"""Bytes of audio in a WAV file, whose sizes have 32 bits; some are left for its head."""

FLOAT_TAG = 3
"""Format of IEEE floats in the head of a WAV file."""

FRAME_BYTES = 8
"""Two channels of float32."""

BLOCK_FRAMES = 1 << 18
"""Samples per channel that are rounded at a time."""


@dataclass(frozen=True)
class Folders:
    """The format ``folders``."""

    name: ClassVar[str] = "folders"
    materials: ClassVar[tuple[str, ...]] = ("normalised", "original")
    subtypes: ClassVar[tuple[str, ...]] = ("PCM_16", "PCM_24", "FLOAT")

    def plan(self, songs: Sequence[ExportSong], config: ExportConfig) -> list[Unit]:
        """A folder for each song."""
        if config.container == "flac" and config.subtype == "FLOAT":
            raise ExportError("FLAC files cannot hold FLOAT; choose PCM_24, or WAV files")
        if config.segment_seconds is not None:
            raise ExportError("folders hold whole songs; leave --segment-seconds out")
        if config.validation_folder in ("", "test") or portable(config.validation_folder) != config.validation_folder:
            raise ExportError(f"{config.validation_folder!r} is no name of a folder for validation songs")
        names = folder_names(songs)
        units = []
        for song in songs:
            split = config.validation_folder if song.split == "validation" else song.split
            folder = f"{split}/{names[song.song_id]}"
            stems = tuple(stem.name for stem in song.stems)
            files = [f"{folder}/{name}.{config.container}" for name in stem_names(stems).values()]
            _check_size(song, config)
            paths = (*files, f"{folder}/{DESCRIPTION}")
            units.append(Unit(folder, song.split, paths, (Piece(song, 0, song.frames),), stems))
        return units

    def write(self, unit: Unit, catalog: Location, out: Location, config: ExportConfig) -> dict[str, Any]:
        """Write the files of a song, its description last."""
        song = unit.pieces[0].song
        paths = dict(zip(unit.stems, unit.paths[:-1], strict=True))
        if config.material == "original":
            scales = {stem.name: _write_original(out / paths[stem.name], stem, song, config) for stem in song.stems}
        else:
            scales = _write_normalised(out, paths, song, catalog, config)
        description = {
            **song.about,
            "material": config.material,
            "sample_rate": song.sample_rate,
            "stems": {
                stem.name: {
                    "file": paths[stem.name].rsplit("/", 1)[-1],
                    "role": stem.role,
                    "frames": stem.frames,
                    "subtype": file_subtype(stem, config),
                    "scale": scales[stem.name],
                }
                for stem in song.stems
            },
        }
        text = json.dumps(description, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (out / unit.paths[-1]).write_bytes(text.encode())
        return {"turned_down": sum(scale > 1.0 for scale in scales.values())}

    def index(self, units: Sequence[Unit], notes: Sequence[Mapping[str, Any]], config: ExportConfig) -> dict[str, str]:
        """None: each song has its description."""
        return {}


def file_subtype(stem: ExportStem, config: ExportConfig) -> str:
    """Sample format of a stem's file."""
    return config.subtype or ("FLOAT" if config.container == "wav" else stem.subtype)


def _check_size(song: ExportSong, config: ExportConfig) -> None:
    for stem in song.stems:
        size = stem.frames * 2 * BYTES[file_subtype(stem, config)]
        if config.container == "wav" and size > LARGEST_WAV:
            raise ExportError(f"{song.song_id}: {stem.name} is too long for a WAV file; export FLAC files")


class Writer(Protocol):
    """Takes the samples of a file, block by block: float32 for FLOAT, else what ``quantize`` gives."""

    def write(self, block: NDArray[Any]) -> object:
        """Add samples, shape (samples, 2)."""


class FloatWav:
    """A WAV file of float32.

    libsndfile would put the time of day into it (chunk PEAK), and the same catalog would not give the same bytes.

    Args:
        stream: where it goes.
        frames: samples per channel, all of which have to be written.
        rate: Hz.
    """

    def __init__(self, stream: IO[bytes], frames: int, rate: int) -> None:
        self._stream = stream
        size = frames * FRAME_BYTES
        form = struct.pack("<4sIHHIIHHH", b"fmt ", 18, FLOAT_TAG, 2, rate, rate * FRAME_BYTES, FRAME_BYTES, 32, 0)
        parts = b"WAVE" + form + struct.pack("<4sII", b"fact", 4, frames) + struct.pack("<4sI", b"data", size)
        stream.write(struct.pack("<4sI", b"RIFF", len(parts) + size) + parts)

    def write(self, block: NDArray[Any]) -> None:
        """Add samples, shape (samples, 2)."""
        self._stream.write(np.ascontiguousarray(block, dtype="<f4").tobytes())


@contextmanager
def _open(place: Location, stem: ExportStem, song: ExportSong, config: ExportConfig) -> Iterator[Writer]:
    """A file that is there when the block has ended without an error."""
    subtype = file_subtype(stem, config)
    with place.open_atomic() as stream:
        if subtype == "FLOAT":
            yield FloatWav(stream, stem.frames, song.sample_rate)
        elif config.container == "flac":
            with flac_writer(stream, song.sample_rate, subtype) as writer:
                yield writer
        else:
            with soundfile.SoundFile(stream, "w", song.sample_rate, 2, subtype, format="WAV") as writer:
                yield writer


def _write_normalised(
    out: Location, paths: Mapping[str, str], song: ExportSong, catalog: Location, config: ExportConfig
) -> dict[str, float]:
    """Write all stems side by side, segment by segment; what each file is to be multiplied by."""
    subtypes = {stem.name: file_subtype(stem, config) for stem in song.stems}
    with ExitStack() as files:
        writers = {
            stem.name: files.enter_context(_open(out / paths[stem.name], stem, song, config)) for stem in song.stems
        }
        for block in SongReader(catalog).blocks(song, {stem.name: stem.frames for stem in song.stems}):
            for name, audio in block.items():
                if subtypes[name] == "FLOAT":
                    writers[name].write(audio * np.float32(song.scales[name]))
                else:
                    writers[name].write(quantize(audio, 1.0, subtypes[name]))
    return {stem.name: 1.0 if subtypes[stem.name] == "FLOAT" else stem.scale for stem in song.stems}


def _write_original(place: Location, stem: ExportStem, song: ExportSong, config: ExportConfig) -> float:
    """Decode one stem and write it; what its file is to be multiplied by."""
    audio = np.zeros((stem.frames, 2), np.float32)
    load_stem(stem.files, audio)
    subtype = file_subtype(stem, config)
    scale = 1.0 if subtype == "FLOAT" else max(1.0, peak(audio))
    with _open(place, stem, song, config) as writer:
        for block in _blocks(audio):
            writer.write(block if subtype == "FLOAT" else quantize(block, scale, subtype))
    return scale


def _blocks(audio: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, audio.shape[0], BLOCK_FRAMES):
        yield audio[start : start + BLOCK_FRAMES]
