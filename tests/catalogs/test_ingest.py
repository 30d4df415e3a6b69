from __future__ import annotations

import multiprocessing
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from catalogs import corpora
from catalogs.audio_file import AudioFileError, content_hash, decode, path_to_uri
from catalogs.corpora import CorpusFile, CorpusSong
from catalogs.faults import REMEDIES, Fault
from catalogs.ingest import KnownTracks, SongIngest, ingest_song, load_song, mark_duplicates
from catalogs.schemas import QUARANTINE, TRACKS
from tests.ugly_files import (
    FRAMES,
    RATE,
    tones,
    wave_bytes,
    write_ffmpeg,
    write_song,
    write_stem_mp4,
    write_ugly_corpora,
)

NOBODY = 65_534
DOCUMENT = Path(__file__).parents[2] / "docs" / "input-files.md"


def known_tracks(rows: list[dict[str, object]]) -> KnownTracks:
    return KnownTracks(pa.Table.from_pylist(rows, schema=TRACKS))


@dataclass(frozen=True)
class Outcome:
    """What becomes of a song: ``reason`` is a reason code, or what was converted."""

    outcome: str
    reason: str = ""


PROCESSED = Outcome("processed")
UNDECLARED = Outcome("converted", "length not declared, read to the end")
MONO = Outcome("converted", "channels 1 to 2")


def refused(reason: str) -> Outcome:
    return Outcome("quarantined", reason)


OUTCOMES: dict[str, Outcome] = {
    "broken_data_size_zero.wav": refused("size_mismatch"),
    "broken_header_claims_too_much.wav": refused("size_mismatch"),
    "broken_header_only.wav": refused("empty"),
    "broken_inf.wav": refused("non_finite"),
    "broken_nan.wav": refused("non_finite"),
    "broken_random_bytes.wav": refused("not_audio"),
    "broken_streamed_sizes.wav": UNDECLARED,
    "broken_text.wav": refused("not_audio"),
    "broken_truncated.wav": refused("truncated"),
    "broken_zero_bytes.wav": refused("empty"),
    "channels_5.1.wav": refused("channels"),
    "channels_eight.wav": refused("channels"),
    "depth_24_bit.wav": PROCESSED,
    "depth_32_bit_float.wav": PROCESSED,
    "depth_64_bit_float.wav": PROCESSED,
    "depth_8_bit.wav": PROCESSED,
    "depth_float_above_full_scale.wav": PROCESSED,
    "depth_mu_law.wav": PROCESSED,
    "format_aiff.aiff": PROCESSED,
    "format_flac.flac": PROCESSED,
    "format_flac_named_wav.wav": Outcome("converted", "name .wav holds FLAC"),
    "format_m4a.m4a": PROCESSED,
    "format_mp3.mp3": PROCESSED,
    "format_mp3_named_wav.wav": Outcome("converted", "name .wav holds MP3"),
    "format_odd_chunks.wav": PROCESSED,
    "format_ogg.ogg": PROCESSED,
    "format_rf64.wav": PROCESSED,
    "format_w64.w64": PROCESSED,
    "level_all_silent.wav": refused("all_stems_silent"),
    "level_anti_phase.wav": PROCESSED,
    "level_clipped.wav": PROCESSED,
    "level_dc_offset.wav": PROCESSED,
    "level_dead_channel.wav": PROCESSED,
    "level_inverted_stem.wav": PROCESSED,
    "level_minus_80.wav": PROCESSED,
    "level_silent_stem.wav": PROCESSED,
    "mono_every_file.wav": MONO,
    "mono_one_stem.wav": MONO,
    "rate_all_22050.wav": Outcome("converted", "rate 22050 to 44100"),
    "rate_all_48000.wav": Outcome("converted", "rate 48000 to 44100"),
    "rate_all_96000_24_bit.wav": Outcome("converted", "rate 96000 to 44100"),
    "rate_drums_at_48000.wav": Outcome("converted", "rate 48000 to 44100"),
    "flac_cut.flac": refused("damaged"),
    "flac_without_length.flac": UNDECLARED,
    "mp3_cut.mp3": refused("truncated"),
    "mp3_without_length.mp3": UNDECLARED,
    "ogg_cut.ogg": refused("truncated"),
    "stem_mp4": PROCESSED,
    "stem_mp4_cut": refused("truncated"),
    "stem_mp4_with_four_streams": refused("missing_stream"),
    "stem_mp4_in_a_folder_corpus": refused("several_streams"),
    "missing_stem": refused("missing_stem"),
    "missing_mixture": refused("missing_stem"),
    "mixture_only": refused("missing_stem"),
    "all_stems_silent": refused("all_stems_silent"),
    "unequal_lengths": PROCESSED,
    "two_files_for_a_stem": refused("ambiguous_stem"),
    "same_song_twice": refused("duplicate_song_id"),
    "unknown_split": refused("unknown_split"),
    "name_with_quotes": PROCESSED,
    "name_with_newline": PROCESSED,
    "name_not_utf8": PROCESSED,
    "name_with_leading_dash": PROCESSED,
    "name_of_255_bytes": PROCESSED,
    "unreadable_file": refused("permission"),
    "unreadable_folder": refused("permission"),
    "folder_in_place_of_file": refused("not_a_file"),
    "fifo_in_place_of_file": refused("not_a_file"),
    "dangling_symlink": refused("dangling_symlink"),
    "symlink_loop_of_files": refused("symlink_loop"),
    "symlink_loop_of_folders": PROCESSED,
}
"""What becomes of each corpus that tests.ugly_files writes; docs/input-files.md says the same."""


