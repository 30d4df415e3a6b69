"""Mixing of stems that are in files, into a file at the rate and depth of the stems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from catalogs import corpora
from catalogs.audio_file import decode, probe, uri_to_path
from catalogs.audio_output import write_audio
from catalogs.ingest import ingest_song
from catalogs.schemas import MIXTURE
from fxnorm.settings import SAMPLE_RATE
from fxnorm.statistics import Statistics
from fxnorm.stereo import Audio
from training.mixing.mixdown import LoadedMixer, MixConfig, Mixdown, mix_stems

SUFFIXES = (".wav", ".flac")
DEPTHS = {"PCM_16": "PCM_16", "PCM_24": "PCM_24", "PCM_32": "PCM_24", "FLOAT": "FLOAT", "DOUBLE": "FLOAT"}
"""Sample format of the mix by that of the stems; 24 bits for any other."""

DEPTH_ORDER = ("PCM_16", "PCM_24", "FLOAT")


@dataclass(frozen=True)
class StemFiles:
    """The stems of a song: name of the song, and file by stem name."""

    name: str
    files: Mapping[str, Path]


class _Decoded(Mapping[str, Audio]):
    """Stems that are decoded each time they are asked for."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def __getitem__(self, name: str) -> Audio:
        return decode(self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True)
class WrittenMix:
    """A mix on disk.

    Attributes:
        path: the file.
        rate: Hz.
        subtype: sample format.
        turned_down_db: by how much it was turned down so as not to clip.
        mixdown: what was written, at 44 100 Hz.
    """

    path: Path
    rate: int
    subtype: str
    turned_down_db: float
    mixdown: Mixdown


def find_stems(folder: Path) -> list[StemFiles]:
    """Songs under a folder: every folder that holds audio files, each named after its stem; a mixture is left out.

    Raises:
        ValueError: no song, or one whose files are ambiguous or cannot be read; names the file.
    """
    songs = []
    for song in corpora.get("folder").songs(folder):
        result = ingest_song(song)
        if result.quarantine:
            raise ValueError("; ".join(str(row["message"]) for row in result.quarantine))
        files = {row["stem"]: uri_to_path(row["uri"]) for row in result.tracks if row["stem"] != MIXTURE}
        songs.append(StemFiles(song.native_id, files))
    return songs


def mix_song(
    song: StemFiles, out: Path, statistics: Statistics, mixer: LoadedMixer | None, config: MixConfig | None = None
) -> WrittenMix:
    """Mix the stems of a song into a WAV or FLAC file, at their highest rate and depth.

    Raises:
        catalogs.audio_file.AudioFileError: a stem cannot be used.
        ValueError: the file's format is not known, or the stems do not fit the network.
    """
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{out}: name a .wav or .flac file")
    infos = [probe(path) for path in song.files.values()]
    rate = max((info.sample_rate for info in infos), default=SAMPLE_RATE)
    depths = {DEPTHS.get(info.encoding, "PCM_24") for info in infos}
    subtype = max(depths, key=DEPTH_ORDER.index, default="PCM_24")
    if suffix == ".flac" and subtype == "FLOAT":
        subtype = "PCM_24"
    mixdown = mix_stems(_Decoded(song.files), statistics, mixer, config, song.name)
    frames = max((info.frames * rate // info.sample_rate for info in infos), default=0)
    audio = _at_rate(mixdown.audio, rate, frames)
    return WrittenMix(out, rate, subtype, write_audio(out, audio, subtype, rate), mixdown)


def _at_rate(audio: Audio, rate: int, frames: int) -> Audio:
    if rate == SAMPLE_RATE:
        return audio
    resampled = soxr.resample(audio, SAMPLE_RATE, rate, quality="VHQ")
    missing = max(0, frames - resampled.shape[0])
    return np.pad(resampled, ((0, missing), (0, 0)))[:frames]
