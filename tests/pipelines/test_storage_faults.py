"""Builds from and into a failing object store: the same catalog, or a clear error and nothing half-visible."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import ray

from catalogs.catalog import Catalog
from catalogs.manifest import PUBLISHED, read_manifest
from catalogs.storage import Location
from tests.corpora import write_corpus, write_song
from tests.faulty_store import SPORADIC, Fault, FaultyStore, Plan, before, no_faults, refuse_writes, sporadic
from tests.object_store import ObjectStore, copy_to_store, find_program, running
from tests.pipelines.test_build import REPOSITORY, build

pytestmark = pytest.mark.slow

SETTINGS = {"FXNORM_STORAGE_TIMEOUT": "1"}


@pytest.fixture(scope="module", autouse=True)
def local_ray(store: ObjectStore) -> Iterator[None]:
    """One Ray for the builds in this process; its workers have the store's credentials from the environment."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SETTINGS.items():
            environment.setenv(name, value)
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield
        ray.shutdown()


@pytest.fixture
def proxy(store: ObjectStore) -> Iterator[FaultyStore]:
    with before(store.port) as faulty:
        yield faulty


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), train=2, test=0, seconds=2.0)


@pytest.fixture(scope="module")
def undisturbed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog built on this machine's disk."""
    out = tmp_path_factory.mktemp("undisturbed") / "catalog"
    build(corpus, out)
    return out


def build_there(faulty: FaultyStore, source: str, out: str, *options: object, code: int = 0) -> str:
    there = ObjectStore(faulty.port)
    return build(there.uri(source), there.uri(out), *options, code=code)  # type: ignore[arg-type]


def assert_same(catalog: str, expected: Path) -> None:
    """All tables and shards are the same bytes, save where the files of the corpus lie and when they were written."""
    ours, theirs = Location.parse(catalog), Location.parse(expected)
    stored, true = read_manifest(ours), read_manifest(theirs)
    assert stored is not None
    assert true is not None
    for name, table in true.tables.items():
        if name == "tracks":
            told = ["uri", "modified_ns"]
            here, there = (Catalog.open(place).frame(name).drop(columns=told) for place in (catalog, expected))
            pd.testing.assert_frame_equal(here, there)
        else:
            assert stored.tables[name] == table
            assert (ours / table.path).hash() == table.hash
    for shard in set(Catalog.open(expected).frame("shards").shard):
        assert (ours / shard).hash() == (theirs / shard).hash()


def at(part: str, plan: Plan) -> Plan:
    """The plan for requests whose target has this part; the others work."""
    return lambda method, target: plan(method, target) if part in target else None


def test_sporadic_faults_change_nothing(
    store: ObjectStore, proxy: FaultyStore, corpus: Path, undisturbed: Path
) -> None:
    copy_to_store(corpus, store.uri("sporadic/corpus"))
    proxy.plan = sporadic(0.1, seed=1)
    output = build_there(proxy, "sporadic/corpus", "sporadic/catalog")
    assert "0 broken" in output
    assert all(proxy.counts[kind] for kind in SPORADIC)
    assert_same(store.uri("sporadic/catalog"), undisturbed)
    frame = Catalog.open(store.uri("sporadic/catalog")).frame("tracks")
    assert frame.uri.str.startswith("s3://bucket/sporadic/corpus/").all()
    proxy.requests.clear()
    proxy.plan = no_faults
    assert "nothing to do" in build_there(proxy, "sporadic/corpus", "sporadic/catalog")
    audio = [target for method, target in proxy.requests if ".wav" in target]
    assert audio == []


