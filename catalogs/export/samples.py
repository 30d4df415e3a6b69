"""What formats of samples share: how long a sample is, and what is told of it beside its audio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalogs.export.format import ExportConfig, ExportError, Piece
from catalogs.export.songs import ExportSong


def step_frames(songs: Sequence[ExportSong], config: ExportConfig) -> int | None:
    """Samples per channel of a piece: the catalog's own segment unless the configuration says otherwise.

    Returns:
        None for whole songs.

    Raises:
        ExportError: songs of several segment lengths, and none is asked for.
    """
    if config.segment_seconds is None:
        lengths = sorted({song.segment_frames for song in songs})
        if len(lengths) > 1:
            seconds = ", ".join(f"{length / songs[0].sample_rate:g} s" for length in lengths)
            raise ExportError(f"the catalog's segments are of {seconds}; choose one with --segment-seconds")
        return lengths[0]
    return round(config.segment_seconds * songs[0].sample_rate) or None


def describe(piece: Piece) -> dict[str, Any]:
    """What is told of a piece of which every stem has the same length.

    Returns:
        what is known of the song; ``start`` and ``frames`` in samples; ``sample_rate`` in Hz; by stem, ``scale``, which
        decoded samples are multiplied by, and ``stem_frames``, after which a stem is silence because it has ended.
    """
    stems = [stem.name for stem in piece.song.stems]
    return {
        **piece.song.about,
        "start": piece.start,
        "frames": piece.frames,
        "sample_rate": piece.song.sample_rate,
        "scale": piece.song.scales,
        "stem_frames": {name: piece.stem_frames(name) for name in stems},
    }
