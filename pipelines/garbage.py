"""Deleting what no version of a catalog that is to be kept names: tables, shards, results of the stages."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from catalogs.catalog import Catalog
from catalogs.manifest import DRAFT, PUBLISHED, read_manifest
from catalogs.storage import Location
from catalogs.versions import Version, list_versions
from pipelines.analyze import FOLDER as FEATURES_FOLDER
from pipelines.normalize import FOLDER as NORMALIZED_FOLDER
from pipelines.workspace import Workspace, song_key

TABLE_NAME = re.compile(r"^[a-z_]+-[0-9a-f]{32}\.parquet$")
SHARD_NAME = re.compile(r"^.+-[0-9a-f]{16}\.parquet$")
RESULT_NAME = re.compile(r"^(?P<key>[0-9a-f]{32})\.(?!refused\.json$)[a-z.]+$")
"""Names of files that may be deleted; others are left alone, remembered refusals too."""


@dataclasses.dataclass(frozen=True)
class Garbage:
    """What no kept version names.

    Attributes:
        versions: versions that are given up.
        files: paths relative to the catalog, with their sizes in bytes; tables, shards and results.
        kept: versions that stay.
        unfinished: results of the stages were left alone, since the draft is not published.
    """

    versions: list[Version]
    files: dict[str, int]
    kept: list[Version]
    unfinished: bool

    @property
    def bytes(self) -> int:
        """Size of the files."""
        return sum(self.files.values())


def find_garbage(workspace: Workspace, keep: int) -> Garbage:
    """Look for what is not needed any more; nothing is deleted.

    Args:
        workspace: of the catalog.
        keep: versions to keep, the newest ones; the published catalog and the draft always stay.

    Raises:
        CatalogError: a manifest or table of a kept version cannot be read: nothing can be said to be garbage.
        ValueError: ``keep`` is less than one.
    """
    if keep < 1:
        raise ValueError("keep at least one version")
    location = workspace.catalog
    versions = list_versions(location)
    kept = versions[-keep:]
    names = [PUBLISHED, DRAFT, *(version.path for version in kept)]
    catalogs = [Catalog.open(workspace.target, name) for name in names if (location / name).exists()]
    named = {table.path for catalog in catalogs for table in catalog.manifest.tables.values()}
    named |= {str(shard) for catalog in catalogs for shard in _values(catalog, "shards", "shard")}
    files = dict(_unnamed(location, "tables", TABLE_NAME, named))
    files |= dict(_unnamed(location, "shards", SHARD_NAME, named))
    unfinished = read_manifest(location, DRAFT) not in (None, read_manifest(location, PUBLISHED))
    if not unfinished:
        keys = {key for catalog in catalogs for key in _keys(catalog)}
        for folder in (FEATURES_FOLDER, NORMALIZED_FOLDER):
            files |= dict(_unused_results(workspace, folder, keys))
    return Garbage(versions[:-keep], files, kept, unfinished)


def collect(workspace: Workspace, garbage: Garbage) -> None:
    """Delete it: the versions first, so that none is left that names what is gone."""
    for version in garbage.versions:
        (workspace.catalog / version.path).delete()
    for path in garbage.files:
        (workspace.catalog / path).delete()


def _values(catalog: Catalog, table: str, column: str) -> list[object]:
    if table not in catalog.manifest.tables:
        return []
    return catalog.table(table, [column])[column].unique().to_pylist()


def _keys(catalog: Catalog) -> Iterator[str]:
    """Names of the results that a catalog was assembled from."""
    if "tracks" not in catalog.manifest.tables:
        return
    hashes = [
        *_values(catalog, "features", "analysis_hash"),
        *_values(catalog, "shards", "normalization_hash"),
        *catalog.manifest.config.get("analyze", {}).get("sequential_hashes", []),
    ]
    songs = catalog.frame("tracks", ["song_id", "song_hash"]).drop_duplicates()
    for song_id, song_hash in zip(songs.song_id, songs.song_hash, strict=True):
        for config_hash in hashes:
            yield song_key(song_id, song_hash, str(config_hash))


def _unnamed(catalog: Location, folder: str, pattern: re.Pattern[str], named: set[str]) -> Iterator[tuple[str, int]]:
    for name, size in sorted((catalog / folder).file_sizes().items()):
        if pattern.match(name) and f"{folder}/{name}" not in named:
            yield f"{folder}/{name}", size


def _unused_results(workspace: Workspace, folder: str, keys: set[str]) -> Iterator[tuple[str, int]]:
    for name, size in sorted(workspace.folder(folder).file_sizes().items()):
        result = RESULT_NAME.match(name)
        if result and result["key"] not in keys:
            yield f"work/{folder}/{name}", size
