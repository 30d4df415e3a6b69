"""Commands that hand a catalog to others: ``export`` and ``datasheet``."""

from __future__ import annotations

import dataclasses
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AddressOption, CatalogArgument, FileSubtype, WorkersOption
from pipelines.commands.terminal import console, reporting_errors, say
from pipelines.config import RunOptions


class ExportMaterial(StrEnum):
    normalised = "normalised"
    original = "original"


class Container(StrEnum):
    wav = "wav"
    flac = "flac"


class Permission(StrEnum):
    share = "share"
    adapt = "adapt"
    commercial = "commercial"


@reporting_errors
def export(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="folders, webdataset, litdata or huggingface.")],
    catalog: CatalogArgument,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder to write, path or URI: new, empty, or an export.")],
    split: Annotated[list[str] | None, typer.Option("--split", help="train, validation or test; repeatable.")] = None,
    song: Annotated[list[str] | None, typer.Option("--song", help="Id of a song; repeatable.")] = None,
    songs: Annotated[Path | None, typer.Option("--songs", help="File with an id of a song on each line.")] = None,
    material: Annotated[
        ExportMaterial, typer.Option("--material", help="Normalised stems, or the corpus' own (folders only).")
    ] = ExportMaterial.normalised,
    subtype: Annotated[
        FileSubtype | None, typer.Option("--subtype", help="Default: as in the catalog; FLOAT in WAV files.")
    ] = None,
    container: Annotated[Container, typer.Option("--container", help="Files of folders.")] = Container.wav,
    segment_seconds: Annotated[
        float | None, typer.Option("--segment-seconds", min=0.0, help="Length of a sample; 0 for whole songs.")
    ] = None,
    shard_size: Annotated[
        float | None, typer.Option("--shard-size", min=1.0, help="MB of a file that holds several samples.")
    ] = None,
    validation_folder: Annotated[
        str, typer.Option("--validation-folder", help="Folder of validation songs; train, as MUSDB18 has them, or val.")
    ] = "validation",
    workers: WorkersOption = None,
    address: AddressOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Export a catalog for other libraries: folders of audio files, WebDataset, litdata, Hugging Face datasets.

    Files that are finished are not written again; export.json is written last.

    Example: fxnorm-data export webdataset cat --out shards --split train
    """
    from catalogs.export import ExportConfig
    from pipelines.export import export_catalog

    config = ExportConfig(
        form,
        material.value,
        None if subtype is None else subtype.value,
        segment_seconds,
        None if shard_size is None else round(shard_size * 1e6),
        container.value,
        validation_folder,
    )
    ids = [*(song or ()), *(() if songs is None else _listed(songs))]
    report = export_catalog(catalog, out, config, console(), split or (), ids, RunOptions(workers, address))
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(report)) + "\n")
        return
    size = f"{report.files} files, {report.bytes / 1e6:.0f} MB"
    say(f"exported  {report.songs} songs, {size}; {report.written} files written now")
    if report.turned_down:
        say(f"{report.turned_down} files are turned down to fit; multiply by the scale in song.json, or choose FLOAT")


@reporting_errors
def datasheet(
    catalog: CatalogArgument,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Folder to write; default 'report' in the catalog.")
    ] = None,
    allows: Annotated[
        Permission | None,
        typer.Option("--allows", help="Only print the ids of songs whose licences say yes to it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON, and write nothing.")] = False,
) -> None:
    """Write what is in a catalog, where it is from and what may be done with it, as datasheet.md and datasheet.json.

    Example: fxnorm-data datasheet cat --allows commercial
    """
    from catalogs.catalog import Catalog
    from catalogs.datasheet import make_datasheet, render_json, render_markdown
    from catalogs.storage import Location

    opened = Catalog.open(catalog)
    sheet = make_datasheet(opened)
    if allows is not None:
        sys.stdout.write("".join(f"{song_id}\n" for song_id in sheet.allowed[allows.value]))
        return
    if as_json:
        sys.stdout.write(render_json(sheet))
        return
    folder = opened.location / "report" if out is None else Location.parse(out)
    for name, text in (("datasheet.md", render_markdown(sheet)), ("datasheet.json", render_json(sheet))):
        (folder / name).write_bytes(text.encode())
    say(f"datasheet {folder.path}/datasheet.md, datasheet.json")


def _listed(path: Path) -> list[str]:
    """Ids of songs, one a line.

    Raises:
        ValueError: there is none.
    """
    ids = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    if not ids:
        raise ValueError(
            f"{path}: lists no song; put an id on each line, as 'fxnorm-data datasheet --allows' prints them"
        )
    return ids
