"""Stems against their mixture and against one another, with planted gains, lags and bleed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalogs.quality.bleed import FEWEST_FRAMES, _coherent_power, measure_bleed
from catalogs.quality.excerpts import LENGTH, MARGIN, MEMORY_BYTES, MOST, cut_excerpts, excerpt_starts, shifted
from catalogs.quality.residual import MixtureFit, fit_mixture
from tests import signals
from tests.signals import RATE

Audio = NDArray[np.float32]
SECONDS = 6.0
SOUNDS = {
    "vocals": signals.plucks(SECONDS, 1, 0.4, 0.4),
    "drums": signals.noise(SECONDS, 2, 0.3),
    "bass": signals.plucks(SECONDS, 3, 0.3, 0.6, every=0.7),
}


def fit(stems: dict[str, Audio], mixture: Audio) -> MixtureFit:
    starts = excerpt_starts(mixture.shape[0], len(stems) + 1)
    found = fit_mixture({name: cut_excerpts(a, starts) for name, a in stems.items()}, cut_excerpts(mixture, starts))
    assert found is not None
    return found


def delayed(audio: Audio, samples: int) -> Audio:
    """Later by that many samples, earlier where negative, as long as before."""
    padded = np.pad(audio, ((max(0, samples), max(0, -samples)), (0, 0)))
    return padded[max(0, -samples) :][: audio.shape[0]]


@given(st.integers(1, 30_000_000), st.integers(1, 40))
def test_excerpts_lie_in_the_song_apart_and_within_the_memory(frames: int, stems: int) -> None:
    starts = excerpt_starts(frames, stems)
    assert 1 <= starts.size <= MOST
    assert starts[0] >= 0
    assert starts[-1] + LENGTH <= max(frames, LENGTH) + 1
    assert np.all(np.diff(starts) >= LENGTH - 1)
    assert starts.size == 1 or starts.size * stems * 8 * (LENGTH + 2 * MARGIN) <= MEMORY_BYTES


@pytest.mark.parametrize("lag", [0, 1, -7, MARGIN, -MARGIN])
def test_excerpts_are_the_audio_at_their_places(lag: int) -> None:
    audio = signals.noise(5.0, 5)
    starts = excerpt_starts(audio.shape[0], 2)
    expected = delayed(audio, lag)
    for piece, start in zip(shifted(cut_excerpts(audio, starts), lag), starts, strict=True):
        np.testing.assert_array_equal(piece.T, expected[start : start + LENGTH])


def test_a_sum_of_the_stems_leaves_nothing() -> None:
    found = fit(SOUNDS, sum(SOUNDS.values()))
    assert max(found.left_db, found.right_db, found.worst_db) < -100.0
    assert all(stem.gain == pytest.approx(1.0, abs=1e-6) and stem.lag == 0 for stem in found.stems.values())


@pytest.mark.parametrize(
    ("stem", "gain", "lag"), [("vocals", 0.5, 1105), ("drums", -1.0, 0), ("bass", -0.7, -333), ("drums", 1.0, 1)]
)
def test_gain_polarity_and_lag_of_a_stem_are_found(stem: str, gain: float, lag: int) -> None:
    sounds = {**SOUNDS, stem: np.float32(gain) * delayed(SOUNDS[stem], lag)}
    found = fit(SOUNDS, sum(sounds.values()))
    assert found.stems[stem].lag == lag
    assert found.stems[stem].gain == pytest.approx(gain, abs=1e-3)
    assert all(other.lag == 0 for name, other in found.stems.items() if name != stem)
    assert max(found.left_db, found.right_db) < -60.0


def test_several_stems_with_a_lag_of_their_own() -> None:
    lags = {"vocals": 529, "drums": -2_000, "bass": 4_000}
    found = fit(SOUNDS, sum(delayed(SOUNDS[name], lag) for name, lag in lags.items()))
    assert {name: stem.lag for name, stem in found.stems.items()} == lags


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3))
def test_gains_and_residual_are_those_of_least_squares_on_all_samples(gains: list[float]) -> None:
    stranger = signals.noise(SECONDS, 77, 0.05)
    sounds = list(SOUNDS.values())
    mixture = (sum(g * s.astype(np.float64) for g, s in zip(gains, sounds, strict=True)) + stranger).astype(np.float32)
    starts = excerpt_starts(mixture.shape[0], 4)
    rows = np.concatenate([np.arange(start, start + LENGTH) for start in starts])
    matrix = np.stack([sound[rows].ravel() for sound in sounds], axis=1).astype(np.float64)
    wanted = np.linalg.lstsq(matrix, mixture[rows].ravel().astype(np.float64))[0]
    left = (mixture[rows].ravel() - matrix @ wanted)[::2]
    found = fit(SOUNDS, mixture)
    if all(stem.lag == 0 for stem in found.stems.values()):
        assert [stem.gain for stem in found.stems.values()] == pytest.approx(wanted, abs=1e-5)
        expected = 10 * np.log10(np.sum(left**2) / np.sum(mixture[rows, 0].astype(np.float64) ** 2))
        assert found.left_db == pytest.approx(expected, abs=1e-3)


def test_a_sound_that_no_stem_has_is_the_residual() -> None:
    mixture = sum(SOUNDS.values())
    stems = {name: audio for name, audio in SOUNDS.items() if name != "drums"}
    found = fit(stems, mixture)
    drums, total = (np.mean(audio[:, 0].astype(np.float64) ** 2) for audio in (SOUNDS["drums"], mixture))
    assert found.left_db == pytest.approx(10 * np.log10(drums / total), abs=0.5)


def test_a_wrong_channel_shows_on_its_side_only() -> None:
    mixture = sum(SOUNDS.values()).copy()
    mixture[:, 0] = np.roll(mixture[:, 0], RATE)
    found = fit(SOUNDS, mixture)
    assert found.left_db > -6.0
    assert found.left_db > found.right_db


def test_a_gap_shows_in_the_worst_excerpt() -> None:
    gapped = SOUNDS["drums"].copy()
    gapped[2 * RATE : 4 * RATE] = 0.0
    found = fit({**SOUNDS, "drums": gapped}, sum(SOUNDS.values()))
    assert found.worst_db > found.left_db + 3.0


def test_silent_stems_and_twins_do_not_break_the_fit() -> None:
    silent = {**SOUNDS, "other": np.zeros_like(SOUNDS["bass"])}
    assert set(fit(silent, sum(SOUNDS.values())).stems) == set(SOUNDS)
    twins = {**SOUNDS, "twin": SOUNDS["bass"]}
    found = fit(twins, sum(SOUNDS.values()))
    assert found.stems["twin"].gain + found.stems["bass"].gain == pytest.approx(1.0, abs=1e-4)
    starts = excerpt_starts(RATE, 2)
    nothing = cut_excerpts(np.zeros((RATE, 2), np.float32), starts)
    assert fit_mixture({"bass": nothing}, nothing) is None
    found = fit({"bass": np.zeros_like(SOUNDS["bass"])}, SOUNDS["bass"])
    assert (found.stems, found.left_db) == ({}, pytest.approx(0.0))


def resting(audio: Audio, first: float, last: float) -> Audio:
    quiet = audio.copy()
    quiet[round(first * RATE) : round(last * RATE)] *= np.float32(1e-4)
    return quiet


def bleeds_of(stems: dict[str, Audio]):
    starts = excerpt_starts(max(map(len, stems.values())), len(stems))
    return measure_bleed({name: cut_excerpts(audio, starts) for name, audio in stems.items()})


@pytest.mark.parametrize("level", [-50.0, -40.0, -25.0])
@pytest.mark.parametrize("delay", [0, 300])
def test_planted_bleed_is_found_at_its_level(level: float, delay: int) -> None:
    drums = signals.noise(12.0, 8, 0.5)
    vocals = resting(signals.plucks(12.0, 9), 3.0, 11.0)
    spill = np.float32(10 ** (level / 20)) * delayed(drums, delay)
    found = bleeds_of({"vocals": vocals + spill, "drums": drums})["vocals"]
    assert found is not None
    assert found.source == "drums"
    assert found.level_db == pytest.approx(level, abs=1.0)
    assert found.share > 0.7


def test_sounds_that_have_nothing_in_common_do_not_bleed() -> None:
    own = signals.noise(12.0, 30, 0.4)
    found = bleeds_of({"vocals": resting(own, 3.0, 11.0), "drums": signals.noise(12.0, 31, 0.5)})["vocals"]
    assert found is not None
    assert found.share < 0.2


def test_nothing_is_said_about_stems_that_never_rest_or_never_sound() -> None:
    stems = {
        "drums": signals.noise(6.0, 8, 0.5),
        "bass": signals.noise(6.0, 9, 0.5),
        "other": np.zeros((6 * RATE, 2), np.float32),
    }
    assert bleeds_of(stems) == dict.fromkeys(stems)
    assert measure_bleed({}) == {}


def test_coherent_power_is_that_of_the_cross_spectrum() -> None:
    rng = np.random.default_rng(0)
    shape = (2, 50, 2, 9)
    a, b = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
    frames = np.arange(3, 3 + FEWEST_FRAMES)
    cross = np.abs((a[frames] * b[frames].conj()).sum(axis=0)) ** 2
    expected = (cross / (np.abs(b[frames]) ** 2).sum(axis=0)).sum()
    coherent, energy, other = _coherent_power(a, frames, b, frames)
    assert coherent == pytest.approx(expected, rel=1e-5)
    assert (energy, other) == pytest.approx(((np.abs(a[frames]) ** 2).sum(), (np.abs(b[frames]) ** 2).sum()), rel=1e-5)
