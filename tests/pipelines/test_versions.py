"""Versions of a catalog on a real Ray: what is done again, what differs, what stays readable, what is collected."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from catalogs.catalog import Catalog
from catalogs.manifest import DRAFT, PUBLISHED, CatalogError
from catalogs.storage import Location
from catalogs.versions import list_versions, publish
from fxnorm.statistics import FeatureSum
from tests.corpora import write_corpus, write_song
from tests.pipelines.test_build import build, contents, run
from tests.small_catalog import write_small_catalog

pytestmark = pytest.mark.usefixtures("local_ray")


@dataclasses.dataclass(frozen=True)
class Built:
    """A catalog of three versions.

    Attributes:
        corpus: folder of the corpus, as the third version has it.
        catalog: the catalog.
        reports: what each build printed.
        first: hashes of all files of the first version.
    """

    corpus: Path
    catalog: Path
    reports: list[str]
    first: dict[str, str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    root = tmp_path_factory.mktemp("versions")
    corpus, catalog = write_corpus(root / "corpus", train=2, test=1, seconds=4.0), root / "catalog"
    reports = [build(corpus, catalog)]
    first = contents(catalog)
    reports.append(build(corpus, catalog, "--effects", "eq,loudness"))
    write_song(corpus / "train" / "Artist - Song 9", 9)
    shutil.rmtree(corpus / "train" / "Artist - Song 0")
    reports.append(build(corpus, catalog, "--effects", "eq,loudness"))
    return Built(corpus, catalog, reports, first)


def test_other_effects_are_not_measured_again(built: Built) -> None:
    assert "analyze   nothing to do, 3 songs are finished" in built.reports[1]
    assert "normalize 3/3 songs" in built.reports[1]
    assert "analyze   1/1 songs" in built.reports[2]


def test_versions_are_listed(built: Built) -> None:
    listed = json.loads(run("versions", built.catalog, "--json"))
    assert [(row["number"], row["songs"]) for row in listed] == [(1, 3), (2, 3), (3, 3)]
    assert "0.1.0" in run("versions", built.catalog)


def test_an_earlier_version_is_read_as_it_was(built: Built, tmp_path: Path) -> None:
    earlier = Catalog.open(f"{built.catalog}#1")
    assert earlier.songs[0] == "musdb18hq/Artist - Song 0"
    copy = tmp_path / "restored"
    shutil.copytree(built.catalog, copy)
    (copy / PUBLISHED).write_bytes(earlier.manifest.to_json())
    assert contents(copy) == built.first
    with pytest.raises(CatalogError, match="no version 7; there are: 1, 2, 3"):
        Catalog.open(f"{built.catalog}#7")


def test_the_difference_is_that_of_the_command(built: Built) -> None:
    difference = json.loads(run("diff", f"{built.catalog}#1", f"{built.catalog}#2", "--json"))
    songs = sorted(Catalog.open(f"{built.catalog}#1").songs)
    assert difference.pop("normalised") == songs
    assert difference.pop("configuration") == {
        "normalize.effects": [["eq", "compression", "panning", "loudness"], ["eq", "loudness"]]
    }
    assert not any(difference.values())


def test_the_difference_of_the_corpus_is_that_of_its_folders(built: Built) -> None:
    difference = json.loads(run("diff", built.catalog, "--json"))
    assert (difference["added"], difference["removed"]) == (
        ["musdb18hq/Artist - Song 9"],
        ["musdb18hq/Artist - Song 0"],
    )
    before, after = (Catalog.open(f"{built.catalog}#{number}").statistics() for number in (2, 3))
    for row in difference["statistics"]:
        key = row["source"], row["feature"]
        assert (row["before"], row["after"]) == (before.sums[key].count, after.sums[key].count) == (2, 2)
        if row["feature"] == "loudness":
            change = abs(float(after.sums[key].mean[0] - before.sums[key].mean[0]))
            assert row["change"] == pytest.approx(change, abs=1e-12)
    assert len(difference["statistics"]) == 16
    shown = run("diff", built.catalog)
    assert "1 new songs: musdb18hq/Artist - Song 9" in shown


def test_a_catalog_does_not_differ_from_itself(built: Built) -> None:
    assert "no difference" in run("diff", built.catalog, f"{built.catalog}#3")


def test_statistics_are_compared_in_decibels(tmp_path: Path) -> None:
    from catalogs.difference import _largest_change

    spectrum = np.linspace(1.0, 2.0, 32_769)
    louder = FeatureSum(spectrum * 10 ** (1.5 / 20), ("a/1",))
    assert _largest_change("eq", spectrum, louder.mean) == pytest.approx(1.5)


def test_collecting_keeps_what_is_published(built: Built, tmp_path: Path) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(built.catalog, copy)
    before = contents(copy)
    files = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    assert "would be deleted; 1 versions stay" in run("gc", copy, "--dry-run")
    assert {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()} == files
    run("gc", copy, "--keep", 2)
    assert [version.number for version in list_versions(Location.parse(copy))] == [2, 3]
    assert len(Catalog.open(copy, list_versions(Location.parse(copy))[0].path).songs) == 3
    run("validate", copy, "--verify-hashes")
    run("gc", copy)
    assert contents(copy) == before
    run("validate", copy, "--verify-hashes")
    named = {Path(name) for name in before} - {Path(PUBLISHED)}
    left = {path.relative_to(copy) for folder in ("tables", "shards") for path in (copy / folder).iterdir()}
    assert left == named
    assert "0 versions and 0 files" in run("gc", copy)
    assert build(built.corpus, copy, "--effects", "eq,loudness").count("nothing to do") == 3
    assert contents(copy) == before


def test_collecting_leaves_an_unfinished_build_alone(built: Built, tmp_path: Path) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(built.catalog, copy)
    run("normalize", copy, "--effects", "loudness")
    results = {path.name for path in (copy / "work").rglob("*") if path.is_file()}
    draft = Catalog.open(copy, DRAFT).manifest
    assert "results of the unfinished build stay too" in run("gc", copy)
    assert {path.name for path in (copy / "work").rglob("*") if path.is_file()} == results
    assert Catalog.open(copy, DRAFT).manifest == draft
    run("publish", copy)
    run("validate", copy, "--verify-hashes")


def test_a_catalog_of_a_version_without_numbers_gets_them(tmp_path: Path) -> None:
    from pipelines.workspace import Workspace

    manifest = write_small_catalog(tmp_path / "catalog").manifest
    with pytest.raises(CatalogError, match="no version 1; there are: none"):
        Catalog.open(f"{tmp_path / 'catalog'}#1")
    workspace = Workspace(tmp_path / "catalog")
    (workspace.catalog / DRAFT).write_bytes(manifest.with_stage("normalize", {}, {"seed": 7}).to_json())
    assert workspace.publish()
    assert not workspace.publish()
    assert Catalog.open(f"{tmp_path / 'catalog'}#1").manifest == manifest
    assert Catalog.open(f"{tmp_path / 'catalog'}#2").manifest == Catalog.open(tmp_path / "catalog").manifest


def test_a_publication_that_was_cut_short_is_one_version(tmp_path: Path) -> None:
    first = write_small_catalog(tmp_path / "catalog").manifest
    location = Location.parse(tmp_path / "catalog")
    second = first.with_stage("normalize", {}, {"seed": 7})
    assert not publish(location, first)
    assert publish(location, second)
    (location / PUBLISHED).write_bytes(first.to_json())
    assert publish(location, second)
    assert [version.number for version in list_versions(location)] == [1, 2]
    assert publish(location, first)
    assert Catalog.open(f"{tmp_path / 'catalog'}#3").manifest == first


def test_nothing_is_collected_or_made_where_there_is_no_catalog(built: Built, tmp_path: Path) -> None:
    assert "no catalog here" in run("gc", tmp_path / "elsewhere", code=1)
    assert not (tmp_path / "elsewhere").exists()
    for command in ("gc", "validate", "publish", "analyze"):
        assert "a version of a catalog is only read" in run(command, f"{built.catalog}#1", code=1)
    assert not built.catalog.with_name(f"{built.catalog.name}#1").exists()


def test_a_damaged_version_keeps_the_collector_away(built: Built, tmp_path: Path) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(built.catalog, copy)
    shards = Catalog.open(copy).manifest.tables["shards"].path
    (copy / shards).write_bytes(b"not a table")
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    assert "cannot be read" in run("gc", copy, code=1)
    assert sorted(path for path in copy.rglob("*") if path.is_file()) == files


def test_measured_features_do_not_need_the_corpus(built: Built, tmp_path: Path) -> None:
    copy, corpus = tmp_path / "catalog", tmp_path / "corpus"
    shutil.copytree(built.catalog, copy)
    features = Catalog.open(copy).manifest.tables["features"]
    shutil.move(built.corpus, corpus)
    try:
        assert "nothing to do" in run("analyze", copy)
    finally:
        shutil.move(corpus, built.corpus)
    assert Catalog.open(copy, DRAFT).manifest.tables["features"] == features
