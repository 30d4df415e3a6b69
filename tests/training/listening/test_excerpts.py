"""The choice of excerpts, on songs whose changes of section and silences are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from fxnorm.settings import SAMPLE_RATE
from tests.signals import RATE, noise, plucks
from training.listening.excerpts import ExcerptError, choose_excerpt, given_excerpt, novelty

CHANGE = 34.0
LENGTH = 62.0


@cache
def song(silent_until: float = 0.0) -> dict[str, np.ndarray]:
    """Plucked low notes and soft noise until CHANGE, then high dense notes and loud noise."""
    low = plucks(LENGTH, 1, 0.3, 0.5, 0.8)
    dense = plucks(LENGTH, 2, 0.3, 0.5, 0.15)
    bright = np.diff(noise(LENGTH, 4, 0.4), axis=0, prepend=0.0).astype(np.float32)
    cut = round(CHANGE * RATE)
    lead = np.concatenate([low[:cut], dense[cut:]])
    drums = np.concatenate([0.3 * noise(LENGTH, 3, 0.2)[:cut], bright[cut:]]).astype(np.float32)
    lead[: round(silent_until * RATE)] = 0.0
    return {"lead": lead, "drums": drums}


def test_the_largest_novelty_is_at_the_change_of_section() -> None:
    curve = novelty(sum(song().values()).mean(axis=1))
    assert abs(np.argmax(curve) * 0.5 - CHANGE) <= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_the_excerpt_has_the_change_in_its_middle_third_and_all_stems(seed: int) -> None:
    choice = choose_excerpt(song(), 30.0, 0.4, np.random.default_rng(seed))
    assert choice.frames == 30 * SAMPLE_RATE
    start = choice.start / SAMPLE_RATE
    assert choice.change == pytest.approx(CHANGE, abs=1.0)
    assert start + 0.3 * 30 <= choice.change <= start + 0.7 * 30
    assert min(choice.activity.values()) >= 0.4


def test_the_seed_decides() -> None:
    draws = {choose_excerpt(song(), 25.0, 0.2, np.random.default_rng(seed)).start for seed in range(6)}
    assert len(draws) > 1
    first, second = (choose_excerpt(song(), 25.0, 0.2, np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_stems_that_never_sound_together_are_refused_by_name() -> None:
    with pytest.raises(ExcerptError, match="quiet song: the stems are never active together: at best 'lead'"):
        choose_excerpt(song(silent_until=52.0), 30.0, 0.4, np.random.default_rng(0), "quiet song")


def test_activity_is_the_share_on_the_quieter_side() -> None:
    stems = {"half": np.ones((20 * RATE, 2), np.float32)}
    stems["half"][10 * RATE :] = 0.0
    assert given_excerpt(stems, 0.0, 20.0).activity == {"half": pytest.approx(0.5)}
    assert given_excerpt(stems, 0.0, 10.0).activity == {"half": 1.0}


def test_short_songs_and_stretches_outside_are_refused() -> None:
    short = {"lead": noise(10.0)}
    with pytest.raises(ExcerptError, match=r"10\.0 s long, an excerpt takes 30 s"):
        choose_excerpt(short, 30.0, 0.4, np.random.default_rng(0), "short song")
    with pytest.raises(ExcerptError, match=r"ends at 12\.00 s, the stems at 10\.00 s"):
        given_excerpt(short, 2.0, 10.0)


def test_a_song_without_changes_is_refused() -> None:
    tone = np.repeat(np.sin(2 * np.pi * 220 * np.arange(40 * RATE) / RATE)[:, None], 2, axis=1).astype(np.float32)
    with pytest.raises(ExcerptError, match="excerpt"):
        choose_excerpt({"tone": tone}, 39.0, 0.4, np.random.default_rng(0), "tone")
