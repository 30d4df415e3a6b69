"""What a build would take, before it is begun: songs, bytes, CPU-hours and disk.

The listing is read to its end, song by song, so that every song whose rows or folders are at fault is counted. Files
are probed for a random sample of songs, or for all on request; a mean over the sample times the number of songs is the
estimate, and its standard error is given with it.
"""

from __future__ import annotations

import dataclasses
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import numpy as np

from catalogs.audio_file import AudioFileError, probe
from catalogs.corpora import CorpusSong
from catalogs.ingest import is_used
from catalogs.schemas import MIXTURE
from fxnorm.settings import SAMPLE_RATE
from pipelines.config import NormalizationConfig, RunOptions
from pipelines.ingest import Source

ANALYZE_SPEED = 190.0
NORMALIZE_SPEED = 90.0
"""Seconds of stem that a CPU does in a second of each stage; measured on the demo corpus, docs/performance.md."""

HASH_BYTES_PER_SECOND = 700e6
"""Bytes that a CPU hashes in a second of ingest, where the storage is faster."""

FLAC_BYTES_PER_SECOND = {"PCM_16": 117_000.0, "PCM_24": 206_000.0}
"""Typical size of a second of stereo music at 44.1 kHz."""

RESULT_BYTES_PER_STEM = 400_000.0
"""What a stem takes beside its audio: its features twice (result and table), its rows."""

SAMPLED_SONGS = 500
"""Songs whose files are probed unless the user wants all."""

