"""Multitracks of the Cambridge-MT "Mixing Secrets" library, as people unpack and collect them.

There is no official layout. Found are ``<song>/tracks/[<Artist>_<Title>_Full/]*.wav`` with ``<song>/mixes/``,
``<Artist - Title>/<Artist - Title>_RAW/*.wav``, and the archives as they are: ``<Artist>_<Title>_Full/*.wav``. Tracks
are unprocessed recordings with free names, which the table of sources reads word by word.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong, artist_and_title, text
from catalogs.corpora.folders import is_audio_name, walked
from catalogs.corpora.labelled import LabelledCorpus
from catalogs.corpora.sources import name_words
from catalogs.faults import Fault, printable
from catalogs.schemas import EXCLUDED, MIXTURE

MIX_FOLDERS = ("mix", "mixes")
TRACK_FOLDERS = ("tracks", "raw", "multitrack", "multitracks", "wav", "audio")
"""Names, in lower case, of folders that hold the audio of the song above them."""

FULL, EXCERPT = "full", "excerpt"
PREVIEW_SUFFIXES = (".mp3", ".m4a", ".ogg")
"""Mixes of these kinds are previews that need not begin when the tracks do."""

LICENCE = "for research and education, without redistribution; under the terms of the site and of each artist"

CITATION = "Senior: Mixing Secrets for the Small Studio, additional resources (Cambridge-MT), cambridge-mt.com/ms/mtk"

_SUFFIX = re.compile(r"[ _-]*\(?(full|raw|edited|excerpt)\)?$", re.IGNORECASE)


@dataclass(frozen=True)
class CambridgeMt(LabelledCorpus):
    """Adapter for Cambridge-MT multitracks. ``previews`` takes lossy mixes for mixtures, aligned or not."""

    previews: bool = False
    name: ClassVar[str] = "cambridge_mt"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    looked_for: ClassVar[str] = "folders with audio files, at most four levels deep"
    material: ClassVar[str] = "raw"

    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every song that has audio, whatever folders it is spread over."""
        folders: dict[Path, list[Path]] = {}
        for folder in walked(root, self.name, self.looked_for):
            audio = [path for path in folder.entries if is_audio_name(path)]
            if folder.fault is not None:
                yield self.refused(folder, self.split_of(root, folder.path))
            elif audio:
                folders.setdefault(_unwrapped(folder.path, root), []).extend(audio)
        for name, song, audio in _songs(folders, root):
            yield self._song(root, name, song, audio)

    def _song(self, root: Path, name: str, song: Path, audio: list[Path]) -> CorpusSong:
        mixes = [path for path in audio if _is_mix(path, song)]
        tracks = _without_excerpts([path for path in audio if path not in mixes])
        files = {
            text(path.relative_to(song).as_posix()): CorpusFile(
                path, role="raw", instruments=(path.stem,), free_name=True
            )
            for path in tracks
        }
        usable = [path for path in mixes if self.previews or path.suffix.lower() not in PREVIEW_SUFFIXES]
        chosen = _full(usable)
        faults = []
        if len(chosen) > 1:
            names = ", ".join(f'"{printable(path.name)}"' for path in chosen)
            faults.append(Fault("ambiguous_stem", f"{MIXTURE} could be any of {names}", MIXTURE, chosen[0].parent))
        elif chosen:
            files[MIXTURE] = CorpusFile(chosen[0])
        for path in mixes:
            if path not in chosen:
                files[text(path.relative_to(song).as_posix())] = CorpusFile(path, stem=EXCLUDED)
        artist, title = artist_and_title(name)
        if artist is None and name.count("_") == 1:
            artist, title = name.split("_")
        return CorpusSong(
            corpus=self.name,
            native_id=name,
            title=title,
            artist=artist,
            split=self.split_of(root, song),
            licence=self.licence,
            files=files,
            faults=tuple(faults),
            material=self.song_material,
        )


def _unwrapped(folder: Path, root: Path) -> Path:
    """The highest folder that only wraps the audio in ``folder``: ``tracks`` and the like, or one of the same name."""
    while folder != root and (
        folder.name.lower() in (*MIX_FOLDERS, *TRACK_FOLDERS)
        or _bare(folder.name) == _bare(folder.parent.absolute().name)
    ):
        folder = folder.parent
    return folder


def _songs(folders: Mapping[Path, list[Path]], root: Path) -> Iterator[tuple[str, Path, list[Path]]]:
    """Name, folder and audio of each song, sorted: archives of one song together, and its mixes with them.

    A song in ``<folder>/tracks/<archive>`` is named by the archive, which the mixes in ``<folder>/mixes`` are of.
    """
    archives: dict[Path, set[str]] = {}
    for folder in folders:
        if _is_archive(folder, root):
            archives.setdefault(folder.parent.parent, set()).add(_bare(folder.name))
    songs: dict[tuple[Path, str], list[Path]] = {}
    for folder, audio in folders.items():
        place = folder.parent.parent if _is_archive(folder, root) else folder
        names = archives.get(place, set())
        own = (folder.parent, _bare(folder.absolute().name))
        songs.setdefault((place, min(names)) if len(names) == 1 else own, []).extend(audio)
    for (_, name), audio in sorted(songs.items()):
        common = type(root)(os.path.commonpath([path.parent for path in audio]))
        yield name, _unwrapped(common, root), sorted(audio)


def _is_archive(folder: Path, root: Path) -> bool:
    """Whether this lies in the folder ``tracks``, or the like, of a song."""
    return root not in (folder, folder.parent) and folder.parent.name.lower() in TRACK_FOLDERS


def _bare(name: str) -> str:
    """The name of a song's folder without ``_Full``, ``_RAW`` and the like at its end."""
    return _SUFFIX.sub("", name) or name


def _is_mix(path: Path, song: Path) -> bool:
    inside = path.relative_to(song).parts[:-1]
    return any(part.lower() in MIX_FOLDERS for part in inside) or name_words(path.stem) in ([MIXTURE], ["mix"])


def _full(paths: list[Path]) -> list[Path]:
    """Of several mixes those that are named as full ones, where there are any."""
    return [path for path in paths if FULL in path.stem.lower()] or paths


def _without_excerpts(paths: list[Path]) -> list[Path]:
    """The tracks of the full song, where its excerpt lies beside it."""
    excerpts = [path for path in paths if EXCERPT in path.parent.name.lower()]
    rest = [path for path in paths if path not in excerpts]
    return rest or excerpts
