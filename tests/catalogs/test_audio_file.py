from __future__ import annotations

import hashlib
import math
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogs.audio_file import (
    AudioFileError,
    catalog_frames,
    content_hash,
    decode,
    decode_streams,
    file_status,
    path_to_uri,
    probe,
    uri_to_path,
)
from catalogs.faults import REMEDIES, printable
from tests.ugly_files import (
    FRAMES,
    RATE,
    STEMS,
    tones,
    wave_bytes,
    write_ffmpeg,
    write_stem_mp4,
    write_ugly_files,
)

LOSSLESS = {
    "WAV": ("a.wav", "WAV"),
    "RF64": ("a.wav", "RF64"),
    "W64": ("a.w64", "W64"),
    "AIFF": ("a.aiff", "AIFF"),
    "CAF": ("a.caf", "CAF"),
    "FLAC": ("a.flac", "FLAC"),
}


def reason_of(path: Path, stream: int | None = None) -> str:
    with pytest.raises(AudioFileError) as caught:
        probe(path, stream)
    with pytest.raises(AudioFileError) as again:
        decode(path, stream)
    assert caught.value.reason == again.value.reason
    return caught.value.reason


def snr_db(signal: np.ndarray, noisy: np.ndarray) -> float:
    return 10 * math.log10(np.mean(signal**2) / np.mean((noisy - signal) ** 2))


@pytest.mark.parametrize("container", LOSSLESS)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_file_is_decoded_to_the_bit(tmp_path: Path, container: str, channels: int) -> None:
    name, fmt = LOSSLESS[container]
    whole = np.random.default_rng(3).integers(-32_768, 32_768, (1_234, channels), dtype=np.int16)
    soundfile.write(tmp_path / name, whole, RATE, format=fmt)
    info = probe(tmp_path / name)
    assert (info.container, info.encoding, info.frames, info.channels) == (
        container,
        "PCM_16",
        1_234,
        channels,
    )
    assert info.bytes == (tmp_path / name).stat().st_size
    assert info.modified_ns == (tmp_path / name).stat().st_mtime_ns
    samples = decode(tmp_path / name)
    assert samples.dtype == np.float32
    assert samples.flags.c_contiguous
    np.testing.assert_array_equal(samples, np.broadcast_to(whole / np.float32(32_768), (1_234, 2)))


def test_big_endian_wave_is_decoded_to_the_bit(tmp_path: Path) -> None:
    whole = np.random.default_rng(3).integers(-32_768, 32_768, (500, 2), dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", whole, RATE, endian="BIG")
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RIFX"
    np.testing.assert_array_equal(decode(tmp_path / "a.wav"), whole / np.float32(32_768))


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_float_samples_above_full_scale_stay(tmp_path: Path, subtype: str) -> None:
    samples = np.float32([[3.5, -2.0], [1.0, 0.25]])
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype=subtype)
    np.testing.assert_array_equal(decode(tmp_path / "a.wav"), samples)


@pytest.mark.parametrize(
    ("container", "least_snr_db"), [("mp3", 20), ("ogg", 15), ("m4a", 20)], ids=["mp3", "ogg", "m4a"]
)
def test_lossy_file_keeps_its_place_in_time(tmp_path: Path, container: str, least_snr_db: float) -> None:
    music = tones()
    path = tmp_path / f"a.{container}"
    if container == "m4a":
        write_ffmpeg(path, [music])
    else:
        soundfile.write(path, music, RATE, format=container.upper())
    assert probe(path).frames == FRAMES
    assert snr_db(music, decode(path)) > least_snr_db


def test_every_usable_ugly_file_decodes_to_the_length_it_was_probed_with(tmp_path: Path) -> None:
    for path in write_ugly_files(tmp_path).values():
        try:
            samples = decode(path)
        except AudioFileError:
            assert path.name.startswith(("broken_", "channels_"))
            continue
        assert samples.shape == (catalog_frames(probe(path)), 2), path.name
        assert np.isfinite(samples).all(), path.name


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    rate=st.sampled_from([8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000, 384_000]),
    frames=st.integers(1, 5_000),
    wanted=st.sampled_from([44_100, 48_000, 22_050]),
)
def test_resampled_length_is_exact(tmp_path: Path, rate: int, frames: int, wanted: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((frames, 1)), rate)
    length = len(decode(path, sample_rate=wanted))
    assert length == catalog_frames(probe(path), wanted)
    assert abs(length - frames * wanted / rate) <= 0.5


