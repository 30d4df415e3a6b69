"""What a build would do: songs, bytes, time and output size, from the headers of the files only."""

from __future__ import annotations

import dataclasses
import os

from catalogs.audio_file import AudioFileError, probe
from catalogs.ingest import is_used
from catalogs.schemas import MIXTURE
from fxnorm.settings import SAMPLE_RATE
from pipelines.config import NormalizationConfig, RunOptions
from pipelines.ingest import Source

ANALYZE_SPEED = 100.0
NORMALIZE_SPEED = 20.0
"""Stem-seconds per CPU-second of each stage, measured on the demo corpus on a machine of two cores."""

FLAC_BYTES_PER_SECOND = {"PCM_16": 117_000.0, "PCM_24": 206_000.0}
"""Typical size of a second of stereo music at 44.1 kHz."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Estimate of a build.

    Attributes:
        songs: songs found.
        refused: of these, songs that would be quarantined for what their headers and folders show.
        input_bytes: size of the input files.
        stem_seconds: audio of all stems.
        seconds: estimated duration on the workers of the run.
        output_bytes: estimated size of the shards.
        workers: processes counted on.
    """

    songs: int
    refused: int
    input_bytes: int
    stem_seconds: float
    seconds: float
    output_bytes: float
    workers: int


def plan_build(source: Source, config: NormalizationConfig, options: RunOptions) -> Plan:
    """Probe the headers of a corpus and estimate.

    Raises:
        ValueError: unknown corpus, or no song found.
    """
    songs = source.songs()
    workers = options.workers or os.cpu_count() or 1
    refused = 0
    sizes: dict[str, int] = {}
    stem_seconds = mixture_seconds = 0.0
    for song in songs:
        faulty = bool(song.faults)
        lengths: dict[str, float] = {}
        for part, file in song.files.items():
            try:
                info = probe(file.path, file.stream)
            except AudioFileError:
                faulty = True
                continue
            sizes[os.fspath(file.path)] = info.bytes
            stem = file.stem or part
            if is_used(song, stem, file):
                lengths[stem] = max(lengths.get(stem, 0.0), info.frames / info.sample_rate)
        mixture_seconds += lengths.pop(MIXTURE, 0.0)
        stem_seconds += sum(lengths.values())
        refused += faulty
    cpu_seconds = stem_seconds * (1.0 / ANALYZE_SPEED + 1.0 / NORMALIZE_SPEED)
    per_second = FLAC_BYTES_PER_SECOND
    return Plan(
        songs=len(songs),
        refused=refused,
        input_bytes=sum(sizes.values()),
        stem_seconds=stem_seconds,
        seconds=cpu_seconds / workers,
        output_bytes=stem_seconds * per_second[config.subtype] + mixture_seconds * per_second["PCM_16"],
        workers=workers,
    )


def describe_plan(plan: Plan) -> str:
    """The plan in words."""
    refused = f" ({plan.refused} would be quarantined)" if plan.refused else ""
    return (
        f"{plan.songs} songs{refused}, {plan.input_bytes / 1e9:.2f} GB of input, "
        f"{plan.stem_seconds / 3600:.2f} stem-hours at {SAMPLE_RATE} Hz\n"
        f"about {max(plan.seconds / 60, 0.1):.1f} minutes on {plan.workers} workers, "
        f"about {plan.output_bytes / 1e9:.2f} GB of shards"
    )
