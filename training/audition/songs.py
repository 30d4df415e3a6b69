"""Which files are which system of which song, and their samples side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalogs.audio_file import decode, probe
from catalogs.container import AUDIO_SUFFIXES
from catalogs.faults import printable
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio

FIRST, LAST = ("dry", "sum"), ("engineer", "mixture", "reference")
"""Systems that stand before and after the others, which are in the order of their names."""


class AuditionError(ValueError):
    """Folders or files of which no audition page can be made."""


@dataclass(frozen=True)
class AuditionSong:
    """A song: its name, and the file of each system, in the order of the page."""

    name: str
    files: Mapping[str, Path]


def find_songs(folder: Path) -> list[AuditionSong]:
    """Songs of a folder that holds a folder for each song, and in that a file for each system.

    Raises:
        AuditionError: there is no such folder, no song in it, or two files of one system.
    """
    if not folder.is_dir():
        raise AuditionError(f'"{printable(folder)}": there is no such folder; check the path')
    songs = [AuditionSong(path.name, files) for path in _folders(folder) if (files := _audio_files(path))]
    if not songs:
        raise AuditionError(
            f'"{printable(folder)}": no folder in it holds audio; '
            "it needs a folder for each song, with a file for each system"
        )
    return [AuditionSong(song.name, dict(sorted(song.files.items(), key=_place))) for song in songs]


def songs_of_systems(folders: Mapping[str, Path]) -> list[AuditionSong]:
    """Songs of several folders, one for each system, each with a file of the same name for each song.

    Args:
        folders: by name of the system, in the order of the page.

    Raises:
        AuditionError: a folder that is not there or holds no audio, or a song that a folder lacks.
    """
    files = {}
    for system, folder in folders.items():
        if not folder.is_dir():
            raise AuditionError(f'"{printable(folder)}": there is no such folder; check the path')
        files[system] = _audio_files(folder)
        if not files[system]:
            raise AuditionError(f'"{printable(folder)}": there is no audio file in the folder; check the path')
    songs = sorted(set().union(*files.values()))
    for system, found in files.items():
        for song in songs:
            if song not in found:
                raise AuditionError(
                    f'{system}, {song}: there is no file in "{printable(folders[system])}"; '
                    "add it, or take the song out everywhere"
                )
    return [AuditionSong(song, {system: found[song] for system, found in files.items()}) for song in songs]


def read_systems(song: AuditionSong) -> tuple[dict[str, Audio], list[str]]:
    """The systems of a song at 44 100 Hz, float32 of shape (samples, 2), all of one length.

    Returns:
        audio by system, and what was converted, a line for each file.

    Raises:
        AuditionError: files of different lengths.
        catalogs.audio_file.AudioFileError: a file that cannot be read.
    """
    systems, notes = {}, []
    for name, path in song.files.items():
        rate = probe(path).sample_rate
        if rate != SAMPLE_RATE:
            notes.append(f"{name} was resampled from {rate} to {SAMPLE_RATE} Hz")
        systems[name] = decode(path)
    first = next(iter(systems))
    for name, audio in systems.items():
        if len(audio) != len(systems[first]):
            raise AuditionError(
                f'"{printable(song.files[name])}" has {len(audio)} samples at {SAMPLE_RATE} Hz, '
                f'"{printable(song.files[first])}" has {len(systems[first])}; '
                "all systems of a song must begin and end together"
            )
    return systems, notes


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _audio_files(folder: Path) -> dict[str, Path]:
    """Audio files of a folder by name without suffix, sorted."""
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in AUDIO_SUFFIXES:
            continue
        if path.stem in files:
            raise AuditionError(
                f'"{printable(path)}": {printable(files[path.stem].name)} is the same; keep one of the two'
            )
        files[path.stem] = path
    return files


def _place(item: tuple[str, Path]) -> tuple[int, str]:
    name = item[0]
    return (-1 if name in FIRST else 1 if name in LAST else 0, name)
