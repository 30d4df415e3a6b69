"""Stage 1: find the songs of a corpus, probe and hash their files, quarantine what cannot be used."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from catalogs import corpora
from catalogs.audio_file import AudioFileError, file_status, path_to_uri, uri_to_path
from catalogs.corpora import Corpus, CorpusFile, CorpusSong, LabelledCorpus
from catalogs.corpora.errata import NO_ERRATA, corrected, count_effects, read_errata
from catalogs.faults import Fault
from catalogs.ingest import TrackKey, ingest_song, known_tracks, mark_duplicates
from pipelines.config import RunOptions
from pipelines.progress import StageProgress
from pipelines.runner import Job, Outcome, run_songs
from pipelines.songs import INTERNAL_ERROR, song_seconds
from pipelines.workspace import Workspace

STAGE = "ingest"


@dataclasses.dataclass(frozen=True)
class Source:
    """A corpus on disk.

    Attributes:
        corpus: name of the adapter.
        root: its folder.
        options: options of the adapter.
        errata: file with errors of corpora in place of the built-in one; ``none`` for no corrections.
    """

    corpus: str
    root: Path
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    errata: str | None = None

    def adapter(self) -> Corpus:
        """The adapter.

        Raises:
            ValueError: no such adapter or option.
        """
        return corpora.get(self.corpus, **self.options)

    def songs(self) -> list[CorpusSong]:
        """All songs that the adapter finds; nothing is read but folders.

        Raises:
            ValueError: no song is found.
        """
        adapter = self.adapter()
        decided = adapter.table.songs if isinstance(adapter, LabelledCorpus) else {}
        errata = () if self.errata == NO_ERRATA else read_errata(self.errata)
        return list(mark_duplicates(corrected(adapter.songs(self.root), errata, decided)))


def ingest_task(job: Job) -> Outcome:
    """Task: probe and hash the files of one song."""
    result = ingest_song(_song_from_json(job["song"]))
    status = "quarantined" if result.quarantine else "ok"
    return {
        "status": status,
        "song_id": job["song_id"],
        "tracks": result.tracks,
        "quarantine": result.quarantine,
    }


def ingest(workspace: Workspace, source: Source, options: RunOptions, console: Console) -> None:
    """Bring the songs of a corpus into the catalog's draft; songs of other corpora stay.

    A file whose size and modification time are those of the last ingest is not read again.

    Raises:
        ValueError: unknown corpus, or no song found.
    """
    songs = source.songs()
    effects = count_effects(songs)
    if effects:
        counted = ", ".join(f"{count} {effect}" for effect, count in effects.items())
        console.print(f"errata    {counted}; see the column errata of the table tracks, and the quarantine")
    previous = workspace.previously_ingested()
    known = known_tracks(previous)
    tracks = [row for row in previous if row["corpus"] != source.corpus]
    refused = [row for row in workspace.quarantine([STAGE]) if row["corpus"] != source.corpus]
    jobs: list[Job] = []
    for index, song in enumerate(songs):
        if song.faults or _is_known(song, known):
            result = ingest_song(song, known)
            tracks += result.tracks
            refused += result.quarantine
        else:
            jobs.append({"song_id": song.song_id, "index": index, "song": _song_to_json(song)})
    if jobs:
        with StageProgress(STAGE, len(jobs), None, console) as progress:
            for outcome in run_songs(ingest_task, jobs, options):
                if outcome["status"] == "failed":
                    refused.append(_failed(source.corpus, outcome))
                else:
                    tracks += outcome["tracks"]
                    refused += outcome["quarantine"]
                progress.advance(song_seconds(outcome.get("tracks", [])), outcome["status"] != "ok")
    else:
        console.print(f"{STAGE:<9} nothing to do, {len(songs)} songs are known")
    gone = {row["song_id"] for row in previous} - {row["song_id"] for row in tracks + refused}
    if gone:
        listed = ", ".join(sorted(gone)[:3]) + (", ..." if len(gone) > 3 else "")
        console.print(
            f"warning: {len(gone)} songs are no longer in {source.root} and leave the catalog: {listed}",
            style="yellow",
            soft_wrap=True,
            markup=False,
        )
    workspace.save_ingested(tracks)
    workspace.save_quarantine(STAGE, refused)
    roots = dict(workspace.draft().config.get(STAGE, {}).get("corpora", {}))
    roots[source.corpus] = {
        "root": path_to_uri(source.root.absolute()),
        "options": json.loads(json.dumps(source.options)),
        "errata": source.errata,
    }
    workspace.save_draft(
        STAGE, {}, {"corpora": roots}, drop=("features", "fingerprints", "statistics", "shards", "receipts", "targets")
    )


def _is_known(song: CorpusSong, known: Mapping[TrackKey, dict[str, Any]]) -> bool:
    for file in song.files.values():
        row = known.get((path_to_uri(file.path), file.stream))
        if row is None:
            return False
        try:
            status = file_status(file.path)
        except AudioFileError:
            return False
        if (status.st_size, status.st_mtime_ns) != (row["bytes"], row["modified_ns"]):
            return False
    return True


def _failed(corpus: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "song_id": outcome["song_id"],
        "corpus": corpus,
        "stem": None,
        "uri": None,
        "stage": STAGE,
        "reason": INTERNAL_ERROR,
        "message": f"{outcome['message']}; please report this with the trace:\n{outcome['trace']}",
    }


def _song_to_json(song: CorpusSong) -> dict[str, Any]:
    plain = {field.name: getattr(song, field.name) for field in dataclasses.fields(song)}
    plain["files"] = {part: _located(file) for part, file in song.files.items()}
    plain["faults"] = [_located(fault) for fault in song.faults]
    return plain


def _song_from_json(plain: Mapping[str, Any]) -> CorpusSong:
    files = {
        part: CorpusFile(
            **{**_unlocated(file), "instruments": tuple(file["instruments"]), "errata": tuple(file["errata"])}
        )
        for part, file in plain["files"].items()
    }
    faults = tuple(Fault(**_unlocated(fault)) for fault in plain["faults"])
    return CorpusSong(**{**plain, "files": files, "faults": faults})


def _located(item: CorpusFile | Fault) -> dict[str, Any]:
    return {**dataclasses.asdict(item), "path": None if item.path is None else path_to_uri(item.path)}


def _unlocated(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {**plain, "path": None if plain["path"] is None else uri_to_path(plain["path"])}
