"""The STFT against librosa, and its inverse."""

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm import stft
from tests import signals


@pytest.mark.parametrize("n_fft, hop", [(2048, 1024), (65_536, 16_384)])
def test_equals_librosa(n_fft, hop):
    signal = signals.noise(4.0)[:, 0]
    ours = np.concatenate([block for _, block in stft.blocks(signal, n_fft, hop)])
    theirs = librosa.stft(
        signal.astype(np.float64),
        n_fft=n_fft,
        hop_length=hop,
        window=np.sqrt(np.hanning(n_fft + 1)[:-1]),
        center=False,
    ).T
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@settings(deadline=None, max_examples=15)
@given(samples=st.integers(8_000, 60_000), seed=st.integers(0, 1000))
def test_overlap_add_reconstructs(samples, seed):
    signal = np.pad(np.random.default_rng(seed).standard_normal(samples).astype(np.float32), 2048)
    output = np.zeros_like(signal)
    for first, spectra in stft.blocks(signal, 2048, 1024):
        stft.overlap_add(output, first, spectra, 2048, 1024)
    np.testing.assert_allclose(output[2048:-2048], signal[2048:-2048], atol=1e-5)


def test_a_signal_shorter_than_a_window_has_no_frames():
    assert list(stft.blocks(np.zeros(100, np.float32), 2048, 1024)) == []
