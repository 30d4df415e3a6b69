"""A small listening test on generated audio: three songs of a few seconds, three systems, one page repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from tests.signals import RATE, noise, plucks
from training.listening.build import Built, build
from training.listening.spec import read_spec

SYSTEMS = ("engineerface", "networkface", "plainface")
"""Names that stand nowhere else."""

SONGS = ("Alpha Song", "Beta Song", "Gamma Song")
SECONDS = 6.0
EXCERPT = {"start": 1.5, "seconds": 3.0}


def write_song(folder: Path, name: str, seed: int) -> None:
    """Stems in ``stems/NAME/`` and mixes of the systems in ``mixes/SYSTEM/NAME.wav``."""
    stems = {
        "vocals": plucks(SECONDS, seed, 0.3, 0.5, 0.25),
        "drums": noise(SECONDS, seed + 1, 0.2),
        "bass": plucks(SECONDS, seed + 2, 0.4, 0.5, 0.5),
    }
    total = np.sum(list(stems.values()), axis=0)
    dark = sosfilt(butter(2, 4_000, fs=RATE, output="sos"), total, axis=0)
    mixes: dict[str, NDArray] = {
        "engineerface": total + 0.3 * stems["drums"],
        "networkface": 0.2 * dark,
        "plainface": 0.5 * total + 0.1 * stems["vocals"],
    }
    for stem, audio in stems.items():
        path = folder / "stems" / name / f"{stem}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, audio, RATE)
    for system, mix in mixes.items():
        path = folder / "mixes" / system / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(path, "w", RATE, 2, "PCM_24") as file:
            file.title, file.artist, file.comment = f"by {system}", system, system
            file.write(mix)


def write_spec(folder: Path, **changes: object) -> Path:
    """Audio and ``test.yaml`` in a folder."""
    for seed, name in enumerate(SONGS):
        write_song(folder, name, 10 * seed)
    content = {
        "title": "Small test",
        "seed": 5,
        "training": SONGS[0],
        "songs": [{"name": name, "excerpt": EXCERPT} for name in SONGS],
        "systems": {system: f"mixes/{system}/{{song}}.wav" for system in SYSTEMS},
        "stems": {stem: f"stems/{{song}}/{stem}.wav" for stem in ("vocals", "drums", "bass")},
        "repeated_pages": 1,
        "hear_seconds": 0.2,
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({**content, **changes}))
    return path


def build_small_test(folder: Path, **changes: object) -> Built:
    """The site in ``folder/site``."""
    return build(read_spec(write_spec(folder, **changes)), folder / "site")
