"""What a format of an export is to the rest of the package: a plan of files, a way to write each, and an index."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from catalogs.export.songs import ExportSong
from catalogs.storage import Location
from fxnorm.settings import hash_of

EXPORT_REVISION = 1
"""Raise when the files that an export writes of the same songs change."""


class ExportError(ValueError):
    """An export that cannot be made as it was asked for."""


@dataclass(frozen=True)
class ExportConfig:
    """What is exported, and how.

    Attributes:
        format: name of the format.
        material: ``normalised`` stems, or the ``original`` ones as the corpus has them.
        subtype: sample format of the files; None for that of the catalog, or for FLOAT in WAV files.
        segment_seconds: length of a sample; 0 for whole songs, None for the format's own.
        shard_bytes: size of a file that holds several samples; None for the format's own.
        container: ``wav`` or ``flac``, for folders.
        validation_folder: name of the folder of validation songs, for folders.
    """

    format: str
    material: Literal["normalised", "original"] = "normalised"
    subtype: Literal["PCM_16", "PCM_24", "FLOAT"] | None = None
    segment_seconds: float | None = None
    shard_bytes: int | None = None
    container: Literal["wav", "flac"] = "wav"
    validation_folder: str = "validation"


@dataclass(frozen=True)
class Piece:
    """A stretch of a song.

    Attributes:
        song: the song.
        start: first sample.
        frames: samples per channel; what a stem has less of is silence.
    """

    song: ExportSong
    start: int
    frames: int

    def stem_frames(self, stem: str) -> int:
        """Samples per channel that a stem has in it; 0 where it ends before, or the song has no such stem."""
        frames = {stem.name: stem.frames for stem in self.song.stems}.get(stem, 0)
        return min(max(frames - self.start, 0), self.frames)


@dataclass(frozen=True)
class Unit:
    """What is written, resumed and done again as a whole: the files of a song, or a shard.

    Attributes:
        name: unique in the export.
        split: split of its songs.
        paths: files, relative to the export.
        pieces: what is in them, in order.
        stems: names of the stems that its files have room for, the mixture last.
    """

    name: str
    split: str
    paths: tuple[str, ...]
    pieces: tuple[Piece, ...]
    stems: tuple[str, ...]

    def key(self, config: ExportConfig) -> str:
        """Hash of all that its files depend on."""
        songs = {piece.song.song_id: piece.song.content for piece in self.pieces}
        pieces = [(piece.song.song_id, piece.start, piece.frames) for piece in self.pieces]
        options = dataclasses.asdict(dataclasses.replace(config, shard_bytes=None))
        return hash_of([EXPORT_REVISION, options, self.name, self.split, self.paths, self.stems, songs, pieces])

    def to_json(self) -> dict[str, Any]:
        """A dictionary that survives JSON; see :meth:`from_json`."""
        songs = list({piece.song.song_id: piece.song for piece in self.pieces}.values())
        places = {song.song_id: place for place, song in enumerate(songs)}
        return {
            "name": self.name,
            "split": self.split,
            "paths": self.paths,
            "songs": [dataclasses.asdict(song) for song in songs],
            "pieces": [(places[piece.song.song_id], piece.start, piece.frames) for piece in self.pieces],
            "stems": self.stems,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Unit:
        """The inverse of :meth:`to_json`."""
        songs = [ExportSong.from_json(song) for song in content["songs"]]
        pieces = tuple(Piece(songs[place], start, frames) for place, start, frames in content["pieces"])
        return cls(content["name"], content["split"], tuple(content["paths"]), pieces, tuple(content["stems"]))


class ExportFormat(Protocol):
    """One format: stateless, so that it can be sent to workers."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def materials(self) -> tuple[str, ...]:
        """Materials that it can hold."""

    @property
    def subtypes(self) -> tuple[str, ...]:
        """Sample formats that it can hold."""

    def plan(self, songs: Sequence[ExportSong], config: ExportConfig) -> list[Unit]:
        """The files to write, the same for the same songs and configuration.

        Raises:
            ExportError: names or lengths that the format cannot hold.
        """

    def write(self, unit: Unit, catalog: Location, out: Location, config: ExportConfig) -> dict[str, Any]:
        """Write all files of a unit, each in one step; what the index has to know of them, for JSON.

        Raises:
            ShardError, AudioFileError: audio that cannot be read.
            OSError: files that cannot be written.
        """

    def index(self, units: Sequence[Unit], notes: Sequence[Mapping[str, Any]], config: ExportConfig) -> dict[str, str]:
        """Files that describe the whole, by path: text; ``notes`` are what ``write`` returned."""


def all_stems(songs: Sequence[ExportSong]) -> tuple[str, ...]:
    """Names of the stems of all songs, sorted, the mixture last."""
    roles = {stem.name: stem.role for song in songs for stem in song.stems}
    return tuple(sorted(roles, key=lambda name: (roles[name] == "mixture", name)))


def plan_shards(
    songs: Sequence[ExportSong], config: ExportConfig, path: str, step_frames: int | None, shard_bytes: int
) -> list[Unit]:
    """Songs cut into pieces, and pieces put together into files of about one size, each of one split.

    Args:
        songs: in their order.
        config: the export.
        path: of a file, with ``{split}`` and ``{number}``.
        step_frames: samples per channel of a piece; None for whole songs.
        shard_bytes: size at which a file is full, by the size of the audio in the catalog.
    """
    stems = all_stems(songs)
    units = []
    for split in sorted({song.split for song in songs}):
        full: list[tuple[Piece, ...]] = []
        pieces: list[Piece] = []
        size = 0.0
        for song in (song for song in songs if song.split == split):
            for start in range(0, song.frames, step_frames or song.frames):
                piece = Piece(song, start, min(step_frames or song.frames, song.frames - start))
                expected = song.stored_bytes * piece.frames / song.frames
                if pieces and size + expected > shard_bytes:
                    full.append(tuple(pieces))
                    pieces, size = [], 0.0
                pieces.append(piece)
                size += expected
        full.append(tuple(pieces))
        for number, group in enumerate(full):
            where = path.format(split=split, number=number)
            units.append(Unit(where, split, (where,), group, stems))
    return units
