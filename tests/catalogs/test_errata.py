"""Published errata: what each effect does, that those of the package are well formed, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogs import corpora
from catalogs.corpora import CorpusSong, LabelledCorpus
from catalogs.corpora.errata import EFFECTS, Erratum, corrected, count_effects, read_errata
from catalogs.ingest import ingest_song
from catalogs.schemas import MIXTURE
from pipelines.ingest import Source
from tests.layouts import LAYOUTS, write_layout

ONE = (("Song", "train"),)


def erratum(effect: str, part: str | None = None, **more: str) -> Erratum:
    return Erratum(("medleydb", "moisesdb"), "Artist - Song", effect, "a cause", "a source", part, **more)


def correct(name: str, root: Path, *errata: Erratum, **options: str) -> CorpusSong:
    adapter = corpora.get(name, **options)
    assert isinstance(adapter, LabelledCorpus)
    (song,) = corrected(adapter.songs(root), errata, adapter.table.songs)
    return song


@pytest.fixture
def medleydb(tmp_path: Path) -> Path:
    write_layout("medleydb", tmp_path / "medleydb", ONE)
    return tmp_path / "medleydb"


def test_a_dropped_song_is_refused_with_cause_and_source(medleydb: Path) -> None:
    (row,) = ingest_song(correct("medleydb", medleydb, erratum("drop"))).quarantine
    assert row["reason"] == "erratum"
    assert "a cause (a source)" in row["message"]


def test_a_dropped_part_is_excluded_with_its_raws(medleydb: Path) -> None:
    song = correct("medleydb", medleydb, erratum("drop", "S02"))
    rows = {row["part"]: row for row in ingest_song(song).tracks}
    assert (rows["S02"]["stem"], rows["S02"]["used"], rows["S02/R01"]["stem"]) == ("excluded", False, "excluded")
    assert rows["S02"]["errata"] == ["drop: a cause (a source)"]
    assert rows["S01"]["errata"] == []
    assert count_effects([song]) == {"drop": 2}


def test_a_part_is_relabelled_with_its_raws_unless_the_user_has_spoken(medleydb: Path, tmp_path: Path) -> None:
    relabel = erratum("relabel", "S04", to="bass")
    song = correct("medleydb", medleydb, relabel)
    assert (song.files["S04"].stem, song.files["S04/R02"].stem, song.files["S03"].stem) == ("bass", "bass", "other")
    assert count_effects([song]) == {"relabel": 3}
    table = tmp_path / "mine.toml"
    table.write_text('[songs."medleydb/Artist_Song"]\nS04 = "vocals"\n')
    song = correct("medleydb", medleydb, relabel, sources=str(table))
    assert (song.files["S04"].stem, song.files["S04/R02"].stem) == ("vocals", "vocals")


def test_bleed_is_flagged_and_a_note_only_told(medleydb: Path) -> None:
    song = correct("medleydb", medleydb, erratum("bleed", "S02"), erratum("note", "S02"), erratum("note", "S99"))
    assert {part for part, file in song.files.items() if file.bleed} == {"S02"}
    assert [words.partition(":")[0] for words in song.files["S02"].errata] == ["bleed", "note"]
    assert song.files["S02"].stem == "bass"
    assert count_effects([song]) == {"bleed": 1, "note": 1}


def test_a_note_on_the_song_is_told_with_all_its_files(medleydb: Path) -> None:
    song = correct("medleydb", medleydb, erratum("note"))
    assert all(file.errata for file in song.files.values())


def test_a_mixture_that_is_a_sum_loses_a_dropped_part(tmp_path: Path) -> None:
    write_layout("moisesdb", tmp_path, ONE)
    whole = next(iter(corpora.get("moisesdb").songs(tmp_path)))
    (part,) = (part for part in whole.files if part.startswith("guitar/"))
    song = correct("moisesdb", tmp_path, erratum("drop", part))
    assert song.files[part].stem == "excluded"
    assert set(whole.files) - set(song.files) == {f"{MIXTURE}/{part}"}
    assert not ingest_song(song).quarantine


def test_songs_are_found_by_either_of_their_names(tmp_path: Path) -> None:
    write_layout("dsd100", tmp_path, ONE)
    for name in ("ARTIST - song", next(iter(corpora.get("dsd100").songs(tmp_path))).native_id):
        known = Erratum(("dsd100",), name, "bleed", "a cause", "a source", "vocals")
        (song,) = corrected(corpora.get("dsd100").songs(tmp_path), [known], {})
        assert song.files["vocals"].bleed is True
    other = Erratum(("medleydb",), "Artist - Song", "bleed", "a cause", "a source", "vocals")
    (song,) = corrected(corpora.get("dsd100").songs(tmp_path), [other], {})
    assert song.files["vocals"].bleed is None


def test_built_in_errata_are_of_known_corpora_and_each_is_listed_once() -> None:
    errata = read_errata()
    assert {erratum.effect for erratum in errata} == set(EFFECTS)
    assert {corpus for erratum in errata for corpus in erratum.corpora} <= set(LAYOUTS)
    assert len({(erratum.song, erratum.part) for erratum in errata}) == len(errata)
    assert not any(erratum.effect == "drop" for erratum in errata if "musdb18hq" in erratum.corpora)


@pytest.mark.parametrize("name", ["musdb18", "musdb18hq"])
def test_built_in_errata_find_their_songs(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    song = layout.write(tmp_path, "Wicked", "test", 1, 0.05)
    folder = next(path for path in (tmp_path / "test").iterdir())
    folder.rename(folder.with_name(folder.name.replace("Artist", "Leaf")))
    assert song.split == "test"
    (found,) = Source(name, tmp_path).songs()
    assert [part for part, file in found.files.items() if file.bleed] == ["drums"]
    (plain,) = Source(name, tmp_path, errata="none").songs()
    assert count_effects([plain]) == {}
    assert {row["song_hash"] for row in ingest_song(found).tracks} == {
        row["song_hash"] for row in ingest_song(plain).tracks
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[[errata]]\n", "a section 'errata'; the only one is [[erratum]]"),
        ("[[erratum]]\nsongs = 'x'\n", "entry 1 has a key 'songs'"),
        ("[[erratum]]\nsong = 'x'\neffect = 'note'\ncause = ''\nsource = 'x'\n", "entry 1 says no cause"),
        ("[[erratum]]\nsong = 'x'\neffect = 'note'\ncause = 'x'\nsource = 'x'\n", "names no list of corpora"),
        ("[[erratum]]\ncorpora = ['a']\nsong = 'x'\neffect = 'cut'\ncause = 'x'\nsource = 'x'\n", "the effect 'cut'"),
        ("[[erratum]]\ncorpora = ['a']\nsong = 'x'\neffect = 'relabel'\ncause = 'x'\nsource = 'x'\n", "'to' belong"),
        ("erratum", "Expected"),
    ],
)
def test_a_file_that_is_no_list_of_errata_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(ValueError, match="no list of errata") as caught:
        read_errata(str(tmp_path / "mine.toml"))
    assert problem in str(caught.value)
    with pytest.raises(ValueError, match=r"gone\.toml.*cannot be read"):
        read_errata(str(tmp_path / "gone.toml"))
