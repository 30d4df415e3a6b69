"""Shelves against pedalboard, convolution against numpy, the synthetic bank against its decay."""

import numpy as np
import pedalboard
import pytest

from fxnorm import reverb
from tests import signals


@pytest.mark.parametrize(
    "kind, peer, corner",
    [("low", pedalboard.LowShelfFilter, 600.0), ("high", pedalboard.HighShelfFilter, 8_000.0)],
)
def test_shelves_equal_those_of_pedalboard(kind, peer, corner):
    import scipy.signal

    audio = signals.noise(1.0)
    ours = scipy.signal.sosfilt(reverb.shelf(kind, corner), audio.astype(np.float64), axis=0)
    theirs = peer(corner, -30.0, 0.707).process(audio, signals.RATE)
    assert signals.residual_db(theirs, ours) < -80.0


def test_convolution_keeps_the_direct_sound_in_place():
    audio = signals.plucks(0.5)
    taps = np.zeros((200, 1), np.float32)
    taps[70] = 1.0
    taps[150] = 0.5
    wet = reverb.convolve(audio, reverb.ImpulseResponse("echo", taps))
    expected = audio.copy()
    expected[80:] += np.float32(0.5) * audio[:-80]
    assert signals.residual_db(wet, expected) < -120.0


def test_prereverb_is_half_dry_half_wet():
    audio = signals.plucks(0.5)
    response = reverb.synthetic_responses([0.8])[0]
    expected = 0.5 * audio + 0.5 * reverb.convolve(audio, response)
    assert signals.residual_db(reverb.prereverb(audio, response), expected) < -120.0


def test_send_is_dry_plus_a_band_limited_wet():
    audio = signals.noise(2.0)
    draw = reverb.SendDraw(reverb.synthetic_responses([2.0])[0], 600.0, 8_000.0)
    wet = reverb.reverb_send(audio, draw) - audio
    frequency = np.fft.rfftfreq(audio.shape[0], 1 / signals.RATE)
    gain = np.abs(np.fft.rfft(wet[:, 0])) / np.abs(np.fft.rfft(audio[:, 0]))
    middle = np.median(gain[(frequency > 1_500) & (frequency < 4_000)])
    for low, high in ((50, 150), (18_000, 21_000)):
        assert np.median(gain[(frequency > low) & (frequency < high)]) < 0.1 * middle


@pytest.mark.parametrize("rt60", [0.5, 2.0, 4.0])
def test_synthetic_tail_decays_by_sixty_decibels_in_rt60(rt60):
    (response,) = reverb.synthetic_responses([rt60], seed=3)
    tail = response.audio[1:].astype(np.float64)
    energy = (tail**2).reshape(tail.shape[0], 2).mean(axis=1)
    time = np.arange(energy.size) / signals.RATE
    slope = np.polyfit(time, 10.0 * np.log10(energy + 1e-30), 1)[0]
    assert slope * rt60 == pytest.approx(-60.0, abs=1.5)
    assert response.audio.shape == (round(rt60 * signals.RATE), 2)


def test_the_draw_depends_on_the_generator_only():
    bank = reverb.synthetic_responses([2.0, 3.0, 4.0])
    draws = [reverb.draw_send(bank, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert draws[0].low_shelf_hz == draws[1].low_shelf_hz != draws[2].low_shelf_hz
    assert all(500 <= d.low_shelf_hz <= 700 and 7_000 <= d.high_shelf_hz <= 10_000 for d in draws)
