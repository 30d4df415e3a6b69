"""Detection and false alarms of every quality fault, planted just beyond its threshold and just short of it.

Run with ``python -m tests.benchmarks.quality [CORPUS]``, a folder of MUSDB18-HQ whose songs are clean, such as the demo
corpus. Each song is cut into excerpts that count as songs of their own. The table goes into docs/quality-control.md.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pyebur128
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from catalogs.quality import FAULTS, Finding, Thresholds, find_faults, measure_song
from catalogs.schemas import MIXTURE
from fxnorm.features import analyze_stem
from fxnorm.stereo import is_silent
from tests.benchmarks.timing import RATE, cpu_seconds, one_core

Audio = NDArray[np.float32]
Song = dict[str, Audio]

STEMS = ("vocals", "drums", "bass", "other")
LIMITS = Thresholds()
MARGIN_DB = 0.5


@dataclass(frozen=True)
class Plant:
    """A fault put into a clean song.

    Attributes:
        fault: name of the finding that it should lead to.
        words: what is planted.
        amount: (just beyond the threshold, just short of it), handed to ``change``; None where there is no such.
        change: the song with the fault in the stem of that name.
        stem: the stem that gets it; None for each in turn.
        alone: the measure needs that stem only.
        needs: column that must not be null for the clean stem.
    """

    fault: str
    words: str
    amount: tuple[float | None, float | None]
    change: Callable[[Song, str, float], Song]
    stem: str | None = None
    alone: bool = True
    needs: str | None = None


def gain(decibels: float) -> np.float32:
    return np.float32(10.0 ** (decibels / 20.0))


def changed(song: Song, stem: str, audio: NDArray[np.floating]) -> Song:
    return {**song, stem: np.ascontiguousarray(audio, dtype=np.float32)}


def correlated(song: Song, stem: str, correlation: float) -> Song:
    left = song[stem][:, 0].astype(np.float64) + 1e-9
    other = left[::-1] - left * (left[::-1] @ left) / (left @ left)
    other *= np.sqrt((left @ left) / (other @ other))
    return changed(song, stem, np.stack([left, correlation * left + np.sqrt(1 - correlation**2) * other], axis=1))


def with_bleed(song: Song, stem: str, decibels: float) -> Song:
    """The loudest of the other stems is heard in this one."""
    other = max((name for name in STEMS if name != stem), key=lambda name: np.square(song[name]).sum(dtype=np.float64))
    return changed(song, stem, song[stem] + gain(decibels) * song[other])


def with_bleed_at_rest(song: Song, stem: str, decibels: float) -> Song:
    """The same where the stem pauses for the second half."""
    paused = song[stem].copy()
    paused[paused.shape[0] // 2 :] = 0.0
    return with_bleed(changed(song, stem, paused), stem, decibels)


def clipped(song: Song, stem: str, runs: float) -> Song:
    audio = song[stem].copy()
    for n in np.linspace(1_000, audio.shape[0] - 1_000, int(runs)).astype(int):
        audio[n : n + 3, 0] = 1.0
    return changed(song, stem, audio)


def coded(song: Song, stem: str, kilobits: float) -> Song:
    """Through MP3 at constant rate; the encoder's delay stays in."""
    encoded = io.BytesIO()
    with av.open(encoded, "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=RATE, layout="stereo", bit_rate=int(kilobits * 1_000))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(song[stem].T), format="fltp", layout="stereo")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    encoded.seek(0)
    return changed(song, stem, soundfile.read(encoded, dtype="float32")[0])


def with_offset(song: Song, stem: str, decibels: float) -> Song:
    return changed(song, stem, song[stem] - song[stem].mean(axis=0) + gain(decibels))


def unbalanced(song: Song, stem: str, decibels: float) -> Song:
    left = song[stem][:, 0] + np.float32(1e-6)
    return changed(song, stem, np.stack([left, gain(-decibels) * left], axis=1))


def louder(song: Song, stem: str, decibels: float) -> Song:
    return changed(song, stem, gain(decibels) * song[stem])


def inverted(song: Song, stem: str, factor: float) -> Song:
    return changed(song, stem, np.float32(factor) * song[stem])


def delayed(song: Song, stem: str, samples: float) -> Song:
    return changed(song, stem, np.concatenate([np.zeros((int(samples), 2)), song[stem]])[: song[stem].shape[0]])


def longer(song: Song, stem: str, samples: float) -> Song:
    return changed(song, stem, np.concatenate([song[stem], np.zeros((int(samples), 2))]))


def narrow(song: Song, stem: str, decibels: float) -> Song:
    mid = song[stem].mean(axis=1, dtype=np.float64)
    side = mid[::-1] * 10.0 ** (decibels / 20.0)
    return changed(song, stem, np.stack([mid + side, mid - side], axis=1))


def with_stranger(song: Song, stem: str, decibels: float) -> Song:
    """The time-reversed mixture is added at a residual of that many dB in the worse channel."""
    mixture = song[MIXTURE].astype(np.float64)
    left, right = np.sqrt(np.square(mixture).mean(axis=0))
    return changed(song, MIXTURE, mixture + 10.0 ** (decibels / 20.0) * mixture[::-1] * min(1.0, left / right))


def without_stem(song: Song, stem: str, unused: float) -> Song:
    return changed(song, MIXTURE, song[MIXTURE] - song[stem])


def emptied(song: Song, stem: str, unused: float) -> Song:
    return changed(song, stem, np.zeros_like(song[stem]))


def other_left(song: Song, stem: str, unused: float) -> Song:
    """The left channel of the mixture is that of another moment."""
    mixture = song[MIXTURE].copy()
    mixture[:, 0] = np.roll(mixture[:, 0], RATE)
    return changed(song, MIXTURE, mixture)


def gap(song: Song, stem: str, seconds: float) -> Song:
    audio = song[stem].copy()
    first = audio.shape[0] // 2
    audio[first : first + round(seconds * RATE)] = 0.0
    return changed(song, stem, audio)


def mostly_silent(song: Song, stem: str, share: float) -> Song:
    audio = np.full_like(song[stem], 1e-5)
    kept = round((1.0 - share) * audio.shape[0])
    audio[:kept] = 0.1 * np.sign(np.sin(np.arange(kept)))[:, None]
    return changed(song, stem, audio)


def at_true_peak(song: Song, stem: str, decibels: float) -> Song:
    meter = pyebur128.R128State(2, RATE, pyebur128.MeasurementMode.MODE_TRUE_PEAK)
    meter.add_frames(song[stem].ravel(), song[stem].shape[0])
    peak = max(pyebur128.get_true_peak(meter, channel) for channel in range(2))
    return changed(song, stem, song[stem] * (10.0 ** (decibels / 20.0) / peak))


def around(threshold: float, distance: float = MARGIN_DB) -> tuple[float, float]:
    return threshold + distance, threshold - distance


PLANTS = (
    Plant("antiphase", "correlation of L and R", around(LIMITS.antiphase_correlation, -0.02), correlated),
    Plant("bleed", "of a stem that pauses for half, dB", around(LIMITS.bleed_db, 1.0), with_bleed_at_rest, None, False),
    Plant("bleed", "of a stem as it is, dB", around(LIMITS.bleed_db, 3.0), with_bleed, None, False, "bleed_db"),
    Plant("bleed", "of a stem as it is, dB", (-20.0, None), with_bleed, None, False, "bleed_db"),
    Plant("clipped", "runs of three samples", (LIMITS.clipped_runs, LIMITS.clipped_runs - 1.0), clipped),
    Plant("cut_bandwidth", "MP3, kbit/s", (128.0, 320.0), coded, MIXTURE),
    Plant("dc_offset", "offset, dBFS", around(LIMITS.dc_offset_dbfs), with_offset),
    Plant("dead_channel", "R under L, dB", around(LIMITS.dead_channel_db), unbalanced),
    Plant("gain", "gain of the stem's file, dB", around(LIMITS.gain_db, 0.1), louder, alone=False),
    Plant("inverted", "factor", (-1.0, 1.0), inverted, alone=False),
    Plant("lag", "samples", (1.0, 0.0), delayed, alone=False),
    Plant("lag", "samples, an MP3 encoder's delay", (1_105.0, None), delayed, alone=False),
    Plant("length", "samples", (LIMITS.length_samples, LIMITS.length_samples - 1.0), longer, alone=False),
    Plant("mono_mixture", "side under mid, dB", around(LIMITS.mono_side_db, -MARGIN_DB), narrow, MIXTURE),
    Plant("gain", "a stem that the mixture lacks", (0.0, None), without_stem, alone=False),
    Plant("residual", "a stranger in the mixture, dB", around(LIMITS.residual_db, 1.5), with_stranger, MIXTURE, False),
    Plant("residual", "a stem's file is empty", (0.0, None), emptied, alone=False),
    Plant("residual", "left channel of another moment", (0.0, None), other_left, MIXTURE, False),
    Plant("residual_passage", "gap in a stem, s", (3.0, None), gap, alone=False),
    Plant("silent", "share below -60 dBFS", around(LIMITS.silent_share, 0.01), mostly_silent),
    Plant("true_peak", "dBTP by pyebur128", around(LIMITS.true_peak_dbtp, 0.05), at_true_peak, MIXTURE),
)


def excerpts(corpus: Path, seconds: float) -> Iterator[Song]:
    """Every song of the corpus, cut into pieces of equal length."""
    for folder in sorted(corpus.glob("*/*/")):
        song = {name: soundfile.read(folder / f"{name}.wav", dtype="float32")[0] for name in (*STEMS, MIXTURE)}
        length = round(seconds * RATE)
        for start in range(0, min(map(len, song.values())) - length + 1, length):
            yield {name: np.ascontiguousarray(audio[start : start + length]) for name, audio in song.items()}


def measure(song: Song, number: int = 0) -> pd.DataFrame:
    """Table ``quality`` of one song."""
    return pd.DataFrame(measure_song(song, f"study/{number}"))


def findings_on(song: Song, plant: Plant, stem: str) -> list[Finding]:
    """Findings of the plant's fault, in the planted stem or in the mixture."""
    judged = {stem: song[stem]} if plant.alone else song
    found = find_faults(measure(judged))
    return [finding for finding in found if finding.fault == plant.fault and finding.stem in (stem, MIXTURE)]


def study(songs: list[Song], plants: list[Plant], console: Console) -> None:
    """Print false alarms on the songs, and the table of detections."""
    tables = [measure(song, number) for number, song in enumerate(songs)]
    clean = [finding for table in tables for finding in find_faults(table)]
    alarms = Counter(finding.fault for finding in clean)
    console.print(f"{len(songs)} clean songs of {songs[0][MIXTURE].shape[0] / RATE:g} s, {len(clean)} findings on them")
    for finding in clean:
        console.print(f"  {finding.song_id} {finding.stem}: {finding.fault} {finding.value:.4g}")
    print_row(console, "fault", "planted", "beyond", "found", "short", "found", "on clean songs")
    print_row(console, *("---",) * 7)
    for plant in track(plants, console=Console(stderr=True), transient=True):
        cells: list[str] = []
        for amount in plant.amount:
            if amount is None:
                cells += ["", ""]
                continue
            chosen = [(song, plant.stem or STEMS[n % len(STEMS)]) for n, song in enumerate(songs)]
            chosen = [
                (song, stem)
                for (song, stem), table in zip(chosen, tables, strict=True)
                if not is_silent(song[stem]) and usable(table, stem, plant.needs)
            ]
            hits = sum(bool(findings_on(plant.change(song, stem, amount), plant, stem)) for song, stem in chosen)
            cells += [f"{amount:g}", f"{hits} of {len(chosen)}"]
        print_row(console, f"`{plant.fault}`", plant.words, *cells, f"{alarms[plant.fault]}")


def usable(table: pd.DataFrame, stem: str, column: str | None) -> bool:
    """Whether a stem's clean row has a value in a column."""
    return column is None or bool(table.set_index("stem")[column].notna()[stem])


def print_row(console: Console, *cells: str) -> None:
    console.print("| " + " | ".join(cells) + " |", soft_wrap=True, markup=False)


@cache
def whole_song(corpus: Path) -> Song:
    folder = sorted(corpus.glob("*/*/"))[0]
    return {name: soundfile.read(folder / f"{name}.wav", dtype="float32")[0] for name in (*STEMS, MIXTURE)}


def cost(corpus: Path, console: Console) -> None:
    """Print CPU time per stem-second of quality beside that of the features."""
    song = whole_song(corpus)
    seconds = {name: audio.shape[0] / RATE for name, audio in song.items()}
    quality = cpu_seconds(lambda: measure(song), 3) / sum(seconds.values())
    features = cpu_seconds(lambda: [analyze_stem(song[name]) for name in STEMS], 3) / sum(seconds[n] for n in STEMS)
    for name, spent in (("quality", quality), ("features", features)):
        console.print(f"{name}: {1e3 * spent:.2f} ms of CPU per stem-second, {1.0 / spent:.0f} stem-seconds per second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path, default=Path("demo/corpus"))
    parser.add_argument("--seconds", type=float, default=18.0, help="length of an excerpt")
    parser.add_argument("--only", choices=sorted(FAULTS), help="plant this fault only")
    options = parser.parse_args()
    one_core()
    console = Console(width=160)
    cost(options.corpus, console)
    plants = [plant for plant in PLANTS if options.only in (None, plant.fault)]
    study(list(excerpts(options.corpus, options.seconds)), plants, console)
    unplanted = sorted(set(FAULTS) - {plant.fault for plant in PLANTS})
    console.print(f"not planted, read from the header: {', '.join(unplanted)}")


if __name__ == "__main__":
    main()
