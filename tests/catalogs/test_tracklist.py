"""MUSDB18's list of tracks gives songs their genre, source and licence."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pytest

from catalogs import corpora
from catalogs.corpora import CorpusLayoutError, CorpusSong
from catalogs.corpora.tracklist import COLUMNS

SONGS = {
    "train/Artist - Title": ("Artist - Title", "Rock", "DSD", "Restricted"),
    "train/Beyoncé - Élan": ("  BEYONCÉ - élan ", "", "MedleyDB", "CC BY-NC-SA"),
    "test/Nobody - Unlisted": None,
}


def write_songs(root: Path, corpus: str) -> Path:
    for name in SONGS:
        place = root / unicodedata.normalize("NFD", name)
        if corpus == "musdb18":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.with_name(f"{place.name}.stem.mp4").write_bytes(b"")
        else:
            place.mkdir(parents=True)
            for stem in corpora.get(corpus).required_stems:
                (place / f"{stem}.wav").write_bytes(b"")
    return root


def write_list(path: Path, rows: list[tuple[str, ...]], columns: tuple[str, ...] = COLUMNS) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


def read(corpus: str, root: Path) -> dict[str, CorpusSong]:
    return {song.native_id: song for song in corpora.get(corpus).songs(root)}


@pytest.mark.parametrize("corpus", ["musdb18", "musdb18hq"])
@pytest.mark.parametrize("place", ["corpus", "corpus/musdb", "."])
def test_songs_have_what_the_list_says(tmp_path: Path, corpus: str, place: str) -> None:
    root = tmp_path / "corpus"
    write_songs(root / "musdb" if place == "corpus/musdb" else root, corpus)
    write_list(tmp_path / place / "tracklist.csv", [row for row in SONGS.values() if row])
    found = read(corpus, root)
    assert {name: (song.genre, song.provenance, song.licence) for name, song in found.items()} == {
        "Artist - Title": ("Rock", "DSD", "Restricted"),
        "Beyoncé - Élan": (None, "MedleyDB", "CC BY-NC-SA"),
        "Nobody - Unlisted": (None, None, None),
    }


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    songs = read("musdb18hq", write_songs(tmp_path / "corpus", "musdb18hq")).values()
    assert {(song.genre, song.provenance, song.licence) for song in songs} == {(None, None, None)}


@pytest.mark.parametrize(
    ("rows", "columns", "problem"),
    [
        ([], ("Track Name", "Genre", "Source"), "no column 'License'"),
        ([("A - B", "Rock", "DSD", "x"), ("a - b", "Rock", "DSD", "y")], COLUMNS, "'a - b' twice"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(
    tmp_path: Path, rows: list[tuple[str, ...]], columns: tuple[str, ...], problem: str
) -> None:
    write_songs(tmp_path / "corpus", "musdb18hq")
    write_list(tmp_path / "corpus" / "tracklist.csv", rows, columns)
    with pytest.raises(CorpusLayoutError, match=problem) as caught:
        read("musdb18hq", tmp_path / "corpus")
    assert "tracklist.csv" in str(caught.value)
    assert "remove the file" in str(caught.value)


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write_songs(tmp_path / "corpus", "musdb18hq")
    (tmp_path / "corpus" / "tracklist.csv").write_bytes(b"Track Name,Genre,Source,License\n\xff\xfe,,,\n")
    with pytest.raises(CorpusLayoutError, match="no list of tracks"):
        read("musdb18hq", tmp_path / "corpus")
