"""Every format gives back, through the reader of the library it is for, what the catalog's own crops are."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console

from catalogs import corpora, schemas
from catalogs import export as formats
from catalogs.audio_file import AudioFileError
from catalogs.catalog import Catalog, CatalogError
from catalogs.export import ExportConfig, ExportError, Unit
from catalogs.export.names import folder_names, sample_key, stem_names
from catalogs.export.songs import select_songs
from catalogs.ingest import ingest_song
from catalogs.manifest import PUBLISHED, Manifest, store_table
from catalogs.shards import ShardError
from catalogs.storage import TEMPORARY_SUFFIX, Location
from pipelines.config import RunOptions
from pipelines.export import ExportReport, export_catalog
from tests.layouts import LAYOUTS
from tests.small_catalog import SEGMENT_FRAMES, SmallCatalog, write_small_catalog

Audio = NDArray[np.float32]
Song = dict[str, Audio]

ALONE = RunOptions(workers=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallCatalog:
    return write_small_catalog(tmp_path_factory.mktemp("catalogs") / "small")


def run(catalog: SmallCatalog | Catalog, out: Path, config: ExportConfig, **options: Any) -> ExportReport:
    return export_catalog(catalog.location.path, str(out), config, Console(quiet=True), options=ALONE, **options)


def from_flac(flac: bytes, scale: float) -> Audio:
    return soundfile.read(io.BytesIO(flac), dtype="float32")[0] * np.float32(scale)


def joined(pieces: list[tuple[str, int, Song]]) -> dict[str, Song]:
    """Songs of pieces, of which every one has to follow the one before it."""
    songs: dict[str, dict[str, list[Audio]]] = {}
    for song_id, start, stems in sorted(pieces, key=lambda piece: piece[:2]):
        parts = songs.setdefault(song_id, {})
        for stem, audio in stems.items():
            assert sum(map(len, parts.get(stem, []))) == start
            parts.setdefault(stem, []).append(audio)
    return {song: {stem: np.concatenate(parts) for stem, parts in stems.items()} for song, stems in songs.items()}


def read_folders(out: Path) -> dict[str, Song]:
    songs = {}
    for path in out.glob("*/*/song.json"):
        about = json.loads(path.read_text())
        assert about["split"] == path.parts[-3]
        songs[about["song_id"]] = {
            stem: soundfile.read(path.parent / file["file"], dtype="float32")[0] * np.float32(file["scale"])
            for stem, file in about["stems"].items()
        }
        assert {entry.name for entry in path.parent.iterdir()} == {
            "song.json",
            *(file["file"] for file in about["stems"].values()),
        }
    return songs


def read_webdataset(out: Path) -> dict[str, Song]:
    import webdataset as wds

    pieces = []
    shards = sorted(str(path) for path in out.glob("*.tar"))
    for sample in wds.WebDataset(shards, shardshuffle=False, empty_check=False):
        about = json.loads(sample["json"])
        assert Path(sample["__url__"]).name.startswith(about["split"])
        stems = {stem: from_flac(sample[f"{stem}.flac"], scale) for stem, scale in about["scale"].items()}
        assert {len(audio) for audio in stems.values()} == {about["frames"]}
        pieces.append((about["song_id"], about["start"], stems))
    return joined(pieces)


def read_huggingface(out: Path) -> dict[str, Song]:
    from datasets import Audio as AudioFeature
    from datasets import load_dataset

    pieces = []
    dataset = load_dataset(str(out), cache_dir=str(out.parent / f"cache-{out.name}"))
    assert isinstance(dataset["train"].features["audio"], AudioFeature)
    assert dataset["train"].features["audio"].sampling_rate == 44_100
    for split, rows in dataset.items():
        for row in rows.cast_column("audio", AudioFeature(decode=False)):
            assert row["split"] == split
            audio = from_flac(row["audio"]["bytes"], row["scale"])
            assert len(audio) == row["frames"]
            pieces.append((row["song_id"], row["start"], {row["stem"]: audio}))
    return joined(pieces)


def read_litdata(out: Path) -> dict[str, Song]:
    """With the layout as litdata documents it; ``python -m tests.benchmarks.export`` reads with litdata itself."""
    pieces = []
    for path in out.glob("*/index.json"):
        index = json.loads(path.read_text())
        tree = json.loads(index["config"]["data_spec"])[1]
        fields = json.loads(tree["context"])
        assert index["config"]["data_format"] == ["str", *["bytes"] * (len(fields) - 1)]
        for chunk in index["chunks"]:
            data = (path.parent / chunk["filename"]).read_bytes()
            assert len(data) == chunk["chunk_bytes"]
            count = int(np.frombuffer(data, "<u4", 1)[0])
            assert count == chunk["chunk_size"]
            offsets = np.frombuffer(data, "<u4", count + 1, 4)
            for begin, end in pairwise(offsets):
                sizes = np.frombuffer(data, "<u4", len(fields), begin)
                places = begin + 4 * len(fields) + np.cumsum([0, *sizes])
                assert places[-1] == end
                sample = {name: data[places[n] : places[n + 1]] for n, name in enumerate(fields)}
                about = json.loads(sample["json"])
                assert about["split"] == path.parent.name
                stems = {stem: from_flac(sample[stem], scale) for stem, scale in about["scale"].items()}
                pieces.append((about["song_id"], about["start"], stems))
    return joined(pieces)


READERS: dict[str, Callable[[Path], dict[str, Song]]] = {
    "folders": read_folders,
    "huggingface": read_huggingface,
    "litdata": read_litdata,
    "webdataset": read_webdataset,
}
PADDED = ("litdata", "webdataset")
"""Formats of samples, in which all stems of a song are of one length."""

VARIANTS = [
    ExportConfig("folders"),
    ExportConfig("folders", container="flac"),
    ExportConfig("folders", subtype="PCM_24"),
    ExportConfig("huggingface"),
    ExportConfig("huggingface", segment_seconds=0.3),
    ExportConfig("litdata"),
    ExportConfig("litdata", segment_seconds=0.7, shard_bytes=200_000),
    ExportConfig("webdataset"),
    ExportConfig("webdataset", segment_seconds=0.0),
    ExportConfig("webdataset", segment_seconds=0.7, shard_bytes=200_000),
]


def label(config: ExportConfig) -> str:
    named = (config.format, config.container, config.subtype, config.segment_seconds, config.shard_bytes)
    return "-".join(str(value) for value in named if value is not None)


def hashes(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file()
    }


def test_every_format_has_a_reader_and_a_variant() -> None:
    assert sorted(READERS) == formats.names()
    assert {config.format for config in VARIANTS} == set(formats.names())
    with pytest.raises(ExportError, match="'zip'; the formats are folders"):
        formats.get("zip")


@pytest.mark.parametrize("config", VARIANTS, ids=label)
def test_the_other_library_reads_what_a_crop_is(small: SmallCatalog, tmp_path: Path, config: ExportConfig) -> None:
    report = run(small, tmp_path / "out", config)
    found = READERS[config.format](tmp_path / "out")
    catalog = Catalog.open(small.location.path)
    assert sorted(found) == catalog.songs
    assert any(stem.scale > 1.0 for song in select_songs(catalog, "normalised") for stem in song.stems)
    for song_id, stems in found.items():
        frames = catalog.song(song_id).frames
        longest = max(frames.values())
        assert set(stems) == set(frames)
        for stem, audio in stems.items():
            length = longest if config.format in PADDED else frames[stem]
            expected = catalog.crop(song_id, 0, length, [stem])[stem]
            assert np.array_equal(audio, expected), (song_id, stem)
    record = json.loads((tmp_path / "out" / "export.json").read_text())
    assert record["catalog"]["hash"] == catalog.fingerprint()
    assert (record["songs"], record["splits"]) == (2, {"test": 1, "train": 1})
    files = {file["path"]: file for unit in record["units"] for file in unit["files"]}
    assert {*files, *record["index"], "export.json"} == set(hashes(tmp_path / "out"))
    assert sum(file["bytes"] for file in files.values()) == report.bytes
    for path, file in files.items():
        content = (tmp_path / "out" / path).read_bytes()
        assert (file["bytes"], file["hash"]) == (len(content), hashlib.blake2b(content, digest_size=16).hexdigest())
    receipts = pq.read_table(tmp_path / "out" / "receipts.parquet").to_pylist()
    assert receipts == catalog.table("receipts").to_pylist()


@pytest.mark.parametrize("config", VARIANTS, ids=label)
def test_the_same_catalog_gives_the_same_bytes(small: SmallCatalog, tmp_path: Path, config: ExportConfig) -> None:
    first, again = run(small, tmp_path / "one", config), run(small, tmp_path / "two", config)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert first == again
    assert run(small, tmp_path / "one", config).written == 0
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


@pytest.mark.parametrize("form", formats.names())
def test_an_interrupted_export_goes_on(tmp_path: Path, form: str) -> None:
    catalog, config = write_small_catalog(tmp_path / "catalog"), ExportConfig(form)
    run(catalog, tmp_path / "whole", config)
    first, last = formats.get(form).plan(select_songs(Catalog.open(catalog.location.path), "normalised"), config)
    shard = Path((catalog.location / last.pieces[0].song.shard).path)
    shard.rename(tmp_path / "unplugged")
    with pytest.raises(ShardError, match="shard is missing"):
        run(catalog, tmp_path / "out", config)
    assert not (tmp_path / "out" / "export.json").exists()
    assert all((tmp_path / "out" / path).exists() for path in first.paths)
    half = (tmp_path / "out" / last.paths[0]).parent / f".half{TEMPORARY_SUFFIX}"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"what a killed process leaves")
    (tmp_path / "unplugged").rename(shard)
    assert run(catalog, tmp_path / "out", config).written == len(last.paths)
    assert hashes(tmp_path / "out") == hashes(tmp_path / "whole")


def test_a_damaged_shard_ends_the_export_and_leaves_no_file(tmp_path: Path) -> None:
    broken = write_small_catalog(tmp_path / "catalog")
    shard = next(Path(broken.location.path).glob("shards/*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 0xFF
    shard.write_bytes(content)
    for form in formats.names():
        with pytest.raises(ShardError, match=shard.name):
            run(broken, tmp_path / form, ExportConfig(form))
        assert not (tmp_path / form / "export.json").exists()
        assert not list((tmp_path / form).rglob(f"*{TEMPORARY_SUFFIX}"))


def test_a_narrower_export_replaces_a_wider_one(small: SmallCatalog, tmp_path: Path) -> None:
    for form in formats.names():
        run(small, tmp_path / form, ExportConfig(form))
        report = run(small, tmp_path / form, ExportConfig(form), splits=["train"])
        assert (report.songs, report.written) == (1, 0)
        assert set(READERS[form](tmp_path / form)) == {"demo/O'Brien - Élan"}
        assert not [path for path in hashes(tmp_path / form) if "test" in path]


def test_other_files_and_other_formats_are_left_alone(small: SmallCatalog, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("chapter one")
    with pytest.raises(ExportError, match="holds other files"):
        run(small, tmp_path / "mine", ExportConfig("folders"))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(ExportError, match="holds other files"):
        run(small, Path(small.location.path), ExportConfig("folders"))
    run(small, tmp_path / "out", ExportConfig("webdataset"))
    before = hashes(tmp_path / "out")
    with pytest.raises(ExportError, match="in the format webdataset"):
        run(small, tmp_path / "out", ExportConfig("litdata"))
    assert hashes(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("config", "options", "problem"),
    [
        (ExportConfig("webdataset", material="original"), {}, "holds normalised stems only"),
        (ExportConfig("webdataset", subtype="FLOAT"), {}, "webdataset cannot hold FLOAT"),
        (ExportConfig("folders", container="flac", subtype="FLOAT"), {}, "FLAC files cannot hold FLOAT"),
        (ExportConfig("folders", segment_seconds=5.0), {}, "folders hold whole songs"),
        (ExportConfig("folders", validation_folder="../up"), {}, "'../up' is no name of a folder"),
        (ExportConfig("folders"), {"splits": ["dev"]}, "'dev' is no split"),
        (ExportConfig("folders"), {"splits": ["validation"]}, "no song is left to export; there are 1 test, 1 train"),
        (ExportConfig("folders"), {"song_ids": ["demo/gamma"]}, "no song 'demo/gamma'"),
    ],
)
def test_what_cannot_be_done_is_refused(
    small: SmallCatalog, tmp_path: Path, config: ExportConfig, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises((ExportError, CatalogError), match=problem):
        run(small, tmp_path / "out", config, **options)
    assert not (tmp_path / "out").exists()


def test_fewer_bits_are_rounded(small: SmallCatalog, tmp_path: Path) -> None:
    run(small, tmp_path / "out", ExportConfig("webdataset", subtype="PCM_16"))
    catalog = Catalog.open(small.location.path)
    for song_id, stems in read_webdataset(tmp_path / "out").items():
        for stem, audio in stems.items():
            expected = catalog.crop(song_id, 0, len(audio), [stem])[stem]
            scale = max(1.0, float(np.abs(expected).max()))
            assert np.abs(audio - expected).max() <= scale * (2.0**-16 + 2.0**-22)


def test_segments_are_passed_on_as_they_are_stored(small: SmallCatalog, tmp_path: Path) -> None:
    run(small, tmp_path / "out", ExportConfig("webdataset"))
    stored = {
        row["flac"]
        for path in Path(small.location.path).glob("shards/*.parquet")
        for row in pq.read_table(path).to_pylist()
        if row["frames"] == SEGMENT_FRAMES
    }
    with tarfile.open(next((tmp_path / "out").glob("train-*.tar"))) as archive:
        exported = {archive.extractfile(entry).read() for entry in archive if entry.name.endswith(".flac")}  # type: ignore[union-attr]
    assert len(exported & stored) >= 9


def test_no_file_holds_the_time_of_day(small: SmallCatalog, tmp_path: Path) -> None:
    for config in VARIANTS:
        run(small, tmp_path / label(config), config)
    for path in tmp_path.rglob("*.wav"):
        head = path.read_bytes()[:200]
        assert head[:4] + head[8:16] == b"RIFFWAVEfmt "
        assert b"PEAK" not in head
        assert int.from_bytes(head[4:8], "little") == path.stat().st_size - 8
    for path in tmp_path.rglob("*.tar"):
        with tarfile.open(path) as archive:
            assert {(entry.mtime, entry.uid, entry.uname) for entry in archive} == {(0, 0, "")}


def test_folders_are_a_corpus_of_musdb18hq(small: SmallCatalog, tmp_path: Path) -> None:
    run(small, tmp_path / "out", ExportConfig("folders", container="flac"))
    found = list(corpora.get("musdb18hq").songs(tmp_path / "out"))
    assert {(song.native_id, song.split) for song in found} == {("O'Brien - Élan", "train"), ("beta", "test")}
    assert {frozenset(song.files) for song in found} == {frozenset({"mixture", "drums", "vocals"})}


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=6, unique=True),
    st.integers(0, 2**31),
)
def test_names_are_portable_and_different(names: list[str], start: int) -> None:
    songs = [Fake(f"corpus/{name}") for name in names]
    folders = list(folder_names(songs).values())  # type: ignore[arg-type]
    assert len({name.casefold() for name in folders}) == len(names)
    for name in folders:
        assert name == name.strip(" .")
        assert name
        assert not set(name) & set('/\\:*?"<>|\0\n')
    keys = {sample_key(song.song_id, start) for song in songs}
    assert len(keys) == len(names)
    assert all(key.isascii() and not set(key) & set("./ ") for key in keys)


class Fake:
    """A song of which nothing but the id matters."""

    def __init__(self, song_id: str) -> None:
        self.song_id = song_id


def test_stems_that_would_share_a_file_are_refused() -> None:
    assert stem_names(["Vocals", "lead guitar", "a/b"]) == {
        "Vocals": "vocals",
        "lead guitar": "lead guitar",
        "a/b": "a_b",
    }
    with pytest.raises(ValueError, match="would all be called 'vocals'"):
        stem_names(["Vocals", "vocals"])


def all_units(catalog: Catalog) -> Iterator[tuple[Unit, ExportConfig]]:
    for config in VARIANTS:
        for unit in formats.get(config.format).plan(select_songs(catalog, "normalised"), config):
            yield unit, config


def test_units_survive_json_and_have_keys_of_their_own(small: SmallCatalog) -> None:
    units = list(all_units(Catalog.open(small.location.path)))
    for unit, config in units:
        assert Unit.from_json(json.loads(json.dumps(unit.to_json()))).key(config) == unit.key(config)
    assert len({unit.key(config) for unit, config in units}) == len(units)


def write_catalog_of_tracks(target: Path, corpus: str, root: Path) -> Catalog:
    """A catalog that holds what ingest finds in a corpus, and nothing else."""
    found = [ingest_song(song) for song in corpora.get(corpus).songs(root)]
    assert not [row for song in found for row in song.quarantine]
    tracks = pa.Table.from_pylist([row for song in found for row in song.tracks], schema=schemas.TRACKS)
    location = Location.parse(target)
    manifest = Manifest({"tracks": store_table(location, "tracks", tracks)})
    (location / PUBLISHED).write_bytes(manifest.to_json())
    return Catalog.open(target)


@pytest.mark.parametrize("corpus", ["medleydb", "moisesdb", "musdb18hq"])
@pytest.mark.parametrize("container", ["wav", "flac"])
def test_original_stems_are_the_sums_of_their_files(tmp_path: Path, corpus: str, container: Any) -> None:
    truth = {}
    for number, split in enumerate(("train", "test")):
        song = LAYOUTS[corpus].write(tmp_path / "corpus", f"Title {number}", split, number, 0.3)
        truth[song.song_id] = song
    catalog = write_catalog_of_tracks(tmp_path / "catalog", corpus, tmp_path / "corpus")
    config = ExportConfig("folders", material="original", container=container)
    report = export_catalog(
        str(tmp_path / "catalog"), str(tmp_path / "out"), config, Console(quiet=True), options=ALONE
    )
    assert not (tmp_path / "out" / "receipts.parquet").exists()
    found = read_folders(tmp_path / "out")
    assert sorted(found) == sorted(truth)
    for song_id, stems in found.items():
        assert set(stems) == set(truth[song_id].stems)
        for stem, integers in truth[song_id].stems.items():
            step = 0.0 if container == "wav" or np.abs(integers).max() < 2**15 else 2.0**-23
            np.testing.assert_allclose(stems[stem], integers / 2.0**15, atol=step, rtol=step)
    next(iter(truth.values())).breakable.write_bytes(b"changed")
    again = run(catalog, tmp_path / "out", config)
    assert (again.written, again.files) == (0, report.files)
    with pytest.raises(AudioFileError, match="changed"):
        run(catalog, tmp_path / "new", config)
