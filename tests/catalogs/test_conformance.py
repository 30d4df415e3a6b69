"""What every corpus adapter must do, on a miniature of each layout; the writers know the truth."""

from __future__ import annotations

import pickle
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from catalogs import corpora
from catalogs.audio_file import uri_to_path
from catalogs.corpora import CorpusLayoutError, CorpusSong
from catalogs.faults import REMEDIES
from catalogs.ingest import SongIngest, ingest_song, load_song, mark_duplicates
from tests.layouts import FULL_SCALE, LAYOUTS, SONGS, TrueSong, write_layout

pytestmark = pytest.mark.parametrize("name", corpora.names())


def read(name: str, root: Path, **options: object) -> dict[str, CorpusSong]:
    songs = list(corpora.get(name, **options).songs(root))
    assert len({song.song_id for song in songs}) == len(songs)
    return {song.song_id: song for song in songs}


def ingested(name: str, root: Path) -> dict[str, SongIngest]:
    return {song.song_id: ingest_song(song) for song in mark_duplicates(corpora.get(name).songs(root))}


def test_songs_files_splits_and_audio_are_those_that_were_written(tmp_path: Path, name: str) -> None:
    truth = {song.song_id: song for song in write_layout(name, tmp_path / "corpus")}
    found = ingested(name, tmp_path / "corpus")
    assert set(found) == set(truth)
    for song_id, song in truth.items():
        assert found[song_id].quarantine == []
        rows = found[song_id].tracks
        assert {(uri_to_path(row["uri"]), row["stem"], row["role"], row["used"]) for row in rows} == song.rows
        assert len(rows) == len(song.files)
        assert len({row["part"] for row in rows}) == len(rows)
        assert {(row["corpus"], row["split"], row["licence"]) for row in rows} == {(name, song.split, song.licence)}
        if LAYOUTS[name].sums:
            assert_audio(song, load_song([row for row in rows if row["used"]]))


def assert_audio(song: TrueSong, audio: dict[str, np.ndarray]) -> None:
    """The stems are the sums of their files, and the mixture, where there is one, that of the stems."""
    expected = {stem: (samples / FULL_SCALE).astype(np.float32) for stem, samples in song.stems.items()}
    assert set(audio) == set(expected)
    for stem, samples in expected.items():
        np.testing.assert_array_equal(audio[stem], samples)
    if "mixture" in audio:
        total = np.zeros_like(audio["mixture"])
        for stem, samples in audio.items():
            if stem != "mixture":
                total[: len(samples)] += samples
        np.testing.assert_allclose(audio["mixture"], total, atol=1e-6)


def test_ids_and_hashes_do_not_depend_on_place_order_or_company(tmp_path: Path, name: str) -> None:
    write_layout(name, tmp_path / "one", SONGS)
    write_layout(name, tmp_path / "two" / "deeper", [("A Newcomer", "train"), *reversed(SONGS)])
    one, two = ingested(name, tmp_path / "one"), ingested(name, tmp_path / "two" / "deeper")
    assert len(two) == len(one) + 1
    for song_id, song in one.items():
        assert {row["song_hash"] for row in two[song_id].tracks} == {row["song_hash"] for row in song.tracks}
        assert {(row["part"], row["split"]) for row in two[song_id].tracks} == {
            (row["part"], row["split"]) for row in song.tracks
        }


def test_a_folder_level_more_or_less_makes_no_difference(tmp_path: Path, name: str) -> None:
    if name == "folder":
        pytest.skip("ids of a plain folder are paths")
    truth = {song.song_id: song.split for song in write_layout(name, tmp_path / "above" / "corpus")}
    assert {song_id: song.split for song_id, song in read(name, tmp_path / "above").items()} == truth
    inside: dict[str, str] = {}
    for pattern in LAYOUTS[name].inside:
        places = sorted((tmp_path / "above" / "corpus").glob(pattern))
        assert places
        for place in places:
            inside |= {song_id: song.split for song_id, song in read(name, place).items()}
    assert inside == (truth if LAYOUTS[name].inside else {})


def test_what_archivers_and_file_managers_leave_is_ignored(tmp_path: Path, name: str) -> None:
    root = tmp_path / "corpus"
    write_layout(name, root)
    expected = read(name, root)
    shutil.copytree(root, tmp_path / "copy")
    shutil.move(tmp_path / "copy", root / "__MACOSX")
    for path in [path for path in root.rglob("*") if "__MACOSX" not in path.parts]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
        path.with_name(".DS_Store").write_bytes(b"")
    (root / "readme.txt").write_text("read me")
    assert read(name, root) == expected


def test_a_broken_song_is_refused_with_file_and_remedy_and_the_others_are_not(tmp_path: Path, name: str) -> None:
    first, *others = write_layout(name, tmp_path / "corpus")
    first.breakable.write_bytes(b"no audio at all" * 100)
    found = ingested(name, tmp_path / "corpus")
    (row,) = found[first.song_id].quarantine
    assert (row["corpus"], row["stage"], row["reason"]) == (name, "ingest", "not_audio")
    assert first.breakable.name in row["message"]
    assert row["message"].endswith(REMEDIES["not_audio"])
    assert found[first.song_id].tracks == []
    assert all(found[song.song_id].tracks and not found[song.song_id].quarantine for song in others)


def test_a_decomposed_name_gives_the_same_id(tmp_path: Path, name: str) -> None:
    for form in ("NFC", "NFD"):
        title = unicodedata.normalize(form, "Beyoncé")
        seeded = LAYOUTS[name].write(tmp_path / form, title, "train", 1, 0.05)
        assert seeded.files
    if name == "moisesdb":
        pytest.skip("ids of MoisesDB are no names")
    assert set(read(name, tmp_path / "NFC")) == set(read(name, tmp_path / "NFD"))


def test_split_option_is_for_songs_whose_folders_do_not_tell(tmp_path: Path, name: str) -> None:
    truth = write_layout(name, tmp_path / "corpus")
    told = {song.song_id: song.split for song in read(name, tmp_path / "corpus", split="validation").values()}
    for song in truth:
        assert told[song.song_id] == (song.split if LAYOUTS[name].has_splits else "validation")
    with pytest.raises(ValueError, match="'dev' is no split"):
        corpora.get(name, split="dev")


def test_describes_itself_and_can_be_sent_to_a_worker(tmp_path: Path, name: str) -> None:
    corpus = pickle.loads(pickle.dumps(corpora.get(name)))
    assert corpus.name == name
    assert corpus.citation or name in ("folder", "manifest")
    assert corpus.licence or name == "folder"
    truth = write_layout(name, tmp_path / "corpus", SONGS[:1])
    assert set(corpus.required_stems) <= {file.stem for song in truth for file in song.files}
    songs = list(corpus.songs(tmp_path / "corpus"))
    assert pickle.loads(pickle.dumps(songs)) == songs


def test_a_folder_without_songs_says_what_was_looked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(CorpusLayoutError) as caught:
        read(name, tmp_path)
    for said in (str(tmp_path), f"corpus {name}", "looked for", "readme.txt"):
        assert said in str(caught.value)
    with pytest.raises(CorpusLayoutError, match="cannot be listed"):
        read(name, tmp_path / "nowhere")
    with pytest.raises(CorpusLayoutError, match="cannot be listed"):
        read(name, tmp_path / "readme.txt")
