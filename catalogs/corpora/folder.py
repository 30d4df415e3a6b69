"""Any folder of songs: a song is a folder that directly holds audio files, one for each stem.

Layout: ``<root>/[<folder>/...]<song>/<stem>.wav`` (any audio format). A folder named train, val, valid,
validation or test above a song says its split.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusSong, artist_and_title, text
from catalogs.corpora.folders import (
    by_name,
    check_split,
    entries,
    identity,
    is_audio_name,
    is_folder,
    listed,
    nothing_found,
    one_file_each,
    own_split,
    split_of,
    unlistable,
    unreachable,
)
from catalogs.faults import Fault, printable
from catalogs.schemas import MIXTURE

MIXTURE_NAMES = ("mixture", "mix", "full_mix")
"""File names, without suffix, of the mixture where no pattern is given for it."""

LOOKED_FOR = "folders with one audio file for each stem, at any depth"


@dataclass(frozen=True)
class FolderCorpus:
    """Adapter for any folder of songs.

    ``patterns`` maps stem names to glob patterns, compared without regard to case with the file name and
    with the name less its suffix; files that match none are left out. Without patterns the name less its
    suffix, in lower case, is the stem's name. ``split`` is that of songs whose folders inside the corpus do
    not tell; without it the name of the corpus folder may, else it is train. ``licence`` is noted with every
    song.
    """

    patterns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    split: str | None = None
    licence: str = ""
    name: ClassVar[str] = "folder"
    citation: ClassVar[str] = ""
    required_stems: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_split(self.split)
        for stem, patterns in self.patterns.items():
            if isinstance(patterns, str) or not patterns:
                raise ValueError(f"the patterns of {stem} are {patterns!r}; give a list of patterns")

    def songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every folder that directly holds audio files, at any depth; see Corpus.

        Links to folders are followed, each folder once: a folder inside the corpus keeps its own path, and
        links that lead back up add nothing.
        """
        try:
            entries(root)
        except OSError as error:
            raise unlistable(root, self.name, LOOKED_FOR, error) from error
        found = False
        for path, files, faults in _folders(root):
            if files or faults:
                found = True
                yield self._song(root, path, files, faults)
        if not found:
            raise nothing_found(root, self.name, LOOKED_FOR)

    def _song(self, root: Path, path: Path, audio: list[Path], faults: list[Fault]) -> CorpusSong:
        candidates, unclear = self._candidates(audio)
        files, ambiguous = one_file_each(candidates)
        if not faults and not unclear and not set(candidates) - {MIXTURE}:
            names = ", ".join(f'"{printable(file.name)}"' for file in audio)
            faults = [Fault("missing_stem", f"none of its audio files is a stem ({names})", path=path)]
        relative = path.relative_to(root)
        name = path.absolute().name
        artist, title = artist_and_title(name)
        return CorpusSong(
            corpus=self.name,
            native_id=relative.as_posix() if relative.parts else name,
            title=title,
            artist=artist,
            split=self._split(root, relative),
            licence=self.licence or None,
            files=files,
            faults=(*faults, *unclear, *ambiguous),
        )

    def _split(self, root: Path, relative: Path) -> str:
        own = own_split(root) if relative.parts else None
        return split_of(root, root / relative) or self.split or own or "train"

    def _candidates(self, audio: list[Path]) -> tuple[dict[str, list[Path]], list[Fault]]:
        mixtures = dict.fromkeys(MIXTURE_NAMES, MIXTURE)
        if not self.patterns:
            return by_name(audio, mixtures), []
        patterns = {MIXTURE: MIXTURE_NAMES, **self.patterns}
        candidates: dict[str, list[Path]] = {}
        faults = []
        for path in audio:
            stems = [stem for stem, globs in patterns.items() if any(_matches(path, glob) for glob in globs)]
            if len(stems) > 1:
                problem = f"it matches the patterns of {' and '.join(sorted(stems))}"
                faults.append(Fault("ambiguous_stem", problem, path=path))
            elif stems:
                candidates.setdefault(stems[0], []).append(path)
        return candidates, faults


def _matches(path: Path, glob: str) -> bool:
    return any(fnmatchcase(text(name).lower(), text(glob).lower()) for name in (path.name, path.stem))


def _folders(root: Path) -> Iterator[tuple[Path, list[Path], list[Fault]]]:
    """Every folder once, and what cannot be reached: path, audio files, and what is wrong with it."""
    seen = set()
    pending, links = deque([root]), deque[Path]()
    while pending or links:
        folder = pending.popleft() if pending else links.popleft()
        if identity(folder) in seen:
            continue
        seen.add(identity(folder))
        paths, faults = listed(folder)
        below = [path for path in paths if is_folder(path) and not _stands_for_file(path)]
        links.extend(path for path in below if path.is_symlink())
        pending.extendleft(path for path in reversed(below) if not path.is_symlink())
        yield folder, [path for path in paths if is_audio_name(path) and path not in below], faults
        for path in paths:
            if not is_audio_name(path) and (fault := unreachable(path)) is not None:
                yield path, [], [fault]


def _stands_for_file(folder: Path) -> bool:
    """Whether a folder is named like an audio file and holds neither audio nor folders."""
    return is_audio_name(folder) and not any(is_audio_name(p) or is_folder(p) for p in listed(folder)[0])