@pytest.mark.parametrize("rate", [22_050, 48_000, 96_000])
def test_resampling_keeps_a_sine(tmp_path: Path, rate: int) -> None:
    time = np.arange(rate)[:, None] / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 997 * time), rate, subtype="FLOAT")
    samples = decode(tmp_path / "a.wav")
    expected = 0.5 * np.sin(2 * np.pi * 997 * np.arange(44_100)[:, None] / 44_100) * np.ones((1, 2))
    middle = slice(2_000, -2_000)
    assert snr_db(expected[middle], samples[middle]) > 100


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_first_sample_that_is_not_finite_is_named(tmp_path: Path, value: float) -> None:
    samples = tones()
    samples[4_410:4_412, 1] = value
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioFileError, match=r"2 sample values.*sample 4410 \(0\.100 s\) of channel 1") as caught:
        decode(tmp_path / "a.wav")
    assert caught.value.reason == "non_finite"


@pytest.mark.parametrize("container", ["aiff", "caf", "mp3", "ogg", "rf64", "w64", "wav"])
def test_cut_file_is_found_by_its_sizes(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"a.{container}"
    soundfile.write(path, tones(), RATE, format=container.upper())
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert reason_of(path) == "truncated"


def test_cut_mp3_whose_size_is_nearly_right_is_found_when_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, tones(frames=10 * RATE), RATE, format="MP3")
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 200])
    assert probe(path).frames == 10 * RATE
    with pytest.raises(AudioFileError, match=f"declares {10 * RATE} samples") as caught:
        decode(path)
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_damaged_flac_is_found_when_decoded(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tones(), RATE)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + (b"" if damage == "cut" else bytes(300) + content[half + 300 :]))
    assert probe(path).frames == FRAMES
    with pytest.raises(AudioFileError) as caught:
        decode(path)
    assert caught.value.reason == "damaged"


def test_flac_that_declares_an_absurd_length_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tones(), RATE)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    path.write_bytes(content)
    with pytest.raises(AudioFileError) as caught:
        decode(path)
    assert caught.value.reason in ("truncated", "damaged")


def test_cut_stem_mp4_is_found_by_its_boxes(tmp_path: Path) -> None:
    path = write_ffmpeg(tmp_path / "a.m4a", [tones()], options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-1_000])
    assert reason_of(path) == "truncated"


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"data_size": 0, "riff_size": 0}, "size_mismatch"),
        ({"data_size": 0}, "size_mismatch"),
        ({"data_size": 4 * FRAMES + 4_000}, "size_mismatch"),
        ({"data_size": 4 * FRAMES + 4_000, "riff_size": 4 * FRAMES + 4_036}, "truncated"),
        ({"data_size": 400}, "size_mismatch"),
    ],
    ids=["both zero", "data zero", "data too long", "both too long", "data too short"],
)
def test_wave_sizes_that_disagree_with_the_file_are_refused(tmp_path: Path, sizes: dict[str, int], reason: str) -> None:
    (tmp_path / "a.wav").write_bytes(wave_bytes(tones(), **sizes))
    assert reason_of(tmp_path / "a.wav") == reason


