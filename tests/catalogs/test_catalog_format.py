"""docs/catalog-format.md says what the schemas say, and its snippets do what they claim."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from catalogs import schemas
from catalogs.catalog import Catalog
from tests.small_catalog import SmallCatalog, write_small_catalog

DOCUMENT = Path(__file__).parents[2] / "docs" / "catalog-format.md"
NUMPY_NAMES = {"double": "float64", "float": "float32"}


def type_name(dtype: pa.DataType) -> str:
    if pa.types.is_list(dtype):
        return f"list of {type_name(dtype.value_type)}"
    return NUMPY_NAMES.get(str(dtype), str(dtype))


def columns_of(schema: pa.Schema) -> list[str]:
    """The rows that the document has for a schema."""
    return [
        f"| `{field.name}` | {type_name(field.type)} | {'yes' if field.nullable else ''} | "
        f"{field.metadata[b'description'].decode()} |"
        for field in schema
    ]


def section(heading: str) -> str:
    """Text between a heading and the next."""
    parts = re.split(r"^#+ (.+)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def snippets() -> list[str]:
    return re.findall(r"^```python\n(.+?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def packages(snippet: str) -> set[str]:
    """Packages beside the standard library that a snippet imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(snippet)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallCatalog:
    return write_small_catalog(tmp_path_factory.mktemp("format") / "catalog")


def run(snippet: str, small: SmallCatalog, result: str, tmp_path: Path) -> str:
    """Run a snippet in a Python of its own, beside a folder ``catalog``, and evaluate an expression after it."""
    code = f"{snippet}\nimport sys\nassert 'catalogs' not in sys.modules\nprint({result})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(small.location.path).parent,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", list(schemas.STORED))
def test_every_table_is_described_as_its_schema_says(name: str) -> None:
    schema = schemas.STORED[name]
    text = section(name)
    said = " ".join(text.split()).lower()
    assert said.startswith(schema.metadata[b"description"].decode().lower() + ".")
    listed = [line for line in text.splitlines() if line.startswith("| `")]
    if name == "targets":
        assert listed == []
        assert columns_of(schema) == columns_of(schemas.STATISTICS)
        assert "the columns are those of `statistics`" in said
    else:
        assert listed == columns_of(schema)


def test_audio_shards_are_described_as_their_schema_says() -> None:
    listed = [line for line in section("Audio shards").splitlines() if line.startswith("| `")]
    assert listed == columns_of(schemas.AUDIO)


def test_the_format_and_the_keys_of_the_manifest_are_named(small: SmallCatalog) -> None:
    assert f"This is format {schemas.FORMAT_VERSION}." in " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    listed = re.findall(r"^\| `(\w+)` \|", section("catalog.json"), re.MULTILINE)
    content = pd.read_json(f"{small.location.path}/catalog.json", typ="series")
    assert sorted(listed) == sorted(content.index)
    for entry in content["tables"].values():
        assert all(f"`{key}`" in section("catalog.json") for key in entry)


def test_the_snippets_are_those_that_are_tested() -> None:
    imported = [packages(snippet) for snippet in snippets()]
    assert imported == [
        {"catalogs"},
        {"numpy", "pyarrow", "soundfile"},
        {"pandas"},
        {"duckdb"},
        {"datasets", "pyarrow", "soundfile"},
    ]


def test_the_snippet_with_this_package(small: SmallCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(small.location.path).parent)
    names: dict[str, Any] = {}
    exec(snippets()[0], names)
    assert names["tracks"].equals(small.tables["tracks"].to_pandas())
    assert {stem: audio.shape for stem, audio in names["crop"].items()} == dict.fromkeys(
        ("drums", "vocals", "mixture"), (22_050, 2)
    )


@pytest.mark.parametrize(("start", "frames"), [(11_025, 22_050), (0, 100), (22_050, 22_050), (30_000, 200_000)])
def test_the_snippet_with_pyarrow_and_soundfile_reads_the_crop(
    small: SmallCatalog, tmp_path: Path, start: int, frames: int
) -> None:
    snippet = snippets()[1]
    assert "start, frames = 11_025, 22_050" in snippet
    snippet = snippet.replace("start, frames = 11_025, 22_050", f"start, frames = {start}, {frames}")
    saved = tmp_path / "crop.npz"
    run(snippet, small, f"np.savez({str(saved)!r}, song=song[0]['song_id'], **crop)", tmp_path)
    with np.load(saved) as crop:
        expected = Catalog.open(small.location.path).crop(str(crop["song"]), start, frames)
        assert set(crop) == {"song", *expected}
        for stem, samples in expected.items():
            assert np.array_equal(crop[stem], samples)


def test_the_snippet_with_pandas(small: SmallCatalog, tmp_path: Path) -> None:
    printed = ast.literal_eval(run(snippets()[2], small, "loudness.to_dict()", tmp_path))
    expected = small.tables["features"].to_pandas().groupby("stem").loudness_lufs.mean().to_dict()
    assert printed == pytest.approx(expected)


def test_the_snippet_with_duckdb(small: SmallCatalog, tmp_path: Path) -> None:
    printed = ast.literal_eval(run(snippets()[3], small, "loudness", tmp_path))
    before, after = (
        small.tables[name].to_pandas().groupby("stem").loudness_lufs.mean() for name in ("features", "shards")
    )
    assert [row[0] for row in printed] == ["drums", "vocals"]
    for stem, *levels in printed:
        assert levels == pytest.approx([before[stem], after[stem]])


def test_the_snippet_with_hugging_face_datasets(small: SmallCatalog, tmp_path: Path) -> None:
    saved = tmp_path / "audio.npy"
    snippet = f"{snippets()[4]}\nimport numpy as np\nnp.save({str(saved)!r}, audio)"
    printed = run(snippet, small, "(len(segments), segments[0]['song_id'], segments[0]['stem'])", tmp_path)
    count, song, stem = ast.literal_eval(printed.splitlines()[-1])
    catalog = Catalog.open(small.location.path)
    assert count == sum(row["segments"] for row in catalog.table("shards").to_pylist())
    audio = np.load(saved)
    assert np.allclose(audio, catalog.crop(song, 0, len(audio), [stem])[stem], atol=1e-7)
