"""A song that is heard in training must not be judged on: found by content, whatever the songs are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catalogs.catalog import Catalog
from catalogs.leakage import LeakageError, refuse_leaks

__all__ = ["LeakageError", "check_leakage"]


def check_leakage(catalog: Catalog, splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse splits that have a song in common, by the catalog's fingerprints.

    Args:
        catalog: the catalog.
        splits: song ids by split.

    Raises:
        LeakageError: names the pairs and what says that they are the same.
        catalogs.manifest.CatalogError: the catalog was made before there were fingerprints.
    """
    refuse_leaks(catalog, {song: split for split, songs in splits.items() for song in songs})
