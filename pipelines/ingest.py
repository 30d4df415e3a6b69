"""Stage 1: find the songs of a corpus, probe and hash their files, quarantine what cannot be used."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from catalogs import corpora
from catalogs.audio_file import AudioFileError, file_status, path_to_uri, uri_to_path
from catalogs.corpora import Corpus, CorpusFile, CorpusSong, LabelledCorpus
from catalogs.corpora.errata import NO_ERRATA, corrected, count_effects, read_errata
from catalogs.corpora.roots import open_root
from catalogs.faults import Fault, printable
from catalogs.ingest import KnownTracks, TrackKey, ingest_song, mark_duplicates
from catalogs.remote import forget_listings
from pipelines.config import RunOptions
from pipelines.ingest_journal import IngestJournal
from pipelines.progress import StageProgress
from pipelines.runner import Job, Outcome, check_errors, run_songs
from pipelines.song_rows import Rows
from pipelines.songs import INTERNAL_ERROR, song_seconds
from pipelines.workspace import Workspace

STAGE = "ingest"


@dataclasses.dataclass(frozen=True)
class Source:
    """A corpus.

    Attributes:
        corpus: name of the adapter.
        root: path or URI of its folder.
        options: options of the adapter.
        errata: file with errors of corpora in place of the built-in one; ``none`` for no corrections.
    """

    corpus: str
    root: str | Path
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    errata: str | None = None

    def adapter(self) -> Corpus:
        """The adapter.

        Raises:
            ValueError: no such adapter or option.
        """
        return corpora.get(self.corpus, **self.options)

    def songs(self) -> Iterator[CorpusSong]:
        """All songs that the adapter finds, one after the other; nothing is read but folders.

        Raises:
            ValueError: no song is found.
        """
        forget_listings()
        adapter = self.adapter()
        decided = adapter.table.songs if isinstance(adapter, LabelledCorpus) else {}
        errata = () if self.errata == NO_ERRATA else read_errata(self.errata)
        return mark_duplicates(corrected(adapter.songs(open_root(self.root)), errata, decided))


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

    A file whose size and modification time are those of the last ingest is not read again, and neither is one that a
    killed ingest has read.

    Raises:
        ValueError: unknown corpus, or no song found.
        PipelineError: more songs are refused than the options allow.
    """
    previous = workspace.previously_ingested()
    journal = IngestJournal(workspace.folder("ingest"))
    known = KnownTracks(pa.concat_tables([previous, journal.interrupted()]))
    effects: Counter[str] = Counter()
    with TemporaryFile("w+", encoding="utf-8") as listing:
        songs = new = 0
        for song in source.songs():
            songs += 1
            effects.update(count_effects([song]))
            if song.faults or _is_known(song, known):
                result = ingest_song(song, known)
                journal.add(result.tracks, result.quarantine, known=True)
            else:
                job: Job = {"song_id": song.song_id, "song": _song_to_json(song)}
                listing.write(json.dumps(job) + "\n")
                new += 1
        listing.seek(0)
        if effects:
            counted = ", ".join(f"{count} {effect}" for effect, count in effects.items())
            console.print(f"errata    {counted}; see the column errata of the table tracks, and the quarantine")
        refused = list({row["song_id"]: row["message"] for row in journal.refused}.values())
        check_errors(refused, options)
        if new:
            with StageProgress(STAGE, new, None, console) as progress:
                outcomes = run_songs(ingest_task, map(json.loads, listing), options, refused=refused)
                _take(outcomes, source.corpus, journal, progress)
        else:
            console.print(f"{STAGE:<9} nothing to do, {songs} songs are known")
    tracks = journal.tracks()
    gone = _leaving(source, previous, tracks, journal.refused)
    if gone:
        listed = ", ".join(sorted(gone)[:3]) + (", ..." if len(gone) > 3 else "")
        root = printable(open_root(source.root))
        console.print(
            f"warning: {len(gone)} songs are no longer in {root} and leave the catalog: {listed}",
            style="yellow",
            soft_wrap=True,
            markup=False,
        )
    others = previous.filter(pc.not_equal(previous["corpus"], source.corpus))
    refused_before = [row for row in workspace.quarantine([STAGE]) if row["corpus"] != source.corpus]
    workspace.save_ingested(pa.concat_tables([others, tracks]))
    workspace.save_quarantine(STAGE, refused_before + journal.refused)
    journal.clear()
    roots = dict(workspace.draft().config.get(STAGE, {}).get("corpora", {}))
    roots[source.corpus] = {
        "root": path_to_uri(open_root(source.root)),
        "options": json.loads(json.dumps(source.options)),
        "errata": source.errata,
    }
    workspace.save_draft(
        STAGE, {}, {"corpora": roots}, drop=("features", "fingerprints", "statistics", "shards", "receipts", "targets")
    )


def _take(outcomes: Iterable[Outcome], corpus: str, journal: IngestJournal, progress: StageProgress) -> None:
    for outcome in outcomes:
        if outcome["status"] == "failed":
            journal.add([], [_failed(corpus, outcome)])
        else:
            journal.add(outcome["tracks"], outcome["quarantine"])
        progress.advance(song_seconds(outcome.get("tracks", [])), outcome["status"] != "ok")


def _leaving(source: Source, previous: pa.Table, tracks: pa.Table, refused: Rows) -> set[str]:
    """Ids of the songs of a corpus that were there and are not any more."""
    before = previous.filter(pc.equal(previous["corpus"], source.corpus))["song_id"].unique().to_pylist()
    return set(before) - set(tracks["song_id"].unique().to_pylist()) - {row["song_id"] for row in refused}


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
