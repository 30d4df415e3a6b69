"""Corpus adapters by name: each turns a folder into songs. A new corpus is one module and one line here."""

from __future__ import annotations

import dataclasses
from typing import Any

from catalogs.corpora.cambridge_mt import CambridgeMt
from catalogs.corpora.corpus import Corpus, CorpusFile, CorpusLayoutError, CorpusSong
from catalogs.corpora.dsd100 import Dsd100
from catalogs.corpora.enst_drums import EnstDrums
from catalogs.corpora.folder import FolderCorpus
from catalogs.corpora.labelled import LabelledCorpus
from catalogs.corpora.manifest import ManifestCorpus
from catalogs.corpora.medleydb import MedleyDb
from catalogs.corpora.moisesdb import MoisesDb
from catalogs.corpora.musdb18 import Musdb18
from catalogs.corpora.musdb18hq import Musdb18Hq
from catalogs.corpora.rawstems import RawStems
from catalogs.corpora.slakh2100 import Slakh2100

__all__ = ["Corpus", "CorpusFile", "CorpusLayoutError", "CorpusSong", "LabelledCorpus", "get", "names"]

Adapter = type[Dsd100] | type[FolderCorpus] | type[Musdb18] | type[Musdb18Hq] | type[LabelledCorpus]

_CLASSES: tuple[Adapter, ...] = (
    CambridgeMt,
    Dsd100,
    EnstDrums,
    FolderCorpus,
    ManifestCorpus,
    MedleyDb,
    MoisesDb,
    Musdb18,
    Musdb18Hq,
    RawStems,
    Slakh2100,
)

_ADAPTERS: dict[str, Adapter] = {adapter.name: adapter for adapter in _CLASSES}


def names() -> list[str]:
    """Names of the known corpora, sorted."""
    return sorted(_ADAPTERS)


def get(name: str, **options: Any) -> Corpus:
    """The adapter of a corpus, with the options of its class.

    Errors: ValueError for a name or an option that is not known, or an option's value that is not possible.
    """
    if name not in _ADAPTERS:
        raise ValueError(f"no corpus is called {name!r}; the known ones are {', '.join(names())}")
    adapter = _ADAPTERS[name]
    known = [field.name for field in dataclasses.fields(adapter) if field.init]
    for option in options:
        if option not in known:
            raise ValueError(f"the corpus {name} has no option {option!r}; it has {', '.join(known)}")
    return adapter(**options)
