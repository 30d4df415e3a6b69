"""Multi-resolution STFT distance (Yamamoto et al., 2020), by auraloss with its three resolutions.

At each resolution the spectral convergence ||Y - X|| / ||Y|| plus the mean of |ln X - ln Y|, of the magnitudes of both
channels together; the distance is the mean over the resolutions. Long mixes are transformed in segments of 12 s
whose norms and sums are joined, so that memory does not grow with the length.
"""

from __future__ import annotations

from types import MappingProxyType

import auraloss
import numpy as np
import torch

from fxnorm.settings import SAMPLE_RATE
from training.evaluation.pair import Mix, peak_normalize, validate_pair

UNITS = MappingProxyType({"multi_resolution": ""})
"""Metrics of the family and their units."""

SEGMENT_SAMPLES = 1 << 19
"""Samples transformed at a time."""

SHORTEST_SAMPLES = 2_048
"""One window of the coarsest resolution; a shorter rest joins the segment before it."""


def validate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> None:
    """Refuse mixes as validate_pair does, and those shorter than the longest window, 2048 samples.

    Raises:
        ValueError: as validate_pair.
    """
    validate_pair(mix, reference, rate, shortest=SHORTEST_SAMPLES)


def evaluate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> dict[str, float]:
    """The metrics in UNITS.

    Args:
        mix: shape (samples, 2).
        reference: shape (samples, 2).
        rate: 44 100 Hz.

    Raises:
        ValueError: as validate.
    """
    validate(mix, reference, rate)
    x, y = (torch.from_numpy(peak_normalize(audio).astype(np.float32)) for audio in (mix, reference))
    resolutions = auraloss.freq.MultiResolutionSTFTLoss().stft_losses
    return {"multi_resolution": float(np.mean([_distance(loss, x, y) for loss in resolutions]))}


@torch.no_grad()
def _distance(loss: auraloss.freq.STFTLoss, mix: torch.Tensor, reference: torch.Tensor) -> float:
    squared_error = squared_norm = log_error = 0.0
    values = 0
    starts = range(0, max(1, len(mix) - SHORTEST_SAMPLES + 1), SEGMENT_SAMPLES)
    for start in starts:
        stop = len(mix) if start == starts[-1] else start + SEGMENT_SAMPLES
        x, y = (loss.stft(audio[start:stop].T.contiguous())[0] for audio in (mix, reference))
        squared_error += float(torch.sum((y - x) ** 2, dtype=torch.float64))
        squared_norm += float(torch.sum(y**2, dtype=torch.float64))
        log_error += float(torch.sum(torch.abs(torch.log(x) - torch.log(y)), dtype=torch.float64))
        values += x.numel()
    return float(np.sqrt(squared_error / squared_norm) + log_error / values)
