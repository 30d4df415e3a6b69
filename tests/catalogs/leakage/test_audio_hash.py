"""The hash of decoded audio is that of the samples, whatever file they were in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from catalogs.audio_file import decode
from catalogs.leakage.audio_hash import audio_hash
from tests import signals
from tests.signals import RATE


@pytest.fixture(scope="module")
def integers() -> np.ndarray:
    return np.rint(signals.plucks(3.0, 5, 0.9, 0.3) * 32_767).astype("<i2")


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", "PCM_16"), ("a.wav", "PCM_24"), ("a.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.aiff", "PCM_32")],
)
def test_containers_and_depths_of_the_same_samples_agree(
    integers: np.ndarray, tmp_path: Path, name: str, subtype: str
) -> None:
    soundfile.write(tmp_path / name, integers / 32_768, RATE, subtype=subtype)
    end = int(np.flatnonzero(integers.any(axis=1))[-1]) + 1
    samples = integers[:end].T.tobytes()
    assert audio_hash(decode(tmp_path / name)) == hashlib.blake2b(samples, digest_size=16).hexdigest()


def test_silence_at_the_end_does_not_count_and_at_the_beginning_does(integers: np.ndarray) -> None:
    audio = (integers / 32_768).astype(np.float32)
    silence = np.zeros((100_000, 2), np.float32)
    assert audio_hash(np.concatenate([audio, silence])) == audio_hash(audio)
    assert audio_hash(np.concatenate([silence, audio])) != audio_hash(audio)


def test_one_bit_and_swapped_channels_make_a_difference(integers: np.ndarray) -> None:
    audio = (integers / 32_768).astype(np.float32)
    changed = audio.copy()
    changed[70_000, 1] += 1.0 / 32_768
    assert len({audio_hash(audio), audio_hash(changed), audio_hash(audio[:, ::-1])}) == 3


def test_beyond_full_scale_is_full_scale() -> None:
    audio = np.full((2 * RATE, 2), 1.0, np.float32)
    assert audio_hash(audio) == audio_hash(3.0 * audio) == audio_hash(audio - np.float32(1 / 32_768))


@pytest.mark.parametrize("level", [0.0, 1e-5, 3e-3])
def test_silent_audio_has_none(level: float) -> None:
    assert audio_hash(np.full((2 * RATE, 2), level, np.float32)) is None


def test_less_than_a_second_of_sound_has_none() -> None:
    audio = np.zeros((5 * RATE, 2), np.float32)
    audio[RATE : 2 * RATE - 1] = 0.5
    assert audio_hash(audio) is None
    audio[RATE : 2 * RATE] = 0.5
    assert audio_hash(audio) is not None
