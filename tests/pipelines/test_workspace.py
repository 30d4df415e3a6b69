"""Where the workers are told that the catalog is."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogs.catalog import Catalog
from catalogs.storage import Location, write_table
from pipelines.workspace import Workspace
from tests.small_catalog import write_small_catalog

S3 = "s3://bucket/catalog?endpoint_override=127.0.0.1:9&scheme=http"


def test_a_path_and_its_file_uri_are_the_same_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a catalog, with % and ü"
    monkeypatch.chdir(tmp_path)
    for target in (folder, str(folder), folder.name, f"./{folder.name}/", folder.as_uri()):
        workspace = Workspace(target)
        assert workspace.target == str(folder)
        assert workspace.catalog.path == str(folder)


def test_a_uri_of_an_object_store_keeps_its_options() -> None:
    workspace = Workspace(S3)
    assert workspace.target == S3
    assert workspace.catalog.path == "bucket/catalog"
    assert Workspace(workspace.target).folder("features").path == "bucket/catalog/work/features"


def test_a_worker_finds_the_same_folder_from_another_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = Workspace("catalog").target
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert Workspace(target).catalog.path == str(tmp_path / "catalog")


def test_a_catalog_given_as_file_uri_is_locked_and_published_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "catalog"
    manifest = write_small_catalog(folder).manifest
    workspace = Workspace(folder.as_uri())
    with workspace.locked():
        (folder / "shards" / ".half.part").write_bytes(b"")
    with workspace.locked():
        assert not workspace.publish()
        newer = manifest.with_stage("normalize", {}, {"seed": 7})
        (workspace.catalog / "draft.json").write_bytes(newer.to_json())
        assert workspace.publish()
    assert not (folder / "shards" / ".half.part").exists()
    assert Catalog.open(folder).manifest == newer
    assert {path.name for path in tmp_path.iterdir()} == {"catalog"}
    assert Location.parse(folder).file_names() == {"catalog.json", "draft.json", ".lock"}


def test_rows_of_a_version_that_knew_one_file_for_each_stem_are_read(tmp_path: Path) -> None:
    tracks = write_small_catalog(tmp_path / "small").tables["tracks"]
    workspace = Workspace(tmp_path / "catalog")
    write_table(workspace.folder("ingested.parquet"), tracks.drop_columns(["part", "used", "instruments", "errata"]))
    songs = workspace.accepted_songs(before="analyze")
    assert {row["stem"] for rows in songs.values() for row in rows} == {"drums", "vocals", "mixture"}
    workspace.save_ingested(workspace.previously_ingested())
    assert workspace.ingested().to_pylist() == sorted(
        [{**row, "instruments": [], "errata": []} for row in tracks.to_pylist()],
        key=lambda row: (row["song_id"], row["stem"]),
    )
