"""Commands on one audio file: ``analyze-stem`` and ``normalize-stem``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import (
    DEFAULT_EFFECTS_TEXT,
    CompatOption,
    EffectsOption,
    FileSubtype,
    InverseOption,
    LinkOption,
    PrereverbOption,
    ResponsesOption,
    Search,
    SearchOption,
    SeedOption,
    chosen_effects,
)
from pipelines.commands.terminal import console, output, reporting_errors
from pipelines.config import NormalizationConfig


@reporting_errors
def analyze_stem(
    file: Annotated[Path, typer.Argument(help="Audio file of one stem.")],
    source: Annotated[str, typer.Option(help="What it is: vocals, drums, bass, other, ...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, spectra included.")] = False,
    reference_compat: CompatOption = False,
) -> None:
    """Measure the features of one file.

    Example: fxnorm-data analyze-stem vocals.wav --source vocals --json
    """
    from catalogs.audio_file import decode
    from fxnorm.features import analyze_stem as run
    from fxnorm.settings import Settings

    features = run(decode(file), Settings(reference_compat=reference_compat))
    level = features.compression
    values = {
        "file": str(file),
        "source": source,
        "silent": features.silent,
        "peak_dbfs": features.peak_dbfs,
        "loudness_lufs": features.loudness,
        "compression_mean_db": None if level is None else level.mean,
        "compression_std_db": None if level is None else level.std,
        "eq": None if features.eq is None else features.eq.tolist(),
        "panning": None if features.panning is None else features.panning.tolist(),
        "notes": list(features.notes),
    }
    if as_json:
        sys.stdout.write(json.dumps(values) + "\n")
        return
    curves = {"eq": features.eq, "panning": features.panning}
    for name, value in values.items():
        curve = curves.get(name)
        if curve is not None:
            value = f"{curve.size} bins, mean {curve.mean():.4f}"
        output().print(f"{name:<20} {value}", markup=False, soft_wrap=True)


@reporting_errors
def normalize_stem(
    file: Annotated[Path, typer.Argument(help="Audio file of one stem.")],
    source: Annotated[str, typer.Option(help="What it is: vocals, drums, bass, other, ...")],
    statistics: Annotated[str, typer.Option(help="Statistics of ours, a catalog, or the published .npy.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write (WAV or FLAC).")],
    effects: EffectsOption = DEFAULT_EFFECTS_TEXT,
    impulse_responses: ResponsesOption = None,
    prereverb_responses: PrereverbOption = None,
    reference_compat: CompatOption = False,
    compression_search: SearchOption = Search.bisection,
    stereo_link: LinkOption = False,
    panning_inverse: InverseOption = False,
    seed: SeedOption = 0,
    subtype: Annotated[FileSubtype, typer.Option(help="Sample format of the output.")] = FileSubtype.pcm_24,
    receipt: Annotated[Path | None, typer.Option(help="Write what was done, as JSON.")] = None,
) -> None:
    """Normalise one file.

    Example: fxnorm-data normalize-stem vox.wav --source vocals --statistics cat -o vox-normalised.wav
    """
    from catalogs.audio_file import decode
    from catalogs.audio_output import write_audio
    from catalogs.statistics_file import read_statistics
    from fxnorm.chain import normalize_stem as run
    from fxnorm.statistics import Targets

    config = NormalizationConfig(
        effects=chosen_effects(effects, impulse_responses, prereverb_responses),
        reference_compat=reference_compat,
        compression_search=compression_search.value,
        stereo_link=stereo_link,
        panning_inverse=panning_inverse,
        impulse_responses=impulse_responses,
        prereverb_responses=prereverb_responses,
        seed=seed,
    )
    known = read_statistics(statistics)
    targets = known.targets(source, config.settings) if source in known.sources else Targets()
    audio, done = run(decode(file), source, targets, config.chain(known.fingerprint()), file.stem)
    turned_down = write_audio(out, audio, subtype.value)
    if receipt is not None:
        receipt.write_text(json.dumps({**done.to_dict(), "turned_down_db": turned_down}, indent=2) + "\n")
    for entry in done.effects:
        values = "" if entry.target is None else f": {entry.before} -> {entry.achieved}, target {entry.target}"
        reason = f" ({entry.reason})" if entry.reason else ""
        console().print(f"{entry.effect:<12} {entry.status}{values} {entry.unit or ''}{reason}", markup=False)
    if turned_down:
        console().print(f"turned down by {turned_down:.2f} dB to fit {subtype.value}", style="yellow")
