"""MedleyDB, versions 1 and 2: songs with mix, stems and the raw recordings that the stems were made of.

Layout: ``<song>/<id>_MIX.wav``, ``<song>/<id>_STEMS/<id>_STEM_01.wav``, ``<song>/<id>_RAW/<id>_RAW_01_01.wav`` in a
folder each below ``Audio``, ``V1`` or ``V2``. What the files are stands in ``<id>_METADATA.yaml``, which the audio
archives lack: it is looked for beside the audio, and in folders named ``Metadata``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong
from catalogs.corpora.descriptions import UNREADABLE, bad_description, flag, line, read_description
from catalogs.corpora.folders import Found, found_folders, is_folder, listed
from catalogs.corpora.labelled import LabelledCorpus
from catalogs.corpora.roots import open_root
from catalogs.faults import Fault
from catalogs.schemas import MIXTURE

MIX_SUFFIX = "_MIX.wav"
METADATA_SUFFIX = "_METADATA.yaml"
METADATA_FOLDERS = ("Metadata", "data/Metadata", "medleydb/data/Metadata")
"""Folders beside that of the corpus which may hold the descriptions of all songs."""

LICENCE = "CC BY-NC-SA 4.0"

CITATION = (
    "Bittner, Salamon, Tierney, Mauch, Cannam, Bello: MedleyDB, a multitrack dataset for annotation-intensive MIR "
    "research (ISMIR 2014), doi:10.5281/zenodo.1649325; Bittner, Wilkins, Yip, Bello: MedleyDB 2.0 (2016), "
    "doi:10.5281/zenodo.1715175"
)


@dataclass(frozen=True)
class MedleyDb(LabelledCorpus):
    """Adapter for MedleyDB. ``metadata`` is a folder with the ``_METADATA.yaml`` files, where they lie elsewhere."""

    metadata: str | None = None
    name: ClassVar[str] = "medleydb"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    looked_for: ClassVar[str] = f"folders with <id>{MIX_SUFFIX} or <id>_STEMS/, at most four levels deep"
    required_stems: ClassVar[tuple[str, ...]] = (MIXTURE,)

    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every folder with a mix or stems, described by its metadata."""
        metadata: dict[str, Path] | None = None
        for folder in self.found(root, _is_song):
            split = self.split_of(root, folder.path)
            if folder.fault is not None:
                yield self.refused(folder, split)
                continue
            if metadata is None:
                metadata = self._metadata(root)
            name = f"{folder.path.name}{METADATA_SUFFIX}"
            beside = folder.path / name
            yield self._song(folder.path, split, beside if beside in folder.entries else metadata.get(name))

    def _metadata(self, root: Path) -> dict[str, Path]:
        """Paths of all descriptions outside the songs' folders, by name."""
        beside = [root.absolute().parent / name for name in METADATA_FOLDERS]
        places = [root, *filter(is_folder, beside)] if self.metadata is None else [open_root(self.metadata)]
        found: dict[str, Path] = {}
        for place in places:
            for folder in found_folders(place, self.name, f"files named <id>{METADATA_SUFFIX}", _has_metadata):
                for path in folder.entries:
                    if path.name.endswith(METADATA_SUFFIX):
                        found.setdefault(path.name, path)
        return found

    def _song(self, folder: Path, split: str, metadata: Path | None) -> CorpusSong:
        name = folder.name
        if metadata is None:
            problem = f"there is no {name}{METADATA_SUFFIX}, which says what its files are"
            return self.refused(Found(folder, fault=Fault("missing_metadata", problem, path=folder)), split)
        try:
            about = read_description(metadata)
            files = _files(folder, about, self.song_material == "raw")
        except UNREADABLE as error:
            return self.refused(Found(folder, fault=bad_description(metadata, error)), split)
        return CorpusSong(
            corpus=self.name,
            native_id=name,
            title=line(about.get("title")),
            artist=line(about.get("artist")),
            split=split,
            licence=self.licence,
            files=files,
            genre=line(about.get("genre")),
            provenance=line(about.get("origin")),
            material=self.song_material,
        )


def _is_song(folder: Found) -> bool:
    name = folder.path.name
    return any(path.name in (f"{name}{MIX_SUFFIX}", f"{name}_STEMS") for path in folder.entries)


def _has_metadata(folder: Found) -> bool:
    return any(path.name.endswith(METADATA_SUFFIX) for path in folder.entries)


def _files(folder: Path, about: Mapping[str, Any], all_raws: bool) -> dict[str, CorpusFile]:
    """The mix, the stems, and all raws or those that are there."""
    bleed = flag(about.get("has_bleed"))
    files = {MIXTURE: CorpusFile(folder / about["mix_filename"], bleed=bleed)}
    raws = folder / about["raw_dir"]
    present = {path.name for path in listed(raws)[0]} if is_folder(raws) else set()
    for stem, described in about["stems"].items():
        files[stem] = CorpusFile(
            folder / about["stem_dir"] / described["filename"],
            instruments=_instruments(described["instrument"]),
            bleed=bleed,
        )
        for raw, recorded in (described.get("raw") or {}).items():
            if all_raws or recorded["filename"] in present:
                files[f"{stem}/{raw}"] = CorpusFile(
                    raws / recorded["filename"],
                    role="raw",
                    instruments=_instruments(recorded["instrument"]),
                    belongs_to=stem,
                    bleed=bleed,
                )
    return files


def _instruments(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(instrument) for instrument in value)
