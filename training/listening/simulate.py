"""Simulated listeners, whose true opinions are known: for planning a test, and for checking its analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from training.listening.ratings import COLUMNS


@dataclass(frozen=True)
class Opinions:
    """How listeners rate: 50 points, plus the system's effect, plus deviations (points) that are all normal.

    Attributes:
        effects: points of each system, on every axis.
        listener: deviation of a listener's general severity.
        taste: deviation of a listener's own opinion of a system.
        material: deviation of how well a system does on a song, the same for all listeners.
        noise: deviation of a single rating; it differs when a page is repeated.
    """

    effects: Mapping[str, float]
    listener: float = 8.0
    taste: float = 8.0
    material: float = 4.0
    noise: float = 12.0


def simulate_ratings(
    opinions: Opinions, listeners: int, songs: int, axes: tuple[str, ...], rng: np.random.Generator, repeated: int = 1
) -> pd.DataFrame:
    """Ratings with training.listening.ratings.COLUMNS; the first ``repeated`` songs come twice.

    Material is drawn with mean zero over songs for each system, so that the effects of ``opinions`` are those of the
    songs in the test.
    """
    systems = list(opinions.effects)
    shape = (len(axes), listeners, len(systems))
    severity = opinions.listener * rng.standard_normal((len(axes), listeners, 1))
    taste = opinions.taste * rng.standard_normal(shape)
    material = opinions.material * rng.standard_normal((len(axes), songs, len(systems)))
    material -= material.mean(axis=1, keepdims=True)
    level = 50.0 + np.array([opinions.effects[system] for system in systems])
    pages = [(song, False) for song in range(songs)] + [(song, True) for song in range(repeated)]
    ratings = [
        level + severity + taste + material[:, song, None, :] + opinions.noise * rng.standard_normal(shape)
        for song, _ in pages
    ]
    page, axis, listener, system = (index.ravel() for index in np.indices((len(pages), *shape)))
    names = np.array([f"{n:04d}" for n in range(listeners)])[listener]
    columns = {
        "listener": names,
        "participant": names,
        "page": np.array([f"page{n}" for n in range(1, len(pages) + 1)])[page],
        "place": page + 1,
        "song": np.array([f"song{song}" for song, _ in pages])[page],
        "repeated": np.array([again for _, again in pages])[page],
        "system": np.array(systems)[system],
        "axis": np.array(axes)[axis],
        "rating": np.clip(np.stack(ratings), 0.0, 100.0).ravel(),
        "heard_seconds": 30.0,
        "page_seconds": 180.0,
    }
    return pd.DataFrame(columns)[list(COLUMNS)]
