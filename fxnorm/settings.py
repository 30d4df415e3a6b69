"""Every constant of the method, and the settings that a user may change, in one place.

Section numbers are those of the paper (arXiv 2208.11428); where the paper is silent the value is the published code's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Literal

SAMPLE_RATE = 44_100
"""Hz; the rate at which every feature and filter is defined (section 3.1)."""

SOURCES = ("vocals", "drums", "bass", "other")
"""Stem names of the paper (section 2)."""

EFFECTS = ("prereverb", "reverb", "eq", "compression", "panning", "loudness")
"""Every effect, in the order in which the chain applies them (section 2.1)."""

DEFAULT_EFFECTS = ("eq", "compression", "panning", "loudness")
"""The chain without impulse responses."""

GATE_DBFS = -50.0
"""A stem whose sample peak is at or below this is silent (dBFS; published code)."""

PADDING = 65_536
"""Zeros placed before and after a stem around the whole chain (samples; published code)."""

SPECTRUM_N_FFT = 65_536
"""Window of the eq and panning features (samples; section 2.1)."""

SPECTRUM_HOP = 16_384
"""Hop of the eq and panning features (samples; section 2.1)."""

SPECTRUM_BINS = SPECTRUM_N_FFT // 2 + 1

LEVEL_LUFS = -30.0
"""Loudness to which a stem is brought before its spectrum is measured (LUFS; section 2.1)."""

EQ_TAPS = 1_001
"""Length of the linear-phase equaliser (samples; section 2.1)."""

COMPRESSION_PEAK_DBFS = -10.0
"""Peak level at which onset peaks are measured and compressed (dBFS; section 2.1)."""

THRESHOLD_STEP_DB = 0.5
THRESHOLD_LOWEST_DB = -40.0
RATIO_HIGHEST = 20.0
"""Grid of the compressor search: thresholds from -10 down to -40 dB, ratios up to 20 (published code)."""

EQ_AVERAGING_BINS = 64
"""Bins of a stem's spectrum averaged before the equaliser samples it, 43 Hz (ours, see docs/fidelity.md)."""

PANNING_N_FFT = 2_048
PANNING_HOP = 1_024
"""STFT of the re-panning (samples; section 2.1)."""

PANNING_REFERENCE_SCALE = 0.9
"""Factor on the corpus' panning curve before it becomes a target (published code)."""

PANNING_SIDE_BAND_BINS = (2, 116)
"""Half-open range of bins that vote for the side: 50 to 2 500 Hz (published code)."""

PANNING_FRAME_GATE_DB = -10.0
"""Frames whose largest |L + R| (unscaled STFT) is below this are left alone (dB; published code)."""

PANNING_SIDE_POSITIONS = (0.7, 0.3)
"""Pan positions to which a stem leaning right or left is first shifted (published code)."""

PANNING_GAIN_BOUND_DB = 30.0
"""Largest gain that re-panning may apply to a bin of one channel (dB; ours, see docs/fidelity.md)."""

CENTRED_SIDE_TO_MID_DB = -60.0
"""A stem whose side signal is below this under its mid signal counts as centred (dB; ours)."""

PEAK_PROTECTION_EPSILON = 1e-6
"""Added to the peak by which a too loud stem is divided (published code)."""


@dataclasses.dataclass(frozen=True)
class SourceSettings:
    """What differs between sources.

    Attributes:
        attack_ms: attack of the compressor in milliseconds.
        release_ms: release of the compressor in milliseconds.
        first_ratio: ratio at which the compressor search starts.
        eq_smoothing: Savitzky-Golay window of the average spectrum, in bins.
        panning_limit_hz: re-panning leaves bins above this alone.
        reverb: whether the reverb send and the prereverb apply.
    """

    attack_ms: float
    release_ms: float
    first_ratio: float
    eq_smoothing: int
    panning_limit_hz: float = 16_000.0
    reverb: bool = False


SOURCE_SETTINGS: Mapping[str, SourceSettings] = {
    "vocals": SourceSettings(7.5, 400.0, 4.0, 401, reverb=True),
    "drums": SourceSettings(10.0, 180.0, 6.0, 151, panning_limit_hz=6_000.0),
    "bass": SourceSettings(10.0, 500.0, 5.0, 151),
    "other": SourceSettings(15.0, 666.0, 4.0, 401, reverb=True),
}
"""Published settings of the four sources."""

PANNING_SMOOTHING = 501
"""Savitzky-Golay window of the average panning curve, in bins (published code)."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a user may change about analysis and normalisation.

    Attributes:
        sources: settings by stem name; a name that is not here takes those of ``other``.
        reference_compat: reproduce the published code where it deviates from its paper (docs/fidelity.md).
        compression_search: ``bisection`` finds the threshold by halving the grid, ``scan`` tries every candidate in
            order as the published code does. ``reference_compat`` always scans.
        stereo_link: detect compression on the louder channel and apply one gain to both, instead of per channel.
        panning_inverse: map similarity to position with the exact inverse instead of the paper's ``1 - phi / 2``.
        panning_gain_bound_db: largest gain on one bin of one channel, dB.
        eq_averaging_bins: bins over which a stem's spectrum is averaged before the filter is designed; 1 for none, as
            published and as ``reference_compat`` does.
    """

    sources: Mapping[str, SourceSettings] = dataclasses.field(default_factory=lambda: dict(SOURCE_SETTINGS))
    reference_compat: bool = False
    compression_search: Literal["bisection", "scan"] = "bisection"
    stereo_link: bool = False
    panning_inverse: bool = False
    panning_gain_bound_db: float = PANNING_GAIN_BOUND_DB
    eq_averaging_bins: int = EQ_AVERAGING_BINS

    def source(self, name: str) -> SourceSettings:
        """Settings of a stem; an unknown name inherits those of ``other``."""
        return self.sources.get(name) or self.sources.get("other") or SOURCE_SETTINGS["other"]

    def fingerprint(self) -> str:
        """BLAKE2b-128 of all settings, hexadecimal."""
        return hash_of(dataclasses.asdict(self))


def hash_of(value: object) -> str:
    """BLAKE2b-128, hexadecimal, of a JSON-serialisable value; equal values hash equally on any machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
