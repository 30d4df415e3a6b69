"""Audio shards: one Parquet file a song, FLAC segments of all stems side by side, made for reading random crops.

A row group holds one segment (5 s by default) of every stem, so a crop reads and decodes only the segments it touches.
Each value of the column ``flac`` is a complete FLAC file that any decoder opens; multiply by ``scale``. Pages have
checksums, which a crop verifies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalogs import schemas
from catalogs.flac import FlacError, decode_flac, encode_flac
from catalogs.storage import Location

SEGMENT_SECONDS = 5.0
"""Default length of a segment."""


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

    @property
    def scale(self) -> float:
        """What decoded samples are multiplied by: the peak where it exceeds full scale, else 1."""
        return float(max(1.0, self.audio.max(), -self.audio.min()))


def write_shard(location: Location, song_id: str, stems: Sequence[ShardStem], segment_frames: int, rate: int) -> None:
    """Write the shard of one song in one step; the same audio gives the same bytes.

    Args:
        location: file to write.
        song_id: id of the song.
        stems: in the order in which they are stored; each may have its own length.
        segment_frames: samples per channel in a segment.
        rate: Hz.

    Raises:
        ValueError: a stem without samples, or with samples that are not finite.
    """
    for stem in stems:
        if not stem.audio.size or not np.isfinite(stem.audio).all():
            fault = "samples that are not finite" if stem.audio.size else "no samples"
            raise ValueError(f"{song_id}: {stem.name} has {fault} and cannot be stored")
    last = max(stem.audio.shape[0] for stem in stems)
    scales = [stem.scale for stem in stems]
    uncompressed = [name for name in schemas.AUDIO.names if name != "flac"]
    with (
        location.open_atomic() as stream,
        pq.ParquetWriter(
            stream,
            schemas.AUDIO,
            compression={name: "zstd" if name != "flac" else "none" for name in schemas.AUDIO.names},
            use_dictionary=uncompressed,
            write_statistics=uncompressed,
            write_page_checksum=True,
        ) as writer,
    ):
        for segment, start in enumerate(range(0, last, segment_frames)):
            rows = list(_segment_rows(song_id, stems, scales, segment, start, segment_frames, rate))
            writer.write_table(pa.Table.from_pylist(rows, schema=schemas.AUDIO), row_group_size=len(rows))


def _segment_rows(
    song_id: str,
    stems: Sequence[ShardStem],
    scales: Sequence[float],
    segment: int,
    start: int,
    segment_frames: int,
    rate: int,
) -> Iterator[dict[str, object]]:
    for stem, scale in zip(stems, scales, strict=True):
        piece = stem.audio[start : start + segment_frames]
        if piece.shape[0]:
            yield {
                "song_id": song_id,
                "stem": stem.name,
                "role": stem.role,
                "segment": segment,
                "start": start,
                "frames": piece.shape[0],
                "sample_rate": rate,
                "scale": scale,
                "flac": encode_flac(piece, scale, stem.subtype, rate),
            }


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
        output = {name: np.zeros((frames, 2), dtype=np.float32) for name in names}
        _fill(shard, start, segment_frames, output)
    return output


def read_crop_into(
    location: Location,
    start: int,
    segment_frames: int,
    output: Mapping[str, NDArray[np.float32]],
    metadata: pq.FileMetaData | None = None,
) -> None:
    """Read a stretch of a song into arrays that the caller has, such as parts of a tensor.

    Args:
        location: shard file.
        start: first sample.
        segment_frames: samples per channel in a segment, from the ``shards`` table.
        output: by stem, zeros of shape (samples, 2) and any strides, all of one length; they stay zero after the end of
            a stem that is shorter.
        metadata: the shard's footer, where it was read before.

    Raises:
        ShardError: as for :func:`read_crop`.
        ValueError: a negative start.
    """
    if start < 0:
        raise ValueError(f"a crop starts at 0 or later, got {start}")
    with _open_shard(location, metadata) as shard:
        _fill(shard, start, segment_frames, output)


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


def _fill(shard: pq.ParquetFile, start: int, segment_frames: int, output: Mapping[str, NDArray[np.float32]]) -> None:
    frames = next((array.shape[0] for array in output.values()), 0)
    groups = range(start // segment_frames, min(-(-(start + frames) // segment_frames), shard.num_row_groups))
    columns = ["stem", "start", "frames", "scale", "flac"]
    table = shard.read_row_groups(list(groups), columns=columns, use_threads=False) if groups else None
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
        if row["scale"] != 1.0:
            piece *= np.float32(row["scale"])
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
