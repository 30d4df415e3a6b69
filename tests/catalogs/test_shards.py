"""Audio shards: crops equal what was stored, read no more than they need, and damage is never silent."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyarrow import fs as pafs

from catalogs.schemas import AUDIO
from catalogs.shards import ShardError, ShardStem, read_crop, write_shard
from catalogs.storage import Location
from tests import signals
from tests.signals import RATE
from tests.small_catalog import quantisation

Audio = NDArray[np.float32]

SEGMENT = 4_000
LENGTHS = {"vocals": 25_000, "drums": 16_000, "bass": 15_999, "click": 1, "mixture": 25_013}
FOOTER_READ = 1 << 16
"""Bytes at the end of a file that pyarrow reads at once to find the footer."""


@dataclasses.dataclass(frozen=True)
class Written:
    """A shard and the audio that went into it."""

    location: Location
    audio: dict[str, Audio]
    subtypes: dict[str, str]

    @property
    def longest(self) -> int:
        return max(audio.shape[0] for audio in self.audio.values())


def write(
    path: Path, audio: dict[str, Audio], subtypes: dict[str, str] | str = "PCM_24", segment_frames: int = SEGMENT
) -> Written:
    by_stem = subtypes if isinstance(subtypes, dict) else dict.fromkeys(audio, subtypes)
    stems = [
        ShardStem(name, "mixture" if name == "mixture" else "stem", samples, by_stem[name])
        for name, samples in audio.items()
    ]
    location = Location.parse(path)
    write_shard(location, "corpus/song", stems, segment_frames, RATE)
    return Written(location, audio, by_stem)


def decode_all(path: str) -> dict[str, Audio]:
    """Every stem whole, with pyarrow and soundfile only."""
    import io

    import pyarrow.parquet
    import soundfile

    pieces: dict[str, list[Audio]] = {}
    for row in pyarrow.parquet.read_table(path).to_pylist():
        piece, rate = soundfile.read(io.BytesIO(row["flac"]), dtype="float32", always_2d=True)
        assert rate == row["sample_rate"]
        assert piece.shape[0] == row["frames"]
        assert sum(part.shape[0] for part in pieces.setdefault(row["stem"], [])) == row["start"]
        pieces[row["stem"]].append(piece * np.float32(row["scale"]))
    return {stem: np.concatenate(parts) for stem, parts in pieces.items()}


def stretch(audio: Audio, start: int, frames: int) -> Audio:
    """Samples start to start + frames, zeros after the end."""
    piece = audio[start : start + frames]
    return np.pad(piece, ((0, frames - piece.shape[0]), (0, 0)))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Stems of different lengths and depths; the mixture is above full scale."""
    audio = {name: signals.noise(frames / RATE, seed, 0.9) for seed, (name, frames) in enumerate(LENGTHS.items())}
    audio["mixture"] *= np.float32(2.7)
    subtypes = {name: "PCM_16" if name in ("drums", "click") else "PCM_24" for name in audio}
    assert {name: samples.shape[0] for name, samples in audio.items()} == LENGTHS
    return write(tmp_path_factory.mktemp("shard") / "song.parquet", audio, subtypes)


@pytest.fixture(scope="module")
def decoded(song: Written) -> dict[str, Audio]:
    return decode_all(song.location.path)


