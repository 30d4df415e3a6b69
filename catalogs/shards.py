"""Audio shards: one Parquet file a song, FLAC segments of all stems side by side, made for reading random crops.

A row group holds one segment (5 s by default) of every stem, so a crop reads and decodes only the segments it touches.
Each value of the column ``flac`` is a complete FLAC file that any decoder opens; multiply by ``scale``. Pages have
checksums, which a crop verifies.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalogs import schemas
from catalogs.flac import COMPRESSION_LEVEL, FlacError, decode_flac, encode_flac
from catalogs.storage import Location
from fxnorm.stereo import peak

SEGMENT_SECONDS = 5.0
"""Default length of a segment."""

SPOOLED_BYTES = 1 << 28


class ShardError(ValueError):
    """A shard that does not hold what its catalog says."""


@dataclasses.dataclass(frozen=True)
class ShardStem:
    """One stem, or the mixture, to be stored.

    Attributes:
        name: stem name, or ``mixture``.
        role: ``stem`` or ``mixture``.
        audio: float32, shape (samples, 2), at least one sample.
        subtype: ``PCM_16`` or ``PCM_24``.
    """

    name: str
    role: str
    audio: NDArray[np.float32]
    subtype: str = "PCM_24"

    @cached_property
    def peak(self) -> float:
        """Largest absolute sample; NaN where one is."""
        return peak(self.audio)

    @property
    def scale(self) -> float:
        """What decoded samples are multiplied by: the peak where it exceeds full scale, else 1."""
        return max(1.0, self.peak)


class ShardDraft:
    """Stems of one song, each encoded when it is added, until the shard is written; use as a context manager.

    Encoded audio is held in memory up to 256 MB, and in a temporary file beyond.

    Args:
        song_id: id of the song.
        segment_frames: samples per channel in a segment.
        rate: Hz.
        level: compression of the FLAC segments, 0 to 8.
    """

    def __init__(self, song_id: str, segment_frames: int, rate: int, level: int = COMPRESSION_LEVEL) -> None:
        self._song_id = song_id
        self._segment_frames = segment_frames
        self._rate = rate
        self._level = level
        self._rows: list[list[dict[str, object]]] = []
        self._places: list[list[tuple[int, int]]] = []
        self._resources = ExitStack()
        spool = tempfile.SpooledTemporaryFile(SPOOLED_BYTES)  # noqa: SIM115 - closed with the draft
        self._encoded = self._resources.enter_context(spool)

    def __enter__(self) -> ShardDraft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def add(self, stem: ShardStem) -> None:
        """Encode a stem behind those that were added before; each may have its own length.

        Raises:
            ValueError: a stem without samples, or with samples that are not finite.
        """
        frames = stem.audio.shape[0]
        if not frames or not np.isfinite(stem.peak):
            fault = "samples that are not finite" if frames else "no samples"
            raise ValueError(f"{self._song_id}: {stem.name} has {fault} and cannot be stored")
        scale = stem.scale
        for segment, start in enumerate(range(0, frames, self._segment_frames)):
            piece = stem.audio[start : start + self._segment_frames]
            flac = encode_flac(piece, scale, stem.subtype, self._rate, self._level)
            if segment == len(self._rows):
                self._rows.append([])
                self._places.append([])
            self._places[segment].append((self._encoded.tell(), len(flac)))
            self._encoded.write(flac)
            self._rows[segment].append(
                {
                    "song_id": self._song_id,
                    "stem": stem.name,
                    "role": stem.role,
                    "segment": segment,
                    "start": start,
                    "frames": piece.shape[0],
                    "sample_rate": self._rate,
                    "scale": scale,
                }
            )

    def write(self, location: Location) -> None:
        """Write the shard in one step; the same audio gives the same bytes."""
        others = [name for name in schemas.AUDIO.names if name != "flac"]
        with (
            location.open_atomic() as stream,
            pq.ParquetWriter(
                stream,
                schemas.AUDIO,
                compression={name: "zstd" if name != "flac" else "none" for name in schemas.AUDIO.names},
                use_dictionary=others,
                write_statistics=others,
                write_page_checksum=True,
            ) as writer,
        ):
            for rows, places in zip(self._rows, self._places, strict=True):
                segment = [{**row, "flac": self._read(*place)} for row, place in zip(rows, places, strict=True)]
                writer.write_table(pa.Table.from_pylist(segment, schema=schemas.AUDIO), row_group_size=len(segment))

    def _read(self, start: int, length: int) -> bytes:
        self._encoded.seek(start)
        return self._encoded.read(length)


def write_shard(location: Location, song_id: str, stems: Sequence[ShardStem], segment_frames: int, rate: int) -> None:
    """Write the shard of a song whose stems are all in memory; see :class:`ShardDraft`."""
    with ShardDraft(song_id, segment_frames, rate) as draft:
        for stem in stems:
            draft.add(stem)
        draft.write(location)


def read_crop(
    location: Location,
    start: int,
    frames: int,
    segment_frames: int,
    stems: Sequence[str] | None = None,
    metadata: pq.FileMetaData | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Read a stretch of some stems of a song, decoding only the segments that it touches.

    Args:
        location: shard file.
        start: first sample.
        frames: samples per channel.
        segment_frames: samples per channel in a segment, from the ``shards`` table.
        stems: names; all if None.
        metadata: the shard's footer, where it was read before.

    Returns:
        by name, float32 of shape (frames, 2); zeros after the end of a stem that is shorter.

    Raises:
        ShardError: a stem that is not in the shard, or a shard that is missing, damaged or cut otherwise.
        ValueError: a negative start or length.
    """
    if start < 0 or frames < 0:
        raise ValueError(f"a crop starts at 0 or later and has 0 samples or more, got {start} and {frames}")
    with _open_shard(location, metadata) as shard:
        names = _stem_names(shard) if stems is None else stems
        output = {name: np.empty((frames, 2), dtype=np.float32) for name in names}
        _fill(shard, start, segment_frames, output)
    return output