def outcome_of(adapter: str, root: Path) -> Outcome:
    """Ingest every song of a corpus and load those that were accepted."""
    reasons, conversions = set(), set()
    for song in mark_duplicates(corpora.get(adapter).songs(root)):
        result = ingest_song(song)
        reasons |= {row["reason"] for row in result.quarantine}
        conversions |= {note for row in result.tracks for note in row["conversions"]}
        try:
            audio = load_song(result.tracks)
        except AudioFileError as error:
            reasons.add(error.reason)
        else:
            for row in result.tracks:
                assert audio[row["stem"]].shape == (row["catalog_frames"], 2)
    if reasons:
        return refused(", ".join(sorted(reasons)))
    return Outcome("converted", ", ".join(sorted(conversions))) if conversions else PROCESSED


def become_nobody() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def as_nobody(call: Callable[..., Outcome], *arguments: object) -> Outcome:
    """Call in a process that may not read what belongs to root."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context, initializer=become_nobody) as pool:
        return pool.submit(call, *arguments).result()


def rows_by_stem(result: SongIngest) -> dict[str, dict[str, object]]:
    return {row["stem"]: row for row in result.tracks}


def read_song(folder: Path, adapter: str = "folder") -> CorpusSong:
    (song,) = corpora.get(adapter).songs(folder)
    return song


def table_of(heading: str) -> dict[str, list[str]]:
    """A table of the document by the text of its first column, the other columns without back-quotes."""
    section = DOCUMENT.read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]
    assert len({row[0] for row in cells}) == len(cells)
    return {row[0]: row[1:] for row in cells}


@pytest.fixture(scope="module")
def ugly() -> Iterator[dict[str, tuple[str, Path]]]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield write_ugly_corpora(Path(folder))


def test_every_ugly_corpus_has_an_outcome(ugly: dict[str, tuple[str, Path]]) -> None:
    assert set(ugly) == set(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(ugly: dict[str, tuple[str, Path]], name: str) -> None:
    expected = OUTCOMES[name]
    if expected.reason == "all_stems_silent":
        adapter, root = ugly[name]
        stems = load_song(ingest_song(read_song(root, adapter)).tracks)
        assert all(not samples.any() for samples in stems.values())
    elif expected.reason == "permission":
        assert as_nobody(outcome_of, *ugly[name]) == expected
    else:
        assert outcome_of(*ugly[name]) == expected


def test_document_tells_the_outcome_of_every_ugly_file() -> None:
    documented = table_of("What becomes of which file")
    assert {name: Outcome(row[1], row[2]) for name, row in documented.items()} == OUTCOMES
    for name, (_, outcome, reason, remedy) in documented.items():
        assert remedy == (REMEDIES[reason] if outcome == "quarantined" else ""), name


def test_document_tells_every_reason() -> None:
    documented = table_of("Reason codes")
    assert {reason: row[-1] for reason, row in documented.items()} == REMEDIES
    assert list(documented) == sorted(REMEDIES)
    assert all(meaning for meaning, *_ in documented.values())


def test_accepted_song_has_a_row_of_the_schema_for_each_file(tmp_path: Path) -> None:
    write_song(tmp_path / "train" / "Artist - Title")
    result = ingest_song(read_song(tmp_path, "musdb18hq"))
    assert not result.quarantine
    table = pa.Table.from_pylist(result.tracks, schema=TRACKS)
    table.validate(full=True)
    assert table.num_rows == 5
    assert set(result.tracks[0]) == set(TRACKS.names)
    for row in result.tracks:
        path = tmp_path / "train" / "Artist - Title" / f"{row['stem']}.wav"
        assert row["song_id"] == "musdb18hq/Artist - Title"
        assert row["role"] == ("mixture" if row["stem"] == "mixture" else "stem")
        assert (row["artist"], row["title"], row["split"]) == ("Artist", "Title", "train")
        assert row["uri"] == path_to_uri(path)
        assert row["content_hash"] == content_hash(path)
        assert (row["sample_rate"], row["channels"], row["frames"]) == (RATE, 2, FRAMES)
        assert (row["bytes"], row["modified_ns"]) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert len({row["song_hash"] for row in result.tracks}) == 1


def test_refused_song_has_a_row_of_the_schema_for_each_fault(tmp_path: Path) -> None:
    song = write_song(tmp_path / "train" / "Artist - Title", ("drums", "bass", "other"))
    (song / "drums.wav").write_bytes(b"")
    soundfile.write(song / "bass.wav", tones(channels=6), RATE)
    result = ingest_song(read_song(tmp_path, "musdb18hq"))
    assert not result.tracks
    pa.Table.from_pylist(result.quarantine, schema=QUARANTINE).validate(full=True)
    assert set(result.quarantine[0]) == set(QUARANTINE.names)
    assert {(row["stem"], row["reason"]) for row in result.quarantine} == {
        ("vocals", "missing_stem"),
        ("mixture", "missing_stem"),
        ("drums", "empty"),
        ("bass", "channels"),
    }
    by_stem = {row["stem"]: row for row in result.quarantine}
    assert by_stem["bass"]["uri"] == path_to_uri(song / "bass.wav")
    assert by_stem["vocals"]["uri"] == path_to_uri(song)
    assert all(row["stage"] == "ingest" and row["corpus"] == "musdb18hq" for row in result.quarantine)
    assert by_stem["bass"]["message"] == f'"{song / "bass.wav"}": it has 6 channels; {REMEDIES["channels"]}'


def test_names_that_are_no_text_make_valid_tables(tmp_path: Path) -> None:
    for name, content in ((b"\xff good", wave_bytes(tones())), (b"\xff bad", b"")):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        (folder / os.fsdecode(b"\xe9.wav")).write_bytes(content)
    refused_song, accepted_song = (ingest_song(song) for song in corpora.get("folder").songs(tmp_path))
    pa.Table.from_pylist(accepted_song.tracks, schema=TRACKS).validate(full=True)
    pa.Table.from_pylist(refused_song.quarantine, schema=QUARANTINE).validate(full=True)
    assert [row["stem"] for row in accepted_song.tracks] == ["\\udce9"]
    assert list(load_song(accepted_song.tracks)) == ["\\udce9"]


def test_fault_that_all_stems_of_a_file_share_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "A - B.stem.mp4").write_bytes(b"not this time")
    (row,) = ingest_song(read_song(tmp_path, "musdb18")).quarantine
    assert (row["stem"], row["reason"]) == (None, "not_audio")


def test_song_hash_follows_content_and_stem_but_not_place_or_time(tmp_path: Path) -> None:
    def song_hash(folder: Path) -> str:
        (found,) = {row["song_hash"] for row in ingest_song(read_song(folder)).tracks}
        return found

    first = write_song(tmp_path / "one" / "Song")
    second = write_song(tmp_path / "two" / "Another Song")
    original = song_hash(first)
    os.utime(second / "drums.wav", ns=(1, 1))
    assert song_hash(second) == original
    (second / "drums.wav").rename(second / "swap.wav")
    (second / "bass.wav").rename(second / "drums.wav")
    (second / "swap.wav").rename(second / "bass.wav")
    assert song_hash(second) != original
    soundfile.write(first / "vocals.wav", 0.5 * tones(), RATE)
    assert song_hash(first) != original


def test_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "Song")
    before = ingest_song(read_song(folder))
    drums, bass = folder / "drums.wav", folder / "bass.wav"
    times = {path: path.stat().st_mtime_ns for path in (drums, bass)}
    for path in (drums, bass):
        path.write_bytes(bytes(path.stat().st_size))
    os.utime(drums, ns=(times[drums], times[drums]))
    after = ingest_song(read_song(folder), known_tracks(before.tracks))
    assert [(row["stem"], row["reason"]) for row in after.quarantine] == [("bass", "not_audio")]
    soundfile.write(bass, tones(seed=9), RATE)
    os.utime(bass, ns=(times[bass] + 1, times[bass] + 1))
    again = rows_by_stem(ingest_song(read_song(folder), known_tracks(before.tracks)))
    earlier = rows_by_stem(before)
    assert again["drums"]["content_hash"] == earlier["drums"]["content_hash"]
    assert again["bass"]["content_hash"] == content_hash(bass) != earlier["bass"]["content_hash"]
    assert again["drums"]["song_hash"] == again["bass"]["song_hash"] != earlier["drums"]["song_hash"]


def test_known_rows_give_the_same_rows(tmp_path: Path) -> None:
    write_stem_mp4(tmp_path / "A - B.stem.mp4")
    (song,) = corpora.get("musdb18", split="train").songs(tmp_path)
    first = ingest_song(song)
    stored = pa.Table.from_pylist(first.tracks, schema=TRACKS).to_pylist()
    assert ingest_song(song, known_tracks(stored)) == first


def test_later_songs_of_the_same_id_are_refused(tmp_path: Path) -> None:
    for split in ("test", "train", "val"):
        write_song(tmp_path / split / "A - B")
    songs = list(mark_duplicates(corpora.get("musdb18hq").songs(tmp_path)))
    results = [ingest_song(song) for song in songs]
    assert [bool(result.tracks) for result in results] == [True, False, False]
    assert {row["reason"] for result in results for row in result.quarantine} == {"duplicate_song_id"}


def test_streams_get_the_length_of_the_mixture(tmp_path: Path) -> None:
    lengths = [FRAMES, FRAMES + 882, FRAMES - 882, FRAMES, FRAMES + 22_050]
    write_ffmpeg(tmp_path / "A - B.stem.mp4", [tones(frames=frames) for frames in lengths])
    (song,) = corpora.get("musdb18", split="train").songs(tmp_path)
    rows = rows_by_stem(ingest_song(song))
    assert {stem: row["frames"] for stem, row in rows.items()} == {
        "mixture": FRAMES,
        "drums": FRAMES,
        "bass": FRAMES,
        "other": FRAMES,
        "vocals": FRAMES + 22_050,
    }
    assert rows["drums"]["conversions"] == [f"length {FRAMES + 882} to {FRAMES}, as the mixture"]
    assert not rows["other"]["conversions"]
    audio = load_song(list(rows.values()))
    assert {stem: len(samples) for stem, samples in audio.items()} == {
        stem: row["catalog_frames"] for stem, row in rows.items()
    }
    assert not audio["bass"][-882:].any()


def test_song_is_loaded_as_its_rows_say(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "Song", ("drums", "bass"))
    soundfile.write(folder / "bass.wav", tones(48_000, 30_001, channels=1), 48_000)
    rows = ingest_song(read_song(folder)).tracks
    audio = load_song(rows)
    assert list(audio) == [row["stem"] for row in rows]
    for row in rows:
        np.testing.assert_array_equal(audio[row["stem"]], decode(folder / f"{row['stem']}.wav"))
        assert len(audio[row["stem"]]) == row["catalog_frames"]


def test_file_that_changed_since_is_not_loaded(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "Song", ("drums",))
    rows = ingest_song(read_song(folder)).tracks
    soundfile.write(folder / "drums.wav", tones(seed=5), RATE)
    os.utime(folder / "drums.wav", ns=(1, 1))
    with pytest.raises(AudioFileError) as caught:
        load_song(rows)
    assert caught.value.reason == "changed"
    (folder / "drums.wav").unlink()
    with pytest.raises(AudioFileError) as caught:
        load_song(rows)
    assert caught.value.reason == "missing"


def test_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "Song", ("drums",))
    soundfile.write(folder / "drums.wav", np.zeros((5_000_000, 2)), RATE)
    finished = threading.Event()

    def keep_touching() -> None:
        while not finished.is_set():
            os.utime(folder / "drums.wav")

    thread = threading.Thread(target=keep_touching)
    thread.start()
    try:
        result = ingest_song(read_song(folder))
    finally:
        finished.set()
        thread.join()
    assert [row["reason"] for row in result.quarantine] == ["changed"]


def test_equal_lengths_are_not_asked_of_separate_files(tmp_path: Path) -> None:
    folder = write_song(tmp_path / "Song")
    soundfile.write(folder / "bass.wav", tones(frames=FRAMES - 100), RATE)
    rows = rows_by_stem(ingest_song(read_song(folder)))
    assert rows["bass"]["catalog_frames"] == FRAMES - 100
    assert len(load_song(list(rows.values()))["bass"]) == FRAMES - 100


def test_faults_an_adapter_found_are_told_with_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wave_bytes(tones()))
    song = CorpusSong(
        corpus="folder",
        native_id="Song",
        title=None,
        artist=None,
        split="train",
        licence=None,
        files={"drums": CorpusFile(tmp_path / "a.wav"), "bass": CorpusFile(tmp_path / "b.wav")},
        faults=(Fault("ambiguous_stem", "vocals could be many things", "vocals"),),
    )
    reasons = {row["stem"]: row["reason"] for row in ingest_song(song).quarantine}
    assert reasons == {"vocals": "ambiguous_stem", "bass": "missing"}


def test_every_reason_that_is_raised_has_a_remedy() -> None:
    sources = [path.read_text("utf-8") for path in (DOCUMENT.parents[1] / "catalogs").rglob("*.py")]
    raised = {code for text in sources for code in re.findall(r'(?:AudioFileError|Fault)\(\s*"(\w+)"', text)}
    assert len(raised) > 10
    assert raised <= set(REMEDIES)
