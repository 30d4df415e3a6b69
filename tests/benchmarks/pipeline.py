"""What the pipeline around the chain costs: memory of a worker, overhead of a song, and the gain of a second worker.

Run with ``python -m tests.benchmarks.pipeline [CORPUS]``, a folder of MUSDB18-HQ such as the demo corpus. Memory is
measured in processes of their own, on one stem of 10 minutes, one of an hour, and on 100 songs in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from catalogs import corpora
from catalogs.ingest import ingest_song
from catalogs.material import stem_rows
from pipelines.analyze import AnalyzeSong
from pipelines.config import AnalysisConfig, NormalizationConfig, RunOptions
from pipelines.normalize import NormalizeSong
from pipelines.runner import Job, Outcome, run_songs, stop
from pipelines.workspace import Workspace
from tests.benchmarks.chain import SEARCH_DROP_DB, targets_of
from tests.benchmarks.timing import RATE, music

STEM = "vocals"


def write_song(corpus: Path, folder: Path, seconds: float) -> None:
    """A song of one 16-bit stem, written piece by piece."""
    folder.mkdir(parents=True)
    piece = music(corpus, STEM, 600.0)
    with soundfile.SoundFile(folder / f"{STEM}.wav", "w", RATE, 2, "PCM_16") as file:
        left = round(seconds * RATE)
        while left > 0:
            file.write(piece[:left])
            left -= piece.shape[0]


def job_of(root: Path) -> Job:
    """The job of the only song under a folder."""
    (song,) = corpora.get("folder").songs(root)
    return {"song_id": song.song_id, "key": "song", "tracks": stem_rows(ingest_song(song).tracks)}


def peak_gigabytes() -> float:
    """Largest resident size of this process so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def worker(root: Path, catalog: Path, repeats: int) -> None:
    """Analyse and normalise a song as a worker does, and print the peaks of memory after each stage as JSON."""
    job = job_of(root)
    workspace = Workspace(str(catalog))
    peaks = {"start": peak_gigabytes()}
    analysis = AnalyzeSong(workspace.target, AnalysisConfig())
    assert analysis(job)["status"] == "ok"
    peaks["analyze"] = peak_gigabytes()
    from fxnorm.features import analyze_stem

    short = music(Path(os.environ["BENCH_CORPUS"]), STEM, 60.0)
    targets = {STEM: targets_of(analyze_stem(short), SEARCH_DROP_DB)}
    config = NormalizationConfig()
    task = NormalizeSong(workspace.target, config, config.chain("bench"), targets, "bench")
    for repeat in range(repeats):
        assert task(job)["status"] == "ok"
        if repeat in (0, 4):
            peaks[f"normalize {repeat + 1}"] = peak_gigabytes()
    peaks["end"] = peak_gigabytes()
    sys.stdout.write(json.dumps(peaks))


def memory(corpus: Path, folder: Path) -> Table:
    """Peaks of memory of a worker."""
    table = Table(title="Peak memory of a worker, GB (search on both channels)")
    for heading in ("stem", "program alone", "analyze", "normalize", "after 100 songs"):
        table.add_column(heading, justify="left" if heading == "stem" else "right")
    for name, seconds, repeats in (("10 minutes", 600.0, 1), ("1 hour", 3_600.0, 1), ("20 s, 100 times", 20.0, 100)):
        root = folder / name.replace(" ", "-")
        write_song(corpus, root / "song", seconds)
        command = [sys.executable, "-m", __spec__.name, str(corpus), "--worker", str(root), "--repeats", str(repeats)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_CORPUS": str(corpus)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks = json.loads(done.stdout)
        growth = f"{peaks['normalize 5']:.3f} after 5, {peaks['end']:.3f}" if repeats > 1 else ""
        table.add_row(name, f"{peaks['start']:.2f}", f"{peaks['analyze']:.2f}", f"{peaks['normalize 1']:.2f}", growth)
        for path in root.rglob("*.wav"):
            path.unlink()
    return table


def no_work(job: Job) -> Outcome:
    """A song with the work stubbed out."""
    return {"status": "ok", "song_id": job["song_id"]}


def overhead(songs: int = 1_000) -> float:
    """Wall seconds of a song whose work is stubbed out, tracks of five files handed over, on one worker."""
    track = {"stem": "vocals", "uri": "file:///corpus/song/vocals.wav", "frames": 10_000_000, "sample_rate": RATE}
    jobs = [{"song_id": f"song {n}", "key": f"{n:032x}", "tracks": [track] * 5} for n in range(songs)]
    options = RunOptions(workers=1)
    list(run_songs(no_work, jobs[:20], options))
    start = time.perf_counter()
    list(run_songs(no_work, jobs, options))
    seconds = (time.perf_counter() - start) / songs
    stop()
    return seconds


def scaling(corpus: Path, folder: Path, songs: int = 8) -> list[float]:
    """Wall seconds to normalise songs of one minute with one and with two workers, Ray's start not counted."""
    for number in range(songs):
        write_song(corpus, folder / f"song {number}", 60.0)
    found = [ingest_song(song) for song in corpora.get("folder").songs(folder)]
    config = NormalizationConfig()
    from fxnorm.features import analyze_stem

    targets = {STEM: targets_of(analyze_stem(music(corpus, STEM, 60.0)), SEARCH_DROP_DB)}
    times = []
    for workers in (1, 2):
        workspace = Workspace(str(folder / f"catalog-{workers}"))
        task = NormalizeSong(workspace.target, config, config.chain("bench"), targets, "bench")
        jobs = [{"song_id": song.song_id, "key": song.song_id[-1], "tracks": stem_rows(song.tracks)} for song in found]
        options = RunOptions(workers=workers)
        list(run_songs(task, jobs[:workers], options))
        start = time.perf_counter()
        outcomes = list(run_songs(task, jobs, options))
        times.append(time.perf_counter() - start)
        assert {outcome["status"] for outcome in outcomes} == {"ok"}
        stop()
    return times


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", nargs="?", type=Path, default=Path("demo/corpus"))
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        worker(arguments.worker, arguments.worker / "catalog", arguments.repeats)
        return
    console = Console(width=110, highlight=False)
    with tempfile.TemporaryDirectory() as temporary:
        console.print(memory(arguments.corpus, Path(temporary) / "memory"))
        console.print(f"overhead of a song, work stubbed out: {1e3 * overhead():.1f} ms on one worker")
        repeats = [scaling(arguments.corpus, Path(temporary) / f"scaling-{repeat}") for repeat in range(3)]
        one, two = (float(np.median(column)) for column in zip(*repeats, strict=True))
        ratio = float(np.median([first / second for first, second in repeats]))
        console.print(
            f"8 songs of a minute: {one:.1f} s with one worker, {two:.1f} s with two, {ratio:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
