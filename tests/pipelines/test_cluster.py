"""The same build on clusters, given by their address: two nodes, and three of which one is lost on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from ray.cluster_utils import Cluster
from typer.testing import CliRunner

from catalogs.catalog import Catalog
from pipelines.cli import app
from tests.corpora import write_corpus

WAIT_SECONDS = 120.0


@contextmanager
def cluster_of(nodes: int) -> Iterator[Cluster]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()


def build(corpus: Path, out: Path, *options: str) -> Result:
    arguments = ["build-catalog", "--corpus", "musdb18hq", str(corpus), "--out", str(out), *options]
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("cluster") / "corpus", train=8, test=0, seconds=4.0)


@pytest.fixture(scope="module")
def expected(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    out = tmp_path_factory.mktemp("local") / "catalog"
    result = build(corpus, out, "--workers", "1")
    assert result.exit_code == 0, result.output
    return Catalog.open(out)


def test_a_cluster_builds_what_this_machine_builds(corpus: Path, expected: Catalog, tmp_path: Path) -> None:
    with cluster_of(2) as cluster:
        result = build(corpus, tmp_path / "catalog", "--address", cluster.address)
    assert result.exit_code == 0, result.output
    assert Catalog.open(tmp_path / "catalog").manifest == expected.manifest


def test_a_node_that_is_lost_while_songs_are_normalised_costs_nothing(
    corpus: Path, expected: Catalog, tmp_path: Path
) -> None:
    out = tmp_path / "catalog"
    results: list[Result] = []
    with cluster_of(3) as cluster:
        lost = sorted(cluster.worker_nodes, key=str)[0]
        run = threading.Thread(target=lambda: results.append(build(corpus, out, "--address", cluster.address)))
        run.start()
        deadline = time.monotonic() + WAIT_SECONDS
        while not list((out / "shards").glob("*.parquet")) and run.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert run.is_alive(), "the build ended before a node could be lost"
        done = len(list((out / "shards").glob("*.parquet")))
        assert 0 < done < 8
        cluster.remove_node(lost, allow_graceful=False)
        run.join(WAIT_SECONDS)
    (result,) = results
    assert result.exit_code == 0, result.output
    assert Catalog.open(out).manifest == expected.manifest
