"""What a million tracks take: a manifest listed and planned, and its table of tracks validated.

Run with ``python -m tests.benchmarks.million CORPUS [--rows N]``; the rows of the manifest name the files of a corpus
in MUSDB18-HQ layout, such as the demo corpus, again and again, in random order. Each command runs in a process of its
own, which tells its peak of memory at its end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from catalogs.ingest import ingest_song
from catalogs.manifest import PUBLISHED, Manifest, TableWriter
from catalogs.storage import Location
from pipelines.ingest import Source

STEMS = ("vocals", "drums", "bass", "other", "mixture")
SEED = 1

AND_TELL_MEMORY = """
import atexit, pathlib, sys
def tell():
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in status if line.startswith("VmHWM")))
atexit.register(tell)
from pipelines.cli import app
app()
"""


def write_manifests(folder: Path, corpus: Path, rows: int) -> None:
    """The same rows as ``manifest.parquet`` and ``manifest.csv``."""
    folders = [path for path in sorted(corpus.glob("*/*")) if path.is_dir()]
    order = np.random.default_rng(SEED).permutation(rows)
    songs, stems = order // len(STEMS), order % len(STEMS)
    table = pa.table(
        {
            "song": [f"Artist {song % 5000:04} - Song {song:07}" for song in songs],
            "path": [
                f"{folders[song % len(folders)]}/{STEMS[stem]}.wav" for song, stem in zip(songs, stems, strict=True)
            ],
            "stem": [STEMS[stem] for stem in stems],
            "split": ["train"] * rows,
            "licence": ["CC BY 4.0"] * rows,
        }
    )
    pq.write_table(table, folder / "manifest.parquet")
    pacsv.write_csv(table, folder / "manifest.csv")


def write_catalog(folder: Path, corpus: Path, rows: int) -> None:
    """A catalog with a table of tracks of so many rows, as ingest would have made it."""
    templates = [ingest_song(song).tracks for song in Source("musdb18hq", corpus).songs()]
    location = Location.parse(folder)
    with TableWriter(location, "tracks") as writer:
        for number in range(rows // len(STEMS)):
            template = sorted(templates[number % len(templates)], key=lambda row: row["stem"])
            song = f"musdb18hq/{number:07}"
            changed = {"song_id": song, "native_id": song.partition("/")[2], "song_hash": f"{number:032x}"}
            writer.write_rows([{**row, **changed, "uri": f"file:///{number}/{row['stem']}.wav"} for row in template])
    with TableWriter(location, "quarantine") as quarantine:
        quarantine.write_rows([])
    manifest = Manifest().with_stage("ingest", {"tracks": writer.stored, "quarantine": quarantine.stored}, {})
    (location / PUBLISHED).write_bytes(manifest.to_json())


def measured(*command: str) -> tuple[float, float, str]:
    """Run fxnorm-data: seconds, peak memory in GB, and the line of its output before the last."""
    start = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-c", AND_TELL_MEMORY, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seconds = time.monotonic() - start
    *lines, peak = process.stdout.splitlines()
    if process.returncode:
        raise SystemExit("\n".join([*lines[-20:], peak]))
    return seconds, int(peak.split()[1]) * 1024 / 1e9, lines[-1] if lines else ""


def main() -> None:
    """Print a row for each command and each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    options = parser.parse_args()
    table = Table("command", "rows", "seconds", "peak memory, GB")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_manifests(folder, options.corpus.absolute(), rows)
            write_catalog(folder / "catalog", options.corpus, rows)
            for words, command in {
                "plan, Parquet manifest": ("plan", "--corpus", "manifest", str(folder / "manifest.parquet")),
                "plan, CSV manifest": ("plan", "--corpus", "manifest", str(folder / "manifest.csv")),
                "validate, table of tracks": ("validate", str(folder / "catalog")),
            }.items():
                seconds, memory, last = measured(*command)
                table.add_row(words, f"{rows}", f"{seconds:.1f}", f"{memory:.2f}")
                Console(stderr=True).print(f"{words}: {last}", markup=False)
    Console().print(table)


if __name__ == "__main__":
    main()
