"""Compiles all Numba kernels into their cache, so that no first song pays for it: ``python -m pipelines.warm``."""

from __future__ import annotations

import numpy as np

from catalogs.flac import encode_flac
from catalogs.quality.warm import warm as warm_quality
from fxnorm.settings import SAMPLE_RATE
from fxnorm.warm import warm

if __name__ == "__main__":
    warm()
    warm_quality()
    encode_flac(np.zeros((SAMPLE_RATE, 2), dtype=np.float32), 1.0, "PCM_24", SAMPLE_RATE)
