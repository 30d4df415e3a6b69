"""litdata: chunk files of samples, a folder and an ``index.json`` for each split.

Format, as litdata's PyTreeLoader reads it (https://github.com/Lightning-AI/litData): a chunk is the number of samples,
the offsets of samples and end, and the samples; a sample is the lengths of its fields, then the fields; all numbers are
uint32, little endian. The fields are ``json``, a text, and one FLAC file a stem, empty where the song has no such stem.
It is written here since the package cannot be installed beside the versions that this one needs.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from catalogs.export.format import ExportConfig, ExportError, Unit, plan_shards
from catalogs.export.pieces import SongReader, encoded_stems
from catalogs.export.samples import describe, step_frames
from catalogs.export.songs import ExportSong
from catalogs.storage import Location

CHUNK_BYTES = 64_000_000
"""litdata's default size of a chunk."""

LARGEST_CHUNK = 2**32 - 1

DESCRIPTION = "json"
"""Name of the field that describes a sample."""


@dataclass(frozen=True)
class LitData:
    """The format ``litdata``."""

    name: ClassVar[str] = "litdata"
    materials: ClassVar[tuple[str, ...]] = ("normalised",)
    subtypes: ClassVar[tuple[str, ...]] = ("PCM_16", "PCM_24")

    def plan(self, songs: Sequence[ExportSong], config: ExportConfig) -> list[Unit]:
        """Chunk files ``<split>/chunk-0-<number>.bin``."""
        size = config.shard_bytes or CHUNK_BYTES
        units = plan_shards(songs, config, "{split}/chunk-0-{number}.bin", step_frames(songs, config), size)
        if DESCRIPTION in units[0].stems:
            raise ExportError(f"a stem called {DESCRIPTION!r} cannot stand beside the field of that name")
        return units

    def write(self, unit: Unit, catalog: Location, out: Location, config: ExportConfig) -> dict[str, Any]:
        """Write a chunk file; held in memory, as it is when it is read."""
        reader = SongReader(catalog)
        samples = []
        for piece in unit.pieces:
            frames = {stem.name: piece.frames for stem in piece.song.stems}
            stems = dict(encoded_stems(reader, piece, frames, config.subtype))
            description = json.dumps(describe(piece), sort_keys=True).encode()
            samples.append(_sample([description, *(stems.get(name, b"") for name in unit.stems)]))
        offsets = [4 * (len(samples) + 2)]
        for sample in samples:
            offsets.append(offsets[-1] + len(sample))
        if offsets[-1] > LARGEST_CHUNK:
            raise ExportError(f"{unit.name}: a chunk would be larger than 4 GB; choose smaller --segment-seconds")
        with (out / unit.paths[0]).open_atomic() as stream:
            stream.write(_numbers([len(samples), *offsets]))
            for sample in samples:
                stream.write(sample)
        return {"samples": len(samples), "bytes": offsets[-1]}

    def index(self, units: Sequence[Unit], notes: Sequence[Mapping[str, Any]], config: ExportConfig) -> dict[str, str]:
        """``index.json`` of each split."""
        texts = {}
        for split in sorted({unit.split for unit in units}):
            chunks = [
                {
                    "chunk_bytes": note["bytes"],
                    "chunk_size": note["samples"],
                    "dim": None,
                    "filename": unit.paths[0].partition("/")[2],
                }
                for unit, note in zip(units, notes, strict=True)
                if unit.split == split
            ]
            fields = [DESCRIPTION, *units[0].stems]
            content = {"chunks": chunks, "config": _config(fields, config.shard_bytes or CHUNK_BYTES)}
            texts[f"{split}/index.json"] = json.dumps(content, sort_keys=True) + "\n"
        return texts


def _sample(fields: Sequence[bytes]) -> bytes:
    return b"".join([_numbers([len(field) for field in fields]), *fields])


def _numbers(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def _config(fields: Sequence[str], chunk_bytes: int) -> dict[str, Any]:
    """How samples are taken apart: a dictionary of leaves, described as torch's pytree module does."""
    leaf: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
    tree = {"type": "builtins.dict", "context": json.dumps(list(fields)), "children_spec": [leaf] * len(fields)}
    return {
        "chunk_bytes": chunk_bytes,
        "chunk_size": None,
        "compression": None,
        "data_format": ["str" if name == DESCRIPTION else "bytes" for name in fields],
        "data_spec": json.dumps([1, tree]),
        "encryption": None,
        "item_loader": "PyTreeLoader",
    }