@given(start=st.integers(0, 30_000), frames=st.integers(0, 30_000), names=st.sets(st.sampled_from(sorted(LENGTHS))))
@settings(max_examples=150, deadline=None)
def test_any_crop_is_that_stretch_of_what_was_stored(
    song: Written, decoded: dict[str, Audio], start: int, frames: int, names: set[str]
) -> None:
    stems = sorted(names) or None
    crop = read_crop(song.location, start, frames, SEGMENT, stems)
    assert list(crop) == (stems or list(song.audio))
    for name, samples in crop.items():
        assert samples.dtype == np.float32
        assert samples.shape == (frames, 2)
        assert np.array_equal(samples, stretch(decoded[name], start, frames)), name
        original = stretch(song.audio[name], start, frames)
        tolerance = quantisation(song.audio[name], song.subtypes[name])
        assert np.abs(samples - original).max(initial=0.0) <= tolerance, name


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=3),
    segment_frames=st.integers(7, 300),
    subtype=st.sampled_from(["PCM_16", "PCM_24"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_any_lengths_and_segments_survive(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], segment_frames: int, subtype: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    audio = {
        f"s{index}": rng.uniform(-1.0, 1.0, (length, 2)).astype(np.float32) for index, length in enumerate(lengths)
    }
    folder = tmp_path_factory.mktemp("any")
    shard = write(folder / "any.parquet", audio, subtype, segment_frames)
    longest = shard.longest
    crop = read_crop(shard.location, 0, longest + 5, segment_frames)
    assert pq.read_metadata(shard.location.path).num_row_groups == -(-longest // segment_frames)
    for name, samples in audio.items():
        error = np.abs(crop[name] - stretch(samples, 0, longest + 5)).max()
        assert error <= quantisation(samples, subtype)
        assert not crop[name][samples.shape[0] :].any()


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 16), ("PCM_24", 24)])
def test_integer_input_survives_exactly(tmp_path: Path, subtype: str, bits: int) -> None:
    full = 2 ** (bits - 1)
    integers = np.random.default_rng(0).integers(-full, full, (10_000, 2))
    integers[:2] = [[-full, full - 1], [full - 1, -full]]
    audio = (integers / full).astype(np.float32)
    shard = write(tmp_path / "exact.parquet", {"vocals": audio}, subtype)
    crop = read_crop(shard.location, 0, 10_000, SEGMENT)["vocals"]
    assert np.array_equal(np.rint(crop.astype(np.float64) * full).astype(np.int64), integers)
    assert np.array_equal(crop, audio)


def test_audio_above_full_scale_is_scaled_and_not_clipped(song: Written) -> None:
    table = pq.read_table(song.location.path, columns=["stem", "scale"]).to_pylist()
    scales = {name: {row["scale"] for row in table if row["stem"] == name} for name in song.audio}
    assert scales.pop("mixture") == {float(np.abs(song.audio["mixture"]).max())}
    assert all(scale == {1.0} for scale in scales.values())
    crop = read_crop(song.location, 0, song.longest, SEGMENT, ["mixture"])["mixture"]
    assert np.abs(crop).max() == pytest.approx(np.abs(song.audio["mixture"]).max(), rel=1e-6)
    assert np.abs(crop).max() > 2.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_peak_of_either_sign_is_scaled(tmp_path: Path, sign: float) -> None:
    audio = np.full((1_000, 2), 0.1, dtype=np.float32)
    audio[500, 1] = sign * 3.5
    shard = write(tmp_path / "peak.parquet", {"vocals": audio})
    crop = read_crop(shard.location, 0, 1_000, SEGMENT)["vocals"]
    assert np.abs(crop - audio).max() <= quantisation(audio, "PCM_24")


@pytest.mark.parametrize(("subtype", "step"), [("PCM_16", 2.0**-15), ("PCM_24", 2.0**-23)])
def test_samples_are_rounded_to_the_nearest_step(tmp_path: Path, subtype: str, step: float) -> None:
    audio = signals.noise(0.2, level=0.2)
    shard = write(tmp_path / "rounded.parquet", {"vocals": audio}, subtype)
    crop = read_crop(shard.location, 0, audio.shape[0], SEGMENT)["vocals"]
    error = crop.astype(np.float64) - audio
    assert np.abs(error).max() <= 0.5 * step
    if subtype == "PCM_16":
        assert abs(error.mean()) < 0.02 * step


def test_a_crop_beyond_the_end_is_silence(song: Written) -> None:
    for start in (song.longest, song.longest + 1, 10**9):
        crop = read_crop(song.location, start, 100, SEGMENT)
        assert list(crop) == list(song.audio)
        assert all(samples.shape == (100, 2) and not samples.any() for samples in crop.values())


def test_ends_of_stems_of_different_length_are_zeros(song: Written, decoded: dict[str, Audio]) -> None:
    assert len(set(LENGTHS.values())) == len(LENGTHS)
    crop = read_crop(song.location, 0, song.longest, SEGMENT)
    for name, length in LENGTHS.items():
        assert crop[name].shape == (song.longest, 2)
        assert np.array_equal(crop[name][:length], decoded[name])
        assert crop[name][:length].any()
        assert not crop[name][length:].any()


def test_a_shard_opens_without_this_package(song: Written, decoded: dict[str, Audio]) -> None:
    assert list(decoded) == list(song.audio)
    for name, samples in decoded.items():
        assert samples.shape == song.audio[name].shape
        assert np.abs(samples - song.audio[name]).max() <= quantisation(song.audio[name], song.subtypes[name])


def test_a_shard_explains_itself(song: Written) -> None:
    schema = pq.read_schema(song.location.path)
    assert schema.metadata[b"table"] == b"audio"
    for field in AUDIO:
        assert schema.field(field.name).metadata[b"description"] == field.metadata[b"description"]


