"""Songs to be exported: where their audio is, and what is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catalogs.catalog import Catalog, CatalogError
from catalogs.material import Row, file_rows, flac_subtype, stem_rows
from catalogs.schemas import SPLITS
from fxnorm.settings import SAMPLE_RATE, hash_of


@dataclass(frozen=True)
class ExportStem:
    """A stem, or the mixture.

    Attributes:
        name: stem name, or ``mixture``.
        role: ``stem`` or ``mixture``.
        frames: samples per channel.
        subtype: PCM_16 or PCM_24, in the catalog or enough for what was decoded.
        scale: what stored samples are multiplied by; 1.0 for an original, whose peak is not known before it is decoded.
        files: rows of the input files of an original; empty for a normalised stem.
    """

    name: str
    role: str
    frames: int
    subtype: str
    scale: float = 1.0
    files: tuple[Row, ...] = ()


@dataclass(frozen=True)
class ExportSong:
    """A song.

    Attributes:
        song_id: id.
        split: train, validation or test.
        shard: its shard relative to the catalog; empty for an original.
        segment_frames: samples per channel in a segment of the shard; 0 for an original.
        sample_rate: Hz.
        stored_bytes: size of the shard, or of the input files.
        stems: sorted by name, the mixture last.
        about: corpus, title, artist, genre, split, licences, provenance, errata.
        content: hash of audio and ``about``.
    """

    song_id: str
    split: str
    shard: str
    segment_frames: int
    sample_rate: int
    stored_bytes: int
    stems: tuple[ExportStem, ...]
    about: Mapping[str, Any]
    content: str

    @property
    def frames(self) -> int:
        """Samples per channel of the longest stem."""
        return max(stem.frames for stem in self.stems)

    @property
    def scales(self) -> dict[str, float]:
        """What stored samples of each stem are multiplied by."""
        return {stem.name: stem.scale for stem in self.stems}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ExportSong:
        """The inverse of ``dataclasses.asdict``."""
        stems = tuple(ExportStem(**{**stem, "files": tuple(stem["files"])}) for stem in content["stems"])
        return cls(**{**content, "stems": stems})


def select_songs(
    catalog: Catalog, material: str, splits: Iterable[str] = (), song_ids: Iterable[str] = ()
) -> list[ExportSong]:
    """Songs of a catalog, sorted by id.

    Args:
        catalog: the catalog.
        material: ``normalised``, songs with audio in the catalog; or ``original``, all accepted songs.
        splits: only these; all if empty.
        song_ids: only these; all if empty.

    Raises:
        CatalogError: a split or a song that is not there, or nothing left.
    """
    tracks: dict[str, list[Row]] = {}
    for row in catalog.table("tracks").to_pylist():
        tracks.setdefault(row["song_id"], []).append(row)
    songs = _originals(tracks) if material == "original" else _normalised(catalog, tracks)
    where = catalog.location.path
    for split in splits:
        if split not in SPLITS:
            raise CatalogError(f"{split!r} is no split; name one of {', '.join(SPLITS)}")
    absent = sorted(set(song_ids) - set(songs))
    if absent:
        raise CatalogError(f"{where}: no song {absent[0]!r}" + (f" and {len(absent) - 1} more" if absent[1:] else ""))
    wanted = {*song_ids} or set(songs)
    chosen = [songs[name] for name in sorted(wanted) if not splits or songs[name].split in set(splits)]
    if not chosen:
        counts = ", ".join(f"{n} {split}" for split, n in sorted(Counter(s.split for s in songs.values()).items()))
        raise CatalogError(f"{where}: no song is left to export; there are {counts or 'none'}")
    return chosen


def _normalised(catalog: Catalog, tracks: Mapping[str, list[Row]]) -> dict[str, ExportSong]:
    songs: dict[str, list[Row]] = {}
    for row in catalog.table("shards").to_pylist():
        songs.setdefault(row["song_id"], []).append(row)
    return {
        song_id: ExportSong(
            song_id,
            rows[0]["split"],
            rows[0]["shard"],
            rows[0]["segment_frames"],
            rows[0]["sample_rate"],
            rows[0]["shard_bytes"],
            _ordered(ExportStem(r["stem"], r["role"], r["frames"], r["subtype"], r["scale"]) for r in rows),
            about := _about(tracks[song_id]),
            hash_of(["normalised", rows[0]["song_hash"], rows[0]["normalization_hash"], rows[0]["shard_hash"], about]),
        )
        for song_id, rows in songs.items()
    }


def _originals(tracks: Mapping[str, list[Row]]) -> dict[str, ExportSong]:
    songs = {}
    for song_id, rows in tracks.items():
        stems = stem_rows(rows)
        files = file_rows(stems)
        about = _about(rows)
        songs[song_id] = ExportSong(
            song_id,
            rows[0]["split"],
            "",
            0,
            SAMPLE_RATE,
            sum({row["uri"]: row["bytes"] for row in files}.values()),
            _ordered(
                ExportStem(
                    stem["stem"],
                    stem["role"],
                    stem["catalog_frames"],
                    flac_subtype(stem),
                    files=tuple(file_rows([stem])),
                )
                for stem in stems
            ),
            about,
            hash_of(["original", rows[0]["song_hash"], about]),
        )
    return songs


def _ordered(stems: Iterable[ExportStem]) -> tuple[ExportStem, ...]:
    return tuple(sorted(stems, key=lambda stem: (stem.role == "mixture", stem.name)))


def _about(rows: list[Row]) -> dict[str, Any]:
    """What the corpus says of a song; licences are those of the files in use, sorted."""
    used = [row for row in rows if row["used"]]
    return {
        "song_id": rows[0]["song_id"],
        "corpus": rows[0]["corpus"],
        **{name: rows[0][name] for name in ("title", "artist", "genre", "split")},
        "licences": sorted({row["licence"] for row in used if row["licence"]}),
        "provenance": rows[0]["provenance"],
        "errata": sorted({f"{row['part']}: {words}" for row in used for words in row["errata"]}),
    }
