"""WebDataset: tar files of samples, each a JSON and one FLAC file a stem under a common key.

Format: https://github.com/webdataset/webdataset; files of a sample stand side by side and share the name up to
its first dot. Times and owners are left out, so that the same catalog gives the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from catalogs.export.format import ExportConfig, Unit, plan_shards
from catalogs.export.names import sample_key, stem_names
from catalogs.export.pieces import SongReader, encoded_stems
from catalogs.export.samples import describe, step_frames
from catalogs.export.songs import ExportSong
from catalogs.storage import Location

SHARD_BYTES = 256_000_000
"""Default size of a tar file; WebDataset recommends 100 MB to a few GB."""


@dataclass(frozen=True)
class WebDataset:
    """The format ``webdataset``."""

    name: ClassVar[str] = "webdataset"
    materials: ClassVar[tuple[str, ...]] = ("normalised",)
    subtypes: ClassVar[tuple[str, ...]] = ("PCM_16", "PCM_24")

    def plan(self, songs: Sequence[ExportSong], config: ExportConfig) -> list[Unit]:
        """Tar files ``<split>-<number>.tar``."""
        size = config.shard_bytes or SHARD_BYTES
        units = plan_shards(songs, config, "{split}-{number:06d}.tar", step_frames(songs, config), size)
        stem_names(units[0].stems)
        return units

    def write(self, unit: Unit, catalog: Location, out: Location, config: ExportConfig) -> dict[str, Any]:
        """Write a tar file."""
        reader = SongReader(catalog)
        names = stem_names(unit.stems)
        with (
            (out / unit.paths[0]).open_atomic() as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for piece in unit.pieces:
                key = sample_key(piece.song.song_id, piece.start)
                _add(archive, f"{key}.json", (json.dumps(describe(piece), sort_keys=True) + "\n").encode())
                frames = {stem.name: piece.frames for stem in piece.song.stems}
                for stem, flac in encoded_stems(reader, piece, frames, config.subtype):
                    _add(archive, f"{key}.{names[stem]}.flac", flac)
        return {"samples": len(unit.pieces)}

    def index(self, units: Sequence[Unit], notes: Sequence[Mapping[str, Any]], config: ExportConfig) -> dict[str, str]:
        """None: WebDataset reads the tar files alone."""
        return {}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    stream: IO[bytes] = io.BytesIO(content)
    archive.addfile(entry, stream)
