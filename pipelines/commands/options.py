"""Arguments and options that several commands have in common, and what they are turned into."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipelines.ingest import Source


class Search(StrEnum):
    bisection = "bisection"
    scan = "scan"


class Material(StrEnum):
    stem = "stem"
    raw = "raw"


class Mode(StrEnum):
    raw = "raw"
    sequential = "sequential"


class Subtype(StrEnum):
    pcm_16 = "PCM_16"
    pcm_24 = "PCM_24"


class FileSubtype(StrEnum):
    pcm_16 = "PCM_16"
    pcm_24 = "PCM_24"
    float = "FLOAT"


CorpusOption = Annotated[
    str, typer.Option("--corpus", help="Layout of the corpus: folder, musdb18hq, medleydb, ...; see docs/corpora.md.")
]
RootArgument = Annotated[str, typer.Argument(metavar="DIR", help="Path or URI of the corpus' folder.")]
CatalogArgument = Annotated[str, typer.Argument(metavar="CATALOG", help="Path or URI of the catalog.")]
OutOption = Annotated[str, typer.Option("--out", "-o", help="Path or URI of the catalog.")]
PatternOption = Annotated[
    list[str] | None,
    typer.Option("--pattern", help="STEM=GLOB, repeatable; which files are which stem (corpus 'folder')."),
]
SplitOption = Annotated[
    str | None, typer.Option("--split", help="train, validation or test, for songs whose folders do not tell.")
]
RolesOption = Annotated[
    Material | None, typer.Option("--roles", help="What is normalised, of corpora that have both; see docs/corpora.md.")
]
SourcesOption = Annotated[
    str | None, typer.Option("--sources", help="File that maps instruments to sources, before the built-in table.")
]
LayoutOption = Annotated[
    list[str] | None,
    typer.Option("--corpus-option", help="NAME=VALUE, repeatable; further options of the corpus, see docs/corpora.md."),
]
ErrataOption = Annotated[
    str | None, typer.Option("--errata", help="File of corpora's errors in place of the built-in one, or 'none'.")
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Processes on this machine; default one a core.")]
AddressOption = Annotated[
    str | None, typer.Option(envvar="RAY_ADDRESS", help="Address of a Ray cluster; default this machine.")
]
ErrorsOption = Annotated[
    int | None,
    typer.Option("--max-errors", min=0, help="Stop a stage when it has refused more songs than this; default never."),
]
CompatOption = Annotated[bool, typer.Option("--reference-compat", help="Reproduce the published code's deviations.")]
ModeOption = Annotated[Mode, typer.Option("--mode", help="Measure stems raw, or effect by effect as published.")]
TestOption = Annotated[bool, typer.Option("--include-test-songs", help="Let test songs into the statistics.")]
KeepSplitsOption = Annotated[
    bool,
    typer.Option("--keep-splits", help="Leave songs in their corpus' split, even where the same song is test."),
]
RefuseOption = Annotated[
    str | None,
    typer.Option(
        "--refuse", help="Comma-separated faults that put a song into quarantine; see docs/quality-control.md."
    ),
]
EffectsOption = Annotated[
    str,
    typer.Option("--effects", help="Comma-separated, from prereverb,reverb,eq,compression,panning,loudness."),
]
StatisticsOption = Annotated[
    str | None,
    typer.Option("--statistics", help="Normalise to these (a file of ours, a catalog, or the published .npy)."),
]
ResponsesOption = Annotated[
    str | None, typer.Option("--impulse-responses", help="Folder for the reverb send, or 'synthetic'.")
]
PrereverbOption = Annotated[
    str | None, typer.Option("--prereverb-responses", help="Folder for the prereverb, or 'synthetic'.")
]
SeedOption = Annotated[int, typer.Option(help="Seed of every random choice.")]
SearchOption = Annotated[Search, typer.Option("--compression-search", help="How the compressor setting is found.")]
LinkOption = Annotated[bool, typer.Option("--stereo-link", help="One compressor gain for both channels.")]
InverseOption = Annotated[bool, typer.Option("--panning-inverse", help="Exact inverse of the similarity.")]
SubtypeOption = Annotated[Subtype, typer.Option("--subtype", help="FLAC depth of normalised stems.")]
SegmentOption = Annotated[float, typer.Option("--segment-seconds", min=0.5, help="Length of a shard's segments.")]

DEFAULT_EFFECTS_TEXT = "eq,compression,panning,loudness"


def chosen_effects(text: str, responses: str | None, prereverb: str | None) -> tuple[str, ...]:
    """Effects named in an option, in the order of the chain; responses add theirs.

    Raises:
        ValueError: an effect that is not known.
    """
    from fxnorm.settings import EFFECTS

    wanted = {name.strip() for name in text.split(",") if name.strip()}
    wanted |= {"reverb"} if responses else set()
    wanted |= {"prereverb"} if prereverb else set()
    unknown = sorted(wanted - set(EFFECTS))
    if unknown:
        raise ValueError(f"unknown effect {unknown[0]!r}; known: {', '.join(EFFECTS)}")
    return tuple(name for name in EFFECTS if name in wanted)


def corpus_source(
    corpus: str,
    root: str,
    patterns: list[str] | None = None,
    split: str | None = None,
    roles: Material | None = None,
    sources: str | None = None,
    layout: list[str] | None = None,
    errata: str | None = None,
) -> Source:
    """The corpus that a command's options describe.

    Raises:
        ValueError: an option that is not NAME=VALUE or STEM=GLOB.
    """
    from pipelines.ingest import Source

    given = {"split": split, "roles": None if roles is None else roles.value, "sources": sources}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for option in layout or []:
        name, separator, value = option.partition("=")
        if not separator or not name:
            raise ValueError(f"--corpus-option {option!r}: expected NAME=VALUE, for example metadata=/data/Metadata")
        options[name] = {"true": True, "false": False}.get(value.lower(), value)
    for pattern in patterns or []:
        stem, separator, glob = pattern.partition("=")
        if not separator or not stem or not glob:
            raise ValueError(f"--pattern {pattern!r}: expected STEM=GLOB, for example vocals='*vox*.wav'")
        options.setdefault("patterns", {}).setdefault(stem, []).append(glob)
    return Source(corpus, root, options, errata)
