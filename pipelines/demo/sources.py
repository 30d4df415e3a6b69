"""Where the tunes and the soundfont of the demo corpus come from: files inside two packages."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pipelines.demo.errors import DemoCorpusError
from pipelines.demo.wad import Wad

WADS = ("freedoom1", "freedoom2")
VIZDOOM = "vizdoom==1.3.2"
RENDERING = {"midirenderer": "midirenderer==0.1.3", "pretty_midi": "pretty_midi>=0.2.10"}
SOUNDFONT = "TimGM6mb.sf2"
DEFAULT_WHEELS = Path(sys.prefix) / "share" / "fxnorm-data" / "wheels"
"""Folder of the environment in which the vizdoom wheel is looked for when none is named."""


def vizdoom_command(folder: Path) -> str:
    """The command that puts the wheel with the WADs into ``folder``.

    Only data files of the wheel are read, so the one for Linux serves on every platform and is never
    installed.
    """
    return (
        f"{sys.executable} -m pip download --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 "
        f"--implementation cp --python-version 3.11 --dest '{folder}' {VIZDOOM}"
    )


@dataclass(frozen=True)
class Sources:
    """What the demo corpus is made of: the two WADs of Freedoom, and a General MIDI soundfont (an SF2)."""

    wads: tuple[Wad, ...]
    soundfont: bytes

    @classmethod
    def find(cls, wheels: Path | None = None) -> Sources:
        """Find the material in the vizdoom wheel in the folder ``wheels`` and in the installed pretty_midi.

        Without ``wheels``, DEFAULT_WHEELS is searched, then an installed vizdoom. Raises DemoCorpusError,
        with the pip command that helps, where something is missing.
        """
        missing = [name for module, name in RENDERING.items() if importlib.util.find_spec(module) is None]
        if missing:
            command = f"{sys.executable} -m pip install " + " ".join(f"'{name}'" for name in missing)
            raise DemoCorpusError(f"the demo corpus needs packages that are not installed; type: {command}")
        return cls(wads=_find_wads(wheels), soundfont=_find_soundfont())


def _find_wads(wheels: Path | None) -> tuple[Wad, ...]:
    folder = DEFAULT_WHEELS if wheels is None else wheels
    found = sorted(folder.glob("vizdoom-*.whl"))
    if found:
        return tuple(_from_wheel(found[-1], name) for name in WADS)
    if wheels is None and (package := _package_folder("vizdoom")) is not None:
        return tuple(_from_file(package / f"{name}.wad") for name in WADS)
    raise DemoCorpusError(
        f"{folder}: the vizdoom wheel, which carries the tunes of the demo corpus, is not there; type: "
        f"{vizdoom_command(folder)}"
    )


def _from_wheel(wheel: Path, name: str) -> Wad:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return Wad.parse(name, archive.read(f"vizdoom/{name}.wad"), f"{wheel}: {name}.wad")
    except (zipfile.BadZipFile, KeyError) as error:
        raise DemoCorpusError(
            f"{wheel}: not a vizdoom wheel with {name}.wad ({error}); delete it and type: "
            f"{vizdoom_command(wheel.parent)}"
        ) from error


def _from_file(path: Path) -> Wad:
    if not path.is_file():
        raise DemoCorpusError(f"{path}: missing from the installed vizdoom; type: {vizdoom_command(DEFAULT_WHEELS)}")
    return Wad.parse(path.stem, path.read_bytes(), str(path))


def _find_soundfont() -> bytes:
    package = _package_folder("pretty_midi")
    path = Path(SOUNDFONT) if package is None else package / SOUNDFONT
    if not path.is_file():
        raise DemoCorpusError(
            f"{path}: the installed pretty_midi carries no soundfont; type: "
            f"{sys.executable} -m pip install --force-reinstall '{RENDERING['pretty_midi']}'"
        )
    return path.read_bytes()


def _package_folder(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
