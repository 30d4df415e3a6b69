"""What a datasheet says: facts from the tables and the manifest of a catalog, nothing that is not in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pandas as pd

from catalogs.catalog import Catalog
from catalogs.licences import PERMISSIONS, corpus_terms, find_licence, licence_texts
from catalogs.quality import FAULTS, Thresholds, find_faults
from catalogs.schemas import FORMAT_VERSION
from fxnorm.settings import SAMPLE_RATE
from fxnorm.version import VERSION

FXNORM_CITATION = (
    "Martínez-Ramírez, Liao, Fabbro, Uhlich, Nagashima, Mitsufuji: Automatic music mixing with deep learning and "
    "out-of-domain data (ISMIR 2022), arXiv:2208.11428"
)

AUDIO_LIBRARIES = ("av", "miniaudio", "numba", "numpy", "pyarrow", "pyloudnorm", "scipy", "soundfile", "soxr")
"""Packages that decide samples and bytes."""


@dataclass(frozen=True)
class Group:
    """Songs that have something in common.

    Attributes:
        name: what they have in common.
        songs: how many.
        song_hours: hours of music, each song once.
        stem_hours: hours of its stems, the mixture left out.
    """

    name: str
    songs: int
    song_hours: float
    stem_hours: float


@dataclass(frozen=True)
class Part:
    """Stems of one source, or mixtures; hours of all of them."""

    name: str
    role: str
    stems: int
    hours: float
    silent: int | None


@dataclass(frozen=True)
class Input:
    """Input files of one kind, those that are recorded and not used included."""

    container: str
    encoding: str
    sample_rate: int
    channels: int
    role: str
    used: bool
    files: int
    hours: float


@dataclass(frozen=True)
class LicenceUse:
    """What is under one licence.

    Attributes:
        text: what the corpus, or a file of a song, states.
        corpus: name of the corpus.
        id: of the list of licences; None where the text is not in it.
        name: title of the licence; None as above.
        url: where its text is; None as above.
        answers: share, adapt, commercial, attribution, share_alike: yes, no, unstated; empty as above.
        songs: songs with a file under it.
        song_hours: hours of these.
    """

    text: str
    corpus: str
    id: str | None
    name: str | None
    url: str | None
    answers: dict[str, str]
    songs: int
    song_hours: float


@dataclass(frozen=True)
class CorpusUse:
    """A corpus: its songs, terms, citation, and songs that were refused."""

    name: str
    songs: int
    quarantined: int
    licence: str
    citation: str


@dataclass(frozen=True)
class FaultCount:
    """Findings of one fault with its default threshold."""

    fault: str
    meaning: str
    threshold: float
    findings: int
    songs: int


@dataclass(frozen=True)
class ErratumUse:
    """A published error of a file, and what was done about it."""

    song_id: str
    part: str
    words: str


@dataclass(frozen=True)
class Datasheet:
    """A datasheet; fields in the order in which it tells them.

    Attributes:
        catalog_hash: hash of ``catalog.json``.
        package_version: that the catalog was written with.
        total: all songs.
        corpora: by name.
        by_corpus: songs by corpus.
        by_split: songs by split.
        parts: stems by source.
        inputs: input files by kind.
        conversions: files by what decoding changed.
        faults: findings on quality; None where the catalog has no table of it.
        quarantine: songs that were refused, by stage and reason.
        errata: published errors.
        config: configuration of each stage.
        statistics: hash and mode of the measured statistics, and of those that stems were normalised to.
        effects: stems by effect and status, from the receipts.
        normalised_with: versions of this package that normalised the stems.
        libraries: versions of the libraries that decide audio, where the datasheet was written.
        licences: by text and corpus.
        allowed: by permission, ids of songs of which every licence says yes.
        citations: of what is in the catalog, and of the method.
        format_version: of the catalog's layout.
        written_with: version of the package that wrote the datasheet.
    """

    catalog_hash: str
    package_version: str
    total: Group
    corpora: list[CorpusUse]
    by_corpus: list[Group]
    by_split: list[Group]
    parts: list[Part]
    inputs: list[Input]
    conversions: dict[str, int]
    faults: list[FaultCount] | None
    quarantine: dict[str, int]
    errata: list[ErratumUse]
    config: Mapping[str, Any]
    statistics: dict[str, str]
    effects: dict[str, dict[str, int]]
    normalised_with: list[str]
    libraries: dict[str, str]
    licences: list[LicenceUse]
    allowed: dict[str, list[str]]
    citations: list[str]
    format_version: int = FORMAT_VERSION
    written_with: str = VERSION


def make_datasheet(catalog: Catalog) -> Datasheet:
    """Count what the tables hold; reads no audio."""
    tables = catalog.manifest.tables
    tracks = catalog.frame("tracks").sort_values(["song_id", "stem", "part"], ignore_index=True)
    songs = _songs(tracks)
    quarantine = catalog.frame("quarantine")
    licences, allowed = _licences(tracks, songs)
    corpora = _corpora(songs, quarantine)
    return Datasheet(
        catalog_hash=catalog.fingerprint(),
        package_version=catalog.manifest.version,
        total=_group("all", songs),
        corpora=corpora,
        by_corpus=[_group(str(name), rows) for name, rows in songs.groupby("corpus")],
        by_split=[_group(str(name), rows) for name, rows in songs.groupby("split")],
        parts=_parts(tracks, catalog.frame("features", ["stem", "silent"]) if "features" in tables else None),
        inputs=_inputs(tracks),
        conversions=dict(sorted(Counter(words for row in tracks.conversions for words in row).items())),
        faults=_faults(catalog.frame("quality")) if "quality" in tables else None,
        quarantine=_refusals(quarantine),
        errata=[
            ErratumUse(song, part, str(words))
            for song, part, errata in zip(tracks.song_id, tracks.part, tracks.errata, strict=True)
            for words in errata
        ],
        config=catalog.manifest.config,
        statistics=_statistics(catalog) if "statistics" in tables else {},
        effects=_effects(catalog) if "receipts" in tables else {},
        normalised_with=_versions(catalog) if "receipts" in tables else [],
        libraries={name: metadata.version(name) for name in AUDIO_LIBRARIES},
        licences=licences,
        allowed=allowed,
        citations=[FXNORM_CITATION, *(corpus.citation for corpus in corpora if corpus.citation)],
    )


def _hours(frames: float) -> float:
    return round(float(frames) / SAMPLE_RATE / 3600, 6)


def _songs(tracks: pd.DataFrame) -> pd.DataFrame:
    """A row a song: corpus, split, frames of its longest file in use, and of all its stems together."""
    used = tracks[tracks.used]
    stems = used.groupby(["song_id", "stem"], as_index=False).agg(
        corpus=("corpus", "first"), split=("split", "first"), role=("role", "first"), frames=("catalog_frames", "max")
    )
    songs = stems.groupby("song_id").agg(corpus=("corpus", "first"), split=("split", "first"), frames=("frames", "max"))
    songs["stem_frames"] = stems[stems.role != "mixture"].groupby("song_id").frames.sum()
    return songs


def _group(name: str, songs: pd.DataFrame) -> Group:
    return Group(name, len(songs), _hours(songs.frames.sum()), _hours(songs.stem_frames.sum()))


def _parts(tracks: pd.DataFrame, features: pd.DataFrame | None) -> list[Part]:
    used = tracks[tracks.used].groupby(["song_id", "stem", "role"], as_index=False).catalog_frames.max()
    silent = None if features is None else features[features.silent].groupby("stem").size()
    return [
        Part(
            str(stem),
            str(role),
            len(rows),
            _hours(rows.catalog_frames.sum()),
            None if silent is None or role == "mixture" else int(silent.get(stem, 0)),
        )
        for (stem, role), rows in used.groupby(["stem", "role"])
    ]


def _inputs(tracks: pd.DataFrame) -> list[Input]:
    keys = ["container", "encoding", "sample_rate", "channels", "role", "used"]
    kinds = tracks.assign(hours=tracks.frames / tracks.sample_rate / 3600).groupby(keys, as_index=False)
    return [
        Input(**{str(key): value for key, value in row.items()})
        for row in kinds.agg(files=("uri", "size"), hours=("hours", "sum")).round(6).to_dict("records")
    ]


def _faults(quality: pd.DataFrame) -> list[FaultCount]:
    found: dict[str, list[str]] = {}
    for finding in find_faults(quality):
        found.setdefault(finding.fault, []).append(finding.song_id)
    limits = Thresholds()
    return [
        FaultCount(
            name, fault.meaning, getattr(limits, fault.threshold), len(found.get(name, [])), len({*found.get(name, [])})
        )
        for name, fault in FAULTS.items()
    ]


def _refusals(quarantine: pd.DataFrame) -> dict[str, int]:
    rows = quarantine.drop_duplicates(["song_id", "stage", "reason"])
    return {f"{stage}: {reason}": len(group) for (stage, reason), group in rows.groupby(["stage", "reason"])}


def _corpora(songs: pd.DataFrame, quarantine: pd.DataFrame) -> list[CorpusUse]:
    refused = quarantine.groupby("corpus").song_id.nunique()
    counts = songs.corpus.value_counts()
    return [
        CorpusUse(name, int(counts.get(name, 0)), int(refused.get(name, 0)), terms.licence, terms.citation)
        for name in sorted({*counts.index, *refused.index})
        for terms in (corpus_terms(name),)
    ]


def _licences(tracks: pd.DataFrame, songs: pd.DataFrame) -> tuple[list[LicenceUse], dict[str, list[str]]]:
    """What is under which licence, and which songs allow what: all that hold for a song have to say yes."""
    used = tracks[tracks.used]
    under: dict[tuple[str, str], list[str]] = {}
    allowed: dict[str, list[str]] = {permission: [] for permission in PERMISSIONS}
    for song_id, rows in used.groupby("song_id"):
        corpus = str(rows.corpus.iloc[0])
        texts = licence_texts((_text(value) for value in rows.licence), corpus)
        for text in texts:
            under.setdefault((text, corpus), []).append(str(song_id))
        known = [find_licence(text, corpus) for text in texts]
        for permission in PERMISSIONS:
            if all(licence is not None and licence.allows(permission) for licence in known):
                allowed[permission].append(str(song_id))
    uses = []
    for (text, corpus), song_ids in sorted(under.items()):
        licence = find_licence(text, corpus)
        answers = (*PERMISSIONS, "attribution", "share_alike")
        uses.append(
            LicenceUse(
                text,
                corpus,
                None if licence is None else licence.id,
                None if licence is None else licence.name,
                None if licence is None else licence.url,
                {} if licence is None else {name: getattr(licence, name) for name in answers},
                len(song_ids),
                _hours(songs.frames[song_ids].sum()),
            )
        )
    return uses, allowed


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _statistics(catalog: Catalog) -> dict[str, str]:
    measured, targets = catalog.statistics(), catalog.targets()
    return {
        "measured_hash": measured.fingerprint(),
        "measured_mode": measured.mode,
        "targets_hash": targets.fingerprint(),
        "targets_mode": targets.mode,
    }


def _effects(catalog: Catalog) -> dict[str, dict[str, int]]:
    receipts = catalog.frame("receipts", ["effect", "status"])
    return {str(effect): dict(sorted(Counter(rows.status).items())) for effect, rows in receipts.groupby("effect")}


def _versions(catalog: Catalog) -> list[str]:
    details: Iterable[str] = catalog.table("receipts", ["details"]).column("details").unique().to_pylist()
    return sorted({version for text in details if (version := json.loads(text).get("version"))})
