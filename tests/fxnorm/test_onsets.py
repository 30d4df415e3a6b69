"""The onset detector against a plain reading of its description, one frame at a time."""

import numpy as np
import pytest
import scipy.signal

from fxnorm import onsets
from tests import signals

B = [0.15998789, 0.31997577, 0.15998789]
A = [1.0, 0.23484048, 0.0]


def plain_detector(signal: np.ndarray) -> list[int]:
    window = scipy.signal.windows.hann(1024, sym=False)
    history, scores, found = [0.0] * 7, [0.0, 0.0, 0.0], []
    total, last = 0, 0
    for frame in signal[: signal.size // 1024 * 1024].astype(np.float64).reshape(-1, 1024):
        magnitude = np.log1p(np.abs(np.fft.rfft(frame * window)))
        history = [*history[1:], float(np.sum(np.arange(1, 514) * magnitude))]
        smooth = scipy.signal.lfilter(B, A, scipy.signal.lfilter(B, A, history)[::-1])[::-1]
        scores = [*scores[1:], smooth[5] - np.median(smooth) - 0.058 * np.mean(smooth)]
        s0, s1, s2 = scores
        silent = 10.0 * np.log10(np.mean(frame**2) + 1e-300) < -70.0
        if s1 > s0 and s1 > s2 and s1 > 0:
            new = total + round((1.0 + 0.5 * (s0 - s2) / (s0 - 2.0 * s1 + s2)) * 1024)
            if not silent and last + 2205 < new and not (last > 0 and new < 4403):
                last = max(4403, new)
                found.append(last - 4403)
        elif total <= 4403 and not silent and (total == 0 or last + 2205 < total):
            last = total + 4403
            found.append(total)
        total += 1024
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("every", [0.4, 0.12])
def test_finds_the_same_onsets_as_the_plain_detector(every, seed):
    signal = signals.plucks(6.0, seed, every=every)[:, 0] + signals.noise(6.0, seed, level=0.01)[:, 0]
    expected = plain_detector(signal)
    found = onsets.detect_onsets(signal)
    assert len(found) == len(expected) > 3
    assert np.abs(found - expected).max() <= 2


def test_finds_plucks_where_they_are():
    signal = np.zeros(6 * 44_100, np.float32)
    starts = np.arange(1, 11) * 22_050
    for start in starts:
        decay = np.exp(-np.arange(15_000) / 4_000.0)
        signal[start : start + 15_000] += 0.3 * decay * np.random.default_rng(start).standard_normal(15_000)
    found = onsets.detect_onsets(signal)
    assert len(found) == len(starts)
    assert np.abs(found - starts).max() < 2 * 1024


def test_silence_has_no_onsets():
    assert onsets.detect_onsets(np.zeros(44_100, np.float32)).size == 0
    assert onsets.detect_onsets(np.zeros(10, np.float32)).size == 0
