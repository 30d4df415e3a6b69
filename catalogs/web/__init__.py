"""Web assets that pages of this package share: the style sheet, the synchronous player and its controls.

Plain files: a page copies them next to itself (``copy_assets``) or puts their text into itself (``asset``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

ASSETS = ("base.css", "dom.js", "player.js", "transport.js")
"""Names of the shared files."""


def asset(name: str) -> str:
    """Text of a shared file.

    Raises:
        ValueError: there is no file of that name.
    """
    if name not in ASSETS:
        raise ValueError(f"no shared web asset {name!r}; there are {', '.join(ASSETS)}")
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def copy_assets(folder: Path) -> None:
    """Write all shared files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        (folder / name).write_text(asset(name), encoding="utf-8")


def bundle(modules: Iterable[str]) -> str:
    """One module out of several, for a page that has to work without a server.

    Args:
        modules: text of ES modules, each after those that it imports. Their names must differ at the top level, and
            they may import nothing but each other.
    """
    text = "\n".join(re.sub(r"^import .*?;\n", "", module, flags=re.MULTILINE | re.DOTALL) for module in modules)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)
