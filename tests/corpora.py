"""Small multitrack corpora on disk, made of test signals."""

from __future__ import annotations

from pathlib import Path

import soundfile

from tests import signals

STEMS = ("vocals", "drums", "bass", "other")


def write_song(folder: Path, seed: int, seconds: float = 4.0) -> Path:
    """A song in MUSDB18-HQ layout: four stems, and the mixture as their sum."""
    folder.mkdir(parents=True)
    mixture = 0.0
    for index, stem in enumerate(STEMS):
        audio = signals.plucks(seconds, 10 * seed + index, level=0.2, pan=0.2 + 0.15 * index)
        audio += signals.noise(seconds, 10 * seed + index, level=0.01)
        soundfile.write(folder / f"{stem}.wav", audio, signals.RATE, subtype="PCM_16")
        mixture = mixture + audio
    soundfile.write(folder / "mixture.wav", mixture, signals.RATE, subtype="PCM_16")
    return folder


def write_corpus(root: Path, train: int = 3, test: int = 1, seconds: float = 4.0) -> Path:
    """A corpus in MUSDB18-HQ layout; songs differ in length."""
    for split, count, first in (("train", train, 0), ("test", test, 50)):
        for number in range(first, first + count):
            write_song(root / split / f"Artist - Song {number}", number, seconds + 0.1 * (number % 7))
    return root