def test_cut_wave_is_found_behind_a_chunk_of_odd_length(tmp_path: Path) -> None:
    content = wave_bytes(tones(), before=b"JUNK\5\0\0\0hello\0")
    (tmp_path / "a.wav").write_bytes(content[:-1_000])
    assert reason_of(tmp_path / "a.wav") == "truncated"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_wave_written_to_a_pipe_is_read_to_the_end(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.wav").write_bytes(wave_bytes(tones(), data_size=size, riff_size=size))
    (tmp_path / "b.wav").write_bytes(wave_bytes(tones()))
    assert probe(tmp_path / "a.wav").conversions() == ["length not declared, read to the end"]
    np.testing.assert_array_equal(decode(tmp_path / "a.wav"), decode(tmp_path / "b.wav"))


@pytest.mark.parametrize(
    "after",
    [b"LIST\4\0\0\0INFO", b"LIST\xff\0\0\0INFO", b"TAG" + bytes(125), bytes(4_096)],
    ids=["chunk", "cut chunk", "ID3v1 tag", "padding"],
)
def test_what_follows_the_audio_does_not_matter(tmp_path: Path, after: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(wave_bytes(tones(), after=after))
    assert probe(tmp_path / "a.wav").frames == FRAMES
    assert len(decode(tmp_path / "a.wav")) == FRAMES


def test_mp3_without_xing_header_is_read_to_the_end(tmp_path: Path) -> None:
    music = tones()
    path = write_ffmpeg(tmp_path / "a.mp3", [music], "mp3", "libmp3lame", {"write_xing": "0"})
    info = probe(path)
    assert not info.length_declared
    assert (info.container, info.encoding) == ("MP3", "MPEG_LAYER_III")
    samples = decode(path)
    assert len(samples) == info.frames >= FRAMES
    excerpt = music[5_000:15_000]
    assert max(snr_db(excerpt, samples[start : start + 10_000]) for start in range(5_000, 7_500)) > 20


def test_flac_without_length_is_decoded_to_the_bit(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tones(), RATE, subtype="PCM_24")
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "b.flac").write_bytes(content)
    info = probe(tmp_path / "b.flac")
    assert (info.encoding, info.frames, info.length_declared) == ("PCM_24", FRAMES, False)
    np.testing.assert_array_equal(decode(tmp_path / "b.flac"), decode(tmp_path / "a.flac"))


def test_id3_tag_in_front_is_skipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", tones(), RATE)
    tag = b"ID3\4\0\0" + bytes([0, 0, 15, 80]) + bytes(15 * 128 + 80)
    (tmp_path / "b.mp3").write_bytes(tag + (tmp_path / "a.mp3").read_bytes())
    np.testing.assert_array_equal(decode(tmp_path / "b.mp3"), decode(tmp_path / "a.mp3"))


@pytest.mark.parametrize("first_bytes", [b"\xff\xfb\x90\x44", b"ID3\4\0\0\0\0\0\0", b"fLaC", b"RIFF", b"....ftyp"])
def test_noise_behind_a_familiar_beginning_is_refused(tmp_path: Path, first_bytes: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(first_bytes + np.random.default_rng(4).bytes(20_000))
    assert reason_of(tmp_path / "a.wav") in (
        "unreadable",
        "not_audio",
        "truncated",
        "channels",
        "sample_rate",
    )


def test_name_that_promises_another_container_is_noted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tones(), RATE, format="FLAC")
    soundfile.write(tmp_path / "a.wave", tones(), RATE, format="RF64")
    soundfile.write(tmp_path / "plain", tones(), RATE, format="OGG")
    assert probe(tmp_path / "a.wav").name_note == "name .wav holds FLAC"
    assert probe(tmp_path / "a.wave").name_note is None
    assert probe(tmp_path / "plain").name_note is None


def test_unknown_sample_encoding_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wave_bytes(tones(), format_tag=0x1234))
    assert reason_of(tmp_path / "a.wav") == "unreadable"


@pytest.mark.parametrize("rate", [4_000, 400_000])
def test_impossible_sample_rate_is_refused(tmp_path: Path, rate: int) -> None:
    (tmp_path / "a.wav").write_bytes(wave_bytes(tones(), sample_rate=rate))
    assert reason_of(tmp_path / "a.wav") == "sample_rate"


def test_missing_file_and_endless_path_are_told_apart(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "nothing.wav") == "missing"
    (tmp_path / "file").write_bytes(b"")
    assert reason_of(tmp_path / "file" / "a.wav") == "missing"
    assert reason_of(tmp_path / ("x" * 300)) == "path_too_long"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read at its beginning")
def test_failing_read_is_an_io_error() -> None:
    with pytest.raises(AudioFileError) as caught:
        content_hash("/proc/self/mem")
    assert caught.value.reason == "io_error"


def test_only_regular_files_have_a_status(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"1234")
    (tmp_path / "link.wav").symlink_to("a.wav")
    assert file_status(tmp_path / "link.wav").st_size == 4
    with pytest.raises(AudioFileError, match="it is a folder"):
        file_status(tmp_path)


