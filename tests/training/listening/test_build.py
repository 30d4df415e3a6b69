"""A built test: stimuli measured from the files that the site serves, and what those files give away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from scipy.signal import correlate, resample_poly

from tests.signals import RATE
from tests.training.listening.small_test import EXCERPT, SECONDS, SONGS, SYSTEMS, build_small_test, write_spec
from training.listening.build import BuildError, Built, build
from training.listening.key import read_key
from training.listening.spec import read_spec
from training.listening.stimuli import StimulusError, lag, level_dry, level_together

FADE = round(0.1 * RATE)


def served(folder: Path) -> list[Path]:
    return [path for path in (folder / "site").rglob("*") if path.is_file()]


def test_every_stimulus_is_at_minus_23_lufs(small_test: tuple[Path, Built]) -> None:
    folder, built = small_test
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    for page in (built.key.training, *built.key.pages):
        for stimulus in page.stimuli:
            audio, rate = soundfile.read(folder / "site" / "audio" / stimulus.file)
            assert (rate, audio.shape) == (RATE, (round(EXCERPT["seconds"] * RATE), 2))
            assert meter.integrated_loudness(audio) == pytest.approx(-23.0, abs=0.1)
            assert 20 * np.log10(np.abs(resample_poly(audio, 8, 1)).max()) <= -1.0 + 0.1


def test_all_systems_of_a_page_are_the_same_samples_of_the_song(small_test: tuple[Path, Built]) -> None:
    folder, built = small_test
    start = round(EXCERPT["start"] * RATE)
    for page in (built.key.training, *built.key.pages):
        assert (page.start, page.frames) == (start, round(EXCERPT["seconds"] * RATE))
        for stimulus in page.stimuli:
            audio, _ = soundfile.read(folder / "site" / "audio" / stimulus.file)
            source, _ = soundfile.read(stimulus.source)
            inside = source[start + FADE : start + page.frames - FADE] * 10 ** (stimulus.gain_db / 20)
            np.testing.assert_allclose(audio[FADE:-FADE], inside, atol=2.0**-22)
            found = correlate(source[:, 0], audio[:, 0], mode="valid", method="fft")
            assert int(np.argmax(found)) == start


def test_no_served_file_names_a_system_or_a_song(small_test: tuple[Path, Built]) -> None:
    folder, _ = small_test
    files = served(folder)
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        for name in (*SYSTEMS, *SONGS):
            assert name.encode() not in content, path
            assert name not in str(path.relative_to(folder)), path
        assert b"mixes/" not in content, path


def test_stimuli_carry_no_tags(small_test: tuple[Path, Built]) -> None:
    folder, built = small_test
    source = built.key.training.stimuli[0].source
    assert soundfile.SoundFile(source).copy_metadata()
    for path in (folder / "site" / "audio").iterdir():
        assert not soundfile.SoundFile(path).copy_metadata(), path


def test_ids_say_nothing_about_the_system(small_test: tuple[Path, Built]) -> None:
    _, built = small_test
    pages = (built.key.training, *built.key.pages)
    ids = [stimulus.id for page in pages for stimulus in page.stimuli]
    assert len(set(ids)) == len(ids) == 4 * len(SYSTEMS)
    orders = set()
    for key_page in pages:
        system_of = {stimulus.id: stimulus.system for stimulus in key_page.stimuli}
        orders.add(tuple(system_of[stimulus.id] for stimulus in built.site.page(key_page.id).stimuli))
    assert len(orders) > 1


def test_a_repeated_page_plays_the_same_files_under_new_ids(small_test: tuple[Path, Built]) -> None:
    _, built = small_test
    (repeated,) = [page for page in built.key.pages if page.repeats]
    original = next(page for page in built.key.pages if page.id == repeated.repeats)
    assert {s.file for s in repeated.stimuli} == {s.file for s in original.stimuli}
    assert not {s.id for s in repeated.stimuli} & {s.id for s in original.stimuli}
    assert built.site.page(repeated.id).song == built.site.page(original.id).song


def test_the_key_lies_beside_the_site_and_reads_back(small_test: tuple[Path, Built]) -> None:
    folder, built = small_test
    assert built.key_file == folder / "site.key.json"
    assert read_key(built.key_file) == built.key
    assert any("3.0 s; 25 to 60 s are usual" in note for note in built.key.notes)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(
    small_test: tuple[Path, Built], tmp_path: Path
) -> None:
    folder, built = small_test
    again = build(read_spec(folder / "test.yaml"), tmp_path / "site")
    assert again.key == built.key
    for path in served(folder):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes()
    other = build_small_test(tmp_path / "other", seed=6)
    assert other.key.test_id != built.key.test_id
    assert not {s.id for s in other.key.training.stimuli} & {s.id for s in built.key.training.stimuli}


def test_sixteen_bits_are_dithered_and_as_loud(tmp_path: Path) -> None:
    built = build_small_test(tmp_path, bits=16)
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    for stimulus in built.key.training.stimuli:
        path = tmp_path / "site" / "audio" / stimulus.file
        assert soundfile.info(path).subtype == "PCM_16"
        assert meter.integrated_loudness(soundfile.read(path)[0]) == pytest.approx(-23.0, abs=0.1)


def test_a_test_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    spec = read_spec(write_spec(tmp_path))
    first = build(spec, tmp_path / "site")
    with pytest.raises(BuildError, match="--overwrite if nobody has taken it"):
        build(spec, tmp_path / "site")
    assert build(spec, tmp_path / "site", overwrite=True).key == first.key
    with pytest.raises(BuildError, match="is not a listening test"):
        build(spec, tmp_path / "stems", overwrite=True)


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    broken = tmp_path / "mixes" / SYSTEMS[1] / f"{SONGS[2]}.wav"
    soundfile.write(broken, np.zeros((round(SECONDS * RATE), 2)), RATE)
    with pytest.raises(StimulusError, match=f"{SYSTEMS[1]}: the excerpt is silent"):
        build(read_spec(path), tmp_path / "site")
    soundfile.write(broken, np.zeros((RATE, 2)), RATE)
    with pytest.raises(StimulusError, match=r"ends at 1.00 s, the excerpt at 4.50 s"):
        build(read_spec(path), tmp_path / "site")
    assert not list(tmp_path.glob("*site*"))


def test_a_page_with_high_peaks_is_turned_down_together() -> None:
    rng = np.random.default_rng(0)
    even = (0.1 * rng.standard_normal((3 * RATE, 2))).astype(np.float32)
    clicks = (0.0005 * rng.standard_normal((3 * RATE, 2))).astype(np.float32)
    clicks[::4000] = 0.9
    levelled, levels, down = level_together({"even": even, "clicks": clicks})
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    loudness = [meter.integrated_loudness(audio.astype(float)) for audio in levelled.values()]
    assert down > 1.0
    assert loudness[0] == pytest.approx(loudness[1], abs=0.1)
    assert loudness[0] == pytest.approx(-23.0 - down, abs=0.1)
    assert levels["clicks"].true_peak_dbtp == pytest.approx(-1.0, abs=0.01)


def test_dry_stems_keep_their_balance() -> None:
    rng = np.random.default_rng(1)
    stems = {name: (level * rng.standard_normal((3 * RATE, 2))).astype(np.float32) for name, level in
             (("a", 0.3), ("b", 0.02))}  # fmt: skip
    total, dry = level_dry(stems)
    np.testing.assert_allclose(total, dry["a"] + dry["b"], atol=1e-6)
    assert pyloudnorm.Meter(RATE).integrated_loudness(total.astype(float)) == pytest.approx(-23.0, abs=0.1)
    with pytest.raises(StimulusError, match="silent"):
        level_dry({"a": np.zeros((RATE, 2), np.float32)})


@pytest.mark.parametrize("late", [-900, 0, 61, 2_000])
def test_the_lag_between_two_recordings_is_found(late: int) -> None:
    rng = np.random.default_rng(2)
    song = rng.standard_normal((3 * RATE, 2)).astype(np.float32)
    moved = np.roll(song, late, axis=0) + 0.3 * rng.standard_normal(song.shape).astype(np.float32)
    assert lag(moved, song) == late
    assert lag(rng.standard_normal(song.shape).astype(np.float32), song) is None


def test_a_late_system_is_noted(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    file = tmp_path / "mixes" / SYSTEMS[0] / f"{SONGS[1]}.wav"
    audio, rate = soundfile.read(file)
    soundfile.write(file, np.roll(audio, 300, axis=0), rate)
    built = build(read_spec(path), tmp_path / "site")
    assert f"{SONGS[1]}: {SYSTEMS[0]} seems 300 samples late" in built.key.notes
