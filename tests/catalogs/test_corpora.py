from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from catalogs import corpora
from catalogs.corpora import CorpusLayoutError, CorpusSong
from catalogs.corpora.corpus import artist_and_title
from catalogs.corpora.folder import FolderCorpus
from catalogs.corpora.musdb18 import VALIDATION_SONGS
from catalogs.schemas import MIXTURE, SPLITS

SONGS = {
    "train": ["Artist - First", "Artist - Second"],
    "test": ["Artist - Third"],
}
FIVE = ("mixture", "drums", "bass", "other", "vocals")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def musdb18hq_song(folder: Path) -> None:
    for stem in FIVE:
        touch(folder / f"{stem}.wav")


def musdb18_song(folder: Path) -> None:
    touch(folder.with_name(f"{folder.name}.stem.mp4"))


def folder_song(folder: Path) -> None:
    for name in ("Kick.wav", "Voice.flac", "mix.mp3"):
        touch(folder / name)


WRITERS: dict[str, Callable[[Path], None]] = {
    "folder": folder_song,
    "musdb18": musdb18_song,
    "musdb18hq": musdb18hq_song,
}
STEMS = {"folder": {"kick", "voice", MIXTURE}, "musdb18": set(FIVE), "musdb18hq": set(FIVE)}


def write_tree(name: str, root: Path) -> Path:
    """A small corpus, with what archivers and file managers leave behind."""
    for split, songs in SONGS.items():
        for song in songs:
            WRITERS[name](root / split / song)
    touch(root / "train" / ".DS_Store")
    touch(root / "train" / "._Artist - First.stem.mp4")
    touch(root / "train" / ".hidden" / "vocals.wav")
    touch(root / "train" / "Artist - First" / "._vocals.wav")
    touch(root / "__MACOSX" / "train" / "Artist - First" / "vocals.wav")
    touch(root / "train" / "notes.txt")
    return root


def read(name: str, root: Path, **options: object) -> list[CorpusSong]:
    return list(corpora.get(name, **options).songs(root))


def faults(song: CorpusSong) -> list[tuple[str | None, str]]:
    return sorted((fault.stem or "", fault.reason) for fault in song.faults)


