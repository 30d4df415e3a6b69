"""Pieces of songs as FLAC files: segments as they are stored where they fit, encoded anew where they do not."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import IO

import numpy as np
import pyarrow.parquet as pq
import soundfile
from numpy.typing import NDArray

from catalogs.export.format import Piece
from catalogs.export.songs import ExportSong
from catalogs.flac import COMPRESSION_LEVEL, LEVELS, quantize
from catalogs.shards import read_crop_into, read_segment, read_shard_metadata
from catalogs.storage import Location

LONG_SECONDS = 60.0
"""Pieces beyond are encoded stem by stem, so that one encoded stem is in memory, not all of them."""


class SongReader:
    """Reads the stored audio of songs; remembers the footer of the last shard.

    Args:
        catalog: the catalog's folder.
    """

    def __init__(self, catalog: Location) -> None:
        self._catalog = catalog
        self._footer: tuple[str, pq.FileMetaData] | None = None

    def metadata(self, song: ExportSong) -> pq.FileMetaData:
        """Footer of a song's shard."""
        if self._footer is None or self._footer[0] != song.shard:
            self._footer = (song.shard, read_shard_metadata(self._catalog / song.shard))
        return self._footer[1]

    def segment(self, song: ExportSong, number: int) -> dict[str, tuple[int, bytes]]:
        """A segment as it is stored: by stem, samples and FLAC."""
        return read_segment(self._catalog / song.shard, number, self.metadata(song))

    def blocks(
        self, song: ExportSong, frames: Mapping[str, int], start: int = 0
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Stems block by block, not scaled: stored integers over full scale.

        Args:
            song: the song.
            frames: samples per channel that are wanted of each stem; zeros after its end.
            start: first sample.

        Yields:
            by stem, float32 (samples, 2); stems of which all was given are left out.
        """
        place, longest = 0, max(frames.values(), default=0)
        while place < longest:
            length = min(song.segment_frames - (start + place) % song.segment_frames, longest - place)
            block = {name: np.empty((length, 2), np.float32) for name in frames if frames[name] > place}
            shard = self._catalog / song.shard
            read_crop_into(shard, start + place, song.segment_frames, block, self.metadata(song), scaled=False)
            yield {name: audio[: frames[name] - place] for name, audio in block.items()}
            place += length


def encoded_stems(
    reader: SongReader, piece: Piece, frames: Mapping[str, int], subtype: str | None
) -> Iterator[tuple[str, bytes]]:
    """The stems of a piece as complete FLAC files, to be multiplied by the song's scales.

    A stored segment is passed on as it is where piece, length and depth are the same.

    Args:
        reader: of the catalog.
        piece: the piece.
        frames: samples per channel for each stem that is wanted; zeros after its end.
        subtype: PCM_16 or PCM_24; None as stored.
    """
    song = piece.song
    depths = {stem.name: stem.subtype for stem in song.stems}
    stored: dict[str, tuple[int, bytes]] = {}
    if piece.start % song.segment_frames == 0 and piece.frames <= song.segment_frames:
        stored = reader.segment(song, piece.start // song.segment_frames)
    kept = {
        name: flac
        for name, (length, flac) in stored.items()
        if frames.get(name) == length and subtype in (None, depths[name])
    }
    rest = {name: length for name, length in frames.items() if name not in kept}
    together = rest if piece.frames <= LONG_SECONDS * song.sample_rate else {}
    encoded = _encode(reader, piece, together, subtype, depths)
    for name, length in frames.items():
        if name in kept:
            yield name, kept.pop(name)
        elif name in encoded:
            yield name, encoded.pop(name)
        else:
            yield from _encode(reader, piece, {name: length}, subtype, depths).items()


def flac_writer(stream: IO[bytes], rate: int, subtype: str) -> soundfile.SoundFile:
    """An encoder of stereo FLAC as the catalog has it, which takes the integers of :func:`catalogs.flac.quantize`."""
    level = COMPRESSION_LEVEL / LEVELS
    return soundfile.SoundFile(stream, "w", rate, 2, subtype, format="FLAC", compression_level=level)


def _encode(
    reader: SongReader, piece: Piece, frames: Mapping[str, int], subtype: str | None, depths: Mapping[str, str]
) -> dict[str, bytes]:
    streams = {name: io.BytesIO() for name in frames}
    with ExitStack() as files:
        writers = {
            name: files.enter_context(flac_writer(stream, piece.song.sample_rate, subtype or depths[name]))
            for name, stream in streams.items()
        }
        for block in reader.blocks(piece.song, frames, piece.start):
            for name, audio in block.items():
                writers[name].write(quantize(audio, 1.0, subtype or depths[name]))
    return {name: stream.getvalue() for name, stream in streams.items()}