def test_stem_mp4_streams_come_in_their_order_and_length(tmp_path: Path) -> None:
    path = write_stem_mp4(tmp_path / "a.stem.mp4")
    streams = decode_streams(path, dict.fromkeys(range(5)))
    stems = [0.4 * tones(seed=seed) for seed in range(len(STEMS))]
    for number, expected in enumerate([sum(stems), *stems]):
        info = probe(path, number)
        assert (info.container, info.encoding, info.frames) == ("MP4", "AAC", FRAMES)
        assert streams[number].shape == (FRAMES, 2)
        assert snr_db(expected, streams[number]) > 15
        np.testing.assert_array_equal(streams[number], decode(path, number))


def test_stream_can_be_cut_or_padded_to_a_length(tmp_path: Path) -> None:
    path = write_stem_mp4(tmp_path / "a.stem.mp4")
    streams = decode_streams(path, {0: None, 1: FRAMES - 64, 2: FRAMES + 64})
    np.testing.assert_array_equal(streams[1], decode(path, 1)[:-64])
    np.testing.assert_array_equal(streams[2][:-64], decode(path, 2))
    assert not streams[2][-64:].any()


def test_streams_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = write_stem_mp4(tmp_path / "a.stem.mp4")
    assert reason_of(path, 5) == "missing_stream"
    assert reason_of(path) == "several_streams"
    (tmp_path / "a.wav").write_bytes(wave_bytes(tones()))
    assert reason_of(tmp_path / "a.wav", 1) == "missing_stream"


@pytest.mark.parametrize("container", ["wav", "m4a"])
def test_name_that_is_no_text_can_be_read(tmp_path: Path, container: str) -> None:
    plain = tmp_path / f"a.{container}"
    if container == "m4a":
        write_ffmpeg(plain, [tones()])
    else:
        plain.write_bytes(wave_bytes(tones()))
    odd = os.fsencode(tmp_path) + b"/\xff\n" + container.encode()
    Path(os.fsdecode(odd)).write_bytes(plain.read_bytes())
    np.testing.assert_array_equal(decode(odd), decode(plain))
    assert content_hash(odd) == content_hash(plain)


def test_error_tells_file_problem_and_remedy_and_survives_pickling(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"two\nlines \xff.wav")
    path.write_bytes(b"")
    with pytest.raises(AudioFileError) as caught:
        probe(path)
    error = caught.value
    assert isinstance(error, ValueError)
    assert str(error) == f'"{printable(path)}": the file has zero bytes; {REMEDIES["empty"]}'
    assert "two\\nlines \\xff.wav" in str(error)
    assert str(error).encode("utf-8").isascii()
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.reason, copy.path, copy.remedy) == (str(error), "empty", path, REMEDIES["empty"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(content=st.binary(max_size=2_000), other=st.binary(max_size=2_000))
def test_content_hash_is_that_of_the_bytes(tmp_path: Path, content: bytes, other: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(other)
    assert content_hash(tmp_path / "a") == hashlib.blake2b(content, digest_size=16).hexdigest()
    assert (content_hash(tmp_path / "a") == content_hash(tmp_path / "b")) == (content == other)


@given(parts=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4))
def test_uri_leads_back_to_any_name(parts: list[bytes]) -> None:
    names = [part.replace(b"/", b"_").replace(b"\0", b"_") for part in parts]
    path = Path(os.fsdecode(b"/" + b"/".join(names)))
    uri = path_to_uri(path)
    assert uri_to_path(uri) == path
    assert uri.startswith("file:///")
    assert all("!" <= character <= "~" for character in uri)


def test_uri_of_a_relative_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert uri_to_path(path_to_uri("a b.wav")) == tmp_path / "a b.wav"
    assert path_to_uri("a b.wav").endswith("/a%20b.wav")


@pytest.mark.parametrize("uri", ["http://host/a.wav", "file://host/a.wav", "a.wav", "file:a.wav", "file:///a%00"])
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=r"no URI of a local file|http://host/a\.wav: not a location"):
        uri_to_path(uri)


def test_w64_that_ends_before_its_audio_is_no_endless_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.w64"
    soundfile.write(path, tones(), RATE, format="W64")
    content = bytearray(path.read_bytes())
    content[56:64] = struct.pack("<Q", 8)
    path.write_bytes(content)
    with pytest.raises(AudioFileError):
        probe(path)
