"""Where a corpus lies: a folder of this machine, or a URI of an object store."""

from __future__ import annotations

from pathlib import Path

from catalogs.audio_file import uri_to_path
from catalogs.remote import is_uri


def open_root(root: str | Path) -> Path:
    """A path on which the adapters work: a plain one, or that of a URI.

    Errors: ValueError for a URI with a password in it, or that pyarrow cannot open.
    """
    if isinstance(root, str):
        return uri_to_path(root) if is_uri(root) else Path(root)
    return root


def beside(table: Path, name: str) -> Path:
    """The file that a table names: relative to the table, absolute on this machine, or by a URI.

    Errors: ValueError as for ``open_root``.
    """
    if is_uri(name) or Path(name).is_absolute():
        return open_root(name)
    return table.parent / name
