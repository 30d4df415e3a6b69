"""Compiles the Numba kernels into their cache, so that no first run pays for it: ``python -m fxnorm.warm``."""

from __future__ import annotations

import numpy as np

from fxnorm.chain import ChainConfig, normalize_stem
from fxnorm.features import analyze_stem
from fxnorm.settings import SAMPLE_RATE, Settings
from fxnorm.statistics import measure_statistics


def warm() -> None:
    """Run every kernel once, in both precisions, on a second of noise bursts."""
    rng = np.random.default_rng(0)
    bursts = rng.standard_normal((SAMPLE_RATE, 2)) * (np.arange(SAMPLE_RATE) % 11_025 < 2_000)[:, None]
    audio = (0.1 * bursts).astype(np.float32)
    targets = measure_statistics([("warm", "other", analyze_stem(audio))]).targets("other")
    for compat in (False, True):
        normalize_stem(
            audio * np.asarray([1.0, 0.5], dtype=np.float32),
            "other",
            targets,
            ChainConfig(settings=Settings(reference_compat=compat)),
        )


if __name__ == "__main__":
    warm()
