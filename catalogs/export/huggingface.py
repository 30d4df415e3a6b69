"""Hugging Face datasets: Parquet files with a row for each stem, which ``datasets.load_dataset`` opens as a folder.

The features (https://huggingface.co/docs/datasets/audio_dataset) are in the Parquet schema, the splits in the head of
``README.md``. A row is a stem, not a song: a song of five stems would be a row of 100 MB and more, songs have different
stems, and ``filter`` or ``group`` by ``song_id`` puts them together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from catalogs.export.format import ExportConfig, ExportError, Unit, plan_shards
from catalogs.export.names import sample_key
from catalogs.export.pieces import SongReader, encoded_stems
from catalogs.export.songs import ExportSong
from catalogs.storage import Location

FILE_BYTES = 500_000_000
"""Default size of a Parquet file, as the Hub has them."""

LARGEST_CELL = 2**31 - 1
"""Bytes of one value of a binary column."""

AUDIO = "audio"

COLUMNS: Mapping[str, str | list[str]] = {
    "song_id": "string",
    "stem": "string",
    "role": "string",
    "split": "string",
    "start": "int64",
    "frames": "int64",
    "scale": "float64",
    "corpus": "string",
    "title": "string",
    "artist": "string",
    "genre": "string",
    "licences": ["string"],
    "provenance": "string",
    "errata": ["string"],
}
"""Columns beside the audio; a list has items of one type."""

_TYPES = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64()}


@dataclass(frozen=True)
class HuggingFace:
    """The format ``huggingface``."""

    name: ClassVar[str] = "huggingface"
    materials: ClassVar[tuple[str, ...]] = ("normalised",)
    subtypes: ClassVar[tuple[str, ...]] = ("PCM_16", "PCM_24")

    def plan(self, songs: Sequence[ExportSong], config: ExportConfig) -> list[Unit]:
        """Parquet files ``data/<split>-<number>.parquet`` of whole stems, unless shorter pieces are asked for."""
        step = round((config.segment_seconds or 0.0) * songs[0].sample_rate) or None
        rates = {song.sample_rate for song in songs}
        if len(rates) > 1:
            raise ExportError(f"songs of several sample rates, {sorted(rates)}, do not fit into one column")
        return plan_shards(songs, config, "data/{split}-{number:05d}.parquet", step, config.shard_bytes or FILE_BYTES)

    def write(self, unit: Unit, catalog: Location, out: Location, config: ExportConfig) -> dict[str, Any]:
        """Write a Parquet file, a row group for each row."""
        reader = SongReader(catalog)
        schema = parquet_schema(unit.pieces[0].song.sample_rate)
        rows = 0
        with (
            (out / unit.paths[0]).open_atomic() as stream,
            pq.ParquetWriter(
                stream,
                schema,
                compression={name: "none" if name == AUDIO else "zstd" for name in schema.names},
                use_dictionary=False,
                write_statistics=["song_id", "stem", "role", "split"],
                write_page_checksum=True,
            ) as writer,
        ):
            for piece in unit.pieces:
                frames = {stem.name: piece.stem_frames(stem.name) for stem in piece.song.stems}
                wanted = {name: length for name, length in frames.items() if length}
                for stem, flac in encoded_stems(reader, piece, wanted, config.subtype):
                    if len(flac) > LARGEST_CELL:
                        raise ExportError(f"{piece.song.song_id}: {stem} is larger than 2 GB; choose --segment-seconds")
                    path = f"{sample_key(piece.song.song_id, piece.start)}-{stem}.flac"
                    row = {
                        **piece.song.about,
                        "stem": stem,
                        "role": next(s.role for s in piece.song.stems if s.name == stem),
                        "start": piece.start,
                        "frames": wanted[stem],
                        "scale": piece.song.scales[stem],
                        AUDIO: {"bytes": flac, "path": path},
                    }
                    writer.write_table(pa.Table.from_pylist([row], schema=schema))
                    rows += 1
        return {"rows": rows}

    def index(self, units: Sequence[Unit], notes: Sequence[Mapping[str, Any]], config: ExportConfig) -> dict[str, str]:
        """``README.md``, whose head names the files of each split."""
        splits = sorted({unit.split for unit in units})
        files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits]
        head = {"configs": [{"config_name": "default", "data_files": files}], "license": "other"}
        return {"README.md": f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n{CARD}"}


CARD = """\
# Effect-normalised stems

Exported by fxnorm-data. A row is a stem of a song, or the mixture: `song_id` and `stem` say which. Multiply decoded
samples by `scale`, which is above 1 where the audio exceeds full scale. `licences` are those that the corpus states for
the song; where the list is empty, the corpus' own terms hold, which `export.json` has, with how to cite it.
`receipts.parquet` says what was done to each stem.

```python
from datasets import load_dataset

stems = load_dataset("FOLDER", split="train")
vocals = stems.filter(lambda stem: stem == "vocals", input_columns="stem")
```
"""


def parquet_schema(rate: int) -> pa.Schema:
    """Columns, with the features that ``datasets`` reads from the schema's metadata."""
    features: dict[str, Any] = {AUDIO: {"sampling_rate": rate, "_type": "Audio"}}
    fields = [pa.field(AUDIO, pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]))]
    for name, kind in COLUMNS.items():
        if isinstance(kind, str):
            features[name] = {"dtype": kind, "_type": "Value"}
            fields.append(pa.field(name, _TYPES[kind]))
        else:
            features[name] = {"feature": {"dtype": kind[0], "_type": "Value"}, "_type": "List"}
            fields.append(pa.field(name, pa.list_(_TYPES[kind[0]])))
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