@pytest.mark.parametrize("name", sorted(WRITERS))
class TestEveryAdapter:
    def test_finds_each_song_once_with_its_files_and_split(self, tmp_path: Path, name: str) -> None:
        found = {song.title: song for song in read(name, write_tree(name, tmp_path / "corpus"))}
        assert sorted(found) == ["First", "Second", "Third"]
        assert {title: song.split for title, song in found.items()} == {
            "First": "train",
            "Second": "train",
            "Third": "test",
        }
        for song in found.values():
            assert set(song.files) == STEMS[name]
            assert all(file.path.is_file() for file in song.files.values())
            assert song.artist == "Artist"
            assert song.split in SPLITS
            assert not song.faults

    def test_ids_are_unique_stable_and_begin_with_the_corpus(self, tmp_path: Path, name: str) -> None:
        songs = read(name, write_tree(name, tmp_path / "corpus"))
        assert [song.song_id for song in songs] == [song.song_id for song in read(name, tmp_path / "corpus")]
        assert len({song.song_id for song in songs}) == len(songs)
        assert all(song.song_id == f"{name}/{song.native_id}" for song in songs)
        moved = shutil.copytree(tmp_path / "corpus", tmp_path / "elsewhere")
        assert [song.song_id for song in songs] == [song.song_id for song in read(name, moved)]

    def test_describes_itself(self, name: str) -> None:
        corpus = corpora.get(name)
        assert corpus.name == name
        assert set(corpus.required_stems) <= STEMS[name]
        assert all(isinstance(text, str) for text in (corpus.licence, corpus.citation))

    def test_adapter_and_songs_can_be_sent_to_a_worker(self, tmp_path: Path, name: str) -> None:
        corpus = pickle.loads(pickle.dumps(corpora.get(name)))
        songs = list(corpus.songs(write_tree(name, tmp_path / "corpus")))
        assert pickle.loads(pickle.dumps(songs)) == songs

    def test_names_that_are_no_text_become_text(self, tmp_path: Path, name: str) -> None:
        WRITERS[name](tmp_path / "train" / os.fsdecode(b"caf\xe9 - \xff"))
        (song,) = read(name, tmp_path)
        assert "caf\\udce9 - \\udcff" in song.song_id
        assert (song.artist, song.title) == ("caf\\udce9", "\\udcff")
        assert song.song_id.encode("utf-8")
        assert all(file.path.exists() for file in song.files.values())

    def test_a_decomposed_name_gives_the_same_id(self, tmp_path: Path, name: str) -> None:
        WRITERS[name](tmp_path / "one" / "train" / "Beyonce\u0301 - E")
        WRITERS[name](tmp_path / "two" / "train" / "Beyonc\u00e9 - E")
        (one,), (two,) = read(name, tmp_path / "one"), read(name, tmp_path / "two")
        assert one.song_id == two.song_id

    def test_folder_without_songs_says_what_was_looked_for(self, tmp_path: Path, name: str) -> None:
        touch(tmp_path / "corpus" / "readme.txt")
        with pytest.raises(CorpusLayoutError) as caught:
            read(name, tmp_path / "corpus")
        assert str(tmp_path / "corpus") in str(caught.value)
        assert f"corpus {name}" in str(caught.value)
        assert "looked for" in str(caught.value)
        assert "readme.txt" in str(caught.value)

    @pytest.mark.parametrize("content", [None, b""], ids=["missing", "a file"])
    def test_root_that_is_no_folder_is_refused(self, tmp_path: Path, name: str, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "corpus").write_bytes(content)
        with pytest.raises(CorpusLayoutError, match="cannot be listed"):
            read(name, tmp_path / "corpus")

    def test_links_that_lead_up_are_not_followed_for_ever(self, tmp_path: Path, name: str) -> None:
        root = write_tree(name, tmp_path / "corpus")
        (root / "train" / "up").symlink_to(root)
        (root / "train" / "Artist - Second").mkdir(exist_ok=True)
        (root / "train" / "Artist - Second" / "self").symlink_to(".")
        usable = [song.title for song in read(name, root) if not song.faults]
        assert sorted(usable) == ["First", "Second", "Third"]

    def test_link_to_nothing_in_place_of_a_song_is_reported(self, tmp_path: Path, name: str) -> None:
        root = write_tree(name, tmp_path / "corpus")
        (root / "train" / "Gone - Song").symlink_to(tmp_path / "unmounted")
        (gone,) = [song for song in read(name, root) if song.faults]
        assert gone.title == "Song"
        assert faults(gone) == [("", "dangling_symlink")]

    def test_split_is_one_of_the_catalog(self, name: str) -> None:
        with pytest.raises(ValueError, match="'dev' is no split"):
            corpora.get(name, split="dev")


@pytest.mark.parametrize("name", ["musdb18", "musdb18hq"])
class TestMusdb:
    def test_folder_level_more_or_less_makes_no_difference(self, tmp_path: Path, name: str) -> None:
        expected = {song.song_id: song.split for song in read(name, write_tree(name, tmp_path / "x" / "corpus"))}
        deeper = {song.song_id: song.split for song in read(name, tmp_path / "x")}
        assert deeper == expected
        inside = read(name, tmp_path / "x" / "corpus" / "train") + read(name, tmp_path / "x" / "corpus" / "test")
        assert {song.song_id: song.split for song in inside} == expected

    def test_validation_songs_are_known_by_name(self, tmp_path: Path, name: str) -> None:
        for song in VALIDATION_SONGS:
            WRITERS[name](tmp_path / "train" / song)
        WRITERS[name](tmp_path / "train" / "Artist - First")
        WRITERS[name](tmp_path / "test" / "Leaf - Wicked")
        splits = {song.native_id: song.split for song in read(name, tmp_path)}
        assert splits.pop("Artist - First") == "train"
        assert splits.pop("Leaf - Wicked") == "test"
        assert splits == dict.fromkeys(VALIDATION_SONGS, "validation")
        assert len(splits) == 14

    def test_validation_folder_is_taken(self, tmp_path: Path, name: str) -> None:
        WRITERS[name](tmp_path / "val" / "Artist - First")
        assert [song.split for song in read(name, tmp_path)] == ["validation"]

    def test_song_whose_split_is_unknown_is_refused_unless_it_is_named(self, tmp_path: Path, name: str) -> None:
        WRITERS[name](tmp_path / "songs" / "Artist - First")
        (song,) = read(name, tmp_path / "songs")
        assert faults(song) == [("", "unknown_split")]
        (song,) = read(name, tmp_path / "songs", split="test")
        assert (faults(song), song.split) == ([], "test")


