"""The table of sources as text, and the labels of a corpus that it does not know."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from catalogs.corpora import CorpusSong
from catalogs.corpora.sources import Place, SourceTable
from catalogs.faults import printable


@dataclasses.dataclass(frozen=True)
class UnmappedLabel:
    """Labels that no table maps: how many files have them, and the first of these."""

    labels: tuple[str, ...]
    files: int
    example: Path


@dataclasses.dataclass(frozen=True)
class LabelAudit:
    """The labels of a corpus: files that have any, and those that no source is known for."""

    labelled_files: int
    unmapped: list[UnmappedLabel]


def audit_labels(songs: Iterable[CorpusSong], table: SourceTable) -> LabelAudit:
    """Look up the labels of all files; the most frequent unmapped ones come first."""
    labelled = 0
    found: dict[tuple[str, ...], list[Path]] = {}
    for song in songs:
        for part, file in song.files.items():
            if not file.labels or file.belongs_to is not None or part in table.songs.get(song.song_id, {}):
                continue
            labelled += 1
            if None in table.places(file, song.corpus):
                found.setdefault(file.labels, []).append(file.path)
    unmapped = [UnmappedLabel(labels, len(paths), min(paths)) for labels, paths in found.items()]
    return LabelAudit(labelled, sorted(unmapped, key=lambda label: (-label.files, label.labels)))


def print_sources(table: SourceTable, corpus: str | None, console: Console) -> None:
    """Print the table by source and group; with a corpus, as that corpus uses it."""
    labels = {**table.labels, **table.corpora.get(corpus or "", {})}
    _print_places("Labels" if corpus is None else f"Labels in {corpus}", labels, console)
    if corpus is None:
        for name, own in table.corpora.items():
            _print_places(f"Labels in {name} only", own, console)
    _print_places("Words in free names", {" ".join(words): place for words, place in table.words.items()}, console)
    for song, parts in table.songs.items():
        for part, source in parts.items():
            console.print(f"{song}, part {part}: {source}", markup=False, soft_wrap=True)


def _print_places(title: str, places: Mapping[str, Place], console: Console) -> None:
    rows: dict[Place, list[str]] = {}
    for label, place in places.items():
        rows.setdefault(place, []).append(label)
    table = Table(title=title, title_justify="left")
    for heading in ("source", "group", "labels"):
        table.add_column(heading)
    for place, labels in sorted(rows.items(), key=lambda row: (row[0].source, row[0].group)):
        table.add_row(place.source, place.group, ", ".join(sorted(labels)))
    console.print(table)


def print_audit(audit: LabelAudit, corpus: str, console: Console) -> None:
    """Print what is not mapped, one line a label."""
    if not audit.labelled_files:
        console.print(f"{corpus}: its files are named by their sources; there is nothing to map", markup=False)
        return
    for label in audit.unmapped:
        names = " / ".join(label.labels)
        console.print(
            f"not mapped: {names} ({label.files} files, for example {printable(label.example)})",
            markup=False,
            soft_wrap=True,
        )
    count = sum(label.files for label in audit.unmapped)
    console.print(f"{corpus}: {audit.labelled_files} labelled files, {count} of them not mapped", markup=False)
