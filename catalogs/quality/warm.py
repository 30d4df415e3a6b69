"""Compiles the Numba kernels of the quality measures into their cache."""

from __future__ import annotations

import numpy as np

from catalogs.quality.clipping import Clipping
from catalogs.quality.song import SongQuality
from catalogs.schemas import MIXTURE
from fxnorm.settings import SAMPLE_RATE


def warm() -> None:
    """Measure two stems and their sum once: noise of four seconds, of which one stem rests."""
    rng = np.random.default_rng(0)
    stem = rng.uniform(-0.5, 0.5, (4 * SAMPLE_RATE, 2)).astype(np.float32)
    resting = stem[::-1].copy()
    resting[SAMPLE_RATE // 2 :] *= np.float32(1e-3)
    song = {"drums": stem, "vocals": resting, MIXTURE: stem + resting}
    rows = [
        {
            "song_id": "warm",
            "stem": name,
            "role": MIXTURE if name == MIXTURE else "stem",
            "song_hash": "",
            "sample_rate": SAMPLE_RATE,
            "catalog_frames": audio.shape[0],
        }
        for name, audio in song.items()
    ]
    quality = SongQuality(rows, "")
    for row in rows:
        clipping = Clipping()
        clipping.add(song[row["stem"]])
        quality.add(row, song[row["stem"]], clipping)
    quality.rows()
