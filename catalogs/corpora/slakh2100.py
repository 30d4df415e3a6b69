"""Slakh2100: MIDI files rendered with sampled instruments, as FLAC (also the redux) or WAV (babyslakh).

Layout: ``<root>/{train,validation,test,omitted}/TrackNNNNN/{mix.flac, metadata.yaml, stems/SNN.flac}``; babyslakh has
the tracks without a split. Files are mono. A stem that ``audio_rendered`` denies was never made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong
from catalogs.corpora.descriptions import UNREADABLE, bad_description, line, read_description
from catalogs.corpora.folders import Found, is_folder, listed
from catalogs.corpora.labelled import LabelledCorpus
from catalogs.faults import Fault
from catalogs.schemas import MIXTURE

DESCRIPTION = "metadata.yaml"
STEM_FOLDER = "stems"
MIX = "mix"
SUFFIXES = (".flac", ".wav")
OMITTED = "omitted"
"""Folder of the redux with what it leaves out because another track has the same music."""

LICENCE = "CC BY 4.0"

CITATION = (
    "Manilow, Wichern, Seetharaman, Le Roux: Cutting music source separation some Slakh (WASPAA 2019), "
    "doi:10.5281/zenodo.4599666"
)


@dataclass(frozen=True)
class Slakh2100(LabelledCorpus):
    """Adapter for Slakh2100, its redux and babyslakh."""

    name: ClassVar[str] = "slakh2100"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    looked_for: ClassVar[str] = f"folders with {DESCRIPTION} and {STEM_FOLDER}/, at most four levels deep"
    required_stems: ClassVar[tuple[str, ...]] = (MIXTURE,)

    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every folder with a description or stems, those that the redux omits with a fault."""
        for folder in self.found(root, _is_song):
            split = self.split_of(root, folder.path)
            yield self.refused(folder, split) if folder.fault is not None else self._song(root, folder, split)

    def _song(self, root: Path, folder: Found, split: str) -> CorpusSong:
        description = folder.path / DESCRIPTION
        above = [part.lower() for part in (root.absolute().name, *folder.path.relative_to(root).parts[:-1])]
        if OMITTED in above:
            fault = Fault("omitted", "the corpus leaves it out as a duplicate of another track", path=folder.path)
            return self.refused(Found(folder.path, fault=fault), split)
        if description not in folder.entries:
            problem = f"there is no {DESCRIPTION}, which says what its stems are"
            fault = Fault("missing_metadata", problem, path=folder.path)
            return self.refused(Found(folder.path, fault=fault), split)
        try:
            about = read_description(description)
            files = _files(folder, about["stems"])
        except UNREADABLE as error:
            return self.refused(Found(folder.path, fault=bad_description(description, error)), split)
        return CorpusSong(
            corpus=self.name,
            native_id=folder.path.name,
            title=None,
            artist=None,
            split=split,
            licence=self.licence,
            files=files,
            provenance=line(about.get("UUID")),
            material=self.song_material,
        )


def _is_song(folder: Found) -> bool:
    names = {path.name for path in folder.entries}
    return STEM_FOLDER in names and (DESCRIPTION in names or any(f"{MIX}{suffix}" in names for suffix in SUFFIXES))


def _files(folder: Found, stems: Mapping[str, Mapping[str, Any]]) -> dict[str, CorpusFile]:
    """The mixture and the stems that were rendered; a file that is not there has the name it should have."""
    audio = folder.path / STEM_FOLDER
    here = set(listed(audio)[0]) if is_folder(audio) else set()
    files = {MIXTURE: CorpusFile(_with_suffix(folder.path / MIX, set(folder.entries)))}
    for stem, about in stems.items():
        if about["audio_rendered"]:
            program = "Drums" if about.get("is_drum") else about.get("midi_program_name")
            files[stem] = CorpusFile(
                _with_suffix(audio / stem, here),
                instruments=(program,) if program else (),
                family=about["inst_class"],
            )
    return files


def _with_suffix(path: Path, here: set[Path]) -> Path:
    candidates = [path.with_name(f"{path.name}{suffix}") for suffix in SUFFIXES]
    return next((candidate for candidate in candidates if candidate in here), candidates[0])
