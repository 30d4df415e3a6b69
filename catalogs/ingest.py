"""A song's files, as a corpus adapter finds them, become rows of ``tracks``, or of ``quarantine``.

Files are probed and hashed here, not decoded: what only decoding shows (NaN, audio that ends early) is found
by ``load_song``, which the later stages read their audio with.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from catalogs.audio_file import (
    AudioFileError,
    Observer,
    available,
    catalog_frames,
    content_hash,
    decode_into,
    file_status,
    path_to_uri,
    probe,
    uri_to_path,
)
from catalogs.corpora.corpus import CorpusFile, CorpusSong
from catalogs.faults import Fault
from catalogs.schemas import EXCLUDED, MIXTURE
from catalogs.staging import last_file_kept

Row = dict[str, Any]
TrackKey = tuple[str, int | None]

STREAM_TOLERANCE = 4_096
"""Samples by which streams of one file may differ in length and are made as long as the mixture."""

_FILE_COLUMNS = (
    "container",
    "encoding",
    "sample_rate",
    "channels",
    "frames",
    "catalog_frames",
    "bytes",
    "modified_ns",
    "content_hash",
    "conversions",
)


@dataclass(frozen=True)
class SongIngest:
    """What came of a song: rows of ``tracks``, or rows of ``quarantine``, never of both nor of neither."""

    song_id: str
    tracks: list[Row]
    quarantine: list[Row]


class KnownTracks(Mapping[TrackKey, Row]):
    """An earlier ``tracks`` table by URI and stream, as ``ingest_song`` takes it; rows are made when asked for.

    Where several rows are of one file, the last counts.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table.combine_chunks()
        keys = zip(table["uri"].to_pylist(), table["stream"].to_pylist(), strict=True)
        self._places = {key: place for place, key in enumerate(keys)}

    def __getitem__(self, key: TrackKey) -> Row:
        return self._table.slice(self._places[key], 1).to_pylist()[0]

    def __iter__(self) -> Iterator[TrackKey]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def mark_duplicates(songs: Iterable[CorpusSong]) -> Iterator[CorpusSong]:
    """The songs as they are; one whose id an earlier song has gets the fault ``duplicate_song_id``."""
    seen: set[str] = set()
    for song in songs:
        if song.song_id in seen:
            paths = [file.path for _, file in sorted(song.files.items())]
            fault = Fault("duplicate_song_id", "an earlier song has the same id", path=next(iter(paths), None))
            song = dataclasses.replace(song, faults=(*song.faults, fault))
        seen.add(song.song_id)
        yield song


def is_used(song: CorpusSong, stem: str, file: CorpusFile) -> bool:
    """Whether the later stages take a file: the mixture, and what has the role of the song's material."""
    return stem == MIXTURE or (stem != EXCLUDED and file.role == song.material)


def ingest_song(song: CorpusSong, known: Mapping[TrackKey, Row] | None = None) -> SongIngest:
    """Probe and hash all files of a song.

    Where URI, size and modification time equal those of a row in ``known``, that row's findings are taken and
    the file is not read. A song with any fault is refused, with a ``quarantine`` row for each of its faults.
    """
    files = dict(sorted(song.files.items()))
    stems = {part: file.stem or part for part, file in files.items()}
    findings: dict[str, Row] = {}
    faults = list(song.faults)
    if not faults and files and not any(is_used(song, stems[p], f) for p, f in files.items() if stems[p] != MIXTURE):
        problem = f"none of its files is a {song.material} that belongs to a source"
        faults.append(Fault("missing_stem", problem, path=next(iter(files.values())).path.parent))
    hashes: dict[Path, str] = {}
    with last_file_kept():
        for part, file in files.items():
            try:
                findings[part] = _finding(file, known or {}, hashes)
            except AudioFileError as error:
                faults.append(error.fault(stems[part]))
    if faults:
        return SongIngest(song.song_id, [], [_quarantine_row(song, f) for f in _merged(faults)])
    _equalise_streams(findings)
    rows = [{**_part_row(song, part, stems[part], files[part]), **findings[part]} for part in files]
    song_hash = _song_hash(row for row in rows if row["used"])
    return SongIngest(song.song_id, [{**row, "song_hash": song_hash} for row in rows], [])


