"""Corpora in an object store: found, probed and decoded as on disk, with few requests and no half-read file."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import fs as pafs

from catalogs import corpora
from catalogs.audio_file import content_hash, decode, file_status, path_to_uri, probe, uri_to_path
from catalogs.corpora.roots import beside, open_root
from catalogs.faults import AudioFileError, printable
from catalogs.ingest import ingest_song, load_song
from catalogs.object_store import StorageError, adopt_credentials
from catalogs.remote import RemotePath, forget_listings
from catalogs.staging import at_hand, last_file_kept, staged
from catalogs.storage import Location, read_table, write_table
from tests import layouts, signals
from tests.faulty_store import Fault, FaultyStore, before, no_faults
from tests.object_store import CREDENTIALS, ObjectStore, copy_to_store
from tests.signals import RATE

AWKWARD = ("a#1.wav", "what?.wav", "50%.wav", "è – ü.wav", "a b&c=d.wav", "'q\"$`.wav")


@pytest.fixture
def proxy(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyStore]:
    monkeypatch.setenv("FXNORM_STORAGE_TIMEOUT", "1")
    with before(store.port) as running:
        yield running


def write_stem(folder: Path, seconds: float = 1.0, name: str = "bass.wav") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, signals.noise(seconds, 1, level=0.1), RATE, subtype="PCM_16")
    return folder / name


def found(adapter: corpora.Corpus, root: Path) -> list[tuple[object, ...]]:
    return [
        (
            song.song_id,
            song.split,
            song.title,
            song.artist,
            song.licence,
            song.genre,
            song.provenance,
            song.material,
            [(part, file.path.relative_to(root).as_posix(), file.stem, file.role) for part, file in song.files.items()],
            [(fault.reason, fault.stem) for fault in song.faults],
        )
        for song in adapter.songs(root)
    ]


@pytest.mark.parametrize("name", corpora.names())
def test_every_layout_is_found_and_decoded_as_on_disk(store: ObjectStore, tmp_path: Path, name: str) -> None:
    layouts.write_layout(name, tmp_path / name)
    uri = store.uri(f"layouts/{name}")
    copy_to_store(tmp_path / name, uri)
    forget_listings()
    adapter, remote, local = corpora.get(name), open_root(uri), tmp_path / name
    assert found(adapter, remote) == found(adapter, local)
    for song, expected in zip(adapter.songs(remote), adapter.songs(local), strict=True):
        ours, theirs = ingest_song(song), ingest_song(expected)
        assert ours.quarantine == theirs.quarantine == []
        told = ("uri", "modified_ns")
        assert [{k: v for k, v in row.items() if k not in told} for row in ours.tracks] == [
            {k: v for k, v in row.items() if k not in told} for row in theirs.tracks
        ]
        assert all(row["uri"].startswith("s3://") for row in ours.tracks)
        audio, on_disk = load_song(ours.tracks), load_song(theirs.tracks)
        assert audio.keys() == on_disk.keys()
        assert all(np.array_equal(audio[stem], on_disk[stem]) for stem in audio)


def test_a_manifest_may_name_files_in_a_store_and_on_disk(store: ObjectStore, tmp_path: Path) -> None:
    local, other = write_stem(tmp_path / "here"), write_stem(tmp_path / "there", name="drums.wav")
    uri = store.uri("mixed/drums.wav")
    Location.parse(uri).write_bytes(other.read_bytes())
    table = tmp_path / "manifest.csv"
    rows = [f"s,{local},bass", f"s,{uri},drums", "s,there/drums.wav,other", "t,nowhere://x/a.wav,bass"]
    table.write_text("\n".join(["song,path,stem", *rows]), "utf-8")
    good, bad = corpora.get("manifest").songs(table)
    assert {file.stem: printable(file.path) for file in good.files.values()} == {
        "bass": str(local),
        "drums": "s3://bucket/mixed/drums.wav",
        "other": str(other),
    }
    assert ingest_song(good).quarantine == []
    assert [fault.reason for fault in bad.faults] == ["bad_metadata"]
    assert "nowhere://x/a.wav" in bad.faults[0].message
    Location.parse(store.uri("mixed/manifest.csv")).write_bytes(table.read_bytes())
    assert beside(open_root(store.uri("mixed/manifest.csv")), str(local)) == local


def test_a_folder_is_one_request_and_its_files_are_none(store: ObjectStore, proxy: FaultyStore, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for song in range(3):
            for stem in layouts.FIVE:
                write_stem(tmp_path / split / f"A - {song}", 0.1, f"{stem}.wav")
    copy_to_store(tmp_path, store.uri("listed"))
    forget_listings()
    root = open_root(ObjectStore(proxy.port).uri("listed"))
    songs = list(corpora.get("musdb18hq").songs(root))
    assert len(songs) == 6
    for song in songs:
        for file in song.files.values():
            assert file_status(file.path).st_size == (tmp_path / file.path.relative_to(root)).stat().st_size
    requests = [target for _, target in proxy.requests if "tracklist.csv" not in target]
    assert all("list-type=2" in target for target in requests)
    assert len(requests) == 1 + 2 + 6


def test_headers_cost_little_and_a_whole_file_one_pass(store: ObjectStore, proxy: FaultyStore, tmp_path: Path) -> None:
    local = write_stem(tmp_path, 20.0)
    copy_to_store(tmp_path, store.uri("headers"))
    path = open_root(ObjectStore(proxy.port).uri("headers/bass.wav"))
    size = local.stat().st_size
    expected = probe(local)
    assert probe(path).frames == expected.frames
    assert proxy.sent < size / 10
    proxy.sent = 0
    with last_file_kept():
        assert probe(path).frames == expected.frames
        assert content_hash(path) == content_hash(local)
        assert np.array_equal(decode(path), decode(local))
        assert np.array_equal(decode(path), decode(local))
    assert proxy.sent < 2.2 * size
    proxy.sent = 0
    with last_file_kept(), at_hand(path):
        assert probe(path).frames == expected.frames
        assert content_hash(path) == content_hash(local)
        assert np.array_equal(decode(path), decode(local))
    assert size <= proxy.sent < 1.01 * size


def test_copies_have_no_name_and_go_with_the_block(store: ObjectStore, tmp_path: Path) -> None:
    write_stem(tmp_path, 0.1)
    write_stem(tmp_path, 0.2, "drums.wav")
    copy_to_store(tmp_path, store.uri("copies"))
    bass, drums = (open_root(store.uri(f"copies/{name}.wav")) for name in ("bass", "drums"))
    assert isinstance(bass, RemotePath)
    assert isinstance(drums, RemotePath)
    with last_file_kept():
        with at_hand(bass):
            first = staged(bass).copy
        assert not first.closed
        assert os.fstat(first.fileno()).st_nlink == 0
        with at_hand(drums):
            assert first.closed
            second = staged(drums).copy
        assert not second.closed
    assert second.closed


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_come_through(store: ObjectStore, tmp_path: Path, name: str) -> None:
    local = write_stem(tmp_path / "song", 0.1, name)
    (Location.parse(store.uri("awkward")) / "song" / name).write_bytes(local.read_bytes())
    forget_listings()
    folder = open_root(store.uri("awkward"))
    (path,) = [p for p in (folder / "song").iterdir() if p.name == name]
    uri = path_to_uri(path)
    assert uri_to_path(uri) == path
    assert pickle.loads(pickle.dumps(path)) == path
    assert content_hash(uri_to_path(uri)) == content_hash(local)
    filesystem, plain = pafs.FileSystem.from_uri(uri)
    assert filesystem.open_input_file(plain).read() == local.read_bytes()


@given(
    st.lists(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
            lambda name: name not in (".", "..")
        ),
        min_size=1,
    )
)
def test_a_uri_gives_every_name_back(names: list[str]) -> None:
    path = RemotePath.from_uri("s3://bucket?region=eu-north-1").joinpath(*names)
    uri = path.uri
    assert uri.isascii()
    assert RemotePath.from_uri(uri) == path
    assert PurePosixPath(path.location.path) == PurePosixPath("bucket", *names)


def test_what_cannot_be_had_is_a_fault_of_its_kind(store: ObjectStore, proxy: FaultyStore, tmp_path: Path) -> None:
    copy_to_store(write_stem(tmp_path, 0.1).parent, store.uri("faults"))
    there = open_root(ObjectStore(proxy.port).uri("faults/bass.wav"))
    forget_listings()

    def reason(path: Path, fault: Fault | None = None) -> str:
        proxy.plan = lambda method, target: fault
        with pytest.raises(AudioFileError) as caught:
            decode(path)
        assert "s3://bucket/faults" in str(caught.value)
        assert str(proxy.port) not in str(caught.value).split(": ")[0]
        return caught.value.reason

    assert reason(there.with_name("gone.wav")) == "missing"
    assert reason(there.parent) == "missing"
    assert reason(there, Fault.FORBID) == "permission"
    assert reason(there, Fault.ERROR) == "io_error"
    proxy.plan = no_faults
    assert decode(there).shape == (RATE // 10, 2)


def test_a_folder_that_cannot_be_listed_is_named(proxy: FaultyStore) -> None:
    forget_listings()
    root = open_root(ObjectStore(proxy.port).uri("nowhere"))
    with pytest.raises(corpora.CorpusLayoutError, match="s3://bucket/nowhere"):
        list(corpora.get("slakh2100").songs(root))
    proxy.plan = lambda method, target: Fault.FORBID
    with pytest.raises(corpora.CorpusLayoutError, match=r"s3://bucket/nowhere.*ACCESS_DENIED"):
        list(corpora.get("slakh2100").songs(root))


@pytest.mark.parametrize("times", [2, 1_000])
def test_an_answer_that_is_too_short_is_noticed(
    store: ObjectStore, proxy: FaultyStore, tmp_path: Path, times: int
) -> None:
    local = write_stem(tmp_path)
    copy_to_store(tmp_path, store.uri("short"))
    uri = ObjectStore(proxy.port).uri("short/bass.wav")
    left = [times]

    def shorten(method: str, target: str) -> Fault | None:
        left[0] -= 1
        return Fault.SHORTEN if method == "GET" and left[0] >= 0 else None

    for read in (
        lambda: content_hash(open_root(uri)) == content_hash(local),
        lambda: Location.parse(uri).read_bytes() == local.read_bytes(),
        lambda: Location.parse(uri).hash() == content_hash(local),
    ):
        left[0] = times
        proxy.plan = shorten
        if times == 2:
            assert read()
        else:
            with pytest.raises((AudioFileError, StorageError), match="fewer came"):
                read()


def test_errors_longer_than_the_content_are_survived(store: ObjectStore, proxy: FaultyStore) -> None:
    table = pa.table({"a": [1]})
    tiny, parquet = (Location.parse(ObjectStore(proxy.port).uri(f"tiny/{name}")) for name in ("x", "t.parquet"))
    tiny.write_bytes(b"x")
    write_table(parquet, table)
    for read, expected in ((tiny.read_bytes, b"x"), (lambda: read_table(parquet), table)):
        left = iter([Fault.ERROR, Fault.SLOW_DOWN])
        proxy.plan = lambda method, target, left=left: next(left, None) if method == "GET" else None
        assert read() == expected


def test_a_file_that_changes_is_not_taken_for_the_same(store: ObjectStore, tmp_path: Path) -> None:
    path = write_stem(tmp_path / "s", 0.1)
    copy_to_store(tmp_path, store.uri("changing"))
    forget_listings()
    (song,) = corpora.get("folder").songs(open_root(store.uri("changing")))
    tracks = ingest_song(song).tracks
    soundfile.write(path, signals.noise(0.2, 2), RATE, subtype="PCM_16")
    copy_to_store(tmp_path, store.uri("changing"))
    with pytest.raises(AudioFileError) as caught:
        load_song(tracks)
    assert caught.value.reason == "changed"


def test_credentials_in_a_uri_are_taken_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIALS:
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)
    plain = "s3://bucket/a?region=eu-north-1"
    assert adopt_credentials(plain) == plain
    assert adopt_credentials("/a:b@c") == "/a:b@c"
    secret = "s3://key:p%2Fss@bucket/a?region=eu-north-1"
    assert adopt_credentials(secret) == plain
    assert (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]) == ("key", "p/ss")
    with pytest.raises(ValueError, match="other credentials") as caught:
        adopt_credentials("s3://key:other@bucket/b")
    assert "key:other" not in str(caught.value)
    with pytest.raises(ValueError, match="environment") as caught:
        open_root(secret)
    assert "ss@" not in str(caught.value)
    for wrong in ("nothing://key:p%2Fss@bucket/a", "s3://key:p/ss@bucket/a b"):
        with pytest.raises(ValueError, match="not a location") as caught:
            Location.parse(adopt_credentials(wrong))
        assert "ss@" not in str(caught.value)
    with pytest.raises(ValueError, match="not a location") as caught:
        open_root("s3://key:p/ss@bucket/a b?region")
    assert "ss@" not in str(caught.value)


@pytest.mark.parametrize("variable", ["FXNORM_STORAGE_TIMEOUT", "FXNORM_STORAGE_ATTEMPTS"])
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_patience_is_a_positive_number(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"{variable} is '{value}'"):
        Location.parse("s3://bucket/a?region=eu-north-1")
