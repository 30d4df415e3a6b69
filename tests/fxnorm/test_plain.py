"""Fast effects and features against the plain ones, over stems of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fxnorm import compression, eq, loudness, onsets, panning, stereo
from fxnorm.chain import normalize_stem
from fxnorm.compression import OnsetPeakLevel
from fxnorm.features import analyze_stem
from fxnorm.settings import EQ_AVERAGING_BINS, PANNING_GAIN_BOUND_DB, SOURCE_SETTINGS, SPECTRUM_BINS
from fxnorm.statistics import Targets
from tests import plain, signals
from tests.signals import residual_db

SOURCES = st.sampled_from(sorted(SOURCE_SETTINGS))
PINK = 40.0 / np.sqrt(1.0 + np.arange(SPECTRUM_BINS))
QUICK = settings(deadline=None, max_examples=8)
SLOW = settings(deadline=None, max_examples=4)


@st.composite
def stems(draw: st.DrawFn, noises: tuple[float, ...] = (1e-4, 0.05)) -> np.ndarray:
    """Tones and noise of up to 5 s: panned, of any level above the gate, hot, with silence or with an empty channel.

    Without noise of its own in each channel, the equaliser makes both alike, and rounding decides where a stem leans.
    """
    seconds = draw(st.floats(0.7, 5.0))
    seed = draw(st.integers(0, 10_000))
    pan = draw(st.sampled_from([0.1, 0.3, 0.48, 0.55, 0.9]))
    audio = signals.plucks(seconds, seed, level=0.8, pan=pan, every=draw(st.sampled_from([0.15, 0.4])))
    audio += signals.noise(seconds, seed, level=draw(st.sampled_from(noises)))
    audio *= np.float32(draw(st.sampled_from([0.01, 0.3, 1.0, 3.0])))
    hole = draw(st.sampled_from(["none", "start", "middle", "channel"]))
    third = audio.shape[0] // 3
    if hole == "channel":
        audio[:, draw(st.sampled_from([0, 1]))] = 0.0
    elif hole != "none":
        audio[: third if hole == "start" else 2 * third][-third:] = 0.0
    assume(not stereo.is_silent(audio))
    return audio


@QUICK
@given(audio=stems(), mono=st.booleans(), gain=st.floats(0.01, 3.0))
def test_loudness(audio: np.ndarray, mono: bool, gain: float) -> None:
    signal = audio[:, 0] if mono else audio
    energies = loudness.block_energies(signal)
    assert energies is not None
    for factor in (1.0, gain):
        expected = plain.loudness(signal.astype(np.float64) * factor)
        assert energies.loudness(factor) == (None if expected is None else pytest.approx(expected, abs=1e-6))


@QUICK
@given(audio=stems())
def test_features(audio: np.ndarray) -> None:
    found = analyze_stem(audio)
    padded = stereo.pad(audio).astype(np.float64)
    assert found.loudness == pytest.approx(plain.loudness(audio.astype(np.float64)), abs=1e-6)
    levelled = plain.level(padded, found.loudness, -30.0)
    expected = np.mean([plain.mean_spectrum(channel) for channel in levelled.T], axis=0)
    assert residual_db(found.eq, expected) < -100.0
    assert np.abs(found.panning - plain.mean_similarity(padded)).mean() < 2e-3
    loudest = padded * (10.0 ** (-10.0 / 20.0) / np.abs(padded).max())
    levels = [plain.onset_peak_level(channel) for channel in loudest.T]
    if None in levels:
        assert found.compression is None
    else:
        assert (found.compression.mean, found.compression.std) == pytest.approx(np.mean(levels, axis=0), abs=1e-4)


@QUICK
@given(audio=stems())
def test_onsets(audio: np.ndarray) -> None:
    gain = compression.peak_gain(audio)
    for channel in audio.T:
        expected = plain.onsets(channel.astype(np.float64) * gain)
        found = onsets.detect_onsets(channel, gain)
        assert len(found) == len(expected)
        assert np.abs(found - expected).max(initial=0) <= 1


@QUICK
@given(audio=stems(), tilt=st.floats(-12.0, 12.0))
def test_equaliser(audio: np.ndarray, tilt: float) -> None:
    reference = PINK * 10.0 ** (np.linspace(-tilt, tilt, SPECTRUM_BINS) / 20.0)
    for channel in stereo.pad(audio).T:
        measured = plain.loudness(channel.astype(np.float64))
        if measured is None:
            continue
        gain, _ = loudness.levelling_gain(stereo.peak(channel), measured, -30.0)
        taps = eq.design_fir(gain * eq.mean_spectrum(channel), reference, EQ_AVERAGING_BINS)
        expected = plain.equalise(channel.astype(np.float64), measured, reference, EQ_AVERAGING_BINS)
        assert residual_db(eq.apply_fir(channel, taps, gain), expected) < -80.0
        assert residual_db(eq.apply_fir(channel, taps, gain, out=channel), expected) < -80.0


@SLOW
@given(audio=stems(), source=SOURCES, drop=st.floats(0.0, 0.4) | st.floats(0.6, 5.0))
def test_compression(audio: np.ndarray, source: str, drop: float) -> None:
    """A drop of the deviation itself, 0.5 dB, would leave the choice between some compression and none to rounding."""
    for channel in audio.T:
        if stereo.is_silent(channel):
            continue
        before = compression.onset_peak_level(channel, compression.peak_gain(channel))
        if before is None:
            continue
        target = OnsetPeakLevel(before.mean - drop, 0.5)
        output, _ = compression.normalize_compression(channel[None], target, SOURCE_SETTINGS[source])
        expected = plain.normalise_compression(
            channel.astype(np.float64), (target.mean, target.std), SOURCE_SETTINGS[source]
        )
        assert residual_db(output[0], expected) < -80.0


@QUICK
@given(
    audio=stems(), limit_hz=st.sampled_from([6_000.0, 16_000.0]), height=st.floats(0.5, 0.99), in_place=st.booleans()
)
def test_panning(audio: np.ndarray, limit_hz: float, height: float, in_place: bool) -> None:
    reference = np.full(SPECTRUM_BINS, height)
    expected = plain.repan(audio.astype(np.float64), reference, limit_hz, PANNING_GAIN_BOUND_DB)
    given_audio = stereo.pad(audio, 0) if in_place else audio
    output, result = panning.normalize_panning(
        given_audio, reference, limit_hz, gain_bound_db=PANNING_GAIN_BOUND_DB, in_place=in_place
    )
    assert result.side in ("left", "right")
    assert (output is given_audio) == in_place
    assert residual_db(output, expected) < -80.0


@SLOW
@given(audio=stems(noises=(0.05, 0.1)), source=SOURCES)
def test_chain(audio: np.ndarray, source: str) -> None:
    targets = Targets(-24.0, PINK, np.full(SPECTRUM_BINS, 0.9), OnsetPeakLevel(-13.0, 1.5))
    output, _ = normalize_stem(audio, source, targets)
    expected = plain.chain(audio, targets, SOURCE_SETTINGS[source], EQ_AVERAGING_BINS, PANNING_GAIN_BOUND_DB)
    assert residual_db(output, expected) < -80.0
