"""Steps that the analysis and the normalisation of a song share: decoding, refusing, and running the stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console

from catalogs.audio_file import AudioFileError, Observer, uri_to_path
from catalogs.ingest import load_stem
from catalogs.material import file_rows
from catalogs.storage import Location
from fxnorm.stereo import Audio, unpad
from pipelines.config import RunOptions
from pipelines.progress import StageProgress
from pipelines.runner import Job, Outcome, run_songs
from pipelines.workspace import Rows, quarantine_row

INTERNAL_ERROR = "internal_error"
"""Reason code of a song on which the program itself failed; the message holds the exception."""

RETRIED = ("permission", "unreadable", "missing", "changed", "io_error", INTERNAL_ERROR)
"""Reasons that may be gone at the next run, and so are not remembered."""


STEREO_FLOAT32_BYTES = 8

WORKING_COPIES = 2.5
"""Copies of one stem that analysis or normalisation holds at its peak, and the sum of all stems in mono."""

PROCESS_BYTES = 450_000_000
"""What a worker takes beside the audio: its program, encoded segments, excerpts, buffers."""


class SongRefusedError(Exception):
    """A song that a stage cannot use, with its quarantine rows."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.rows = rows


def song_seconds(tracks: Rows) -> float:
    """Audio of a song, all its stems (or files) together, in seconds."""
    return float(sum(row["frames"] / row["sample_rate"] for row in tracks))


def song_memory(tracks: Rows) -> float:
    """Bytes that a task needs for a song: working copies of its longest stem, since stems are done one by one."""
    return PROCESS_BYTES + WORKING_COPIES * STEREO_FLOAT32_BYTES * max(row["catalog_frames"] for row in tracks)


def decode_stem(
    stem: Mapping[str, Any], stage: str, padding: int = 0, observer: Callable[[], Observer] | None = None
) -> Audio:
    """Decode a stem, the sum of its files; they must still be those that were ingested.

    Args:
        stem: a row as catalogs.material makes it of the tracks table.
        stage: stage named in a refusal.
        padding: zeros before and after.
        observer: makes one for each of its files, which sees the samples before they are converted and summed.

    Returns:
        float32 of shape (samples + 2 * padding, 2), 44 100 Hz, each channel contiguous.

    Raises:
        SongRefusedError: a file was changed or cannot be decoded.
    """
    files = file_rows([dict(stem)])
    audio = np.zeros((stem["catalog_frames"] + 2 * padding, 2), dtype=np.float32, order="F")
    try:
        load_stem(files, unpad(audio, padding), observer)
    except AudioFileError as error:
        guilty = next((row for row in files if uri_to_path(row["uri"]) == error.path), files[0])
        raise SongRefusedError([quarantine_row(guilty, stage, error.reason, str(error))]) from None
    return audio


def mixture_last(stems: Rows) -> Rows:
    """The stems of a song in the order of their names, the mixture behind them."""
    return sorted(stems, key=lambda row: (row["role"] == "mixture", row["stem"]))


@contextmanager
def refusals_remembered(folder: Location, key: str) -> Iterator[Callable[[Rows], Outcome]]:
    """Offer a function that stores why a song was refused, unless the cause may be gone next time."""

    def refuse(rows: Rows) -> Outcome:
        if not any(row["reason"] in RETRIED for row in rows):
            (folder / f"{key}.refused.json").write_bytes(json.dumps(rows).encode())
        return {"status": "quarantined", "song_id": rows[0]["song_id"], "quarantine": rows}

    yield refuse


def run_stage(
    stage: str,
    task: Callable[[Job], Outcome],
    songs: Mapping[str, Rows],
    keys: Mapping[str, str],
    folder: Location,
    done: Callable[[set[str], str], bool],
    options: RunOptions,
    console: Console,
) -> Rows:
    """Run a stage on the songs that it has not finished yet, longest first.

    Args:
        stage: name.
        task: work on one song; its job holds ``song_id``, ``key`` and ``tracks``.
        songs: tracks by song id.
        keys: name of each song's result.
        folder: where results are.
        done: whether the files of the folder hold a song's result.
        options: where to work.
        console: for the progress line.

    Returns:
        quarantine rows of all songs that the stage refuses, now or at an earlier run.
    """
    present = folder.file_names()
    refused: Rows = []
    lengths: list[tuple[float, str]] = []
    for song_id, key in keys.items():
        if f"{key}.refused.json" in present:
            refused += json.loads((folder / f"{key}.refused.json").read_bytes())
        elif not done(present, key):
            lengths.append((song_seconds(songs[song_id]), song_id))
    if not lengths:
        console.print(f"{stage:<9} nothing to do, {len(keys)} songs are finished")
        return refused
    lengths.sort(key=lambda item: (-item[0], item[1]))
    seconds = {song_id: length for length, song_id in lengths}
    jobs = ({"song_id": song_id, "key": keys[song_id], "tracks": songs[song_id]} for _, song_id in lengths)
    with StageProgress(stage, len(lengths), sum(seconds.values()), console) as progress:
        for outcome in run_songs(task, jobs, options, lambda job: song_memory(job["tracks"])):
            song_id = outcome["song_id"]
            if outcome["status"] == "failed":
                message = f"{outcome['message']}; please report this with the trace:\n{outcome['trace']}"
                refused.append(quarantine_row(songs[song_id][0], stage, INTERNAL_ERROR, message, whole=True))
            elif outcome["status"] == "quarantined":
                refused += outcome["quarantine"]
            progress.advance(seconds[song_id], outcome["status"] != "ok")
    return refused
