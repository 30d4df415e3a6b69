"""ENST-Drums: three drummers, each take as close microphones, a dry mix and a wet mix.

Layout: ``drummer_{1,2,3}/audio/{kick,snare,hi-hat,overhead_L,...,dry_mix,wet_mix}/<take>.wav``. A take is a song: the
wet mix is its mixture and its stem, the microphones are raws, and the dry mix may stand for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong
from catalogs.corpora.folders import Found, is_audio_name, is_folder, listed
from catalogs.corpora.labelled import LabelledCorpus
from catalogs.faults import Fault
from catalogs.schemas import EXCLUDED, MIXTURE

DRY, WET = "dry_mix", "wet_mix"
AUDIO_FOLDER = "audio"

NOT_MUSIC = ("hits", "norm")
"""Parts of names, in lower case, of takes that are single strokes, and of copies raised to full level."""

RAWS = ("microphones", DRY)

KIT = "drum set"

LICENCE = "for research, under the terms of Télécom Paris"

CITATION = "Gillet, Richard: ENST-Drums, an extensive audio-visual database for drum signals processing (ISMIR 2006)"


@dataclass(frozen=True)
class EnstDrums(LabelledCorpus):
    """Adapter for ENST-Drums. ``raws`` says what the raw drums are: the ``microphones``, or the ``dry_mix``."""

    raws: str = RAWS[0]
    name: ClassVar[str] = "enst_drums"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    looked_for: ClassVar[str] = f"folders drummer_<n>/{AUDIO_FOLDER}/ with {WET}/ or {DRY}/, at most four levels deep"
    required_stems: ClassVar[tuple[str, ...]] = (MIXTURE, "drums")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.raws not in RAWS:
            raise ValueError(f"{self.raws!r} are no raws of {self.name}; name one of {', '.join(RAWS)}")

    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every take of every drummer that has any file."""
        for folder in self.found(root, _is_drummer):
            if folder.fault is not None:
                yield self.refused(folder, self.split_of(root, folder.path))
            else:
                yield from self._takes(root, folder)

    def _takes(self, root: Path, folder: Found) -> Iterator[CorpusSong]:
        path = folder.path.absolute()
        drummer = path.parent.name if path.name.lower() == AUDIO_FOLDER else path.name
        takes: dict[str, dict[str, Path]] = {}
        faults: list[Fault] = []
        for microphone in folder.entries:
            if is_folder(microphone):
                paths, unlisted = listed(microphone)
                faults += unlisted
                for file in paths:
                    if is_audio_name(file) and not any(part in file.stem.lower() for part in NOT_MUSIC):
                        takes.setdefault(file.stem, {})[microphone.name] = file
        for take, files in sorted(takes.items()):
            missing = [] if WET in files else [Fault("missing_stem", f"it has no {WET}", "drums", folder.path / WET)]
            yield CorpusSong(
                corpus=self.name,
                native_id=f"{drummer}/{take}",
                title=take,
                artist=drummer,
                split=self.split_of(root, folder.path),
                licence=self.licence,
                files=dict(self._files(files)),
                faults=(*faults, *missing),
                material=self.song_material,
            )

    def _files(self, paths: dict[str, Path]) -> Iterator[tuple[str, CorpusFile]]:
        for name, path in paths.items():
            if name == WET:
                yield MIXTURE, CorpusFile(path)
                yield WET, CorpusFile(path, instruments=(KIT,))
            elif name == DRY:
                stem = None if self.raws == DRY else EXCLUDED
                yield DRY, CorpusFile(path, stem=stem, role="raw", instruments=(KIT,))
            else:
                stem = EXCLUDED if self.raws == DRY else None
                yield name, CorpusFile(path, stem=stem, role="raw", instruments=(name,), free_name=True)


def _is_drummer(folder: Found) -> bool:
    return any(path.name in (WET, DRY) and is_folder(path) for path in folder.entries)
