"""Stem-seconds per CPU-second of every feature, effect and file step, and of the chain from file to shard, on one core.

Run with ``python -m tests.benchmarks.chain [CORPUS]``, a folder of MUSDB18-HQ such as the demo corpus. Beside each
stand the plain version of :mod:`tests.plain` (double precision, whole arrays) with the residual between both, and the
share of the time that the machine needs for the transforms alone.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.fft
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from catalogs.audio_file import decode
from catalogs.flac import encode_flac
from catalogs.shards import SEGMENT_SECONDS, ShardDraft, ShardStem
from catalogs.storage import Location
from fxnorm import compression, eq, loudness, onsets, panning, stereo
from fxnorm.chain import normalize_stem
from fxnorm.compression import OnsetPeakLevel
from fxnorm.compressor import Compressor
from fxnorm.features import StemFeatures, analyze_stem
from fxnorm.settings import EQ_AVERAGING_BINS, PANNING_GAIN_BOUND_DB, SOURCE_SETTINGS
from fxnorm.statistics import Targets
from tests import plain
from tests.benchmarks.timing import RATE, cpu_seconds, music, one_core
from tests.signals import residual_db

SEGMENT_FRAMES = round(SEGMENT_SECONDS * RATE)
SOURCE = "vocals"
SEARCH_DROP_DB = 4.0
"""How far the target lies under the stem's onset peaks where a search is wanted."""


@dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes:
        name: as printed.
        fast: the package's function.
        plain: the plain one; None where there is none.
        points: real samples per stem-second that go through a transform, forwards or backwards, by length.
        output: of both, to compare; None where they are compared by the tests only.
    """

    name: str
    fast: Callable[[], object]
    plain: Callable[[], object] | None = None
    points: tuple[tuple[int, float], ...] = ()
    compared: bool = False


def targets_of(features: StemFeatures, drop_db: float) -> Targets:
    """Averages that a stem is to be moved to: another spectrum and width, and onset peaks lower by ``drop_db``."""
    assert features.eq is not None
    assert features.compression is not None
    tilt = 10.0 ** (np.linspace(-6.0, 6.0, features.eq.shape[0]) / 20.0)
    level = OnsetPeakLevel(features.compression.mean - drop_db, 1.0)
    return Targets(-25.0, features.eq * tilt, np.full(features.eq.shape, 0.9), level)


def cases(audio: NDArray[np.float32], folder: Path, with_plain: bool) -> list[Case]:
    """Everything that is timed on one stem."""
    padded = stereo.pad(audio)
    double = padded.astype(np.float64) if with_plain else np.zeros((0, 2))
    settings = SOURCE_SETTINGS[SOURCE]
    features = analyze_stem(audio)
    targets, lower = targets_of(features, 0.0), targets_of(features, SEARCH_DROP_DB)
    assert targets.eq is not None
    assert targets.panning is not None
    assert features.loudness is not None
    left = padded[:, 0]
    peak_gain = compression.peak_gain(left)
    normalised = np.ascontiguousarray(left * np.float32(peak_gain))
    compressor = Compressor(left[None], settings.attack_ms, settings.release_ms, peak_gain)
    taps = eq.design_fir(eq.mean_spectrum(left), targets.eq, EQ_AVERAGING_BINS)
    wav, flac = folder / "stem.wav", folder / "stem.flac"
    soundfile.write(wav, audio, RATE, subtype="PCM_16")
    soundfile.write(flac, audio, RATE, subtype="PCM_16")

    def equalise() -> object:
        spectra = [eq.mean_spectrum(channel) for channel in padded.T]
        assert targets.eq is not None
        return [
            eq.apply_fir(channel, eq.design_fir(spectrum, targets.eq, EQ_AVERAGING_BINS))
            for channel, spectrum in zip(padded.T, spectra, strict=True)
        ]

    def repan() -> object:
        assert targets.panning is not None
        return panning.normalize_panning(padded, targets.panning, 16_000.0, gain_bound_db=PANNING_GAIN_BOUND_DB)[0]

    def search() -> object:
        assert lower.compression is not None
        return [compression.normalize_compression(c[None], lower.compression, settings)[0] for c in padded.T]

    def encode() -> object:
        for start in range(0, audio.shape[0], SEGMENT_FRAMES):
            encode_flac(audio[start : start + SEGMENT_FRAMES], 1.0, "PCM_24", RATE)
        return None

    def file_to_shard(wanted: Targets, path: Path) -> Callable[[], object]:
        def run() -> object:
            with ShardDraft("bench/song", SEGMENT_FRAMES, RATE) as draft:
                normal, _ = normalize_stem(decode(path), SOURCE, wanted)
                draft.add(ShardStem(SOURCE, "stem", normal))
                draft.write(Location.parse(folder / "shard.parquet"))
            return None

        return run

    return [
        Case("read WAV, 16 bits", lambda: decode(wav)),
        Case("read FLAC, 16 bits", lambda: decode(flac)),
        Case(
            "loudness",
            lambda: loudness.integrated_loudness(audio),
            lambda: plain.loudness(audio.astype(np.float64)),
        ),
        Case(
            "onset peak level, both channels",
            lambda: compression.onset_peak_feature(padded),
            lambda: [plain.onset_peak_level(channel * peak_gain) for channel in double.T],
            ((onsets.FRAME, 2.0),),
        ),
        Case(
            "all features",
            lambda: analyze_stem(audio),
            lambda: (
                plain.loudness(audio.astype(np.float64)),
                [plain.mean_spectrum(channel) for channel in double.T],
                plain.mean_similarity(double),
                [plain.onset_peak_level(channel * peak_gain) for channel in double.T],
            ),
            ((65_536, 8.0), (onsets.FRAME, 2.0)),
        ),
        Case("all features from a WAV file", lambda: analyze_stem(decode(wav)), None, ((65_536, 8.0), (1_024, 2.0))),
        Case("all features from a FLAC file", lambda: analyze_stem(decode(flac)), None, ((65_536, 8.0), (1_024, 2.0))),
        Case(
            "eq, spectrum and filter",
            equalise,
            lambda: [
                plain.equalise(channel, float(features.loudness or 0.0), targets.eq, EQ_AVERAGING_BINS)
                for channel in double.T
            ],
            ((65_536, 8.0), (32_768, 4.5)),
        ),
        Case(
            "eq, filter alone, one channel",
            lambda: eq.apply_fir(left, taps),
            lambda: plain.filtfilt(taps, double[:, 0]),
            ((32_768, 2.25),),
            compared=True,
        ),
        Case(
            "compressor, one setting, one channel",
            lambda: compressor(-20.0, 4.0)[0],
            lambda: plain.compress(double[:, 0] * peak_gain, -20.0, 4.0, settings.attack_ms, settings.release_ms),
            compared=True,
        ),
        Case(
            "onset peak level, one setting, one channel",
            lambda: compression.onset_peak_level(normalised),
            lambda: plain.onset_peak_level(double[:, 0] * peak_gain),
            ((onsets.FRAME, 1.0),),
        ),
        Case("compression with search, both channels", search),
        Case(
            "panning",
            repan,
            lambda: plain.repan(double, targets.panning, 16_000.0, PANNING_GAIN_BOUND_DB),
            ((2_048, 12.0), (2_048, 1.0)),
            compared=True,
        ),
        Case("write FLAC segments, 24 bits", encode),
        Case("chain, WAV file to shard, no search", file_to_shard(targets, wav)),
        Case("chain, WAV file to shard, search on both channels", file_to_shard(lower, wav)),
        Case("chain, FLAC file to shard, no search", file_to_shard(targets, flac)),
    ]


def transform_seconds_per_point(length: int) -> float:
    """CPU time of a real single-precision transform of this length, per sample, done side by side in the cache."""
    frames = np.random.default_rng(0).standard_normal((max(1, (1 << 18) // length), length)).astype(np.float32)
    return cpu_seconds(lambda: [scipy.fft.rfft(frames) for _ in range(8)]) / (8 * frames.size)


def machine() -> Table:
    """What the machine can do at best."""
    table = Table(title="The machine, one core")
    table.add_column("limit")
    table.add_column("rate", justify="right")
    block = np.zeros(1 << 26, dtype=np.uint8)
    copy = np.empty_like(block)
    table.add_row("bytes copied", f"{block.size / cpu_seconds(lambda: np.copyto(copy, block)) / 1e9:.1f} GB/s")
    for length in (1_024, 2_048, 32_768, 65_536):
        rate = 1.0 / transform_seconds_per_point(length) / 1e6
        table.add_row(f"real float32 transforms of {length}", f"{rate:.0f} M samples/s")
    signal = np.full((1, 1 << 22), 0.5, dtype=np.float32)
    out = np.empty_like(signal)
    compressor = Compressor(signal, 10.0, 200.0)
    seconds = cpu_seconds(lambda: compressor(-20.0, 4.0, out))
    table.add_row("samples through a compressor", f"{signal.size / seconds / 1e6:.0f} M samples/s")
    return table


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", nargs="?", type=Path, default=Path("demo/corpus"))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    one_core()
    console = Console(width=130, highlight=False)
    console.print(machine())
    per_point = {length: transform_seconds_per_point(length) for length in (1_024, 2_048, 32_768, 65_536)}
    table = Table(title=f"Stem-seconds per CPU-second on one core, medians of {arguments.repeats}")
    table.add_column("step")
    for heading in ("60 s", "600 s", "share of transforms", "plain, 60 s", "times faster", "residual, dB"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        short = cases(music(arguments.corpus, SOURCE, 60.0), folder, with_plain=True)
        rates = [60.0 / cpu_seconds(case.fast, arguments.repeats) for case in short]
        slow = [None if c.plain is None else 60.0 / cpu_seconds(c.plain, 1) for c in short]
        residuals = [
            residual_db(np.asarray(c.fast()), np.asarray(c.plain())) if c.compared and c.plain else None for c in short
        ]
        long = cases(music(arguments.corpus, SOURCE, 600.0), folder, with_plain=False)
        for case, other, rate, plain_rate, residual in zip(short, long, rates, slow, residuals, strict=True):
            least = sum(per_point[length] * share * RATE for length, share in case.points)
            table.add_row(
                case.name,
                f"{rate:.0f}",
                f"{600.0 / cpu_seconds(other.fast, arguments.repeats):.0f}",
                f"{100.0 * least * rate:.0f} %" if case.points else "",
                "" if plain_rate is None else f"{plain_rate:.1f}",
                "" if plain_rate is None else f"{rate / plain_rate:.1f}",
                "" if residual is None else f"{residual:.0f}",
            )
    console.print(table)


if __name__ == "__main__":
    main()
