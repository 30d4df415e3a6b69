"""What is odd about single corpora, one miniature each."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from catalogs import corpora
from catalogs.audio_file import AudioFileError, decode
from catalogs.corpora import CorpusFile, CorpusLayoutError, CorpusSong
from catalogs.corpora.musdb18 import VALIDATION_SONGS
from catalogs.ingest import ingest_song, load_song
from catalogs.material import PARTS, SUMMED, file_rows, stem_rows
from tests.layouts import FULL_SCALE, TrueSong, write_layout
from tests.signals import RATE, noise

ONE = (("Song", "train"),)


def only(name: str, root: Path, **options: object) -> CorpusSong:
    (song,) = corpora.get(name, **options).songs(root)
    return song


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def reasons(song: CorpusSong) -> list[str]:
    return sorted(row["reason"] for row in ingest_song(song).quarantine)


def stems_of(song: CorpusSong) -> dict[str, str | None]:
    return {part: file.stem for part, file in song.files.items()}


def rewrite(path: Path, change: dict[str, object]) -> None:
    """Change keys of a YAML or JSON description; JSON is YAML."""
    path.write_text(json.dumps({**yaml.safe_load(path.read_text("utf-8")), **change}), "utf-8")


class TestSumming:
    def test_files_of_a_stem_are_summed_whatever_their_lengths_rates_and_channels(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.wav", noise(0.5, 1)[:, :1], RATE, subtype="FLOAT")
        soundfile.write(tmp_path / "b.wav", noise(0.7, 2), 48_000, subtype="PCM_24")
        soundfile.write(tmp_path / "c.wav", noise(0.2, 3), 22_050)
        parts = {name: CorpusFile(tmp_path / f"{name}.wav", stem="drums") for name in "abc"}
        song = CorpusSong("demo", "song", None, None, "train", None, parts)
        rows = ingest_song(song).tracks
        single = [decode(tmp_path / f"{name}.wav") for name in "abc"]
        expected = np.zeros((max(map(len, single)), 2))
        for samples in single:
            expected[: len(samples)] += samples
        audio = load_song(rows)
        assert list(audio) == ["drums"]
        np.testing.assert_allclose(audio["drums"], expected, atol=1e-6)
        np.testing.assert_array_equal(load_song(rows[::-1])["drums"], audio["drums"])

    def test_a_stem_is_one_row_for_the_stages_and_names_all_its_files(self, tmp_path: Path) -> None:
        (truth,) = write_layout("medleydb", tmp_path, ONE)
        tracks = ingest_song(only("medleydb", tmp_path)).tracks
        rows = {row["stem"]: row for row in stem_rows(tracks)}
        assert set(rows) == {"drums", "bass", "other", "vocals", "mixture"}
        assert {row["role"] for stem, row in rows.items() if stem != "mixture"} == {"stem"}
        assert rows["other"]["encoding"] == SUMMED
        assert [row["part"] for row in rows["other"][PARTS]] == ["S03", "S04"]
        assert rows["drums"]["encoding"] == "PCM_16"
        for stem, samples in truth.stems.items():
            assert rows[stem]["catalog_frames"] == len(samples)
        assert sorted(row["part"] for row in file_rows(rows.values())) == ["S01", "S02", "S03", "S04", "S05", "mixture"]

    def test_the_file_at_fault_is_named(self, tmp_path: Path) -> None:
        (truth,) = write_layout("moisesdb", tmp_path, ONE)
        rows = ingest_song(only("moisesdb", tmp_path)).tracks
        truth.breakable.unlink()
        with pytest.raises(AudioFileError, match=truth.breakable.name):
            load_song(rows)

    def test_the_hash_is_of_the_files_in_use(self, tmp_path: Path) -> None:
        (truth,) = write_layout("medleydb", tmp_path, ONE)

        def hashes(**options: str) -> str:
            (found,) = {row["song_hash"] for row in ingest_song(only("medleydb", tmp_path, **options)).tracks}
            return found

        stems, raws = hashes(), hashes(roles="raw")
        assert stems != raws
        raw = next(file.path for file in truth.files if file.role == "raw")
        soundfile.write(raw, np.zeros((1_000, 1)), RATE)
        assert hashes() == stems
        assert hashes(roles="raw") != raws

    def test_the_hash_of_a_song_of_whole_stems_is_that_of_its_stems_and_contents(self, tmp_path: Path) -> None:
        write_layout("musdb18hq", tmp_path, ONE)
        rows = ingest_song(only("musdb18hq", tmp_path)).tracks
        files = sorted((row["stem"], row["stream"], row["content_hash"]) for row in rows)
        expected = hashlib.blake2b(json.dumps(files).encode(), digest_size=16).hexdigest()
        assert {row["song_hash"] for row in rows} == {expected}


class TestDsd100:
    def test_validation_songs_of_musdb18_are_known(self, tmp_path: Path) -> None:
        for number, song in enumerate(sorted(VALIDATION_SONGS)):
            touch(tmp_path / "Sources" / "Dev" / f"{number:03d} - {song}" / "bass.wav")
        touch(tmp_path / "Sources" / "Test" / "050 - Leaf - Wicked" / "bass.wav")
        songs = {song.native_id: song for song in corpora.get("dsd100").songs(tmp_path)}
        assert songs.pop("050 - Leaf - Wicked").split == "test"
        assert {song.split for song in songs.values()} == {"validation"}
        assert {f"{song.artist} - {song.title}" for song in songs.values()} == VALIDATION_SONGS

    @pytest.mark.parametrize(("tree", "missing"), [("Mixtures", 1), ("Sources", 4)])
    def test_a_song_in_one_tree_only_lacks_what_the_other_holds(self, tmp_path: Path, tree: str, missing: int) -> None:
        write_layout("dsd100", tmp_path, ONE)
        shutil.rmtree(tmp_path / tree)
        assert reasons(only("dsd100", tmp_path)) == ["missing_stem"] * missing


class TestMedleyDb:
    @pytest.fixture
    def song(self, tmp_path: Path) -> TrueSong:
        return write_layout("medleydb", tmp_path, ONE)[0]

    @pytest.mark.parametrize("place", ["beside", "data/Metadata", "given", "V1 and V2 below"])
    def test_metadata_is_found_in_all_usual_places(self, tmp_path: Path, song: TrueSong, place: str) -> None:
        expected = only("medleydb", tmp_path).files.keys()
        metadata, options, root = song.others[0], {}, tmp_path
        if place == "beside":
            metadata.rename(tmp_path / "Audio" / "Artist_Song" / metadata.name)
        elif place == "given":
            shutil.move(tmp_path / "Metadata", tmp_path / "elsewhere" / "medleydb" / "data")
            options, root = {"metadata": str(tmp_path / "elsewhere")}, tmp_path / "Audio"
        elif place == "data/Metadata":
            shutil.move(tmp_path / "Metadata", tmp_path / "data" / "Metadata")
            root = tmp_path / "Audio"
        else:
            shutil.move(tmp_path / "Audio", tmp_path / "Audio" / ".." / "V2")
        assert only("medleydb", root, **options).files.keys() == expected

    def test_without_metadata_the_song_is_refused_and_told_of(self, tmp_path: Path, song: TrueSong) -> None:
        song.others[0].unlink()
        (row,) = ingest_song(only("medleydb", tmp_path)).quarantine
        assert (row["song_id"], row["reason"]) == (song.song_id, "missing_metadata")
        assert "Artist_Song_METADATA.yaml" in row["message"]

    @pytest.mark.parametrize("content", ["stems: [", "stems: 3", "", "stems: {S01: {filename: a.wav}}"])
    def test_metadata_that_is_none_is_refused(self, tmp_path: Path, song: TrueSong, content: str) -> None:
        song.others[0].write_text(content)
        (row,) = ingest_song(only("medleydb", tmp_path)).quarantine
        assert row["reason"] == "bad_metadata"
        assert song.others[0].name in row["message"]
        assert "\n" not in row["message"]

    def test_what_the_metadata_tells_is_in_the_rows(self, tmp_path: Path, song: TrueSong) -> None:
        rows = ingest_song(only("medleydb", tmp_path)).tracks
        assert {(row["title"], row["artist"], row["genre"], row["provenance"], row["bleed"]) for row in rows} == {
            ("Song", "Artist", "Rock", "a studio", False)
        }
        labels = {row["part"]: row["instruments"] for row in rows}
        assert labels["S03"] == ["violin", "cello"]
        assert labels["S01/R01"] == ["kick drum"]
        assert labels["mixture"] == []
        rewrite(song.others[0], {"has_bleed": "yes"})
        assert {row["bleed"] for row in ingest_song(only("medleydb", tmp_path)).tracks} == {True}

    def test_a_part_of_several_sources_needs_the_users_word(self, tmp_path: Path, song: TrueSong) -> None:
        about = yaml.safe_load(song.others[0].read_text("utf-8"))
        about["stems"]["S03"]["instrument"] = ["violin", "male singer"]
        rewrite(song.others[0], about)
        (row,) = ingest_song(only("medleydb", tmp_path)).quarantine
        assert row["reason"] == "mixed_sources"
        assert '"violin", "male singer", of the sources other and vocals' in row["message"]
        table = tmp_path / "mine.toml"
        table.write_text(f'[songs."{song.song_id}"]\nS03 = "vocals"\n')
        found = stems_of(only("medleydb", tmp_path, sources=str(table)))
        assert (found["S03"], found["S03/R01"], found["S04"]) == ("vocals", "vocals", "other")

    def test_an_unlabelled_part_is_never_guessed(self, tmp_path: Path, song: TrueSong) -> None:
        about = yaml.safe_load(song.others[0].read_text("utf-8"))
        about["stems"]["S02"]["instrument"] = "Unlabeled"
        rewrite(song.others[0], about)
        (row,) = ingest_song(only("medleydb", tmp_path)).quarantine
        assert row["reason"] == "unmapped_label"
        assert '"Unlabeled"' in row["message"]
        assert "STEM_02.wav" in row["message"]

    def test_raws_are_the_material_on_demand(self, tmp_path: Path, song: TrueSong) -> None:
        tracks = ingest_song(only("medleydb", tmp_path, roles="raw")).tracks
        audio = load_song([row for row in tracks if row["used"]])
        for stem in ("drums", "bass", "other", "vocals"):
            parts = [file.audio for file in song.files if (file.role, file.stem) == ("raw", stem)]
            np.testing.assert_array_equal(audio[stem], np.sum(parts, axis=0, dtype=np.float32) / FULL_SCALE)
        with pytest.raises(ValueError, match="'mixture' is no role to normalise; name one of stem, raw"):
            corpora.get("medleydb", roles="mixture")

    def test_raws_may_be_away_unless_they_are_the_material(self, tmp_path: Path, song: TrueSong) -> None:
        shutil.rmtree(tmp_path / "Audio" / "Artist_Song" / "Artist_Song_RAW")
        tracks = ingest_song(only("medleydb", tmp_path)).tracks
        assert {row["role"] for row in tracks} == {"stem", "mixture"}
        assert set(reasons(only("medleydb", tmp_path, roles="raw"))) == {"missing"}

    def test_a_stem_that_is_away_is_missed(self, tmp_path: Path, song: TrueSong) -> None:
        song.files[0].path.unlink()
        assert reasons(only("medleydb", tmp_path)) == ["missing"]


class TestMoisesDb:
    def test_depth_of_the_folders_does_not_matter(self, tmp_path: Path) -> None:
        (song,) = write_layout("moisesdb", tmp_path / "a", ONE)
        shutil.copytree(tmp_path / "a" / "moisesdb_v0.1", tmp_path / "b" / "moisesdb" / "v" / "provider")
        for root in (tmp_path / "a" / "moisesdb_v0.1", tmp_path / "b", tmp_path / "b" / "moisesdb"):
            assert only("moisesdb", root).song_id == song.song_id

    def test_labels_bleed_and_sources_are_those_of_the_description(self, tmp_path: Path) -> None:
        write_layout("moisesdb", tmp_path, ONE)
        rows = [row for row in ingest_song(only("moisesdb", tmp_path)).tracks if row["role"] == "stem"]
        by_label = {row["instruments"][0]: row for row in rows}
        assert by_label["tuba (bass of brass)"]["stem"] == "other"
        assert by_label["bass guitar"]["stem"] == "bass"
        assert by_label["organ, electric organ / a label with a slash"]["stem"] == "other"
        assert {label for label, row in by_label.items() if row["bleed"]} == {"kick drum", "snare drum", "overheads"}
        assert {(row["artist"], row["title"], row["genre"]) for row in rows} == {("Artist", "Song", "rock")}

    def test_a_family_that_is_known_makes_up_for_a_kind_that_is_not(self, tmp_path: Path) -> None:
        (truth,) = write_layout("moisesdb", tmp_path, ONE)
        about = yaml.safe_load(truth.others[0].read_text("utf-8"))
        about["stems"][0]["tracks"][0]["trackType"] = "a voice of a new kind"
        about["stems"][2]["tracks"][0]["trackType"] = "percussion of a new kind"
        about["stems"][2]["stemName"] = "percussion of a new family"
        rewrite(truth.others[0], about)
        song = only("moisesdb", tmp_path)
        assert [fault.reason for fault in song.faults] == ["unmapped_label"]
        assert '"percussion of a new kind" or "percussion of a new family"' in song.faults[0].problem

    def test_a_click_is_neither_in_a_stem_nor_in_the_mixture(self, tmp_path: Path) -> None:
        (truth,) = write_layout("moisesdb", tmp_path, ONE)
        about = yaml.safe_load(truth.others[0].read_text("utf-8"))
        about["stems"][-1]["tracks"][0]["trackType"] = "click track"
        rewrite(truth.others[0], about)
        tracks = ingest_song(only("moisesdb", tmp_path)).tracks
        (click,) = (row for row in tracks if row["stem"] == "excluded")
        assert [row["part"] for row in tracks if row["uri"] == click["uri"]] == [click["part"]]

    def test_a_stem_with_a_blank_in_its_name_lies_in_a_folder_without(self, tmp_path: Path) -> None:
        (truth,) = write_layout("moisesdb", tmp_path, ONE)
        about = yaml.safe_load(truth.others[0].read_text("utf-8"))
        about["stems"][-1]["stemName"] = "other keys"
        rewrite(truth.others[0], about)
        assert reasons(only("moisesdb", tmp_path)) == []

    @pytest.mark.parametrize("content", ["{", "[]", '{"stems": [{"stemName": "bass"}]}'])
    def test_a_description_that_is_none_is_refused(self, tmp_path: Path, content: str) -> None:
        (truth,) = write_layout("moisesdb", tmp_path, ONE)
        truth.others[0].write_text(content)
        assert reasons(only("moisesdb", tmp_path)) == ["bad_metadata"]


class TestSlakh:
    def test_a_stem_that_was_not_rendered_is_not_missed_and_one_that_was_is(self, tmp_path: Path) -> None:
        (truth,) = write_layout("slakh2100", tmp_path, ONE)
        assert reasons(only("slakh2100", tmp_path)) == []
        truth.breakable.unlink()
        (row,) = ingest_song(only("slakh2100", tmp_path)).quarantine
        assert row["reason"] == "missing"
        assert truth.breakable.name in row["message"]

    def test_omitted_tracks_are_refused_with_the_reason(self, tmp_path: Path) -> None:
        (truth,) = write_layout("slakh2100", tmp_path / "slakh", ONE)
        (tmp_path / "slakh" / "train").rename(tmp_path / "slakh" / "omitted")
        for root in (tmp_path, tmp_path / "slakh", tmp_path / "slakh" / "omitted"):
            song = only("slakh2100", root)
            assert (song.song_id, reasons(song)) == (truth.song_id, ["omitted"])

    def test_babyslakh_is_wave_without_splits(self, tmp_path: Path) -> None:
        (truth,) = write_layout("slakh2100", tmp_path, ONE)
        (tmp_path / "train").rename(tmp_path / "babyslakh_16k")
        for path in list((tmp_path / "babyslakh_16k").rglob("*.flac")):
            samples, _ = soundfile.read(path, dtype="int16")
            soundfile.write(path.with_suffix(".wav"), samples, 16_000)
            path.unlink()
        song = only("slakh2100", tmp_path / "babyslakh_16k")
        result = ingest_song(song)
        assert (song.song_id, song.split, result.quarantine) == (truth.song_id, "train", [])
        assert {tuple(row["conversions"]) for row in result.tracks} == {("channels 1 to 2", "rate 16000 to 44100")}
        assert only("slakh2100", tmp_path / "babyslakh_16k", split="test").split == "test"

    def test_labels_are_the_program_and_music_is_traced(self, tmp_path: Path) -> None:
        write_layout("slakh2100", tmp_path, ONE)
        rows = {row["part"]: row for row in ingest_song(only("slakh2100", tmp_path)).tracks}
        assert rows["S02"]["instruments"] == ["Acoustic Grand Piano"]
        assert rows["S00"]["instruments"] == ["Drums"]
        assert rows["S00"]["provenance"].startswith("uuid of ")

    def test_without_metadata_or_any_rendered_stem_the_song_is_refused(self, tmp_path: Path) -> None:
        (truth,) = write_layout("slakh2100", tmp_path, ONE)
        silent = {"audio_rendered": False, "inst_class": "Bass", "is_drum": False, "midi_program_name": "Bass"}
        rewrite(truth.others[0], {"stems": {"S00": silent}})
        assert reasons(only("slakh2100", tmp_path)) == ["missing_stem"]
        truth.others[0].unlink()
        assert reasons(only("slakh2100", tmp_path)) == ["missing_metadata"]


class TestCambridgeMt:
    def test_all_known_layouts_give_the_same_song(self, tmp_path: Path) -> None:
        layouts = {
            "plain": "A_B/tracks/01_Kick.wav",
            "archive in the song": "A_B/tracks/A_B_Full/01_Kick.wav",
            "archive in a number": "0017/tracks/A_B_Full/01_Kick.wav",
            "among many": "multitracks/A_B_Full/01_Kick.wav",
            "MS500": "A_B/A_B_RAW/01_Kick.wav",
            "archive": "A_B_Full/01_Kick.wav",
            "archive unpacked into its own folder": "A_B_Full/A_B_Full/01_Kick.wav",
        }
        for name, path in layouts.items():
            touch(tmp_path / name / path)
            song = only("cambridge_mt", tmp_path / name)
            assert (song.native_id, song.artist, song.title) == ("A_B", "A", "B"), name
            assert [file.stem for file in song.files.values()] == ["drums"]
            assert [file.role for file in song.files.values()] == ["raw"]

    def test_songs_of_one_folder_are_kept_apart_and_mixes_go_to_theirs(self, tmp_path: Path) -> None:
        for path in (
            "multitracks/A_B_Full/01_Kick.wav",
            "multitracks/C_D_Full/01_Kick.wav",
            "0017/tracks/E_F_Full/01_Kick.wav",
            "0017/mixes/Mix.wav",
            "0017/more/I_J_Full/01_Kick.wav",
            "0018/tracks/G_H_Full/01_Kick.wav",
        ):
            touch(tmp_path / path)
        songs = {song.native_id: song for song in corpora.get("cambridge_mt").songs(tmp_path)}
        assert {name: "mixture" in song.files for name, song in songs.items()} == {
            "A_B": False,
            "C_D": False,
            "E_F": True,
            "G_H": False,
            "I_J": False,
        }
        assert not any(song.faults for song in songs.values())

    def test_full_songs_precede_excerpts(self, tmp_path: Path) -> None:
        touch(tmp_path / "A_B" / "tracks" / "A_B_Full" / "01_Kick.wav")
        touch(tmp_path / "A_B" / "tracks" / "A_B_Excerpt" / "01_Kick.wav")
        assert list(only("cambridge_mt", tmp_path).files) == ["tracks/A_B_Full/01_Kick.wav"]

    def test_previews_are_set_aside_unless_they_are_asked_for(self, tmp_path: Path) -> None:
        touch(tmp_path / "A_B" / "tracks" / "01_Kick.wav")
        touch(tmp_path / "A_B" / "mixes" / "A_B_Full_Preview.mp3")
        assert stems_of(only("cambridge_mt", tmp_path))["mixes/A_B_Full_Preview.mp3"] == "excluded"
        assert "mixture" in only("cambridge_mt", tmp_path, previews=True).files

    def test_one_of_several_mixes_has_to_be_the_full_one(self, tmp_path: Path) -> None:
        for name in ("tracks/01_Kick.wav", "mixes/first.wav", "mixes/second.wav"):
            touch(tmp_path / "A_B" / name)
        song = only("cambridge_mt", tmp_path)
        assert [fault.reason for fault in song.faults] == ["ambiguous_stem"]
        assert '"first.wav", "second.wav"' in song.faults[0].problem
        touch(tmp_path / "A_B" / "mixes" / "Full.wav")
        song = only("cambridge_mt", tmp_path)
        assert song.files["mixture"].path.name == "Full.wav"
        assert stems_of(song)["mixes/first.wav"] == "excluded"

    @pytest.mark.parametrize("name", ["14_Room", "Bass Drum and Guitar", "07"])
    def test_names_that_tell_nothing_or_too_much_are_not_guessed(self, tmp_path: Path, name: str) -> None:
        touch(tmp_path / "A_B" / f"{name}.wav")
        song = only("cambridge_mt", tmp_path)
        assert [fault.reason for fault in song.faults] == ["unmapped_label"]
        assert name in song.faults[0].problem

    def test_users_words_precede_the_built_in_ones(self, tmp_path: Path) -> None:
        touch(tmp_path / "A_B" / "14_Room.wav")
        touch(tmp_path / "A_B" / "15_Kick.wav")
        table = tmp_path / "mine.toml"
        table.write_text('[words.drums]\nroom = ["room"]\n[words.kick]\nkick = ["kick"]\n')
        song = only("cambridge_mt", tmp_path / "A_B", sources=str(table))
        assert sorted(str(file.stem) for file in song.files.values()) == ["drums", "kick"]


class TestEnstDrums:
    def test_single_strokes_and_raised_copies_are_no_songs(self, tmp_path: Path) -> None:
        write_layout("enst_drums", tmp_path, ONE)
        touch(tmp_path / "drummer_1" / "audio" / "kick" / "001_hits_snare.wav")
        touch(tmp_path / "drummer_1" / "audio" / "wet_mix" / "norm_002_phrase.wav")
        assert only("enst_drums", tmp_path).title is not None

    def test_the_music_that_was_played_to_is_set_aside(self, tmp_path: Path) -> None:
        (truth,) = write_layout("enst_drums", tmp_path, ONE)
        wet = next(file.path for file in truth.files if file.role == "mixture")
        touch(tmp_path / "drummer_1" / "audio" / "accompaniment" / wet.name)
        song = only("enst_drums", tmp_path)
        assert (song.files["accompaniment"].stem, song.faults) == ("excluded", ())

    def test_the_dry_mix_may_stand_for_the_microphones(self, tmp_path: Path) -> None:
        (truth,) = write_layout("enst_drums", tmp_path, ONE)
        dry = next(file for file in truth.files if file.path.parent.name == "dry_mix")
        song = only("enst_drums", tmp_path, raws="dry_mix", roles="raw")
        audio = load_song([row for row in ingest_song(song).tracks if row["used"]])
        np.testing.assert_array_equal(audio["drums"], np.float32(dry.audio / FULL_SCALE))
        with pytest.raises(ValueError, match="'loops' are no raws of enst_drums"):
            corpora.get("enst_drums", raws="loops")

    def test_a_take_without_its_wet_mix_is_refused(self, tmp_path: Path) -> None:
        write_layout("enst_drums", tmp_path, ONE)
        touch(tmp_path / "drummer_1" / "audio" / "kick" / "002_phrase.wav")
        faulty = [song for song in corpora.get("enst_drums").songs(tmp_path) if song.faults]
        assert [(song.title, song.faults[0].reason) for song in faulty] == [("002_phrase", "missing_stem")]

    def test_drummers_are_told_apart(self, tmp_path: Path) -> None:
        write_layout("enst_drums", tmp_path, ONE)
        shutil.copytree(tmp_path / "drummer_1", tmp_path / "drummer_2")
        assert len({song.song_id for song in corpora.get("enst_drums").songs(tmp_path)}) == 2


def test_rawstems_names_are_artist_and_title(tmp_path: Path) -> None:
    touch(tmp_path / "AM_Contra|Heart_Peripheral's" / "Voc" / "LV" / "take.flac")
    song = only("rawstems", tmp_path)
    assert (song.native_id, song.artist, song.title) == (
        "AM_Contra|Heart_Peripheral's",
        "AM Contra",
        "Heart Peripheral's",
    )
    assert song.files["Voc/LV/take.flac"].labels == ("LV", "Voc")


class TestManifest:
    def write(self, folder: Path, rows: list[dict[str, object]], name: str = "manifest.csv") -> Path:
        soundfile.write(folder / "a.wav", noise(0.1), RATE)
        soundfile.write(folder / "b.wav", noise(0.1, 1), RATE)
        frame = pd.DataFrame(rows)
        path = folder / name
        _ = frame.to_csv(path, index=False) if name.endswith(".csv") else frame.to_parquet(path)
        return path

    @pytest.mark.parametrize("name", ["manifest.csv", "manifest.parquet"])
    def test_csv_and_parquet_say_the_same(self, tmp_path: Path, name: str) -> None:
        rows: list[dict[str, object]] = [
            {"song": "007", "path": "a.wav", "stem": "drums", "bleed": True, "split": "test", "stream": None},
            {"song": "007", "path": "b.wav", "stem": "bass", "bleed": None, "split": "test", "stream": None},
        ]
        table = self.write(tmp_path, rows, name)
        for root in (tmp_path, table):
            song = only("manifest", root, rights="CC0-1.0")
            assert (song.song_id, song.split, song.licence) == ("manifest/007", "test", "CC0-1.0")
            assert {row["stem"]: row["bleed"] for row in ingest_song(song).tracks} == {"drums": True, "bass": None}

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"path": ""}, "names no path"),
            ({"stem": ""}, "names neither a stem nor an instrument"),
            ({"role": "bus"}, "'bus' is no role"),
            ({"split": "dev"}, "'dev' is no split"),
            ({"bleed": "perhaps"}, "bleed is 'perhaps'"),
            ({"stream": "first"}, "stream is 'first'"),
            ({"path": "a.wav"}, "stands in an earlier row"),
            ({"split": "test"}, "has the splits test and train"),
        ],
    )
    def test_a_bad_row_is_told_with_its_number(self, tmp_path: Path, change: dict[str, str], problem: str) -> None:
        good = {"song": "One", "stem": "drums", "role": "", "split": "train", "bleed": "no", "stream": ""}
        bad = {**good, "path": "b.wav", "stem": "bass", **change}
        self.write(tmp_path, [{**good, "path": "a.wav"}, bad])
        (row,) = ingest_song(only("manifest", tmp_path)).quarantine
        assert row["reason"] == "bad_metadata"
        assert problem in row["message"]
        assert "manifest.csv" in row["message"]
        assert "row 2" in row["message"] or change == {"split": "test"}

    def test_a_table_without_the_columns_is_refused(self, tmp_path: Path) -> None:
        for rows, needed in (
            ([{"song": "One", "stem": "drums"}], "path"),
            ([{"path": "a.wav", "instrument": "drums"}], "song"),
            ([{"song": "One", "path": "a.wav"}], "stem or instrument"),
        ):
            self.write(tmp_path, list(rows))
            with pytest.raises(CorpusLayoutError, match=f"a manifest has a column {needed}; this one has"):
                only("manifest", tmp_path)
        (tmp_path / "manifest.csv").write_text("song,path,stem\n")
        for root in (tmp_path, tmp_path / "manifest.csv"):
            with pytest.raises(CorpusLayoutError, match="the table has no rows"):
                only("manifest", root)
        (tmp_path / "manifest.csv").unlink()
        (tmp_path / "manifest.parquet").write_bytes(b"no table")
        with pytest.raises(CorpusLayoutError, match="cannot be read as a table"):
            only("manifest", tmp_path)

    def test_of_two_manifests_one_has_to_be_named(self, tmp_path: Path) -> None:
        for name in ("manifest.csv", "manifest.parquet"):
            self.write(tmp_path, [{"song": "One", "path": "a.wav", "stem": "drums"}], name)
        with pytest.raises(CorpusLayoutError, match="there are several manifests"):
            only("manifest", tmp_path)
        assert only("manifest", tmp_path / "manifest.csv").native_id == "One"

    def test_a_file_that_is_away_is_missed(self, tmp_path: Path) -> None:
        self.write(tmp_path, [{"song": "One", "path": "gone.wav", "stem": "drums"}])
        (row,) = ingest_song(only("manifest", tmp_path)).quarantine
        assert (row["reason"], "gone.wav" in row["message"]) == ("missing", True)
