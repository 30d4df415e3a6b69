"""A mix engineer: the settings with which one song is mixed, drawn from a seed, and the mix itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyloudnorm

from pipelines.demo.errors import DemoCorpusError
from pipelines.demo.roles import ACCOMPANIMENT, BASS, DRUM_KIT, LEAD, ROLES
from pipelines.demo.room import Room
from pipelines.demo.strip import RATE, Strip

MIXTURE = "mixture"

_FADE = 0.5
_LEAD_REACH = 0.4
_FULL_SCALE = 32_768
_USUAL_HABITS = {
    "highpass_hz": (25.0, 45.0),
    "low_shelf_hz": (80.0, 250.0),
    "low_shelf_db": (-5.0, 4.0),
    "low_mid_hz": (200.0, 900.0),
    "low_mid_q": (0.5, 1.6),
    "low_mid_db": (-6.0, 3.0),
    "high_mid_hz": (1200.0, 5000.0),
    "high_mid_q": (0.5, 1.6),
    "high_mid_db": (-4.0, 6.0),
    "high_shelf_hz": (5000.0, 11000.0),
    "high_shelf_db": (-6.0, 6.0),
    "threshold_db": (-8.0, 4.0),
    "ratio": (1.3, 5.0),
    "attack_ms": (3.0, 30.0),
    "release_ms": (60.0, 300.0),
    "drive_db": (-3.0, 9.0),
    "width": (0.6, 1.3),
    "balance_db": (-2.0, 2.0),
    "send_db": (-20.0, -8.0),
    "loudness_lufs": (-24.0, -19.0),
}
_HABITS: dict[str, dict[str, tuple[float, float]]] = {
    LEAD: {
        "highpass_hz": (70.0, 160.0),
        "ratio": (2.0, 6.0),
        "balance_db": (-0.8, 0.8),
        "send_db": (-16.0, -6.0),
        "loudness_lufs": (-22.0, -17.0),
    },
    DRUM_KIT: {
        "drive_db": (3.0, 14.0),
        "balance_db": (-0.5, 0.5),
        "send_db": (-26.0, -12.0),
        "loudness_lufs": (-22.0, -17.0),
    },
    BASS: {
        "width": (0.0, 0.2),
        "balance_db": (-0.3, 0.3),
        "send_db": (-45.0, -28.0),
    },
    ACCOMPANIMENT: {"highpass_hz": (50.0, 140.0), "width": (0.6, 1.6)},
}
_LOGARITHMIC = ("_hz", "_q", "_ms", "ratio")


@dataclass(frozen=True)
class Engineer:
    """How one song is mixed.

    A strip for each stem, one room, ``spread``: how far apart the instruments of a stem stand (0 to 1), and
    the sample peak of the loudest file in dBFS.
    """

    strips: dict[str, Strip]
    room: Room
    spread: float
    peak_dbfs: float

    @classmethod
    def hire(cls, seed: int, digest: str) -> Engineer:
        """The engineer of the tune with the hexadecimal ``digest``: the same for the same seed and tune."""
        chance = np.random.default_rng([seed, int(digest, 16)])
        return cls(
            strips={role: _draw_strip(chance, _USUAL_HABITS | _HABITS[role]) for role in ROLES},
            room=Room(
                rt60=float(chance.uniform(0.4, 2.2)),
                predelay=float(chance.uniform(0.0, 0.06)),
                damping_hz=float(chance.uniform(3000.0, 9000.0)),
                seed=int(chance.integers(2**32)),
            ),
            spread=float(chance.uniform(0.3, 1.0)),
            peak_dbfs=float(chance.uniform(-3.0, -0.3)),
        )

    def pans(self, role: str, channels: tuple[int, ...]) -> dict[int, float]:
        """Position of each MIDI channel of a stem, -1 left to 1 right.

        Drums and bass stay in the middle, and so does the first of an odd number of channels; the others go
        in pairs to opposite sides. A doubled lead stays nearer to the middle.
        """
        if role in (DRUM_KIT, BASS):
            return dict.fromkeys(channels, 0.0)
        odd = len(channels) % 2
        reach = self.spread * (_LEAD_REACH if role == LEAD else 1.0) / max(len(channels) // 2, 1)
        positions = [0.0] * odd + [side * reach * (pair + 1) for pair in range(len(channels) // 2) for side in (-1, 1)]
        return dict(zip(channels, positions, strict=True))

    def mix(self, name: str, parts: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, npt.NDArray[np.int16]]:
        """Mix the dry parts of a song, float32 (samples, 2) for each role, all of one length.

        Returns the stems and the mixture as int16 (samples, 2). The mixture is the sum of the stems to the
        last bit, and no file clips. ``name`` is used in messages only. Raises DemoCorpusError where a part is
        silent.
        """
        stems = {role: self._stem(f"{name}: {role}", role, parts[role]) for role in ROLES}
        peak = max(float(np.abs(audio).max()) for audio in (*stems.values(), np.sum(list(stems.values()), axis=0)))
        gain = 10 ** (self.peak_dbfs / 20) / peak * _FULL_SCALE
        files = {role: np.rint(audio * gain).astype(np.int16) for role, audio in stems.items()}
        return {MIXTURE: np.sum(list(files.values()), axis=0, dtype=np.int16), **files}

    def _stem(self, name: str, role: str, dry: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if not dry.any():
            raise DemoCorpusError(f"{name}: the soundfont gives no sound for this part; install pretty_midi again")
        strip = self.strips[role]
        direct = strip.apply(dry)
        stem = direct + np.float32(10 ** (strip.send_db / 20)) * self.room.reverberate(direct)
        fade = round(_FADE * RATE)
        stem[-fade:] *= np.square(np.cos(np.pi / 2 * np.arange(fade) / fade, dtype=np.float32))[:, None]
        loudness = pyloudnorm.Meter(RATE).integrated_loudness(stem)
        if not np.isfinite(loudness):
            raise DemoCorpusError(f"{name}: too quiet for its loudness to be measured; choose a larger --seconds")
        return stem * np.float32(10 ** ((strip.loudness_lufs - loudness) / 20))


def _draw_strip(chance: np.random.Generator, habits: Mapping[str, tuple[float, float]]) -> Strip:
    return Strip(**{name: _draw(chance, name, *limits) for name, limits in habits.items()})


def _draw(chance: np.random.Generator, name: str, low: float, high: float) -> float:
    if name.endswith(_LOGARITHMIC):
        return float(np.exp(chance.uniform(np.log(low), np.log(high))))
    return float(chance.uniform(low, high))
