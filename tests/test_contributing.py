"""The changes that docs/contributing.md shows apply to this tree, and what it says to run passes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import REPOSITORY
from tests.small_catalog import write_small_catalog

FOLDERS = ("fxnorm", "catalogs", "pipelines", "training", "tests", "docs")
FILES = ("pyproject.toml", "README.md", "Makefile")
SECTIONS = re.findall(
    r"^## (Add a[^\n]*)\n.*?^```diff\n(.*?)^```\n\s*^```sh\n(.*?)^```$",
    (REPOSITORY / "docs" / "contributing.md").read_text(),
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    copy = tmp_path / "tree"
    for name in FOLDERS:
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(REPOSITORY / name, copy / name)
    return copy


def test_the_page_shows_an_effect_a_corpus_and_a_model() -> None:
    assert [title for title, _, _ in SECTIONS] == ["Add a corpus", "Add an effect", "Add a model"]


@pytest.mark.parametrize("title, diff, commands", SECTIONS, ids=[title for title, _, _ in SECTIONS])
def test_a_change_applies_and_its_commands_pass(tree: Path, title: str, diff: str, commands: str) -> None:
    subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=tree, check=True)
    if "demo/catalog" in commands:
        write_small_catalog(tree / "demo" / "catalog")
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        assert program in ("python", "fxnorm-data"), line
        module = [] if program == "python" else ["-m", "pipelines"]
        result = subprocess.run(
            [sys.executable, *module, *words], cwd=tree, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    changed = re.findall(r"^\+\+\+ b/(\S+\.py)$", diff, re.MULTILINE)
    for tool in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *tool, *changed], cwd=tree, check=True, capture_output=True)
