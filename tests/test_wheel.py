"""The built wheel works outside the checkout, with all its data files; untrusted data is never unpickled."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.corpora import write_corpus

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_file_of_the_packages_is_in_the_wheel(installed: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "fxnorm", "catalogs", "pipelines", "training"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert tracked
    assert [name for name in tracked if not (installed / name).is_file()] == []


def test_a_catalog_is_built_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=1, test=0, seconds=2.0)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-m", "pipelines", "build-catalog", "--corpus", "musdb18hq", str(corpus)]
    subprocess.run(
        [*command, "--out", str(tmp_path / "catalog"), "--workers", "1"],
        cwd=tmp_path, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    where = [sys.executable, "-P", "-c", "import pipelines; print(pipelines.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(installed))
    assert (tmp_path / "catalog" / "catalog.json").is_file()
    assert (tmp_path / "catalog" / "report" / "validation.html").is_file()


def test_the_packages_unpickle_only_through_the_restricted_reader() -> None:
    found = subprocess.run(
        ["git", "grep", "-nE", r"pickle\.(load|loads|Unpickler)|allow_pickle=True|joblib|torch\.load\(", "--",
         "fxnorm", "catalogs", "pipelines", "training"],
        cwd=REPOSITORY, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    admitted = ("class _ArraysOnly(pickle.Unpickler)", "np.save(", "weights_only=True")
    assert [line for line in found if not any(text in line for text in admitted)] == []
