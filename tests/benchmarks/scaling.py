"""How a build scales: songs per hour with one and two workers, and what a thousand small songs cost beside their audio.

Run with ``python -m tests.benchmarks.scaling CORPUS [--songs N] [--seconds S]``; the songs are stretches of a corpus in
MUSDB18-HQ layout, such as the demo corpus. Every stage runs in one process for each number of workers, on a Ray of its
own that is started before the clock.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import soundfile
from rich.console import Console
from rich.table import Table

from pipelines.analyze import analyze
from pipelines.config import AnalysisConfig, NormalizationConfig, RunOptions
from pipelines.ingest import Source, ingest
from pipelines.normalize import normalize
from pipelines.runner import Job, Outcome, run_songs, stop
from pipelines.validate import publish, validate
from pipelines.workspace import Workspace

STUBBED_SONGS = 5_000


def write_songs(corpus: Path, folder: Path, songs: int, seconds: float) -> None:
    """Stretches of the corpus' songs, one after the other, as songs of their own."""
    sources = sorted(path for path in corpus.glob("*/*") if path.is_dir())
    for number in range(songs):
        source = sources[number % len(sources)]
        rate = soundfile.info(source / "mixture.wav").samplerate
        frames = round(seconds * rate)
        start = number // len(sources) * frames
        target = folder / "train" / f"Artist {number % 97} - Song {number:05}"
        target.mkdir(parents=True)
        for path in source.glob("*.wav"):
            length = soundfile.info(path).frames
            audio, _ = soundfile.read(path, start=start % max(length - frames, 1), frames=frames, dtype="int16")
            soundfile.write(target / path.name, audio, rate, subtype="PCM_16")


def nothing(job: Job) -> Outcome:
    """The work of a song, stubbed out."""
    return {"status": "ok", "song_id": job["song_id"]}


def stages(folder: Path, catalog: Path, workers: int) -> dict[str, float]:
    """Seconds of every stage of a build."""
    console = Console(file=io.StringIO())
    workspace, options = Workspace(catalog), RunOptions(workers)
    source = Source("musdb18hq", folder)
    list(run_songs(nothing, [{"song_id": str(number)} for number in range(8 * workers)], options))
    found: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        start = time.monotonic()
        work()
        found[name] = time.monotonic() - start

    stubs = ({"song_id": str(number), "tracks": [{}] * 5} for number in range(STUBBED_SONGS))
    timed("stub", lambda: list(run_songs(nothing, stubs, options)))
    timed("ingest", lambda: ingest(workspace, source, options, console))
    timed("analyze", lambda: analyze(workspace, AnalysisConfig(), options, console))
    timed("normalize", lambda: normalize(workspace, NormalizationConfig(), options, console))
    timed("validate", lambda: validate(workspace, console))
    timed("publish", lambda: publish(workspace, console))
    timed(
        "rerun",
        lambda: [ingest(workspace, source, options, console), analyze(workspace, AnalysisConfig(), options, console)],
    )
    stop()
    return found


def main() -> None:
    """Print seconds a stage, songs per hour and milliseconds a song."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--songs", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--catalog", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workers:
        sys.stdout.write(json.dumps(stages(options.corpus, options.catalog, options.workers)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_songs(options.corpus, folder / "corpus", options.songs, options.seconds)
        found = {}
        for workers in (1, 2):
            command = ["--workers", str(workers), "--catalog", str(folder / f"catalog-{workers}")]
            result = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.scaling", str(folder / "corpus"), *command],
                check=True,
                capture_output=True,
                text=True,
            )
            found[workers] = json.loads(result.stdout)
    table = Table(f"{options.songs} songs of {options.seconds:g} s, 4 stems", "1 worker, s", "2 workers, s", "times")
    for stage in found[1]:
        one, two = found[1][stage], found[2][stage]
        words = {"stub": f"{STUBBED_SONGS} songs without work", "rerun": "ingest and analyze once more"}.get(
            stage, stage
        )
        table.add_row(words, f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}")
    built = ("ingest", "analyze", "normalize", "validate", "publish")
    totals = [sum(found[workers][stage] for stage in built) for workers in (1, 2)]
    table.add_row("build", *(f"{total:.1f}" for total in totals), f"{totals[0] / totals[1]:.2f}")
    table.add_row("songs per hour", *(f"{options.songs / total * 3600:.0f}" for total in totals), "")
    Console().print(table)


if __name__ == "__main__":
    main()
