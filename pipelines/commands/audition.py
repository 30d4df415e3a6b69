"""The command ``audition``: a page on which systems are heard side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.terminal import reporting_errors, say

LARGE_BYTES = 150_000_000
"""A page beyond this is slow to open."""


@reporting_errors
def audition(
    out: Annotated[Path, typer.Option("--out", "-o", help="An .html file that holds everything, or a folder.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder with a folder for each song, a file for each system.")
    ] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER of mixes, a file for each song; repeatable, in place of DIR.")
    ] = None,
    excerpt_seconds: Annotated[float, typer.Option(min=1.0, help="Length of what is played of each song.")] = 30.0,
    start: Annotated[float | None, typer.Option(min=0.0, help="Where it begins (s); default the loudest part.")] = None,
    whole: Annotated[bool, typer.Option("--whole-songs", help="Play whole songs.")] = False,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Audition",
) -> None:
    """Write a page that plays several mixes of a song in step and switches between them, level-matched on demand.

    Example: fxnorm-data audition mixes -o page.html
    """
    from training.audition.build import AuditionOptions, build_audition
    from training.audition.songs import find_songs, songs_of_systems

    if (folder is None) == (not system):
        raise ValueError("give either DIR, a folder for each song, or --system NAME=FOLDER for each system")
    if folder is not None:
        songs = find_songs(folder)
    else:
        folders = {}
        for entry in system or []:
            name, separator, path = entry.partition("=")
            if not separator or not name or not path:
                raise ValueError(f"--system {entry!r}: expected NAME=FOLDER")
            folders[name] = Path(path)
        songs = songs_of_systems(folders)
    options = AuditionOptions(None if whole else excerpt_seconds, start, title)
    built = build_audition(songs, out, options, lambda done, total: say(f"measured {done}/{total} songs"))
    for note in built.notes:
        say(f"note: {note}")
    if out.suffix.lower() == ".html" and built.size > LARGE_BYTES:
        say("note: the page is large; give a folder as --out, or shorter excerpts")
    say(f"{built.page}: {built.size / 1e6:.1f} MB")
