"""A build of several layouts into one catalog, the command line's options for them, and its audit of labels."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from catalogs.catalog import Catalog
from pipelines.cli import app
from pipelines.config import NormalizationConfig, RunOptions
from pipelines.ingest import Source
from pipelines.plan import plan_build
from tests.layouts import FULL_SCALE, SONGS, TrueSong, write_layout

pytestmark = pytest.mark.usefixtures("local_ray")

BUILT = ("cambridge_mt", "dsd100", "enst_drums", "manifest", "medleydb", "moisesdb", "rawstems", "slakh2100")
SECONDS = 1.5


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[TrueSong]]:
    root = tmp_path_factory.mktemp("corpora")
    return {name: write_layout(name, root / name, SONGS[1:], SECONDS) for name in BUILT}


@pytest.fixture(scope="module")
def catalog(truth: dict[str, list[TrueSong]], tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """All layouts, one ingested after the other, the last with a build; their songs have the same audio."""
    out = tmp_path_factory.mktemp("built") / "catalog"
    root = {name: next(p for p in songs[0].files[0].path.parents if p.name == name) for name, songs in truth.items()}
    *ingested, last = BUILT
    for name in ingested:
        run("ingest", "--corpus", name, root[name], "--out", out)
    run("build-catalog", "--corpus", last, root[last], "--out", out, "--keep-splits")
    return Catalog.open(out)


def test_counts_are_those_of_the_layouts(truth: dict[str, list[TrueSong]], catalog: Catalog) -> None:
    counted = json.loads(run("inspect", catalog.location.path, "--json"))
    songs = [song for songs in truth.values() for song in songs]
    assert catalog.songs == sorted(song.song_id for song in songs)
    assert counted["corpora"] == {name: len(songs) for name, songs in truth.items()}
    assert counted["songs"] == Counter(song.split for song in songs)
    assert counted["stems"] == sum(len(set(song.stems) - {"mixture"}) for song in songs)
    assert counted["stem_hours"] == pytest.approx(sum(song.stem_seconds for song in songs) / 3600)
    assert counted["quarantined"] == []
    per_source = {source["source"]: source["stems"] for source in counted["sources"]}
    assert per_source == Counter(stem for song in songs for stem in song.stems if stem != "mixture")


def test_stored_stems_and_mixtures_are_those_in_use(truth: dict[str, list[TrueSong]], catalog: Catalog) -> None:
    for song in (song for songs in truth.values() for song in songs):
        stored = catalog.song(song.song_id)
        assert stored.frames == {stem: len(samples) for stem, samples in song.stems.items()}
        if "mixture" in song.stems:
            found = catalog.audio(song.song_id, "mixture")
            np.testing.assert_array_equal(found, (song.stems["mixture"] / FULL_SCALE).astype(np.float32))


def test_statistics_hold_every_stem_of_the_training_songs(truth: dict[str, list[TrueSong]], catalog: Catalog) -> None:
    statistics = catalog.statistics()
    for source in ("vocals", "drums", "bass", "other"):
        training = {
            song.song_id for songs in truth.values() for song in songs if song.split == "train" and source in song.stems
        }
        assert set(statistics.songs(source)) == training


def test_raws_become_the_material_of_a_catalog(truth: dict[str, list[TrueSong]], tmp_path: Path) -> None:
    song = truth["medleydb"][0]
    root = song.others[0].parents[1]
    table = tmp_path / "mine.toml"
    table.write_text('[labels.strings]\nbowed = ["violin", "cello"]\n')
    run(
        "build-catalog", "--corpus", "medleydb", root / "Audio", "--out", tmp_path / "catalog", "--roles", "raw",
        "--sources", table, "--corpus-option", f"metadata={root / 'Metadata'}",
    )  # fmt: skip
    catalog = Catalog.open(tmp_path / "catalog")
    assert set(catalog.song(song.song_id).frames) == {"vocals", "drums", "bass", "other", "strings", "mixture"}
    tracks = catalog.frame("tracks")
    assert set(tracks[tracks.used].role) == {"raw", "mixture"}
    assert (tracks.role == "stem").any()


def test_a_plan_counts_what_is_used(truth: dict[str, list[TrueSong]]) -> None:
    songs = truth["medleydb"]
    root = songs[0].others[0].parents[1]
    plan = plan_build(Source("medleydb", root), NormalizationConfig(), RunOptions(workers=1))
    assert (plan.songs, plan.refused.value, plan.probed) == (2, 0, 2)
    assert plan.stem_seconds.value == pytest.approx(sum(song.stem_seconds for song in songs))
    assert plan.input_bytes.value == sum(file.path.stat().st_size for song in songs for file in song.files)


def test_errata_are_counted_and_can_be_left_out(truth: dict[str, list[TrueSong]], tmp_path: Path) -> None:
    root = truth["dsd100"][0].files[0].path.parents[3]
    errata = tmp_path / "mine.toml"
    errata.write_text(
        '[[erratum]]\ncorpora = ["dsd100"]\nsong = "Artist - Third\'s"\neffect = "drop"\n'
        'cause = "it is no music"\nsource = "a page"\n'
    )
    output = run("ingest", "--corpus", "dsd100", root, "--out", tmp_path / "catalog", "--errata", errata)
    assert "1 songs dropped" in output
    assert (
        json.loads(run("inspect", tmp_path / "catalog", "--json", "--draft"))["quarantined"][0]["reason"] == "erratum"
    )
    errata.write_text(errata.read_text().replace('"drop"', '"bleed"\npart = "vocals"'))
    assert "1 bleed" in run("ingest", "--corpus", "dsd100", root, "--out", tmp_path / "catalog", "--errata", errata)
    assert json.loads(run("inspect", tmp_path / "catalog", "--json", "--draft"))["errata"] == {"bleed": 1}
    output = run("ingest", "--corpus", "dsd100", root, "--out", tmp_path / "catalog", "--errata", "none")
    assert "errata" not in output


def test_labels_without_a_source_are_listed_with_counts(tmp_path: Path) -> None:
    for name in ("01_Kick", "02_Room", "03_Thing"):
        for song in ("A_B", "C_D"):
            (tmp_path / song).mkdir(exist_ok=True)
            (tmp_path / song / f"{name}.wav").write_bytes(b"")
    (tmp_path / "C_D" / "03_Thing.wav").unlink()
    output = run("sources", "check", "--corpus", "cambridge_mt", tmp_path, code=1)
    first, second, total = output.splitlines()
    assert first == f"not mapped: 02_Room (2 files, for example {tmp_path / 'A_B' / '02_Room.wav'})"
    assert second.startswith("not mapped: 03_Thing (1 files")
    assert total == "cambridge_mt: 5 labelled files, 3 of them not mapped"
    table = tmp_path / "mine.toml"
    table.write_text('[words.drums]\nroom = ["room"]\n[words.other]\nthing = ["thing"]\n')
    assert "0 of them not mapped" in run("sources", "check", "--corpus", "cambridge_mt", tmp_path, "--sources", table)


def test_the_table_is_shown_as_a_corpus_uses_it(tmp_path: Path) -> None:
    assert "percussive" in run("sources", "show", "--corpus", "slakh2100")
    assert "percussive" not in run("sources", "show", "--corpus", "medleydb")
    whole = run("sources", "show")
    assert "Labels in rawstems only" in whole
    table = tmp_path / "mine.toml"
    table.write_text('[songs."medleydb/A_B"]\nS01 = "bass"\n')
    assert "medleydb/A_B, part S01: bass" in run("sources", "show", "--sources", table)


def test_options_that_a_corpus_does_not_have_are_refused(tmp_path: Path) -> None:
    for options, problem in (
        (("--corpus", "musdb18hq", "--roles", "raw"), "the corpus musdb18hq has no option 'roles'; it has split"),
        (("--corpus", "medleydb", "--corpus-option", "metadata"), "expected NAME=VALUE"),
        (("--corpus", "medleydb", "--sources", tmp_path / "gone.toml"), "the table of sources cannot be read"),
    ):
        assert problem in run("ingest", tmp_path, "--out", tmp_path / "out", *options, code=1)
