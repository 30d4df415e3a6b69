"""Every notebook runs from its first cell to its last on small catalogs of the demo's tunes."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.demo import DemoCorpusError
from pipelines.demo.sources import Sources

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.py"))
SONGS, SECONDS = (6, 3), 10.0
"""Of the two catalogs; six songs are the least that hold a test song."""


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same tunes, mixed by the engineers of two seeds."""
    try:
        Sources.find()
    except DemoCorpusError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("notebooks")
    for seed, songs in enumerate(SONGS):
        corpus, catalog = str(root / f"corpus-{seed}"), str(root / f"catalog-{seed}")
        render = ["demo-corpus", corpus, "--songs", str(songs), "--seconds", str(SECONDS), "--seed", str(seed)]
        build = ["build-catalog", "--corpus", "musdb18hq", corpus, "--out", catalog, "--workers", "2"]
        for command in (render, build):
            result = CliRunner().invoke(app, command)
            assert result.exit_code == 0, result.output
    return [root / "catalog-0", root / "catalog-1"]


def test_there_are_five() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, catalogs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FXNORM_CATALOG", str(catalogs[0]))
    monkeypatch.setenv("FXNORM_OTHER_CATALOG", str(catalogs[1]))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    notebook = jupytext.read(path)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    nbformat.validate(notebook)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert "image/svg+xml" in kinds
