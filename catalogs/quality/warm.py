"""Compiles the Numba kernels of the quality measures into their cache."""

from __future__ import annotations

import numpy as np

from catalogs.quality.song import measure_song
from catalogs.schemas import MIXTURE
from fxnorm.settings import SAMPLE_RATE


def warm() -> None:
    """Measure two stems and their sum once: noise of four seconds, of which one stem rests."""
    rng = np.random.default_rng(0)
    stem = rng.uniform(-0.5, 0.5, (4 * SAMPLE_RATE, 2)).astype(np.float32)
    resting = stem[::-1].copy()
    resting[SAMPLE_RATE // 2 :] *= np.float32(1e-3)
    measure_song({"drums": stem, "vocals": resting, MIXTURE: stem + resting})