def test_a_row_group_holds_one_segment_of_all_stems(song: Written) -> None:
    file = pq.ParquetFile(song.location.path)
    assert file.num_row_groups == -(-song.longest // SEGMENT)
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, columns=["stem", "segment", "start", "frames"]).to_pylist()
        assert [row["stem"] for row in rows] == [n for n, a in song.audio.items() if a.shape[0] > group * SEGMENT]
        assert {(row["segment"], row["start"]) for row in rows} == {(group, group * SEGMENT)}
        for row in rows:
            assert row["frames"] == min(SEGMENT, song.audio[row["stem"]].shape[0] - group * SEGMENT)


class _CountingFile:
    """A file that remembers which bytes were read."""

    def __init__(self, path: str, ranges: list[tuple[int, int]]) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 - closed by pyarrow
        self._ranges = ranges

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        data = self._file.read(size)
        self._ranges.append((start, start + len(data)))
        return data

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


class _CountingFileSystem(LocalFileSystem):
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.ranges: list[tuple[int, int]] = []

    def open(self, path: str, mode: str = "rb", **_: object) -> _CountingFile:
        assert mode == "rb"
        return _CountingFile(path, self.ranges)


@pytest.fixture(scope="module")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two stems of 8 segments of about 0.25 MB each."""
    audio = {name: signals.noise(8.0, seed) for seed, name in enumerate(("vocals", "drums"))}
    return write(tmp_path_factory.mktemp("long") / "song.parquet", audio, segment_frames=RATE)


def audio_ranges(path: str) -> list[tuple[int, int]]:
    """First and last byte of the FLAC data of each row group."""
    metadata = pq.read_metadata(path)
    column = AUDIO.get_field_index("flac")
    chunks = [metadata.row_group(group).column(column) for group in range(metadata.num_row_groups)]
    return [(chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size) for chunk in chunks]


@pytest.mark.parametrize(
    ("start", "frames", "touched"),
    [
        (0, RATE, {0}),
        (3 * RATE + 100, 1_000, {3}),
        (3 * RATE - 1, 2, {2, 3}),
        (2 * RATE, 2 * RATE + 1, {2, 3, 4}),
        (5 * RATE, 0, set()),
        (9 * RATE, RATE, set()),
    ],
)
def test_a_crop_reads_only_the_segments_that_it_touches(
    long_song: Written, start: int, frames: int, touched: set[int]
) -> None:
    counting = _CountingFileSystem()
    location = Location(pafs.PyFileSystem(pafs.FSSpecHandler(counting)), long_song.location.path)
    read_crop(location, start, frames, RATE)
    size = Path(long_song.location.path).stat().st_size
    ranges = [(first, last) for first, last in counting.ranges if first < size - FOOTER_READ]
    for group, (first, last) in enumerate(audio_ranges(long_song.location.path)):
        read = sum(max(0, min(last, end) - max(first, begin)) for begin, end in ranges)
        assert (read >= last - first) if group in touched else (read <= 0.05 * (last - first)), group


def test_a_crop_decodes_only_the_segments_that_it_touches(long_song: Written, tmp_path: Path) -> None:
    data = bytearray(Path(long_song.location.path).read_bytes())
    for group, (first, last) in enumerate(audio_ranges(long_song.location.path)):
        if group not in (3, 4):
            data[first + 100 : last] = bytes(last - first - 100)
    (tmp_path / "damaged.parquet").write_bytes(bytes(data))
    damaged = Location.parse(tmp_path / "damaged.parquet")
    expected = read_crop(long_song.location, 3 * RATE, 2 * RATE, RATE)
    crop = read_crop(damaged, 3 * RATE, 2 * RATE, RATE)
    assert all(np.array_equal(crop[name], expected[name]) for name in expected)
    with pytest.raises(ShardError):
        read_crop(damaged, 3 * RATE, 2 * RATE + 1, RATE)


def test_the_same_audio_gives_the_same_bytes(song: Written, tmp_path: Path) -> None:
    copies = {name: np.asfortranarray(audio.copy()) for name, audio in song.audio.items()}
    again = write(tmp_path / "again.parquet", copies, song.subtypes)
    assert again.location.read_bytes() == song.location.read_bytes()
    copies["click"][0, 0] += np.float32(0.01)
    other = write(tmp_path / "other.parquet", copies, song.subtypes)
    assert other.location.read_bytes() != song.location.read_bytes()


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"nowhere\.parquet: shard is missing; run the build again"):
        read_crop(Location.parse(tmp_path / "nowhere.parquet"), 0, 10, SEGMENT)


def test_an_unknown_stem_is_named_with_the_shard_and_those_there_are(song: Written) -> None:
    with pytest.raises(ShardError, match=r"song\.parquet: no stem 'flute' .* vocals, drums, bass, click, mixture"):
        read_crop(song.location, 0, 10, SEGMENT, ["vocals", "flute"])


@pytest.mark.parametrize(("start", "frames"), [(-1, 10), (0, -1)])
def test_a_negative_start_or_length_is_refused(song: Written, start: int, frames: int) -> None:
    with pytest.raises(ValueError, match="0 or later"):
        read_crop(song.location, start, frames, SEGMENT)


@pytest.mark.parametrize("segment_frames", [SEGMENT // 2, SEGMENT - 1, SEGMENT + 1, 2 * SEGMENT])
def test_segments_of_another_length_than_the_catalog_says_are_refused(song: Written, segment_frames: int) -> None:
    with pytest.raises(ShardError, match=f"segments are not of {segment_frames} samples"):
        read_crop(song.location, 0, song.longest, segment_frames)


@pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_and_nothing_is_written(tmp_path: Path, fault: float) -> None:
    audio = signals.noise(0.1)
    audio[17, 1] = fault
    with pytest.raises(ValueError, match="corpus/song: vocals has samples that are not finite"):
        write(tmp_path / "bad.parquet", {"drums": signals.noise(0.1), "vocals": audio})
    assert not list(tmp_path.iterdir())


def test_a_stem_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="corpus/song: vocals has no samples"):
        write(tmp_path / "bad.parquet", {"drums": signals.noise(0.1), "vocals": signals.noise(0.1)[:0]})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Written:
    audio = {name: signals.noise(1_000 / RATE, seed) for seed, name in enumerate(("vocals", "drums"))}
    return write(tmp_path_factory.mktemp("small") / "song.parquet", audio, segment_frames=300)


def test_a_shard_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"not a shard at all, but long enough")
    with pytest.raises(ShardError, match=r"bad\.parquet: shard cannot be read .* delete it and run the build again"):
        read_crop(Location.parse(tmp_path / "bad.parquet"), 0, 10, SEGMENT)


@given(kept=st.floats(0.0, 1.0, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_a_truncated_shard_is_noticed(small: Written, kept: float) -> None:
    data = small.location.read_bytes()
    damaged = Path(small.location.path).with_name("truncated.parquet")
    damaged.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ShardError, match=r"truncated\.parquet"):
        read_crop(Location.parse(damaged), 0, 1_000, 300)


@given(position=st.floats(0.0, 1.0, exclude_max=True), bit=st.integers(0, 7), group=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_a_flipped_bit_of_audio_is_noticed(small: Written, position: float, bit: int, group: int) -> None:
    data = bytearray(small.location.read_bytes())
    chunk, last = audio_ranges(small.location.path)[group]
    first = data.index(b"fLaC", chunk)
    data[first + int(position * (last - first))] ^= 1 << bit
    damaged = Path(small.location.path).with_name("flipped.parquet")
    damaged.write_bytes(bytes(data))
    with pytest.raises(ShardError, match=r"flipped\.parquet: shard cannot be read .*CRC"):
        read_crop(Location.parse(damaged), 0, 1_000, 300)


@pytest.mark.parametrize("damaged_name", [b"flab", b"fl\xff\xff"])
def test_a_damaged_column_name_is_noticed(small: Written, tmp_path: Path, damaged_name: bytes) -> None:
    data = small.location.read_bytes()
    assert b"\x04flac" in data
    (tmp_path / "renamed.parquet").write_bytes(data.replace(b"\x04flac", b"\x04" + damaged_name))
    with pytest.raises(ShardError, match=r"renamed\.parquet: shard cannot be read"):
        read_crop(Location.parse(tmp_path / "renamed.parquet"), 0, 1_000, 300)


@given(position=st.floats(0.0, 1.0, exclude_max=True), value=st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_damage_anywhere_raises_nothing_but_a_shard_error(small: Written, position: float, value: int) -> None:
    data = bytearray(small.location.read_bytes())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[footer + int(position * (len(data) - footer))] = value
    damaged = Path(small.location.path).with_name("anywhere.parquet")
    damaged.write_bytes(bytes(data))
    with contextlib.suppress(ShardError):
        crop = read_crop(Location.parse(damaged), 0, 1_000, 300)
        assert all(samples.shape == (1_000, 2) for samples in crop.values())
