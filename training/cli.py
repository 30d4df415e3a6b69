"""The commands train, mix and evaluate of ``fxnorm-data``; torch is imported when one of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def _say(line: str) -> None:
    Console(stderr=True, highlight=False).print(line, markup=False, soft_wrap=True)


def train(
    catalog: Annotated[str, typer.Argument(metavar="CATALOG", help="Path or URI of the catalog.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; an interrupted run goes on there.")],
    preset: Annotated[str, typer.Option(help="A preset's name, or the path of a TOML file.")] = "tiny",
    minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after this time; default the schedule.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps; default the schedule.")] = None,
    front_end: Annotated[Path | None, typer.Option(help="Checkpoint of a pre-trained front-end.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    loader_workers: Annotated[int, typer.Option(min=0, help="Processes that read ahead.")] = 1,
    average: Annotated[float | None, typer.Option(help="Decay of a moving average of the weights.")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights and data.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Training processes, through Ray Train.")] = 1,
    address: Annotated[str | None, typer.Option(envvar="RAY_ADDRESS", help="Address of a Ray cluster.")] = None,
) -> None:
    """Train a mixing network from a catalog.

    Example: fxnorm-data train demo/catalog --out demo/run --preset tiny
    """
    from training.launch import launch
    from training.train import TrainOptions

    options = TrainOptions(
        catalog, out, preset, minutes, steps, front_end, device, loader_workers, average, compiled, seed
    )
    result = launch(options, _say, workers, address)
    if result is not None:
        _say(
            f"{result.steps} steps, best validation loss {result.best}, {result.examples_per_second:.2f} examples/s, "
            f"{100 * result.loading_share:.0f} % of a step waiting for data; {out}/best.pt"
        )


def mix(
    out: Annotated[Path, typer.Option("--out", "-o", help="WAV or FLAC file; a folder with --songs.")],
    statistics: Annotated[str, typer.Option(help="Statistics file, catalog, or the published .npy.")],
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint of a trained network.")] = None,
    baseline_sum: Annotated[bool, typer.Option("--baseline-sum", help="Sum the normalised stems, no network.")] = False,
    vocals: Annotated[Path | None, typer.Option(help="File of the vocals.")] = None,
    drums: Annotated[Path | None, typer.Option(help="File of the drums.")] = None,
    bass: Annotated[Path | None, typer.Option(help="File of the bass.")] = None,
    other: Annotated[Path | None, typer.Option(help="File of everything else.")] = None,
    stem: Annotated[list[str] | None, typer.Option(help="NAME=FILE, repeatable, for other sources.")] = None,
    stems: Annotated[Path | None, typer.Option(help="Folder of one song, a file for each stem.")] = None,
    songs: Annotated[Path | None, typer.Option(help="Folder of songs, a folder each.")] = None,
    prereverb: Annotated[str | None, typer.Option(help="Folder of short responses, or 'synthetic'.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Mix raw stems: normalise them and run a trained network, or sum them.

    Example: fxnorm-data mix --stems song/ --checkpoint demo/run/best.pt --statistics demo/catalog -o mix.wav
    """
    from catalogs.statistics_file import read_statistics
    from fxnorm.chain import ChainConfig
    from fxnorm.responses import SYNTHETIC_PREREVERB_RT60, load_responses
    from fxnorm.settings import DEFAULT_EFFECTS
    from training.mixing import MixConfig, StemFiles, find_stems, load_mixer, mix_song

    if (checkpoint is None) != baseline_sum:
        raise ValueError("give either --checkpoint or --baseline-sum")
    files = {"vocals": vocals, "drums": drums, "bass": bass, "other": other}
    named = {name: path for name, path in files.items() if path is not None}
    for entry in stem or []:
        name, separator, file = entry.partition("=")
        if not separator or not name or not file:
            raise ValueError(f"--stem {entry!r}: expected NAME=FILE")
        named[name] = Path(file)
    if sum((bool(named), stems is not None, songs is not None)) != 1:
        raise ValueError("give the stems as files (--vocals, --stem, ...), as --stems FOLDER, or as --songs FOLDER")
    averages = read_statistics(statistics)
    mixer = None if checkpoint is None else load_mixer(checkpoint, device)
    config = MixConfig()
    if prereverb is not None:
        responses = load_responses(prereverb, SYNTHETIC_PREREVERB_RT60, seed=0)
        chain = ChainConfig(effects=("prereverb", *DEFAULT_EFFECTS), prereverb_responses=responses)
        config = MixConfig(chain=chain)
    if songs is not None:
        todo = [(song, out / f"{song.name}.wav") for song in find_stems(songs)]
    elif stems is not None:
        found = find_stems(stems)
        if len(found) != 1:
            raise ValueError(f"{stems}: holds {len(found)} songs; name one song's folder, or use --songs")
        todo = [(found[0], out)]
    else:
        todo = [(StemFiles(out.stem, named), out)]
    for song, target in todo:
        written = mix_song(song, target, averages, mixer, config)
        silent = f", no {', '.join(written.mixdown.silent)}" if written.mixdown.silent else ""
        down = f", turned down by {written.turned_down_db:.2f} dB" if written.turned_down_db else ""
        _say(f"{target}: {written.rate} Hz, {written.subtype}{silent}{down}")


def evaluate(
    reference: Annotated[Path | None, typer.Option(help="Folder of the engineers' mixes, a file a song.")] = None,
    system: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of mixes, repeatable.")] = None,
    catalog: Annotated[str | None, typer.Option(help="Catalog to evaluate checkpoints on, instead of folders.")] = None,
    split: Annotated[str, typer.Option(help="Split of the catalog: test, validation or train.")] = "test",
    checkpoint: Annotated[list[Path] | None, typer.Option(help="Checkpoint, repeatable.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for rows, summary and chart.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Compare mixes with the engineers' mixes: all metrics of the paper, with bootstrap intervals.

    Example: fxnorm-data evaluate --catalog demo/catalog --split test --checkpoint demo/run/best.pt
    """
    from catalogs.catalog import Catalog
    from training.evaluation.catalog_split import evaluate_split
    from training.evaluation.evaluate import evaluate_folders
    from training.mixing import load_mixer

    if (catalog is None) == (reference is None):
        raise ValueError("give either --catalog with --checkpoint, or --reference with --system")
    if catalog is not None:
        names = [path.parent.name if path.stem in ("best", "last") else path.stem for path in checkpoint or []]
        mixers = {name: load_mixer(path, device) for name, path in zip(names, checkpoint or [], strict=True)}
        if len(mixers) != len(names):
            raise ValueError(f"two checkpoints would be called the same: {', '.join(names)}; rename a file or folder")
        report = evaluate_split(Catalog.open(catalog), split, mixers, on_mix=_say_mix)
        if out is not None:
            report.write(out)
    else:
        assert reference is not None
        folders = {}
        for entry in system or []:
            name, separator, folder = entry.partition("=")
            if not separator or not name or not folder:
                raise ValueError(f"--system {entry!r}: expected NAME=FOLDER")
            folders[name] = Path(folder)
        report = evaluate_folders(folders, reference, out, on_mix=_say_mix)
    Console(highlight=False).print(report.table())
    for note in report.notes:
        _say(f"note: {note}")


def _say_mix(done: int, total: int) -> None:
    _say(f"evaluated {done}/{total} mixes")
