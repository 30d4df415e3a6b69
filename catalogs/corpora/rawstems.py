"""RawStems: unprocessed recordings grouped by instrument, without mixtures.

Layout: ``<root>/<Artist>|<Title>/<group>/[<subgroup>/]*.{flac,wav,mp3}`` with the codes of GROUPS. Names have
underscores for blanks. The corpus' splits are by instrument, so that most songs are in several: they are not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong, text
from catalogs.corpora.folders import Found, is_audio_name, is_folder, walked
from catalogs.corpora.labelled import LabelledCorpus

GROUPS = ("Voc", "Gtr", "Bass", "Kbs", "Synth", "Rhy", "Orch", "Misc")

LICENCE = "annotations for research; audio under the terms of its sources, the Cambridge-MT library among them"

CITATION = "Zang, Dai, Plumbley, Kong: Music source restoration (2025), arXiv:2505.21827"


@dataclass(frozen=True)
class RawStems(LabelledCorpus):
    """Adapter for RawStems."""

    name: ClassVar[str] = "rawstems"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    looked_for: ClassVar[str] = f"folders <Artist>|<Title>/ with folders {', '.join(GROUPS)}, at most four levels deep"
    material: ClassVar[str] = "raw"

    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every folder with a folder of a group in it."""
        for folder in self.found(root, _is_song):
            split = self.split_of(root, folder.path)
            yield self.refused(folder, split) if folder.fault is not None else self._song(folder.path, split)

    def _song(self, song: Path, split: str) -> CorpusSong:
        files = {}
        faults = []
        for folder in walked(song, self.name, self.looked_for):
            faults += [] if folder.fault is None else [folder.fault]
            groups = folder.path.relative_to(song).parts
            for path in folder.entries:
                if is_audio_name(path):
                    files[text(path.relative_to(song).as_posix())] = CorpusFile(
                        path, role="raw", instruments=groups[1:2], family=groups[0] if groups else path.stem
                    )
        name = song.absolute().name
        artist, separator, title = name.replace("_", " ").partition("|")
        return CorpusSong(
            corpus=self.name,
            native_id=name,
            title=title if separator else artist,
            artist=artist if separator else None,
            split=split,
            licence=self.licence,
            files=files,
            faults=tuple(faults),
            material=self.song_material,
        )


def _is_song(folder: Found) -> bool:
    return any(path.name in GROUPS and is_folder(path) for path in folder.entries)
