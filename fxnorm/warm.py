"""Compiles the Numba kernels of the effects into their cache, so that no first run pays for it."""

from __future__ import annotations

import dataclasses

import numpy as np

from fxnorm.chain import ChainConfig, normalize_stem
from fxnorm.compression import OnsetPeakLevel
from fxnorm.features import analyze_stem
from fxnorm.settings import SAMPLE_RATE, Settings
from fxnorm.statistics import measure_statistics

SEARCHED_DB = 3.0
"""How far the compressor has to bring the bursts down."""


def warm() -> None:
    """Run every kernel once, in both precisions, on a second of noise bursts."""
    rng = np.random.default_rng(0)
    bursts = rng.standard_normal((SAMPLE_RATE, 2)) * (np.arange(SAMPLE_RATE) % 11_025 < 2_000)[:, None]
    audio = (0.1 * bursts).astype(np.float32)
    targets = measure_statistics([("warm", "other", analyze_stem(audio))]).targets("other")
    assert targets.compression is not None
    quieter = OnsetPeakLevel(targets.compression.mean - SEARCHED_DB, targets.compression.std)
    targets = dataclasses.replace(targets, compression=quieter)
    for compat in (False, True):
        normalize_stem(
            audio * np.asarray([1.0, 0.5], dtype=np.float32),
            "other",
            targets,
            ChainConfig(settings=Settings(reference_compat=compat)),
        )