def test_musdb18_streams_are_numbered_as_published(tmp_path: Path) -> None:
    musdb18_song(tmp_path / "train" / "Artist - First")
    (song,) = read("musdb18", tmp_path)
    assert {stem: file.stream for stem, file in song.files.items()} == {
        "mixture": 0,
        "drums": 1,
        "bass": 2,
        "other": 3,
        "vocals": 4,
    }
    assert song.native_id == "Artist - First"


def test_musdb18hq_reports_every_missing_and_ambiguous_stem(tmp_path: Path) -> None:
    song_folder = tmp_path / "train" / "Artist - First"
    for name in ("drums.wav", "drums.flac", "other.wav", "mixture.wav", "linear_mixture.wav"):
        touch(song_folder / name)
    (song,) = read("musdb18hq", tmp_path)
    assert set(song.files) == {"other", "mixture"}
    assert faults(song) == [
        ("bass", "missing_stem"),
        ("drums", "ambiguous_stem"),
        ("vocals", "missing_stem"),
    ]
    assert '"drums.flac", "drums.wav"' in next(f.message for f in song.faults if f.stem == "drums")


def test_musdb18hq_takes_other_cases_and_formats(tmp_path: Path) -> None:
    for name in ("Drums.WAV", "bass.flac", "OTHER.aiff", "vocals.mp3", "mixture.wav"):
        touch(tmp_path / "train" / "Artist - First" / name)
    (song,) = read("musdb18hq", tmp_path)
    assert set(song.files) == set(FIVE)
    assert not song.faults


def test_musdb18hq_does_not_look_deeper_into_a_song(tmp_path: Path) -> None:
    musdb18hq_song(tmp_path / "train" / "Artist - First" / "Artist - First")
    (song,) = read("musdb18hq", tmp_path)
    assert not song.files
    assert [reason for _, reason in faults(song)] == ["missing_stem"] * 5


def test_musdb18hq_takes_no_other_folder_for_a_song_where_there_is_no_split(tmp_path: Path) -> None:
    touch(tmp_path / "pictures" / "cover.jpg")
    with pytest.raises(CorpusLayoutError):
        read("musdb18hq", tmp_path)


