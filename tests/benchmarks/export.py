"""Stem-hours exported in an hour of CPU, and sizes, for each format; and whether litdata itself gives back the crops.

Run with ``python -m tests.benchmarks.export [CATALOG]``, with litdata on the path (``make bench-export``). One process,
one core; files in the page cache. The table goes into docs/interchange.md.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from catalogs.catalog import Catalog
from catalogs.export import ExportConfig
from pipelines.config import RunOptions
from pipelines.export import ExportReport, export_catalog
from tests.benchmarks.timing import one_core

CASES = {
    "webdataset, segments as stored": ExportConfig("webdataset"),
    "webdataset, samples of 10 s": ExportConfig("webdataset", segment_seconds=10.0),
    "litdata, segments as stored": ExportConfig("litdata"),
    "huggingface, segments as stored": ExportConfig("huggingface", segment_seconds=5.0),
    "huggingface, whole stems": ExportConfig("huggingface"),
    "folders, WAV (FLOAT)": ExportConfig("folders"),
    "folders, FLAC": ExportConfig("folders", container="flac"),
    "folders, original stems, WAV (FLOAT)": ExportConfig("folders", material="original"),
}


def export(catalog: str, out: Path, config: ExportConfig) -> ExportReport:
    """Export in this process."""
    return export_catalog(catalog, str(out), config, Console(quiet=True), options=RunOptions(workers=1))


def check_litdata(catalog: Catalog, out: Path) -> int:
    """Read every sample with litdata; the number of samples.

    Raises:
        ValueError: one of them is not what a crop of the catalog is.
    """
    from litdata import StreamingDataset

    samples = 0
    for index in sorted(out.glob("*/index.json")):
        data = StreamingDataset(str(index.parent), shuffle=False)
        for sample in (data[place] for place in range(len(data))):
            about = json.loads(sample["json"])
            crop = catalog.crop(about["song_id"], about["start"], about["frames"])
            for stem, scale in about["scale"].items():
                audio = soundfile.read(io.BytesIO(sample[stem]), dtype="float32")[0] * np.float32(scale)
                if not np.array_equal(audio, crop[stem]):
                    raise ValueError(f"{about['song_id']}, {stem} at {about['start']}: not what the catalog holds")
            samples += 1
    return samples


def main() -> None:
    """Export, measure, check, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("catalog", nargs="?", default="demo/catalog")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    one_core()
    console = Console()
    catalog = Catalog.open(arguments.catalog)
    seconds = sum(sum(catalog.song(song).frames.values()) / catalog.song(song).sample_rate for song in catalog.songs)
    table = Table(title=f"{len(catalog.songs)} songs, {seconds / 3600:.2f} hours of stems and mixtures; medians")
    table.add_column("export")
    for heading in ("CPU, s", "hours per CPU-hour", "files", "MB", "MB per stem-minute"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as temporary:
        for place, (name, config) in enumerate(CASES.items()):
            times = []
            for repeat in range(arguments.repeats):
                out = Path(temporary) / f"{place}-{repeat}"
                start = time.process_time()
                report = export(arguments.catalog, out, config)
                times.append(time.process_time() - start)
            if config.format == "litdata":
                console.print(f"litdata's own reader: {check_litdata(catalog, out)} samples are what crops are")
            cpu, size = statistics.median(times), report.bytes / 1e6
            numbers = (f"{cpu:.1f}", f"{seconds / cpu:.0f}", report.files, f"{size:.0f}", f"{size / seconds * 60:.2f}")
            table.add_row(name, *map(str, numbers))
    console.print(table)


if __name__ == "__main__":
    main()