SEED = 0
"""Of the choice of the sample: the same listing gives the same plan."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A total over all songs.

    Attributes:
        value: the estimate.
        error: its standard error; 0 where every song was looked at.
    """

    value: float
    error: float

    def shown(self, unit: float, digits: int) -> str:
        """In a unit, with the error where there is one."""
        error = f" ± {self.error / unit:.{digits}f}" if self.error else ""
        return f"{self.value / unit:.{digits}f}{error}"

    def times(self, factor: float) -> Estimate:
        """The estimate of a multiple."""
        return Estimate(self.value * factor, self.error * factor)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Estimate of a build.

    Attributes:
        songs: songs found.
        files: files (or streams) that they name.
        probed: songs whose files were looked at.
        faults: by reason, how many songs the listing alone refuses.
        refused: songs that would be quarantined, by listing and headers.
        input_bytes: size of the input files.
        stem_seconds: audio of all stems in use.
        cpu_seconds: of ingest, analysis and normalisation together.
        output_bytes: shards, tables and results of the stages.
        workers: processes counted on.
    """

    songs: int
    files: int
    probed: int
    faults: dict[str, int]
    refused: Estimate
    input_bytes: Estimate
    stem_seconds: Estimate
    cpu_seconds: Estimate
    output_bytes: Estimate
    workers: int

    @property
    def seconds(self) -> float:
        """Estimated duration on the workers."""
        return self.cpu_seconds.value / self.workers


@dataclasses.dataclass(frozen=True)
class _Probed:
    """What the headers of one song say."""

    refused: bool
    input_bytes: float = 0.0
    stem_seconds: float = 0.0
    mixture_seconds: float = 0.0
    stems: int = 0


class Reservoir(Generic[T]):
    """A random sample of fixed size of items that come one after the other (Vitter 1985, algorithm R).

    Args:
        size: items to keep; None for all.
        seed: of the choice.
    """

    def __init__(self, size: int | None, seed: int) -> None:
        self._size = size
        self._random = random.Random(seed)
        self._seen = 0
        self.items: list[T] = []

    def offer(self, item: T) -> None:
        """Keep the item, in place of another where the sample is full, or leave it."""
        self._seen += 1
        if self._size is None or len(self.items) < self._size:
            self.items.append(item)
        elif (place := self._random.randrange(self._seen)) < self._size:
            self.items[place] = item


def plan_build(
    source: Source,
    config: NormalizationConfig,
    options: RunOptions,
    sample: int | None = SAMPLED_SONGS,
    report: Callable[[int], None] = lambda songs: None,
) -> Plan:
    """Read the listing of a corpus and the headers of a sample of its songs, and estimate.

    Args:
        source: the corpus.
        config: of the normalisation.
        options: where it would run.
        sample: songs whose files are probed; None for all of them, whose number memory then has to hold.
        report: told the number of songs listed so far, now and then.

    Raises:
        ValueError: unknown corpus, or no song found.
    """
    songs = files = 0
    faults: Counter[str] = Counter()
    sound: Reservoir[CorpusSong] = Reservoir(sample, SEED)
    for song in source.songs():
        songs += 1
        files += len(song.files)
        if song.faults:
            faults[song.faults[0].reason] += 1
        else:
            sound.offer(song)
        if songs % 10_000 == 0:
            report(songs)
    listed = songs - sum(faults.values())
    probed = [_probe(song) for song in sound.items]

    def total(value: Callable[[_Probed], float]) -> Estimate:
        return _total([value(song) for song in probed], listed)

    refused = total(lambda song: song.refused)
    output = FLAC_BYTES_PER_SECOND[config.subtype]
    per_second = 1.0 / ANALYZE_SPEED + 1.0 / NORMALIZE_SPEED
    return Plan(
        songs=songs,
        files=files,
        probed=len(probed),
        faults=dict(faults.most_common()),
        refused=Estimate(refused.value + songs - listed, refused.error),
        input_bytes=total(lambda song: song.input_bytes),
        stem_seconds=total(lambda song: song.stem_seconds),
        cpu_seconds=total(lambda song: song.stem_seconds * per_second + song.input_bytes / HASH_BYTES_PER_SECOND),
        output_bytes=total(
            lambda song: (
                song.stem_seconds * output
                + song.mixture_seconds * FLAC_BYTES_PER_SECOND["PCM_16"]
                + song.stems * RESULT_BYTES_PER_STEM
            )
        ),
        workers=options.workers or os.cpu_count() or 1,
    )


def _probe(song: CorpusSong) -> _Probed:
    sizes: dict[str, int] = {}
    lengths: dict[str, float] = {}
    refused = False
    for part, file in song.files.items():
        try:
            info = probe(file.path, file.stream)
        except AudioFileError:
            refused = True
            continue
        sizes[os.fspath(file.path)] = info.bytes
        stem = file.stem or part
        if is_used(song, stem, file):
            lengths[stem] = max(lengths.get(stem, 0.0), info.frames / info.sample_rate)
    input_bytes = float(sum(sizes.values()))
    if refused:
        return _Probed(True, input_bytes)
    mixture = lengths.pop(MIXTURE, 0.0)
    return _Probed(False, input_bytes, sum(lengths.values()), mixture, len(lengths))


def _total(values: Iterable[float], population: int) -> Estimate:
    """Total over a population of which some members, drawn without replacement, are known (Cochran 1977, 2.5)."""
    known = np.asarray(list(values), dtype=np.float64)
    if not known.size:
        return Estimate(0.0, 0.0)
    unseen = 1.0 - known.size / population
    spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
    return Estimate(float(known.mean()) * population, population * spread * math.sqrt(unseen / known.size))


def describe_plan(plan: Plan) -> str:
    """The plan in words."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in plan.faults.items())
    by_listing = f"; the listing alone refuses {reasons}" if reasons else ""
    basis = (
        "from the headers of all files"
        if plan.probed == plan.songs - sum(plan.faults.values())
        else f"± one standard error, from the headers of {plan.probed} songs"
    )
    return (
        f"{plan.songs} songs with {plan.files} files, {plan.refused.shown(1, 0)} would be quarantined{by_listing}\n"
        f"input    {plan.input_bytes.shown(1e9, 2)} GB, {plan.stem_seconds.shown(3600, 2)} stem-hours ({basis})\n"
        f"work     {plan.cpu_seconds.shown(3600, 2)} CPU-hours, about {_duration(plan.seconds)} on {plan.workers} "
        f"worker{'s' if plan.workers > 1 else ''}\n"
        f"disk     {plan.output_bytes.shown(1e9, 2)} GB for shards at {SAMPLE_RATE} Hz, tables and results"
    )


def _duration(seconds: float) -> str:
    if seconds < 5_400:
        return f"{max(seconds / 60, 0.1):.1f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