class TestFolder:
    def test_ids_are_paths_and_songs_lie_at_any_depth(self, tmp_path: Path) -> None:
        for folder in ("A", "B/C/D", "B/E"):
            touch(tmp_path / folder / "drums.wav")
        assert [song.native_id for song in read("folder", tmp_path)] == ["A", "B/C/D", "B/E"]

    def test_the_corpus_folder_itself_may_be_the_song(self, tmp_path: Path) -> None:
        touch(tmp_path / "My Song" / "drums.wav")
        (song,) = read("folder", tmp_path / "My Song")
        assert (song.native_id, song.title, song.artist, song.split) == ("My Song", "My Song", None, "train")

    @pytest.mark.parametrize(
        ("path", "option", "split"),
        [
            ("corpus/Song", None, "train"),
            ("corpus/Song", "test", "test"),
            ("corpus/VALID/Song", "test", "validation"),
            ("corpus/disc/test/train/Song", None, "test"),
            ("corpus/test", None, "train"),
            ("test/Song", None, "test"),
            ("test/Song", "train", "train"),
            ("test/train/Song", None, "train"),
        ],
    )
    def test_split_is_told_by_the_outermost_folder_inside(
        self, tmp_path: Path, path: str, option: str | None, split: str
    ) -> None:
        touch(tmp_path / path / "drums.wav")
        (song,) = read("folder", tmp_path / path.partition("/")[0], split=option)
        assert song.split == split

    def test_patterns_name_the_stems(self, tmp_path: Path) -> None:
        for name in ("01 Lead VOX.wav", "02 Kick.wav", "03 Snare.wav", "mix.wav", "click.wav"):
            touch(tmp_path / "Song" / name)
        patterns = {"vocals": ["*vox*", "*voc*"], "kick": ["02*.wav"], "snare": ["*snare"]}
        (song,) = read("folder", tmp_path, patterns=patterns)
        assert {stem: file.path.name for stem, file in song.files.items()} == {
            "vocals": "01 Lead VOX.wav",
            "kick": "02 Kick.wav",
            "snare": "03 Snare.wav",
            "mixture": "mix.wav",
        }
        assert not song.faults

    def test_a_pattern_for_the_mixture_replaces_the_usual_names(self, tmp_path: Path) -> None:
        for name in ("master.wav", "mix.wav", "drums.wav"):
            touch(tmp_path / "Song" / name)
        (song,) = read("folder", tmp_path, patterns={"mixture": ["master*"], "drums": ["drums*"]})
        assert song.files["mixture"].path.name == "master.wav"
        assert set(song.files) == {"mixture", "drums"}

    def test_files_that_could_be_more_than_one_thing_are_not_guessed(self, tmp_path: Path) -> None:
        for name in ("vox 1.wav", "vox 2.wav", "bass drum.wav", "keys.wav"):
            touch(tmp_path / "Song" / name)
        patterns = {"vocals": ["vox*"], "bass": ["*bass*"], "drums": ["*drum*"], "keys": ["keys*"]}
        (song,) = read("folder", tmp_path, patterns=patterns)
        assert set(song.files) == {"keys"}
        assert faults(song) == [("", "ambiguous_stem"), ("vocals", "ambiguous_stem")]
        messages = " ".join(fault.message for fault in song.faults)
        assert '"vox 1.wav", "vox 2.wav"' in messages
        assert 'bass drum.wav": it matches the patterns of bass and drums' in messages

    @pytest.mark.parametrize("name", ["mixture", "Mix", "FULL_MIX"])
    def test_mixture_has_several_usual_names(self, tmp_path: Path, name: str) -> None:
        touch(tmp_path / "Song" / f"{name}.wav")
        touch(tmp_path / "Song" / "drums.wav")
        (song,) = read("folder", tmp_path)
        assert set(song.files) == {"mixture", "drums"}

    def test_song_without_a_stem_is_refused(self, tmp_path: Path) -> None:
        touch(tmp_path / "Song" / "mix.wav")
        (song,) = read("folder", tmp_path)
        assert faults(song) == [("", "missing_stem")]

    def test_audio_that_cannot_be_read_is_not_passed_over(self, tmp_path: Path) -> None:
        touch(tmp_path / "Song" / "drums.wav")
        touch(tmp_path / "Song" / "vocals.wma")
        touch(tmp_path / "Song" / "lyrics.pdf")
        (song,) = read("folder", tmp_path)
        assert set(song.files) == {"drums", "vocals"}

    def test_folder_named_like_audio_is_a_folder_if_it_holds_some(self, tmp_path: Path) -> None:
        touch(tmp_path / "Song.flac" / "drums.wav")
        touch(tmp_path / "Album.mp3" / "Song" / "drums.wav")
        touch(tmp_path / "Other" / "drums.wav")
        (tmp_path / "Other" / "bass.wav").mkdir()
        songs = {song.native_id: set(song.files) for song in read("folder", tmp_path)}
        assert songs == {
            "Album.mp3/Song": {"drums"},
            "Other": {"bass", "drums"},
            "Song.flac": {"drums"},
        }

    def test_linked_folders_are_read_once_under_their_own_path(self, tmp_path: Path) -> None:
        touch(tmp_path / "elsewhere" / "Song X" / "drums.wav")
        touch(tmp_path / "corpus" / "Song B" / "drums.wav")
        (tmp_path / "corpus" / "A link").symlink_to("Song B")
        (tmp_path / "corpus" / "Linked").symlink_to(tmp_path / "elsewhere" / "Song X")
        songs = [song.native_id for song in read("folder", tmp_path / "corpus")]
        assert songs == ["Song B", "Linked"]

    def test_patterns_have_to_be_lists(self) -> None:
        with pytest.raises(ValueError, match="give a list of patterns"):
            FolderCorpus(patterns={"vocals": "vox*"})

    def test_licence_is_noted_with_every_song(self, tmp_path: Path) -> None:
        touch(tmp_path / "Song" / "drums.wav")
        assert [song.licence for song in read("folder", tmp_path, licence="CC0")] == ["CC0"]
        assert [song.licence for song in read("folder", tmp_path)] == [None]


def test_registry_names_what_it_knows() -> None:
    with pytest.raises(ValueError, match=r"'fma'.*folder, manifest, medleydb, moisesdb, musdb18, musdb18hq"):
        corpora.get("fma")
    with pytest.raises(ValueError, match=r"no option 'patern'.*patterns, split, licence"):
        corpora.get("folder", patern={})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A - B", ("A", "B")),
        ("A - B - C", ("A", "B - C")),
        ("A-B", (None, "A-B")),
        (" - B", (None, " - B")),
        ("B", (None, "B")),
    ],
)
def test_artist_and_title_are_told_apart(name: str, expected: tuple[str | None, str]) -> None:
    assert artist_and_title(name) == expected