def test_a_bucket_that_refuses_writes_keeps_what_it_has(
    store: ObjectStore, proxy: FaultyStore, corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    copy_to_store(corpus, store.uri("refused/corpus"))
    copy_to_store(undisturbed, store.uri("refused/catalog"))
    published = Location.parse(store.uri("refused/catalog")) / PUBLISHED
    old = published.read_bytes()
    write_song(tmp_path / "train" / "Artist - New", 7, 2.0)
    copy_to_store(tmp_path, store.uri("refused/corpus"))
    for part in ("", "/shards/", f"/{PUBLISHED}"):
        proxy.plan = at(f"refused/catalog{part}", refuse_writes)
        output = build_there(proxy, "refused/corpus", "refused/catalog", code=1)
        assert f"s3://bucket/refused/catalog{part}" in output
        assert "ACCESS_DENIED" in output
        assert "check the credentials and what they may do there, or name another location" in output
        assert published.read_bytes() == old
        assert_same(store.uri("refused/catalog"), undisturbed)
        assert "musdb18hq/Artist - New" not in Catalog.open(store.uri("refused/catalog")).songs


def test_a_download_cut_short_is_a_quarantined_song_until_it_is_whole(
    store: ObjectStore, proxy: FaultyStore, corpus: Path, undisturbed: Path
) -> None:
    copy_to_store(corpus, store.uri("short/corpus"))
    cut = at("Song%200/bass.wav", lambda method, target: Fault.SHORTEN if method == "GET" else None)
    proxy.plan = cut
    build_there(proxy, "short/corpus", "short/catalog")
    catalog = Catalog.open(store.uri("short/catalog"))
    (row,) = catalog.frame("quarantine").to_dict("records")
    assert (row["song_id"], row["stem"], row["reason"]) == ("musdb18hq/Artist - Song 0", "bass", "io_error")
    assert "fewer came" in row["message"]
    assert "musdb18hq/Artist - Song 0" not in catalog.songs
    proxy.plan = no_faults
    build_there(proxy, "short/corpus", "short/catalog")
    assert_same(store.uri("short/catalog"), undisturbed)


def build_apart(faulty: FaultyStore, source: str, out: str) -> subprocess.Popen[str]:
    there = ObjectStore(faulty.port)
    command = [sys.executable, "-m", "pipelines", "build-catalog", "--corpus", "musdb18hq", there.uri(source)]
    return subprocess.Popen(
        [*command, "--out", there.uri(out), "--workers", "2"],
        cwd=REPOSITORY,
        env={**os.environ, **SETTINGS, "FXNORM_STORAGE_ATTEMPTS": "3"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_store_that_never_answers_ends_the_run(store: ObjectStore, proxy: FaultyStore, corpus: Path) -> None:
    copy_to_store(corpus, store.uri("stalled/corpus"))
    proxy.plan = at("/shards/", lambda method, target: Fault.STALL)
    _, errors = build_apart(proxy, "stalled/corpus", "stalled/catalog").communicate()
    assert "error:" in errors
    assert "s3://bucket/stalled/catalog/shards" in errors
    assert "Timeout was reached" in errors
    assert "Traceback" not in errors
    assert read_manifest(Location.parse(store.uri("stalled/catalog"))) is None


def test_a_store_that_is_killed_and_comes_back_loses_nothing(
    store: ObjectStore, corpus: Path, undisturbed: Path, tmp_path: Path
) -> None:
    program = find_program()
    assert program is not None
    with running(program, tmp_path) as killed, before(killed.port) as proxy:
        copy_to_store(corpus, killed.uri("corpus"))
        run = build_apart(proxy, "corpus", "catalog")
        while run.poll() is None and not any("/catalog/shards/" in t and m == "PUT" for m, t in proxy.requests):
            time.sleep(0.02)
        assert killed.process is not None
        killed.process.kill()
        _, errors = run.communicate()
        assert run.returncode == 1
        assert "s3://bucket/catalog" in errors
        assert "run" in errors
        assert "again" in errors
        assert "Traceback" not in errors
        with running(program, tmp_path, killed.ports) as again:
            assert read_manifest(Location.parse(again.uri("catalog"))) is None
            run = build_apart(proxy, "corpus", "catalog")
            _, errors = run.communicate()
            assert run.returncode == 0, errors
            assert_same(again.uri("catalog"), undisturbed)
