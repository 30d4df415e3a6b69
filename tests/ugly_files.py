"""Writes the ugly files and songs that docs/input-files.md lists, each half a second long."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 44_100
FRAMES = RATE // 2
STEMS = ("drums", "bass", "other", "vocals")


def tones(rate: int = RATE, frames: int = FRAMES, channels: int = 2, seed: int = 0) -> np.ndarray:
    """A chord that swells and fades, with a little noise: float32 (frames, channels), peak about 0.5."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / rate
    pitches = 220.0 * 2 ** (rng.integers(0, 24, (3, channels)) / 12)
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in pitches)
    swell = np.sin(np.pi * time * rate / frames)
    return (0.16 * chord * swell + 0.002 * rng.standard_normal((frames, channels))).astype(np.float32)


def wave_bytes(
    samples: np.ndarray,
    data_size: int | None = None,
    riff_size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    sample_rate: int = RATE,
    format_tag: int = 1,
) -> bytes:
    """A 16-bit WAV file made by hand: its declared sizes may be wrong, chunks stand around the audio."""
    audio = (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()
    channels, block = samples.shape[1], samples.shape[1] * 2
    fmt = struct.pack("<HHIIHH", format_tag, channels, sample_rate, sample_rate * block, block, 16)
    data = b"data" + struct.pack("<I", len(audio) if data_size is None else data_size) + audio
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fmt)) + fmt + data + after
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def write_ffmpeg(
    path: Path,
    tracks: list[np.ndarray],
    container: str = "mp4",
    codec: str = "aac",
    options: dict[str, str] | None = None,
) -> Path:
    """Encode each of ``tracks``, float32 (frames, 2) at 44 100 Hz, into its own audio stream of one file."""
    with path.open("wb") as file, av.open(file, "w", format=container, options=options or {}) as output:
        streams = [output.add_stream(codec, rate=RATE, layout="stereo") for _ in tracks]
        for stream, samples in zip(streams, tracks, strict=True):
            stream.bit_rate = 192_000
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path


def write_stem_mp4(path: Path, frames: int = FRAMES) -> Path:
    """A MUSDB18 song: mixture, drums, bass, other and vocals as AAC streams of one file."""
    stems = [0.4 * tones(frames=frames, seed=seed) for seed in range(4)]
    return write_ffmpeg(path, [sum(stems), *stems])


