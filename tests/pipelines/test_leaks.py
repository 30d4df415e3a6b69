"""A song that is test anywhere is test everywhere: through the build, the command, and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from catalogs.catalog import Catalog
from catalogs.manifest import DRAFT
from pipelines.cli import app
from tests.corpora import STEMS, write_song

pytestmark = pytest.mark.usefixtures("local_ray")

SECONDS = 14.0
COPY, ORIGINAL, OTHER = "musdb18hq/A B - renamed", "musdb18hq/Artist - Song", "musdb18hq/Artist - Other"


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def build(corpus: Path, out: Path, *options: object) -> str:
    return run("build-catalog", "--corpus", "musdb18hq", corpus, "--out", out, *options)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test song, another song for training, and for training also a quieter, later copy of the test song."""
    root = tmp_path_factory.mktemp("leaks") / "corpus"
    original = write_song(root / "test" / "Artist - Song", 1, SECONDS)
    write_song(root / "train" / "Artist - Other", 2, SECONDS)
    copy = root / "train" / "A B - renamed"
    copy.mkdir()
    for stem in (*STEMS, "mixture"):
        audio, rate = soundfile.read(original / f"{stem}.wav", dtype="float32")
        late = np.concatenate([np.zeros((13_230, 2), np.float32), 0.5 * audio])
        soundfile.write(copy / f"{stem}.wav", late, rate, subtype="PCM_24")
    return root


@pytest.fixture(scope="module")
def built(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("built") / "catalog"
    return out, build(corpus, out)


def splits_of(catalog: Catalog, table: str, column: str = "split") -> dict[str, str]:
    frame = catalog.frame(table, ["song_id", column])
    assert (frame.groupby("song_id")[column].nunique() == 1).all()
    return dict(frame.itertuples(index=False))


def test_a_copy_of_a_test_song_is_test_in_every_table(built: tuple[Path, str]) -> None:
    catalog = Catalog.open(built[0])
    expected = {COPY: "test", ORIGINAL: "test", OTHER: "train"}
    for table in ("tracks", "features", "shards"):
        assert splits_of(catalog, table) == expected
    assert splits_of(catalog, "tracks", "corpus_split") == {**expected, COPY: "train"}
    assert {song for songs in catalog.frame("statistics").songs for song in songs} == {OTHER}
    assert f"1 song is test for being the same as test songs: {COPY} (as {ORIGINAL})" in built[1]
    assert "1 song in another split than its corpus says" in run("inspect", built[0])


def test_the_command_lists_the_pair_with_its_evidence(built: tuple[Path, str]) -> None:
    view = json.loads(run("leaks", built[0], "--json"))
    (pair,) = view["pairs"]
    assert view["songs"] == 3
    assert view["counts"] == {"leaks": 0, "duplicates": 1, "candidates": 0}
    assert (pair["kind"], pair["verdict"]) == ("near", "duplicates")
    assert pair["a"] == {"catalog": str(built[0]), "song_id": COPY, "split": "test"}
    assert pair["match"]["offset_seconds"] == pytest.approx(-0.3, abs=0.01)
    assert "1 duplicates" in run("leaks", built[0], "--strict", code=1)


def test_splits_are_kept_and_moved_without_measuring_anything_again(corpus: Path, built: tuple[Path, str]) -> None:
    out, _ = built
    before = Catalog.open(out).fingerprint()
    assert "nothing to do, 3 songs are finished" in run("analyze", out, "--keep-splits")
    draft = Catalog.open(out, DRAFT)
    assert (
        splits_of(draft, "tracks") == splits_of(draft, "features") == {COPY: "train", ORIGINAL: "test", OTHER: "train"}
    )
    assert {song for songs in draft.frame("statistics").songs for song in songs} == {COPY, OTHER}
    said = run("leaks", out, "--draft", code=1)
    assert f"leak (near): {COPY} (train) = {ORIGINAL} (test): " in said
    again = build(corpus, out)
    assert again.count("nothing to do") == 3
    assert Catalog.open(out).fingerprint() == before


def test_validation_lets_kept_splits_pass(corpus: Path, tmp_path: Path) -> None:
    said = build(corpus, tmp_path / "catalog", "--keep-splits", "--effects", "loudness")
    assert " 0 broken" in said
    assert "published" in said
    assert splits_of(Catalog.open(tmp_path / "catalog"), "shards")[COPY] == "train"


def test_songs_are_compared_between_catalogs(built: tuple[Path, str], tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    write_song(corpus / "train" / "Somebody - Else", 1, SECONDS)
    build(corpus, tmp_path / "other", "--effects", "loudness")
    view = json.loads(run("leaks", built[0], tmp_path / "other", "--json", code=1))
    found = {(pair["a"]["song_id"], pair["b"]["song_id"]): pair for pair in view["pairs"] if pair["verdict"] == "leaks"}
    exact = found[ORIGINAL, "musdb18hq/Somebody - Else"]
    assert (exact["kind"], exact["a"]["split"], exact["b"]["split"]) == ("exact", "test", "train")
    assert sorted(exact["same_audio"]) == sorted((*STEMS, "mixture"))
    assert exact["b"]["catalog"] == str(tmp_path / "other")
    assert found[COPY, "musdb18hq/Somebody - Else"]["kind"] == "near"
    assert "named twice" in run("leaks", built[0], built[0], code=1)


def test_a_catalog_without_fingerprints_says_what_to_do(built: tuple[Path, str], tmp_path: Path) -> None:
    content = json.loads((built[0] / "catalog.json").read_text())
    del content["tables"]["fingerprints"]
    (tmp_path / "catalog.json").write_text(json.dumps(content))
    assert "no fingerprints" in run("leaks", tmp_path, code=1)
