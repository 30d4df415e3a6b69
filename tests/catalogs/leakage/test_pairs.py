"""Planted copies of a song are found, different songs are not, and what is alike in part is a candidate only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalogs.leakage import KnownSong, Landmarks, Pair, SongPlace, find_landmarks, find_pairs, fingerprint_song, pairs
from catalogs.leakage.match import match_landmarks
from catalogs.leakage.names import canonical_name
from catalogs.leakage.pairs import LEAST_VOTES
from catalogs.leakage.splits import Move, moves_to_strictest
from tests import signals
from tests.planted import PLANTS, as_mp3, shifted, turned
from tests.signals import RATE

Audio = NDArray[np.float32]
Stems = Mapping[str, Audio]

SECONDS = 30.0
NOBODY = canonical_name(None, None)


@cache
def tone(semitone: int) -> NDArray[np.float32]:
    """A decaying tone with eight partials."""
    time = np.arange(RATE) / RATE
    pitch = 110.0 * 2.0 ** (semitone / 12.0)
    partials = sum(np.sin(2.0 * np.pi * k * pitch * time) / k for k in range(1, 9))
    return (partials * np.exp(-6.0 * time)).astype(np.float32)


def stem_of(seed: int, pan: float, seconds: float) -> Audio:
    """Tones of random pitch and level at random times, three a second."""
    rng = np.random.default_rng(seed)
    mono = 1e-5 * rng.standard_normal(round(seconds * RATE), dtype=np.float32)
    for start in rng.integers(0, mono.size - RATE, round(3 * seconds)):
        mono[start : start + RATE] += rng.uniform(0.02, 0.1) * tone(int(rng.integers(0, 36)))
    return np.stack([(1.0 - pan) * mono, pan * mono], axis=1).astype(np.float32)


def stems_of(seed: int, seconds: float = SECONDS) -> dict[str, Audio]:
    """Three stems of one song."""
    return {name: stem_of(10 * seed + n, 0.2 + 0.3 * n, seconds) for n, name in enumerate(("vocals", "bass", "other"))}


def mix(stems: Stems) -> Audio:
    return np.sum([*stems.values()], axis=0, dtype=np.float32)


def known(
    song: Stems, song_id: str, split: str = "train", catalog: str = "catalog", artist: str = "", title: str = ""
) -> KnownSong:
    """What a catalog would hold of a song."""
    rows = fingerprint_song(song, song_id)
    (whole,) = (row for row in rows if row["role"] != "stem")
    landmarks = Landmarks(whole["landmarks"], whole["times"])
    hashes = {row["stem"]: row["audio_hash"] for row in rows if row["audio_hash"] is not None}
    return KnownSong(SongPlace(catalog, song_id, split), canonical_name(artist, title), hashes, lambda: landmarks)


def kinds(found: list[Pair]) -> dict[tuple[str, str], str]:
    return {(pair.a.song_id, pair.b.song_id): pair.kind for pair in found}


@pytest.fixture(scope="module")
def songs() -> list[dict[str, Audio]]:
    return [stems_of(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def others(songs: list[dict[str, Audio]]) -> list[KnownSong]:
    return [known({"mixture": mix(song)}, f"song {n}") for n, song in enumerate(songs)]


def test_different_songs_are_not_reported(others: list[KnownSong]) -> None:
    assert find_pairs(others) == []


@pytest.mark.parametrize("plant", list(PLANTS))
def test_a_copy_is_found_among_other_songs(songs: list[dict[str, Audio]], others: list[KnownSong], plant: str) -> None:
    copy = known({"mixture": PLANTS[plant](mix(songs[2]))}, "copy", "test")
    (pair,) = find_pairs([*others, copy])
    assert (pair.a.song_id, pair.b.song_id) == ("song 2", "copy")
    assert pair.kind == "near"
    assert pair.is_leak


def test_the_offset_and_the_overlap_are_those_that_were_planted(
    songs: list[dict[str, Audio]], others: list[KnownSong]
) -> None:
    later = known({"mixture": as_mp3(shifted(mix(songs[0])[5 * RATE :], 2.25))}, "later")
    (pair,) = find_pairs([others[0], later])
    assert pair.match is not None
    delay_of_mp3 = 0.03
    assert pair.match.offset_seconds == pytest.approx(2.25 - 5.0, abs=delay_of_mp3)
    assert pair.match.overlap_seconds == pytest.approx(SECONDS - 5.0, abs=2.0)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gain=st.floats(-30.0, 6.0), samples=st.integers(0, 3 * RATE))
def test_gain_and_shift_change_nothing_about_being_found(
    songs: list[dict[str, Audio]], others: list[KnownSong], gain: float, samples: int
) -> None:
    copy = known({"mixture": turned(shifted(mix(songs[1]), samples / RATE), gain)}, "copy")
    found = find_pairs([*others, copy])
    assert set(kinds(found)) == {("song 1", "copy")}
    assert found[0].is_same
    assert found[0].match is not None
    assert found[0].match.offset_seconds == pytest.approx(samples / RATE, abs=0.024)


def test_the_gain_alone_leaves_every_landmark(songs: list[dict[str, Audio]]) -> None:
    mono = mix(songs[0]).sum(axis=1)
    loud, quiet = find_landmarks(mono), find_landmarks(mono / 64)
    np.testing.assert_array_equal(loud.values, quiet.values)
    np.testing.assert_array_equal(loud.times, quiet.times)


def test_a_shift_by_whole_hops_moves_every_landmark_by_as_many(songs: list[dict[str, Audio]]) -> None:
    mono = mix(songs[0]).sum(axis=1)
    before, after = find_landmarks(mono), find_landmarks(np.concatenate([np.zeros(50 * 1_024, np.float32), mono]))
    early = before.times > 40
    moved = set(zip(before.values[early].tolist(), (before.times[early] + 50).tolist(), strict=True))
    assert len(moved - set(zip(after.values.tolist(), after.times.tolist(), strict=True))) < 0.02 * len(moved)


def test_landmarks_do_not_depend_on_how_the_song_is_cut_into_blocks(
    songs: list[dict[str, Audio]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalogs.leakage import fingerprint

    mono = mix(songs[0]).sum(axis=1)
    whole = find_landmarks(mono)
    monkeypatch.setattr(fingerprint, "_BLOCK_FRAMES", 100)
    pieces = find_landmarks(mono)
    np.testing.assert_array_equal(whole.values, pieces.values)
    np.testing.assert_array_equal(whole.times, pieces.times)


@pytest.mark.parametrize("samples", [0, 100, 4_095, 4_096, 10_000])
def test_songs_too_short_or_silent_have_no_landmarks_and_are_like_nothing(samples: int) -> None:
    assert len(find_landmarks(np.zeros(samples, np.float32))) == 0
    short = known({"mixture": np.zeros((samples, 2), np.float32)}, "a")
    assert find_pairs([short, known({"mixture": np.zeros((samples, 2), np.float32)}, "b")]) == []


def test_a_steady_tone_stays_small() -> None:
    tone = np.sin(2.0 * np.pi * RATE / 64 * np.arange(60 * RATE) / RATE).astype(np.float32)
    assert len(find_landmarks(tone)) < 5_000


def test_a_loud_loop_in_two_songs_does_not_make_them_one(songs: list[dict[str, Audio]]) -> None:
    loop = 3.0 * np.tile(stem_of(99, 0.5, 3.0), (10, 1))
    one = known({"mixture": mix(songs[0]) + loop}, "one")
    other = known({"mixture": mix(songs[1]) + np.roll(loop, 7_000, axis=0)}, "other", "test")
    match = match_landmarks(one.read_landmarks(), other.read_landmarks())
    assert match is not None
    assert match.votes > 3 * LEAST_VOTES
    assert match.rival_share > 0.5 * match.share
    assert not any(pair.is_same for pair in find_pairs([one, other]))


def test_a_song_that_is_all_loop_is_found() -> None:
    loop = np.tile(stem_of(98, 0.5, 3.0), (10, 1))
    (pair,) = find_pairs([known({"mixture": loop}, "one"), known({"mixture": as_mp3(loop)}, "other")])
    assert pair.kind == "near"


def test_songs_without_a_mixture_are_compared_by_the_sum_of_their_stems(songs: list[dict[str, Audio]]) -> None:
    coded = {name: as_mp3(stem, 192) for name, stem in songs[3].items()}
    (pair,) = find_pairs([known({"mixture": mix(songs[3])}, "mixed"), known(coded, "stems")])
    assert pair.kind == "near"


def test_a_stem_that_two_songs_share_is_exact_and_names_it(songs: list[dict[str, Audio]]) -> None:
    one = known(songs[0], "one")
    other = known({"solo": songs[0]["vocals"], "bass": songs[1]["bass"], "other": songs[1]["other"]}, "other", "test")
    (pair,) = find_pairs([one, other])
    assert (pair.kind, pair.same_audio) == ("exact", ("vocals = solo",))
    assert pair.is_leak


def test_silent_and_very_short_stems_never_count(songs: list[dict[str, Audio]]) -> None:
    silence = np.zeros_like(songs[0]["bass"])
    whisper = np.full_like(silence, 1e-4)
    hit = np.concatenate([signals.noise(0.5, 7, 0.5), silence])[: silence.shape[0]]
    rest = {"silence": silence, "whisper": whisper, "hit": hit}
    assert find_pairs([known({**songs[n], **rest}, str(n)) for n in range(2)]) == []


def test_the_same_name_is_a_candidate_and_no_leak(songs: list[dict[str, Audio]]) -> None:
    one = known({"mixture": mix(songs[0])}, "one", artist="The Band", title="A Song (2011 Remaster)")
    other = known({"mixture": mix(songs[1])}, "other", "test", artist="Band, The", title="a song - Full Mix")
    (pair,) = find_pairs([one, other])
    assert (pair.kind, pair.same_name, pair.is_leak) == ("name", True, False)


def test_a_sampled_index_finds_the_same_pairs(
    songs: list[dict[str, Audio]], others: list[KnownSong], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = known({"mixture": as_mp3(mix(songs[0]))}, "copy")
    everything = find_pairs([*others, copy])
    monkeypatch.setattr(pairs, "INDEXED_LANDMARKS", 1_200)
    assert pairs._sample_songs([*others, copy], 1_200)[1] == 8
    assert find_pairs([*others, copy]) == everything
    assert len(everything) == 1


def place(song_id: str, split: str) -> SongPlace:
    return SongPlace("catalog", song_id, split)


def test_the_strictest_split_is_handed_on() -> None:
    splits = {"a": "train", "b": "validation", "c": "test", "d": "train", "e": "validation", "f": "train"}
    same = [("a", "b", "near"), ("b", "c", "exact"), ("d", "e", "near"), ("f", "c", "partial"), ("f", "e", "name")]
    found = [Pair(place(a, splits[a]), place(b, splits[b]), kind, (), False, None) for a, b, kind in same]
    expected = {
        "a": Move("train", "test", "c"),
        "b": Move("validation", "test", "c"),
        "d": Move("train", "validation", "e"),
    }
    assert moves_to_strictest(splits, found) == expected
    assert moves_to_strictest(splits, reversed(found)) == expected
    assert moves_to_strictest(splits, []) == {}
