"""Features of a stem: gate, padding, invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm.features import FEATURES, analyze_stem
from fxnorm.loudness import integrated_loudness
from fxnorm.settings import Settings
from fxnorm.stereo import pad
from tests import signals


def test_shapes_and_ranges():
    features = analyze_stem(signals.plucks(4.0, pan=0.4))
    assert features.eq.shape == features.panning.shape == (32_769,)
    assert (features.eq >= 0).all()
    assert ((features.panning >= 0) & (features.panning <= 1 + 1e-9)).all()
    assert features.notes == ()
    assert [features.value(name).shape for name in FEATURES] == [(1,), (32_769,), (32_769,), (2,)]
    with pytest.raises(ValueError, match="unknown feature 'reverb'"):
        features.value("reverb")


@settings(deadline=None, max_examples=8)
@given(gain_db=st.floats(-20.0, 0.0))
def test_spectrum_panning_and_dynamics_do_not_depend_on_level(gain_db):
    audio = signals.plucks(3.0, pan=0.3)
    reference, scaled = analyze_stem(audio), analyze_stem(audio * np.float32(10 ** (gain_db / 20)))
    np.testing.assert_allclose(scaled.eq, reference.eq, rtol=2e-3, atol=1e-6 * reference.eq.max())
    np.testing.assert_allclose(scaled.panning, reference.panning, atol=1e-2)
    assert np.abs(scaled.panning - reference.panning).mean() < 5e-4
    assert scaled.compression.mean == pytest.approx(reference.compression.mean, abs=1e-2)
    assert scaled.loudness == pytest.approx(reference.loudness + gain_db, abs=0.02)


@pytest.mark.parametrize("peak_dbfs, silent", [(-50.0, True), (-50.01, True), (-49.99, False)])
def test_the_gate_is_at_minus_fifty(peak_dbfs, silent):
    audio = signals.plucks(1.0)
    audio *= np.float32(10 ** (peak_dbfs / 20) / np.abs(audio).max())
    audio = np.clip(audio, -np.float32(10 ** (peak_dbfs / 20)), np.float32(10 ** (peak_dbfs / 20)))
    features = analyze_stem(audio)
    assert features.silent is silent
    assert (features.eq is None) is silent


def test_digital_silence_has_no_peak_level():
    features = analyze_stem(np.zeros((44_100, 2), np.float32))
    assert features.silent
    assert features.peak_dbfs is None


def test_loudness_is_padded_in_compat_only():
    audio = signals.noise(1.5)
    assert analyze_stem(audio).loudness == integrated_loudness(audio)
    compat = analyze_stem(audio, Settings(reference_compat=True)).loudness
    assert compat == integrated_loudness(pad(audio))
    assert compat < analyze_stem(audio).loudness - 0.2


def test_a_short_stem_says_what_it_lacks():
    features = analyze_stem(signals.noise(0.2))
    assert not features.silent
    assert features.loudness is None
    assert features.eq is None
    assert features.panning is not None
    assert any(note.startswith("loudness:") for note in features.notes)
    assert any(note.startswith("eq:") for note in features.notes)


def test_mono_is_stereo_with_equal_channels():
    audio = signals.plucks(2.0, pan=0.5)
    mono = analyze_stem(audio[:, 0])
    np.testing.assert_array_equal(mono.panning, np.ones(32_769))
    assert mono.loudness == analyze_stem(np.repeat(audio[:, :1], 2, axis=1)).loudness


@pytest.mark.parametrize("bad", [np.zeros((10, 3)), np.zeros((2, 2, 2)), np.full((10, 2), np.nan)])
def test_refuses_what_is_not_stereo_audio(bad):
    with pytest.raises(ValueError, match="audio"):
        analyze_stem(bad)
