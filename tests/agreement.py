"""Compares the package with numbers and audio of the published code: ``make agreement REFERENCE=DIR``.

DIR holds what the published implementation computed for one song: ``features_MUSDB18.npy`` and a folder ``falcon`` with
the stems, their features, onsets, compressor searches and normalised audio. Prints a table; exit code 1 on a miss.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fxnorm import compression, onsets, reverb, stereo
from fxnorm.chain import ChainConfig, normalize_stem
from fxnorm.features import analyze_stem
from fxnorm.published import read_published
from fxnorm.receipt import StemReceipt
from fxnorm.settings import DEFAULT_EFFECTS, SAMPLE_RATE, SOURCES, SPECTRUM_BINS, Settings
from fxnorm.statistics import Statistics
from tests.signals import residual_db

COMPAT = Settings(reference_compat=True)

Check = tuple[str, str, float, str, bool]
"""Source, what is compared, value, requirement, whether it is met."""


def at_most(source: str, what: str, value: float, limit: float, unit: str) -> Check:
    return source, what, value, f"at most {limit:g} {unit}", bool(value <= limit)


def normalise(
    audio: NDArray[np.float32], source: str, statistics: Statistics, *effects: str
) -> tuple[NDArray[np.float32], StemReceipt]:
    targets = statistics.targets(source, COMPAT)
    return normalize_stem(audio, source, targets, ChainConfig(effects=effects, settings=COMPAT))


def check_features(folder: Path, source: str, audio: NDArray[np.float32]) -> Iterator[Check]:
    reference = np.load(folder / "features.npz")
    features = analyze_stem(audio, COMPAT)
    assert features.loudness is not None
    assert features.eq is not None
    assert features.panning is not None
    assert features.compression is not None
    frequency = np.arange(SPECTRUM_BINS) * SAMPLE_RATE / 65_536
    audible = (frequency >= 20) & (frequency <= 20_000)
    spectrum = 20 * np.log10(features.eq[audible] / reference[f"{source}__eq"][audible])
    mean, std = reference[f"{source}__compression"]
    loudness = float(reference[f"{source}__loudness"][0])
    yield at_most(source, "loudness", abs(features.loudness - loudness), 0.01, "LU")
    yield at_most(source, "eq spectrum, 20 Hz to 20 kHz", float(np.abs(spectrum).max()), 0.05, "dB")
    similarity = float(np.abs(features.panning - reference[f"{source}__panning"]).mean())
    yield at_most(source, "panning phi, mean", similarity, 0.001, "")
    yield at_most(source, "onset peak mean", abs(features.compression.mean - mean), 0.05, "dB")
    yield at_most(source, "onset peak deviation", abs(features.compression.std - std), 0.05, "dB")
    positions = np.load(folder / "onsets.npz")
    padded = stereo.pad(audio)
    gain = compression.peak_gain(padded)
    for channel in range(2):
        expected = positions[f"{source}_{channel}_onsets"]
        found = onsets.detect_onsets(padded[:, channel], gain)
        distance = float(np.abs(found - expected).max()) if len(found) == len(expected) else np.inf
        yield at_most(source, f"onsets of channel {channel}", distance, 2, "samples")


def check_effects(folder: Path, source: str, audio: NDArray[np.float32], statistics: Statistics) -> Iterator[Check]:
    expected = np.load(folder / f"{source}.npz")
    search = json.loads((folder / "compression_search.json").read_text())[source]
    for name in (*DEFAULT_EFFECTS, "chain"):
        effects = DEFAULT_EFFECTS if name == "chain" else (name,)
        output, receipt = normalise(audio, source, statistics, *effects)
        limit = -60.0 if name == "chain" else -80.0
        yield at_most(source, f"residual of {name}", residual_db(output, expected[name]), limit, "dB")
        if name in ("compression", "chain"):
            log = search["compression" if name == "compression" else "chain_float"]["log"]
            yield check_settings(source, name, receipt, log)
    if "reverb" in expected:
        taps, _ = soundfile.read(folder / "impulse_response.wav", dtype="float32", always_2d=True)
        corners = search["reverb"]
        draw = reverb.SendDraw(
            reverb.ImpulseResponse("given", taps), corners["low_shelf_freq"], corners["high_shelf_freq"]
        )
        output = stereo.unpad(reverb.reverb_send(stereo.pad(audio), draw))
        yield at_most(source, "residual of reverb", residual_db(output, expected["reverb"]), -80.0, "dB")


def check_settings(source: str, name: str, receipt: StemReceipt, log: list[list[object]]) -> Check:
    last = [
        entry[1:]
        for index, entry in enumerate(log)
        if entry[0] == "compress" and (index + 2 >= len(log) or log[index + 2][0] != "compress")
    ]
    entry = next(effect for effect in receipt.effects if effect.effect == "compression")
    found = [[channel["threshold_db"], channel["ratio"]] for channel in entry.details["channels"]]
    return source, f"threshold and ratio in {name}", float(found != last), f"{last}", found == last


def check_long_panning(folder: Path, statistics: Statistics) -> Iterator[Check]:
    for source in ("vocals", "drums"):
        expected = np.load(folder / f"panning_long_{source}.npz")["y"]
        audio, _ = soundfile.read(folder / f"{source}.wav", dtype="float32")
        repeats = -(-expected.shape[0] // audio.shape[0])
        output, _ = normalise(np.tile(audio, (repeats, 1))[: expected.shape[0]], source, statistics, "panning")
        yield at_most(source, "residual of panning, long", residual_db(output, expected), -80.0, "dB")


def compare(reference: Path) -> list[Check]:
    """All comparisons."""
    statistics = read_published(reference / "features_MUSDB18.npy")
    folder = reference / "falcon"
    checks: list[Check] = []
    for source in SOURCES:
        audio, _ = soundfile.read(folder / f"{source}.wav", dtype="float32")
        checks += check_features(folder, source, audio)
        checks += check_effects(folder, source, audio, statistics)
    return checks + list(check_long_panning(folder, statistics))


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1], "falcon").is_dir():
        sys.stderr.write(f"usage: python -m tests.agreement DIR\n{__doc__}")
        return 2
    checks = compare(Path(sys.argv[1]))
    table = Table("source", "compared", "value", "required", "met")
    for source, what, value, required, met in checks:
        table.add_row(source, what, f"{value:.3g}", required, "yes" if met else "NO")
    Console(width=110, highlight=False).print(table)
    return 0 if all(check[4] for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
