"""The command that renders the demo corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import SeedOption
from pipelines.commands.terminal import reporting_errors, say


@reporting_errors
def demo_corpus(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.")],
    songs: Annotated[int, typer.Option(min=1, help="Number of songs.")] = 12,
    seconds: Annotated[float, typer.Option(min=10.0, help="Longest song.")] = 90.0,
    seed: SeedOption = 0,
    wheels: Annotated[Path | None, typer.Option(help="Folder of downloaded packages with the tunes.")] = None,
) -> None:
    """Render a small corpus of real tunes in MUSDB18-HQ layout, made from packages only.

    Example: fxnorm-data demo-corpus demo/corpus --songs 12
    """
    from pipelines.demo import render_demo_corpus

    render_demo_corpus(out, songs=songs, seconds=seconds, seed=seed, wheels=wheels, report=say)
