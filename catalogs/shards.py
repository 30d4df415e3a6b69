"""Audio shards: one Parquet file a song, FLAC segments of all stems side by side, made for reading random crops.

A row group holds one segment (5 s by default) of every stem, so a crop reads and decodes only the segments it touches.
Each value of the column ``flac`` is a complete FLAC file that any decoder opens; multiply by ``scale``. Pages have
checksums, which a crop verifies.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from numpy.typing import NDArray

from catalogs import schemas
from catalogs.storage import Location

SEGMENT_SECONDS = 5.0
"""Default length of a segment."""

PCM_BITS = {"PCM_16": 16, "PCM_24": 24}


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


def encode_flac(audio: NDArray[np.float32], scale: float, subtype: str, rate: int) -> bytes:
    """Round to PCM and encode; 16-bit input at scale 1 survives exactly.

    Args:
        audio: shape (samples, 2).
        scale: samples are divided by this first.
        subtype: ``PCM_16`` or ``PCM_24``.
        rate: Hz.
    """
    full = 2.0 ** (PCM_BITS[subtype] - 1)
    integers = np.clip(np.rint(audio.astype(np.float64) * (full / scale)), -full, full - 1).astype(np.int32)
    stream = io.BytesIO()
    soundfile.write(stream, integers << (32 - PCM_BITS[subtype]), rate, format="FLAC", subtype=subtype)
    return stream.getvalue()


def read_crop(
    location: Location, start: int, frames: int, segment_frames: int, stems: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Read a stretch of some stems of a song, decoding only the segments that it touches.

    Args:
        location: shard file.
        start: first sample.
        frames: samples per channel.
        segment_frames: samples per channel in a segment, from the ``shards`` table.
        stems: names; all if None.

    Returns:
        by name, float32 of shape (frames, 2); zeros after the end of a stem that is shorter.

    Raises:
        ShardError: a stem that is not in the shard, or a shard that is missing, damaged or cut otherwise.
        ValueError: a negative start or length.
    """
    if start < 0 or frames < 0:
        raise ValueError(f"a crop starts at 0 or later and has 0 samples or more, got {start} and {frames}")
    try:
        with location.filesystem.open_input_file(location.path) as source:
            shard = pq.ParquetFile(source, pre_buffer=True, page_checksum_verification=True)
            return _read_crop(shard, start, frames, segment_frames, stems)
    except FileNotFoundError:
        raise ShardError(f"{location.path}: shard is missing; run the build again") from None
    except ShardError as error:
        raise ShardError(f"{location.path}: {error}") from None
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError, soundfile.LibsndfileError) as error:
        raise ShardError(
            f"{location.path}: shard cannot be read ({error}); if it is damaged, delete it and run the build again"
        ) from error


def _read_crop(
    shard: pq.ParquetFile, start: int, frames: int, segment_frames: int, stems: Sequence[str] | None
) -> dict[str, NDArray[np.float32]]:
    groups = range(start // segment_frames, min(-(-(start + frames) // segment_frames), shard.num_row_groups))
    columns = ["stem", "start", "frames", "scale", "flac"]
    available = shard.read_row_group(0, columns=["stem"]).column("stem").to_pylist()
    wanted = list(available) if stems is None else list(stems)
    missing = sorted(set(wanted) - set(available))
    if missing:
        raise ShardError(f"no stem {missing[0]!r} in the shard; there are {', '.join(available)}")
    output = {name: np.zeros((frames, 2), dtype=np.float32) for name in wanted}
    table = shard.read_row_groups(list(groups), columns=columns) if len(groups) else None
    for row in _rows(table, output):
        if row["start"] % segment_frames or row["start"] // segment_frames not in groups:
            raise ShardError(f"segments are not of {segment_frames} samples as the catalog says; run the build again")
        with soundfile.SoundFile(io.BytesIO(row["flac"])) as segment:
            skip = max(0, start - row["start"])
            offset = row["start"] + skip - start
            length = min(row["frames"] - skip, frames - offset)
            if length <= 0:
                continue
            if segment.channels != 2:
                raise ShardError(f"{row['stem']} at sample {row['start']} is not stereo; run the build again")
            segment.seek(skip)
            piece = segment.read(out=output[row["stem"]][offset : offset + length])
        if piece.shape[0] != length:
            raise ShardError(f"{row['stem']} at sample {row['start']} is cut short; delete it and run the build again")
        if row["scale"] != 1.0:
            piece *= np.float32(row["scale"])
    return output


def _rows(table: pa.Table | None, wanted: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    if table is None:
        return
    for index, name in enumerate(table.column("stem").to_pylist()):
        if name in wanted:
            yield {column: table.column(column)[index].as_py() for column in table.column_names}
