"""The same build on a cluster of two nodes, given by its address."""

from __future__ import annotations

from pathlib import Path

from ray.cluster_utils import Cluster
from typer.testing import CliRunner

from catalogs.catalog import Catalog
from pipelines.cli import app
from tests.corpora import write_corpus


def test_a_cluster_builds_what_this_machine_builds(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=2, test=0, seconds=2.0)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        arguments = ["build-catalog", "--corpus", "musdb18hq", str(corpus), "--out"]
        for name, options in (("cluster", ["--address", cluster.address]), ("local", ["--workers", "1"])):
            result = CliRunner().invoke(app, [*arguments, str(tmp_path / name), *options])
            assert result.exit_code == 0, result.output
    finally:
        cluster.shutdown()
    manifests = [Catalog.open(tmp_path / name).manifest for name in ("cluster", "local")]
    assert manifests[0] == manifests[1]
