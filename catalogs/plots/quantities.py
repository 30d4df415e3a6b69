"""The four quantities that normalisation moves: what they are called, how they are measured and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A number of every stem, before and after normalisation.

    Attributes:
        name: key, and prefix of the columns of :func:`catalogs.plots.stems.stem_frame`.
        effect: effect whose receipt says what was aimed at and reached.
        title: name for people, with the scale.
        scale: what the number is measured in.
        unit: of distances.
        step: width of a histogram's bin.
        digits: after the point, in tables.
        floor: smallest spread that robust scores divide by; a smaller difference is not heard.
    """

    name: str
    effect: str
    title: str
    scale: str
    unit: str
    step: float
    digits: int
    floor: float


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity("loudness", "loudness", "integrated loudness, LUFS", "LUFS", "LU", 0.5, 1, 0.5),
        Quantity("spectrum", "eq", "deviation from the target spectrum, dB", "dB", "dB", 0.5, 1, 0.5),
        Quantity("panning", "panning", "mean panning similarity", "phi", "phi", 0.01, 3, 0.02),
        Quantity("dynamics", "compression", "onset peak level, dBFS", "dBFS", "dB", 0.25, 1, 0.5),
    )
}
"""All of them, in the order in which they are shown.

Loudness is measured on the stem as it came and as stored; dynamics on the stem as it came and behind the compressor;
spectrum (root mean square over third octaves) and panning (mean similarity under the band limit, 0 to 1) directly
before and behind their effect. All but loudness therefore do not see what later effects change.
"""

STAGES = ("before", "after")
"""Before and after normalisation."""