def write_ugly_files(folder: Path) -> dict[str, Path]:
    """Write every ugly file into ``folder``; name to path."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_broken(folder)
    _write_formats(folder)
    _write_levels(folder)
    return {path.name: path for path in sorted(folder.iterdir())}


def _write_broken(folder: Path) -> None:
    music = tones()
    good = wave_bytes(music)
    faulty = {"nan": np.nan, "inf": np.inf}
    for name, value in faulty.items():
        samples = music.copy()
        samples[1_000:1_100] = value
        soundfile.write(folder / f"broken_{name}.wav", samples, RATE, subtype="FLOAT")
    (folder / "broken_data_size_zero.wav").write_bytes(wave_bytes(music, data_size=0, riff_size=0))
    (folder / "broken_header_claims_too_much.wav").write_bytes(wave_bytes(music, data_size=10 * 4 * FRAMES))
    (folder / "broken_header_only.wav").write_bytes(wave_bytes(music[:0]))
    (folder / "broken_random_bytes.wav").write_bytes(np.random.default_rng(2).bytes(50_000))
    streamed = wave_bytes(music, data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF)
    (folder / "broken_streamed_sizes.wav").write_bytes(streamed)
    (folder / "broken_text.wav").write_text("Ask the engineer for the vocal bounce.\n" * 40, "utf-8")
    (folder / "broken_truncated.wav").write_bytes(good[: len(good) * 6 // 10])
    (folder / "broken_zero_bytes.wav").write_bytes(b"")


def _write_formats(folder: Path) -> None:
    music = tones()
    for name, channels in {"5.1": 6, "eight": 8}.items():
        soundfile.write(folder / f"channels_{name}.wav", tones(channels=channels), RATE)
    depths = {"24_bit": "PCM_24", "32_bit_float": "FLOAT", "64_bit_float": "DOUBLE", "8_bit": "PCM_U8"}
    for name, subtype in {**depths, "mu_law": "ULAW"}.items():
        soundfile.write(folder / f"depth_{name}.wav", music, RATE, subtype=subtype)
    loud = 2 * music / np.abs(music).max()
    soundfile.write(folder / "depth_float_above_full_scale.wav", loud, RATE, subtype="FLOAT")
    for container in ("aiff", "flac", "mp3", "ogg", "w64"):
        soundfile.write(folder / f"format_{container}.{container}", music, RATE, format=container.upper())
    soundfile.write(folder / "format_rf64.wav", music, RATE, format="RF64")
    write_ffmpeg(folder / "format_m4a.m4a", [music])
    for container in ("flac", "mp3"):
        renamed = folder / f"format_{container}_named_wav.wav"
        renamed.write_bytes((folder / f"format_{container}.{container}").read_bytes())
    odd = b"JUNK\5\0\0\0hello\0" + b"LIST\x0c\0\0\0INFOISFT\0\0\0\0"
    (folder / "format_odd_chunks.wav").write_bytes(wave_bytes(music, before=odd))
    for name in ("every_file", "one_stem"):
        soundfile.write(folder / f"mono_{name}.wav", tones(channels=1), RATE)
    for name, rate, subtype in (
        ("all_22050", 22_050, "PCM_16"),
        ("all_48000", 48_000, "PCM_16"),
        ("all_96000_24_bit", 96_000, "PCM_24"),
        ("drums_at_48000", 48_000, "PCM_16"),
    ):
        soundfile.write(folder / f"rate_{name}.wav", tones(rate, rate // 2), rate, subtype=subtype)


def _write_levels(folder: Path) -> None:
    music = tones()
    levels = {
        "all_silent": 0 * music,
        "anti_phase": music[:, :1] * np.float32([1, -1]),
        "clipped": np.clip(8 * music, -1, 1),
        "dc_offset": music + np.float32(0.25),
        "dead_channel": music * np.float32([1, 0]),
        "inverted_stem": -music,
        "minus_80": 2e-4 * music,
        "silent_stem": 0 * music,
    }
    for name, samples in levels.items():
        soundfile.write(folder / f"level_{name}.wav", samples, RATE)


def write_song(folder: Path, stems: tuple[str, ...] = (*STEMS, "mixture"), gain: float = 1.0) -> Path:
    """A song folder with a WAV file for each name in ``stems``."""
    folder.mkdir(parents=True)
    for seed, stem in enumerate(stems):
        soundfile.write(folder / f"{stem}.wav", gain * tones(seed=seed), RATE)
    return folder


def write_ugly_corpora(folder: Path) -> dict[str, tuple[str, Path]]:
    """Write small corpora, each with one thing odd or wrong: name to (adapter, folder of the corpus)."""
    corpora = {**_single_files(folder), **_songs(folder), **_stem_mp4s(folder), **_odd_names(folder)}
    return {name: (adapter, folder / name) for name, adapter in corpora.items()}


_ONE_OF_SEVERAL = ("level_silent_stem.wav", "mono_one_stem.wav", "rate_drums_at_48000.wav")


def _single_files(folder: Path) -> dict[str, str]:
    corpora = {}
    for name, path in write_ugly_files(folder / "ugly files").items():
        song = folder / name / "Song"
        song.mkdir(parents=True)
        path.rename(song / name)
        if name in _ONE_OF_SEVERAL:
            soundfile.write(song / "other.wav", tones(seed=1), RATE)
        corpora[name] = "folder"
    compressed = [f"format_{name}.{name}" for name in ("flac", "mp3", "ogg")]
    flac, mp3, ogg = (folder / name / "Song" / name for name in compressed)
    no_length = bytearray(flac.read_bytes())
    no_length[21] &= 0xF0
    no_length[22:26] = bytes(4)
    contents = {
        "flac_cut.flac": flac.read_bytes()[: flac.stat().st_size * 6 // 10],
        "flac_without_length.flac": bytes(no_length),
        "mp3_cut.mp3": mp3.read_bytes()[: mp3.stat().st_size * 6 // 10],
        "ogg_cut.ogg": ogg.read_bytes()[: ogg.stat().st_size * 6 // 10],
    }
    for name, content in contents.items():
        (folder / name / "Song").mkdir(parents=True)
        (folder / name / "Song" / name).write_bytes(content)
    name = "mp3_without_length.mp3"
    (folder / name / "Song").mkdir(parents=True)
    write_ffmpeg(folder / name / "Song" / name, [tones()], "mp3", "libmp3lame", {"write_xing": "0"})
    return corpora | dict.fromkeys([*contents, name], "folder")


def _songs(folder: Path) -> dict[str, str]:
    write_song(folder / "missing_stem/train/A - B", ("drums", "bass", "other", "mixture"))
    write_song(folder / "missing_mixture/train/A - B", STEMS)
    write_song(folder / "mixture_only/A - B", ("mixture",))
    write_song(folder / "all_stems_silent/A - B", gain=0.0)
    write_song(folder / "unknown_split/A - B")
    shorter = write_song(folder / "unequal_lengths/A - B")
    soundfile.write(shorter / "bass.wav", tones(frames=FRAMES // 2), RATE)
    double = write_song(folder / "two_files_for_a_stem/A - B")
    soundfile.write(double / "bass.flac", tones(), RATE)
    for split in ("train", "test"):
        write_song(folder / "same_song_twice" / split / "A - B")
    unread = write_song(folder / "unreadable_file/A - B")
    (unread / "bass.wav").chmod(0)
    write_song(folder / "unreadable_folder/A - B").chmod(0)
    in_place = {name: write_song(folder / name / "A - B", ("drums",)) for name in _IN_PLACE_OF_FILE}
    (in_place["folder_in_place_of_file"] / "bass.wav").mkdir()
    os.mkfifo(in_place["fifo_in_place_of_file"] / "bass.wav")
    (in_place["dangling_symlink"] / "bass.wav").symlink_to("nowhere.wav")
    (in_place["symlink_loop_of_files"] / "bass.wav").symlink_to("vocals.wav")
    (in_place["symlink_loop_of_files"] / "vocals.wav").symlink_to("bass.wav")
    (in_place["symlink_loop_of_folders"] / "again").symlink_to("..")
    musdb = ("missing_stem", "missing_mixture", "unknown_split", "same_song_twice")
    plain = ("mixture_only", "all_stems_silent", "unequal_lengths", "two_files_for_a_stem")
    unreadable = ("unreadable_file", "unreadable_folder")
    return dict.fromkeys(musdb, "musdb18hq") | dict.fromkeys([*plain, *unreadable, *_IN_PLACE_OF_FILE], "folder")


_IN_PLACE_OF_FILE = (
    "folder_in_place_of_file",
    "fifo_in_place_of_file",
    "dangling_symlink",
    "symlink_loop_of_files",
    "symlink_loop_of_folders",
)


def _stem_mp4s(folder: Path) -> dict[str, str]:
    names = ("stem_mp4", "stem_mp4_cut", "stem_mp4_with_four_streams", "stem_mp4_in_a_folder_corpus")
    paths = {name: folder / name / "train" / "A - B.stem.mp4" for name in names}
    for path in paths.values():
        path.parent.mkdir(parents=True)
        write_stem_mp4(path)
    write_ffmpeg(paths["stem_mp4_with_four_streams"], [tones(seed=seed) for seed in range(4)])
    cut = paths["stem_mp4_cut"]
    write_ffmpeg(cut, [tones(seed=seed) for seed in range(5)], options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[:-2_000])
    return dict.fromkeys(names, "musdb18") | {"stem_mp4_in_a_folder_corpus": "folder"}


def _odd_names(folder: Path) -> dict[str, str]:
    names = {
        "name_with_quotes": b'Don\'t "stop" `now` $HOME',
        "name_with_newline": b"two\nlines",
        "name_not_utf8": b"caf\xe9 \xff",
        "name_with_leading_dash": b"-rf",
        "name_of_255_bytes": b"v" * 251,
    }
    for case, name in names.items():
        song = folder / case / os.fsdecode(name)
        song.mkdir(parents=True)
        (song / os.fsdecode(name + b".wav")).write_bytes(wave_bytes(tones()))
    return dict.fromkeys(names, "folder")
