"""MoisesDB: 240 songs as folders of stems, each of one or more tracks; there is no mixture file.

Layout: ``<root>/[<provider>/]<uuid>/data.json`` and ``<root>/[<provider>/]<uuid>/<stem>/<track id>.wav``. The mixture
is the sum of all tracks that belong to a source, the shorter ones padded with zeros at their end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong
from catalogs.corpora.descriptions import UNREADABLE, bad_description, flag, line, read_description
from catalogs.corpora.folders import Found, is_folder
from catalogs.corpora.labelled import LabelledCorpus
from catalogs.faults import Fault

DESCRIPTION = "data.json"

LICENCE = "CC BY-NC-SA 4.0"

CITATION = "Pereira, Araújo, Korzeniowski, Vogl: MoisesDB, a dataset for source separation beyond 4-stems (ISMIR 2023)"


@dataclass(frozen=True)
class MoisesDb(LabelledCorpus):
    """Adapter for MoisesDB."""

    name: ClassVar[str] = "moisesdb"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    looked_for: ClassVar[str] = f"folders with {DESCRIPTION}, at most four levels deep"
    mixture_is_sum: ClassVar[bool] = True

    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every folder with a description."""
        for folder in self.found(root, lambda found: found.path / DESCRIPTION in found.entries):
            split = self.split_of(root, folder.path)
            yield self.refused(folder, split) if folder.fault is not None else self._song(folder.path, split)

    def _song(self, folder: Path, split: str) -> CorpusSong:
        description = folder / DESCRIPTION
        try:
            about = read_description(description)
            files, faults = _files(folder, about)
        except UNREADABLE as error:
            return self.refused(Found(folder, fault=bad_description(description, error)), split)
        return CorpusSong(
            corpus=self.name,
            native_id=folder.name,
            title=line(about.get("song")),
            artist=line(about.get("artist")),
            split=split,
            licence=self.licence,
            files=files,
            faults=tuple(faults),
            genre=line(about.get("genre")),
            material=self.song_material,
        )


def _files(folder: Path, about: Mapping[str, Any]) -> tuple[dict[str, CorpusFile], list[Fault]]:
    files: dict[str, CorpusFile] = {}
    faults = []
    for stem in about["stems"]:
        family = stem["stemName"]
        place = folder / family
        if not is_folder(place):
            place = folder / family.replace(" ", "_")
        for track in stem["tracks"]:
            part = f"{family}/{track['id']}"
            path = place / f"{track['id']}.{track.get('extension') or 'wav'}"
            if part in files:
                faults.append(Fault("bad_metadata", f"it lists {part} twice", part, folder / DESCRIPTION))
            kind = track.get("trackType")
            files[part] = CorpusFile(
                path, instruments=(kind,) if kind else (), family=family, bleed=flag(track.get("has_bleed"))
            )
    return files, faults
