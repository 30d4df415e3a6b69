"""What is in a catalog, in numbers: songs, hours, and the features of each source before and after normalisation."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from catalogs.catalog import Catalog
from catalogs.quality import find_faults
from catalogs.quality.findings import count_faults
from fxnorm.settings import SAMPLE_RATE

TRACK_COLUMNS = ["song_id", "stem", "corpus", "split", "corpus_split", "role", "used", "catalog_frames"]


@dataclasses.dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over stems; None where there was nothing to average."""

    mean: float | None
    std: float | None

    @classmethod
    def of(cls, values: pd.Series) -> Spread:
        """Over the values that are not missing."""
        known = values.dropna()
        return cls(float(known.mean()), float(known.std(ddof=0))) if len(known) else cls(None, None)

    def text(self, digits: int) -> str:
        """``mean ± deviation``, or a dash."""
        return "-" if self.mean is None else f"{self.mean:.{digits}f} ± {self.std:.{digits}f}"


@dataclasses.dataclass(frozen=True)
class SourceSummary:
    """One source: spreads before and after; loudness in LUFS, onset peak level in dBFS, similarity from 0 to 1."""

    source: str
    stems: int
    silent: int
    loudness_before: Spread
    loudness_after: Spread
    onset_peak_before: Spread
    onset_peak_after: Spread
    similarity_before: Spread
    similarity_after: Spread
    missed: dict[str, int]


@dataclasses.dataclass(frozen=True)
class CatalogSummary:
    """A catalog: counts, sizes, and its sources."""

    location: str
    songs: dict[str, int]
    moved: int
    corpora: dict[str, int]
    stems: int
    stem_hours: float
    bytes: int
    errata: dict[str, int]
    faults: dict[str, int]
    quarantined: list[dict[str, Any]]
    sources: list[SourceSummary]


def summarize(catalog: Catalog) -> CatalogSummary:
    """Count and average; reads tables only."""
    tracks = catalog.frame("tracks", TRACK_COLUMNS)
    songs = tracks.drop_duplicates("song_id")
    stems = tracks[(tracks.role != "mixture") & tracks.used].groupby(["song_id", "stem"], as_index=False).max()
    tables = catalog.manifest.tables
    shards = catalog.frame("shards") if "shards" in tables else None
    return CatalogSummary(
        location=catalog.location.path,
        songs={str(k): int(v) for k, v in songs.split.value_counts().sort_index().items()},
        moved=int((songs.split != songs.corpus_split).sum()),
        corpora={str(k): int(v) for k, v in songs.corpus.value_counts().sort_index().items()},
        stems=len(stems),
        stem_hours=float(stems.catalog_frames.sum() / SAMPLE_RATE / 3600),
        bytes=0 if shards is None else int(shards.drop_duplicates("shard").shard_bytes.sum()),
        errata=_errata(catalog),
        faults=count_faults(find_faults(catalog.frame("quality"))) if "quality" in tables else {},
        quarantined=catalog.table("quarantine").to_pylist(),
        sources=_sources(catalog, shards) if "features" in tables else [],
    )


def _errata(catalog: Catalog) -> dict[str, int]:
    """Files that published errors concern, by effect."""
    listed = catalog.table("tracks", ["errata"]).column("errata").to_pylist()
    effects = Counter(words.partition(":")[0] for errata in listed for words in errata)
    return dict(sorted(effects.items()))


def _sources(catalog: Catalog, shards: pd.DataFrame | None) -> list[SourceSummary]:
    features = catalog.frame("features", ["song_id", "stem", "silent", "loudness_lufs", "compression_mean_db"])
    receipts = catalog.frame("receipts") if shards is not None else None
    summaries = []
    for source, rows in features.groupby("stem"):
        stored = None if shards is None else shards[(shards.stem == source) & ~shards.silent]
        mine = None if receipts is None else receipts[receipts.stem == source]
        empty = pd.Series(dtype=float)

        def achieved(effect: str, column: str, mine: pd.DataFrame | None = mine, empty: pd.Series = empty) -> pd.Series:
            return empty if mine is None else mine.loc[mine.effect == effect, column]

        limited = {} if mine is None else mine[mine.status == "limited"].effect.value_counts().to_dict()
        summaries.append(
            SourceSummary(
                source=str(source),
                stems=len(rows),
                silent=int(rows.silent.sum()),
                loudness_before=Spread.of(rows.loudness_lufs),
                loudness_after=Spread.of(empty if stored is None else stored.loudness_lufs),
                onset_peak_before=Spread.of(rows.compression_mean_db),
                onset_peak_after=Spread.of(achieved("compression", "achieved")),
                similarity_before=Spread.of(achieved("panning", "before")),
                similarity_after=Spread.of(achieved("panning", "achieved")),
                missed={str(k): int(v) for k, v in limited.items()},
            )
        )
    return summaries


def print_summary(summary: CatalogSummary, console: Console) -> None:
    """Print a catalog as tables."""
    total = sum(summary.songs.values())
    splits = ", ".join(f"{count} {split}" for split, count in summary.songs.items())
    corpora = ", ".join(f"{count} {name}" for name, count in summary.corpora.items())
    console.print(f"[bold]{summary.location}[/bold]", soft_wrap=True)
    console.print(
        f"{total} songs ({splits}; {corpora}), {summary.stems} stems, {summary.stem_hours:.2f} stem-hours, "
        f"{summary.bytes / 1e6:.0f} MB of audio, {len({r['song_id'] for r in summary.quarantined})} songs quarantined",
        soft_wrap=True,
    )
    if summary.moved:
        whose = "song in another split than its" if summary.moved == 1 else "songs in another split than their"
        console.print(f"{summary.moved} {whose} corpus says (fxnorm-data leaks)", soft_wrap=True)
    if summary.errata:
        counted = ", ".join(f"{count} {effect}" for effect, count in summary.errata.items())
        console.print(f"files with published errors: {counted}", soft_wrap=True)
    if summary.faults:
        counted = ", ".join(f"{count} {fault}" for fault, count in summary.faults.items())
        console.print(f"findings on quality (fxnorm-data quality): {counted}", soft_wrap=True)
    if summary.sources:
        table = Table(
            title="Mean ± deviation over stems, before and → after normalisation\n"
            "(panning: before and after that effect, under its band limit)",
            title_justify="left",
        )
        for heading, justify in (
            ("source", "left"),
            ("stems", "right"),
            ("loudness\nLUFS", "right"),
            ("onset peaks\ndBFS", "right"),
            ("panning\nsimilarity", "right"),
            ("limited", "left"),
        ):
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        for source in summary.sources:
            table.add_row(
                source.source,
                f"{source.stems}" + (f" ({source.silent} silent)" if source.silent else ""),
                f"{source.loudness_before.text(1)}\n→ {source.loudness_after.text(1)}",
                f"{source.onset_peak_before.text(1)}\n→ {source.onset_peak_after.text(1)}",
                f"{source.similarity_before.text(2)}\n→ {source.similarity_after.text(2)}",
                "\n".join(f"{effect} {count}" for effect, count in sorted(source.missed.items())) or "none",
            )
        console.print(table)
    for row in summary.quarantined:
        console.print(
            f"quarantined ({row['stage']}, {row['reason']}): {row['message']}",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
