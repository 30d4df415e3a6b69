"""Folders of audio files as in MUSDB18-HQ: ``<split>/<song>/{mixture,vocals,...}.wav``, with ``song.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from catalogs.export.format import ExportConfig, ExportError, Piece, Unit, all_stems
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

BLOCK_FRAMES = 1 << 18


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
        stems = all_stems(songs)
        names, files = folder_names(songs), stem_names(stems)
        units = []
        for song in songs:
            split = config.validation_folder if song.split == "validation" else song.split
            folder = f"{split}/{names[song.song_id]}"
            audio = [f"{folder}/{files[stem.name]}.{config.container}" for stem in song.stems]
            _check_size(song, config)
            paths = (*audio, f"{folder}/{DESCRIPTION}")
            units.append(Unit(folder, song.split, paths, (Piece(song, 0, song.frames),), stems))
        return units

    def write(self, unit: Unit, catalog: Location, out: Location, config: ExportConfig) -> dict[str, Any]:
        """Write the files of a song, its description last."""
        song = unit.pieces[0].song
        paths = dict(zip((stem.name for stem in song.stems), unit.paths, strict=False))
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


def _writer(stream: Any, rate: int, subtype: str, container: str) -> soundfile.SoundFile:
    if container == "flac":
        return flac_writer(stream, rate, subtype)
    return soundfile.SoundFile(stream, "w", rate, 2, subtype, format="WAV")


def _write_normalised(
    out: Location, paths: Mapping[str, str], song: ExportSong, catalog: Location, config: ExportConfig
) -> dict[str, float]:
    """Write all stems side by side, segment by segment; what each file is to be multiplied by."""
    subtypes = {stem.name: file_subtype(stem, config) for stem in song.stems}
    with ExitStack() as files:
        writers = {}
        for name, path in paths.items():
            stream = files.enter_context((out / path).open_atomic())
            writers[name] = files.enter_context(_writer(stream, song.sample_rate, subtypes[name], config.container))
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
    with place.open_atomic() as stream, _writer(stream, song.sample_rate, subtype, config.container) as writer:
        for block in _blocks(audio):
            writer.write(block if subtype == "FLOAT" else quantize(block, scale, subtype))
    return scale


def _blocks(audio: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, audio.shape[0], BLOCK_FRAMES):
        yield audio[start : start + BLOCK_FRAMES]