def load_song(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """The audio of a song's ``tracks`` rows: stem name to float32 (frames, 2) at the catalog's rate.

    Each stem keeps its own length, ``catalog_frames``, that of its longest file if it has several.

    Errors: as for ``load_stem``.
    """
    stems: dict[str, list[Row]] = {}
    for row in rows:
        stems.setdefault(row["stem"], []).append(row)
    song = {}
    for stem, files in stems.items():
        song[stem] = np.zeros((max(row["catalog_frames"] for row in files), 2), np.float32)
        load_stem(files, song[stem])
    return song


def load_stem(rows: Sequence[Row], output: np.ndarray, observer: Callable[[], Observer] | None = None) -> None:
    """Add the files of a stem, in the order of their content, to ``output``.

    ``output`` is float32 (samples, 2) at the catalog's rate, zeros, at least as long as the longest file. Each file is
    decoded in blocks where its rate is the catalog's. ``observer`` makes one for each file, which is called with the
    samples as they stand in it.

    Errors: AudioFileError as for ``catalogs.audio_file.decode``, or with reason ``changed`` where size or
    modification time are no longer those of the rows.
    """
    for row in sorted(rows, key=lambda row: row["content_hash"]):
        path = uri_to_path(row["uri"])
        with available(path):
            status = file_status(path)
            if (status.st_size, status.st_mtime_ns) != (row["bytes"], row["modified_ns"]):
                raise AudioFileError("changed", path, "it was changed after it was ingested")
            decode_into(path, row["stream"], row["frames"], output, None if observer is None else observer())


def _finding(file: CorpusFile, known: Mapping[TrackKey, Row], hashes: dict[Path, str]) -> Row:
    uri = path_to_uri(file.path)
    status = file_status(file.path)
    row = known.get((uri, file.stream))
    if row is not None and (row["bytes"], row["modified_ns"]) == (status.st_size, status.st_mtime_ns):
        return {"uri": uri, "stream": file.stream, **{column: row[column] for column in _FILE_COLUMNS}}
    with available(file.path):
        info = probe(file.path, file.stream)
        if file.path not in hashes:
            hashes[file.path] = content_hash(file.path)
        after = file_status(file.path)
    if (after.st_size, after.st_mtime_ns) != (info.bytes, info.modified_ns):
        raise AudioFileError("changed", file.path, "it was changed while it was read")
    return {
        "uri": uri,
        "stream": file.stream,
        "container": info.container,
        "encoding": info.encoding,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
        "frames": info.frames,
        "catalog_frames": catalog_frames(info),
        "bytes": info.bytes,
        "modified_ns": info.modified_ns,
        "content_hash": hashes[file.path],
        "conversions": info.conversions(),
    }


def _equalise_streams(findings: Mapping[str, Row]) -> None:
    """Give streams of the mixture's file the mixture's length: codecs pad each stream by a frame or two."""
    mixture = findings.get(MIXTURE)
    for finding in findings.values():
        if mixture is None or finding["uri"] != mixture["uri"]:
            continue
        surplus = finding["frames"] - mixture["frames"]
        if finding["sample_rate"] == mixture["sample_rate"] and 0 < abs(surplus) <= STREAM_TOLERANCE:
            note = f"length {finding['frames']} to {mixture['frames']}, as the mixture"
            finding["conversions"] = [*finding["conversions"], note]
            finding["frames"], finding["catalog_frames"] = mixture["frames"], mixture["catalog_frames"]


def _song_hash(rows: Iterable[Row]) -> str:
    files = [(row["stem"], row["stream"], row["content_hash"]) for row in rows]
    ordered = sorted(files, key=lambda file: (file[0], file[2], -1 if file[1] is None else file[1]))
    return hashlib.blake2b(json.dumps(ordered).encode(), digest_size=16).hexdigest()


def _part_row(song: CorpusSong, part: str, stem: str, file: CorpusFile) -> Row:
    return {
        "song_id": song.song_id,
        "stem": stem,
        "part": part,
        "role": "mixture" if stem == MIXTURE else file.role,
        "used": is_used(song, stem, file),
        "corpus": song.corpus,
        "native_id": song.native_id,
        "title": song.title,
        "artist": song.artist,
        "genre": song.genre,
        "instruments": list(file.instruments),
        "bleed": file.bleed,
        "split": song.split,
        "corpus_split": song.split,
        "licence": file.licence or song.licence,
        "provenance": song.provenance,
        "errata": list(file.errata),
    }


def _merged(faults: Iterable[Fault]) -> list[Fault]:
    """The faults, those that several stems of one file share as one fault of the song."""
    groups: dict[tuple[str, str, Path | None], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.reason, fault.problem, fault.path), []).append(fault)
    return [dataclasses.replace(same[0], stem=None) if len(same) > 1 else same[0] for same in groups.values()]


def _quarantine_row(song: CorpusSong, fault: Fault) -> Row:
    return {
        "song_id": song.song_id,
        "corpus": song.corpus,
        "stem": fault.stem,
        "uri": None if fault.path is None else path_to_uri(fault.path),
        "stage": "ingest",
        "reason": fault.reason,
        "message": fault.message,
    }
