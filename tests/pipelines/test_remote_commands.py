"""Commands that are told URIs: they look into a store as into a folder, and keep secrets to themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalogs.remote import forget_listings
from pipelines.cli import app
from tests import layouts
from tests.object_store import CREDENTIALS, ObjectStore, copy_to_store


def run(*arguments: object) -> tuple[int, str]:
    forget_listings()
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def corpus(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("medleydb")
    layouts.write_layout("medleydb", folder)
    copy_to_store(folder, store.uri("commands"))
    return folder


def test_labels_of_a_corpus_in_a_store_are_checked(store: ObjectStore, corpus: Path) -> None:
    local = run("sources", "check", "--corpus", "medleydb", corpus)
    assert run("sources", "check", "--corpus", "medleydb", store.uri("commands")) == local
    assert "0 of them not mapped" in local[1]


def test_a_build_from_a_store_is_planned(store: ObjectStore, corpus: Path, tmp_path: Path) -> None:
    options = ("--corpus", "medleydb", "--out", tmp_path / "catalog", "--dry-run")
    local = run("build-catalog", corpus, *options)
    assert local[0] == 0
    assert run("build-catalog", store.uri("commands"), *options) == local
    assert not (tmp_path / "catalog").exists()


def test_credentials_of_a_uri_are_used_and_not_shown(
    store: ObjectStore, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    told = store.uri("nowhere", f"{CREDENTIALS['AWS_ACCESS_KEY_ID']}:{secret}@")
    code, output = run("build-catalog", told, "--corpus", "medleydb", "--out", tmp_path / "catalog", "--dry-run")
    assert (code, "s3://bucket/nowhere" in output, secret in output) == (1, True, False)
    others = store.uri("commands", "stranger:wrong-secret@")
    code, output = run("build-catalog", others, "--corpus", "medleydb", "--out", tmp_path / "catalog", "--dry-run")
    assert (code, "other credentials" in output, "wrong-secret" in output) == (1, True, False)
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    told = store.uri("commands", f"{CREDENTIALS['AWS_ACCESS_KEY_ID']}:{secret}@") + "&region=another-client"
    code, output = run("sources", "check", "--corpus", "medleydb", told)
    assert (code, "0 of them not mapped" in output, secret in output) == (0, True, False)
