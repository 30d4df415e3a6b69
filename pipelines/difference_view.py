"""The difference of two catalogs as text."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from catalogs.difference import Difference

LISTED_SONGS = 10
"""Songs that are named of each kind; JSON has all."""

UNITS = {"eq": "dB", "compression": "dB", "loudness": "LU", "panning": ""}

WORDS = {
    "added": "new songs",
    "removed": "songs gone",
    "changed": "songs with other audio",
    "moved": "songs in another split",
    "analysed": "songs analysed with another configuration",
    "normalised": "songs normalised otherwise",
    "quarantined": "songs into quarantine",
    "released": "songs out of quarantine",
}


def print_difference(difference: Difference, console: Console) -> None:
    """Print what differs, a few songs of each kind."""
    if difference.empty:
        console.print("no difference")
        return
    for name, words in WORDS.items():
        songs = getattr(difference, name)
        if songs:
            more = ", ..." if len(songs) > LISTED_SONGS else ""
            listed = ", ".join(songs[:LISTED_SONGS])
            console.print(f"{len(songs)} {words}: {listed}{more}", markup=False, soft_wrap=True)
    for option, (before, after) in difference.configuration.items():
        console.print(f"{option}: {json.dumps(before)} -> {json.dumps(after)}", markup=False, soft_wrap=True)
    if difference.statistics:
        table = Table("source", "feature", "stems before", "after", "largest change of the average")
        for row in difference.statistics:
            change = "-" if row.change is None else f"{row.change:.3f} {UNITS.get(row.feature, '')}"
            table.add_row(row.source, row.feature, str(row.before), str(row.after), change)
        console.print(table)