def read_crop_into(
    location: Location,
    start: int,
    segment_frames: int,
    output: Mapping[str, NDArray[np.float32]],
    metadata: pq.FileMetaData | None = None,
    scaled: bool = True,
) -> None:
    """Read a stretch of a song into arrays that the caller has, such as parts of a tensor.

    Args:
        location: shard file.
        start: first sample.
        segment_frames: samples per channel in a segment, from the ``shards`` table.
        output: by stem, shape (samples, 2) and any strides, all of one length; filled, with zeros after the end of a
            stem that is shorter.
        metadata: the shard's footer, where it was read before.
        scaled: multiply by the stem's scale; without it the samples are the stored integers over full scale.

    Raises:
        ShardError: as for :func:`read_crop`.
        ValueError: a negative start.
    """
    if start < 0:
        raise ValueError(f"a crop starts at 0 or later, got {start}")
    with _open_shard(location, metadata) as shard:
        _fill(shard, start, segment_frames, output, scaled)


def read_segment(
    location: Location, segment: int, metadata: pq.FileMetaData | None = None
) -> dict[str, tuple[int, bytes]]:
    """One segment of a song as it is stored, not decoded.

    Args:
        location: shard file.
        segment: number of the segment, from 0.
        metadata: the shard's footer, where it was read before.

    Returns:
        by stem, samples per channel and a complete FLAC file; nothing for stems that end earlier.

    Raises:
        ShardError: as for :func:`read_crop`.
    """
    with _open_shard(location, metadata) as shard:
        if segment >= shard.num_row_groups:
            raise ShardError(f"no segment {segment}, there are {shard.num_row_groups}; run the build again")
        table = shard.read_row_group(segment, columns=["stem", "frames", "flac"], use_threads=False)
    return {row["stem"]: (row["frames"], row["flac"]) for row in table.to_pylist()}


def read_shard_metadata(location: Location) -> pq.FileMetaData:
    """The footer of a shard, about 2 kB for a minute of four stems.

    Raises:
        ShardError: the shard is missing or damaged.
    """
    with _open_shard(location) as shard:
        return shard.metadata


@contextmanager
def _open_shard(location: Location, metadata: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    """A shard, open for reading; what goes wrong with it becomes a ShardError that names it."""
    try:
        with location.filesystem.open_input_file(location.path) as source:
            yield pq.ParquetFile(
                source, metadata=metadata, pre_buffer=not location.is_local, page_checksum_verification=True
            )
    except FileNotFoundError:
        raise ShardError(f"{location.path}: shard is missing; run the build again") from None
    except ShardError as error:
        raise ShardError(f"{location.path}: {error}") from None
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError, FlacError) as error:
        raise ShardError(
            f"{location.path}: shard cannot be read ({error}); if it is damaged, delete it and run the build again"
        ) from error


def _stem_names(shard: pq.ParquetFile) -> list[str]:
    return shard.read_row_group(0, columns=["stem"]).column("stem").to_pylist()


def _fill(
    shard: pq.ParquetFile,
    start: int,
    segment_frames: int,
    output: Mapping[str, NDArray[np.float32]],
    scaled: bool = True,
) -> None:
    frames = next((array.shape[0] for array in output.values()), 0)
    groups = range(start // segment_frames, min(-(-(start + frames) // segment_frames), shard.num_row_groups))
    columns = ["stem", "start", "frames", "scale", "flac"]
    table = shard.read_row_groups(list(groups), columns=columns, use_threads=False) if groups else None
    filled = dict.fromkeys(output, 0)
    met = set()
    for row in _rows(table, output):
        met.add(row["stem"])
        if row["start"] % segment_frames or row["start"] // segment_frames not in groups:
            raise ShardError(f"segments are not of {segment_frames} samples as the catalog says; run the build again")
        skip = max(0, start - row["start"])
        offset = row["start"] + skip - start
        length = min(row["frames"] - skip, frames - offset)
        if length <= 0:
            continue
        piece = output[row["stem"]][offset : offset + length]
        try:
            decode_flac(row["flac"], skip, piece)
        except FlacError as error:
            raise ShardError(
                f"{row['stem']} at sample {row['start']}: {error}; delete the shard and run the build again"
            ) from None
        if scaled and row["scale"] != 1.0:
            piece *= np.float32(row["scale"])
        filled[row["stem"]] = offset + length
    for name, end in filled.items():
        output[name][end:] = 0.0
    if met != set(output):
        available = _stem_names(shard)
        missing = sorted(set(output) - set(available))
        if missing:
            raise ShardError(f"no stem {missing[0]!r} in the shard; there are {', '.join(available)}")


def _rows(table: pa.Table | None, wanted: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    if table is None:
        return
    small = table.drop_columns("flac").to_pylist()
    for row, flac in zip(small, table.column("flac"), strict=True):
        if row["stem"] in wanted:
            yield {**row, "flac": memoryview(flac.as_buffer())}
