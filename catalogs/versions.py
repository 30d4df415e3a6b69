"""Earlier publications of a catalog: every one stays readable, under its number, until it is collected.

``versions/<number>-<hash>.json`` is a copy of what ``catalog.json`` was. Tables and shards are named after their
content, so that a later publication overwrites nothing that an earlier one names.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from catalogs.manifest import PUBLISHED, CatalogError, Manifest, read_manifest
from catalogs.storage import Location

FOLDER = "versions"

FINGERPRINT_DIGITS = 16
"""Digits of a manifest's fingerprint in the name of its version."""

_NAME = re.compile(r"^(\d{6})-([0-9a-f]{16})\.json$")
_NUMBERED = re.compile(r"^(?P<catalog>.+)#(?P<number>\d+)$")


@dataclasses.dataclass(frozen=True)
class Version:
    """A publication.

    Attributes:
        number: from 1, in the order of publication.
        fingerprint: first 16 digits of the BLAKE2b-128 of the manifest.
    """

    number: int
    fingerprint: str

    @property
    def path(self) -> str:
        """Of the manifest, relative to the catalog."""
        return f"{FOLDER}/{self.number:06}-{self.fingerprint}.json"


def list_versions(catalog: Location) -> list[Version]:
    """All publications that are still there, the first one first."""
    matches = (_NAME.match(name) for name in (catalog / FOLDER).file_names())
    return sorted((Version(int(m[1]), m[2]) for m in matches if m), key=lambda version: version.number)


def publish(catalog: Location, manifest: Manifest) -> bool:
    """Make a manifest the catalog, in one step; False if it is that already.

    The publication before gets a number too if it has none yet, as in a catalog of an earlier package.
    """
    published = read_manifest(catalog)
    versions = list_versions(catalog)
    if published is not None and short_fingerprint(published) not in {version.fingerprint for version in versions}:
        versions.append(_number(catalog, published, versions))
    if published == manifest:
        return False
    if not versions or versions[-1].fingerprint != short_fingerprint(manifest):
        _number(catalog, manifest, versions)
    (catalog / PUBLISHED).write_bytes(manifest.to_json())
    return True


def numbered(target: str | Path) -> tuple[str, int] | None:
    """Catalog and number of ``CATALOG#NUMBER``; None for a target of another form, or a local folder of that name."""
    match = _NUMBERED.match(str(target))
    if match is None or ("://" not in str(target) and Path(target).is_dir()):
        return None
    return match["catalog"], int(match["number"])


def find_version(target: str, number: int) -> Version:
    """A version by its number.

    Args:
        target: path or URI of the catalog.
        number: from 1.

    Raises:
        CatalogError: no such version.
    """
    versions = list_versions(Location.parse(target))
    for version in versions:
        if version.number == number:
            return version
    have = ", ".join(str(version.number) for version in versions) or "none"
    raise CatalogError(f"{target}: no version {number}; there are: {have}; 'fxnorm-data versions {target}' lists them")


def short_fingerprint(manifest: Manifest) -> str:
    """The digits of a manifest's fingerprint that name its version."""
    return manifest.fingerprint()[:FINGERPRINT_DIGITS]


def _number(catalog: Location, manifest: Manifest, versions: Sequence[Version]) -> Version:
    """Store a manifest as the version after those that are there."""
    version = Version(versions[-1].number + 1 if versions else 1, short_fingerprint(manifest))
    (catalog / version.path).write_bytes(manifest.to_json())
    return version
