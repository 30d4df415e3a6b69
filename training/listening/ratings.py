"""Ratings as a table: results joined with the key, one row for each listener, page, system and scale."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from training.listening.key import Key, KeyFileError
from training.listening.results import Result

COLUMNS = (
    "listener", "participant", "page", "place", "song", "repeated", "system", "axis", "rating", "heard_seconds",
    "page_seconds",
)  # fmt: skip
"""``listener`` is the session, ``place`` the page's place in the listener's order from 1, ``repeated`` whether it is
the repetition of a page, ``rating`` in points from 0 to 100."""


def rating_table(results: Iterable[Result], key: Key) -> pd.DataFrame:
    """Ratings with COLUMNS; the training page is left out.

    Raises:
        KeyFileError: a result belongs to another test.
    """
    pages = {page.id: page for page in key.pages}
    rows = []
    for result in results:
        if result.test_id != key.test_id:
            raise KeyFileError(
                f"the result of session {result.session} belongs to test {result.test_id}, the key to {key.test_id}"
            )
        for place, page in enumerate(result.pages, start=1):
            known = pages[page.page]
            systems = {stimulus.id: stimulus.system for stimulus in known.stimuli}
            for stimulus in page.stimuli:
                for axis, rating in stimulus.ratings.items():
                    rows.append(
                        (
                            result.session, result.participant, page.page, place, known.song,
                            known.repeats is not None, systems[stimulus.id], axis, rating, stimulus.heard_seconds,
                            page.seconds,
                        )
                    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def listener_means(ratings: pd.DataFrame) -> pd.DataFrame:
    """Mean rating of each listener, axis and system: first over a song's pages, then over songs.

    Returns:
        a row for each axis and listener, a column for each system.
    """
    songs = ratings.groupby(["axis", "listener", "system", "song"], sort=False)["rating"].mean()
    return songs.groupby(["axis", "listener", "system"], sort=False).mean().unstack("system")
