"""What the report of a large catalog takes: seconds, memory, size, and the time until the page answers in a browser.

Run with ``python -m tests.benchmarks.report CATALOG [--stems N]``; the stems of the large catalog have the audio of the
given one, such as the demo catalog, and values drawn around those of its stems. The command runs in a process of its
own, which tells its peak of memory at its end. The table goes into docs/report.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from catalogs import schemas
from catalogs.catalog import Catalog
from catalogs.manifest import PUBLISHED, Manifest, TableFile, TableWriter
from catalogs.storage import Location
from tests.benchmarks.million import measured
from tests.browser import open_browser

CORPORA = ("musdb18hq", "moisesdb", "medleydb")
SONGS_AT_A_TIME = 50
SEED = 3

SPREADS = {"loudness_lufs": 2.5, "peak_dbfs": 1.0, "target": 0.0, "before": 0.8, "achieved": 0.2}
"""Standard deviations of what is added to the numbers of the songs that are repeated."""


def write_large_catalog(small: Catalog, folder: Path, stems: int) -> None:
    """Repeat the songs of a catalog under other names, with other numbers, until there are so many stems."""
    location = Location.parse(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shards").symlink_to(Path(small.location.path) / "shards")
    songs = stems // (len(small.frame("features", ["song_id"])) // len(small.songs))
    tables: dict[str, TableFile] = {}
    for name in ("tracks", "features", "quality", "shards", "receipts"):
        with TableWriter(location, name) as writer:
            for piece in _repeated(small.table(name), schemas.TABLES[name], small.songs, songs):
                writer.write(piece)
        tables[name] = writer.stored
    with TableWriter(location, "quarantine") as quarantine:
        quarantine.write_rows([_refused(number) for number in range(songs // 50)])
    with TableWriter(location, "statistics") as statistics:
        statistics.write(small.table("statistics"))
    tables |= {"quarantine": quarantine.stored, "statistics": statistics.stored}
    (location / PUBLISHED).write_bytes(Manifest(tables, small.manifest.config, "0.0.0").to_json())


def _repeated(table: pa.Table, schema: pa.Schema, templates: list[str], songs: int) -> Iterator[pa.Table]:
    frame = table.to_pandas()
    groups = dict(iter(frame.groupby("song_id")))
    rng = np.random.default_rng(SEED)
    for first in range(0, songs, SONGS_AT_A_TIME):
        pieces = [
            _renamed(groups[templates[number % len(templates)]], number, rng)
            for number in range(first, min(first + SONGS_AT_A_TIME, songs))
        ]
        yield pa.Table.from_pandas(pd.concat(pieces), schema=schema, preserve_index=False)


def _renamed(rows: pd.DataFrame, number: int, rng: np.random.Generator) -> pd.DataFrame:
    corpus = CORPORA[number % len(CORPORA)]
    changed: dict[str, Any] = {"song_id": f"{corpus}/Artist {number % 400:03} - Song {number:05}"}
    if "split" in rows:
        changed["split"] = schemas.SPLITS[0 if number % 10 < 8 else number % 10 - 7]
    if "corpus" in rows:
        changed["corpus"] = corpus
    for column, spread in SPREADS.items():
        if column in rows:
            changed[column] = rows[column] + spread * rng.standard_normal(len(rows))
    if "eq" in rows:
        tilts = [
            curve * np.exp(0.5 * rng.standard_normal() + 0.2 * rng.standard_normal(curve.size)) for curve in rows["eq"]
        ]
        changed["eq"] = pd.Series([tilt.astype(np.float32) for tilt in tilts], index=rows.index)
    return rows.assign(**changed)


def _refused(number: int) -> dict[str, Any]:
    return {
        "song_id": f"moisesdb/refused {number:04}", "corpus": "moisesdb", "stem": None, "uri": None,
        "stage": "ingest", "reason": "missing_stem", "message": "there is no bass; add bass.wav",
    }  # fmt: skip


def opening(page: Path, profiles: Path) -> dict[str, float]:
    """Seconds until filters and tables answer, until charts and excerpts are drawn, and that a filter takes."""
    with open_browser(profiles) as browser:
        visit = browser.visit(page.as_uri())
        visit.page.wait_for_selector("body[data-state=drawn]", timeout=60_000)
        if visit.complaints:
            raise SystemExit("\n".join(visit.complaints))
        marks = visit.page.evaluate("performance.getEntriesByType('mark').map(m => [m.name, m.startTime / 1000])")
        visit.page.evaluate("performance.clearMarks()")
        started = visit.page.evaluate("performance.now() / 1000")
        visit.page.get_by_label("Source", exact=True).select_option(index=1)
        visit.page.wait_for_selector("body[data-state=drawn]")
        filtered = visit.page.evaluate("performance.now() / 1000") - started
    taken = dict(marks)
    return {
        "interactive": taken["interactive"],
        "charts": taken["charts"],
        "drawn": taken["drawn"],
        "filtered": filtered,
    }


def main() -> None:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("catalog", nargs="?", default="demo/catalog")
    parser.add_argument("--stems", type=int, default=10_000)
    arguments = parser.parse_args()
    small = Catalog.open(arguments.catalog)
    table = Table(
        "stems", "seconds", "peak memory, GB", "page, MB", "answers, s", "charts, s", "excerpts too, s", "filter, s"
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_large_catalog(small, folder / "catalog", arguments.stems)
        out = folder / "report.html"
        seconds, memory, _ = measured("report", str(folder / "catalog"), "-o", str(out))
        times = opening(out, folder / "profiles")
        numbers = [seconds, memory, out.stat().st_size / 1e6, *times.values()]
        table.add_row(str(arguments.stems), *(f"{number:.2f}" for number in numbers))
    Console().print(table)


if __name__ == "__main__":
    main()
