"""The datasheet tells what the tables hold, counted here in another way, and the same bytes for the same catalog."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from catalogs import schemas
from catalogs.catalog import Catalog
from catalogs.datasheet import Datasheet, make_datasheet, render_json, render_markdown
from catalogs.manifest import PUBLISHED, Manifest, store_table
from catalogs.quality import FAULTS, find_faults
from catalogs.storage import Location
from tests.small_catalog import SmallCatalog, write_small_catalog

LICENCES: dict[str, dict[str, Any]] = {
    "musdb18/A": {"licence": "CC BY-NC-SA", "split": "train"},
    "musdb18/B": {"licence": None, "split": "test"},
    "slakh2100/C": {"licence": "CC BY 4.0", "split": "train"},
    "folder/D": {"licence": "ask | *my* <band>", "split": "train"},
    "folder/E": {"licence": "CC0-1.0", "split": "validation"},
}
"""Songs of the catalog of licences; the vocals of the last have a licence of their own."""

OWN = "CC BY-ND 4.0"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallCatalog:
    return write_small_catalog(tmp_path_factory.mktemp("catalogs") / "small")


@pytest.fixture(scope="module")
def licensed(small: SmallCatalog, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A catalog of tracks and quarantine only."""
    location = Location.parse(tmp_path_factory.mktemp("catalogs") / "licensed")
    template = small.tables["tracks"].to_pylist()[0]
    rows = [
        {
            **template, **facts, "song_id": song_id, "corpus": song_id.split("/")[0], "stem": stem, "part": stem,
            "role": "mixture" if stem == "mixture" else "stem", "catalog_frames": 44_100 * 36 * (1 + (stem == "drums")),
            "errata": ["note: too loud (a page)"] if (song_id, stem) == ("musdb18/A", "drums") else [],
        }
        for song_id, facts in LICENCES.items()
        for stem in ("drums", "vocals", "mixture")
    ]  # fmt: skip
    rows[-2]["licence"] = OWN
    unused = {**rows[0], "part": "click", "stem": "excluded", "used": False, "licence": "unknown", "errata": []}
    refused = [
        {"song_id": f"folder/{name}", "corpus": "folder", "stem": stem, "uri": None, "stage": "ingest",
         "reason": "missing_stem", "message": "?"}
        for name in ("F", "G") for stem in ("bass", "drums")
    ]  # fmt: skip
    tables = {
        "tracks": store_table(location, "tracks", pa.Table.from_pylist([*rows, unused], schema=schemas.TRACKS)),
        "quarantine": store_table(location, "quarantine", pa.Table.from_pylist(refused, schema=schemas.QUARANTINE)),
    }
    (location / PUBLISHED).write_bytes(Manifest(tables, {"ingest": {"corpora": {}}}, "9.9").to_json())
    return Catalog.open(location.path)


def test_counts_are_those_of_the_tables(small: SmallCatalog) -> None:
    catalog = Catalog.open(small.location.path)
    sheet = make_datasheet(catalog)
    tracks = catalog.table("tracks")  # noqa: F841 - DuckDB finds it by its name
    songs, seconds = duckdb.sql(
        "select count(*), sum(s) from (select max(catalog_frames) / 44100 as s from tracks where used group by song_id)"
    ).fetchall()[0]
    assert (sheet.total.songs, sheet.total.song_hours) == (songs, pytest.approx(seconds / 3600, abs=1e-6))
    parts = duckdb.sql(
        "select stem, role, count(*), sum(catalog_frames) / 44100 / 3600 from tracks where used group by all order by 1"
    ).fetchall()
    assert [(p.name, p.role, p.stems, pytest.approx(p.hours, abs=1e-6)) for p in sheet.parts] == parts
    assert sum(group.stem_hours for group in sheet.by_split) == pytest.approx(sheet.total.stem_hours, abs=2e-6)
    assert sum(kind.files for kind in sheet.inputs) == len(catalog.table("tracks"))
    findings = find_faults(catalog.frame("quality"))
    assert sheet.faults is not None
    assert [fault.fault for fault in sheet.faults] == list(FAULTS)
    assert sum(fault.findings for fault in sheet.faults) == len(findings) > 0
    for fault in sheet.faults:
        mine = [finding for finding in findings if finding.fault == fault.fault]
        assert (fault.findings, fault.songs) == (len(mine), len({finding.song_id for finding in mine}))
        assert all(finding.threshold == fault.threshold for finding in mine)
    assert sheet.quarantine == {"ingest: missing_stem": 1}
    assert sheet.statistics["measured_hash"] == small.statistics.fingerprint() == sheet.statistics["targets_hash"]
    assert sheet.effects == {"loudness": {"unchanged": 4}}
    assert sheet.conversions == {"channels 1 to 2": 2}
    assert sheet.catalog_hash == catalog.fingerprint()


def test_licences_are_told_by_song(licensed: Catalog) -> None:
    sheet = make_datasheet(licensed)
    uses = {(use.corpus, use.text): use for use in sheet.licences}
    assert {key: (use.id, use.songs) for key, use in uses.items()} == {
        ("folder", "CC0-1.0"): ("CC0-1.0", 1),
        ("folder", OWN): ("CC-BY-ND-4.0", 1),
        ("folder", "ask | *my* <band>"): (None, 1),
        ("musdb18", "CC BY-NC-SA"): ("CC-BY-NC-SA", 1),
        ("musdb18", sheet.corpora[1].licence): ("LicenseRef-MUSDB18", 1),
        ("slakh2100", "CC BY 4.0"): ("CC-BY-4.0", 1),
    }
    assert uses["slakh2100", "CC BY 4.0"].song_hours == 0.02
    assert sheet.allowed == {
        "share": ["folder/E", "musdb18/A", "slakh2100/C"],
        "adapt": ["musdb18/A", "slakh2100/C"],
        "commercial": ["folder/E", "slakh2100/C"],
    }
    assert [(corpus.name, corpus.songs, corpus.quarantined) for corpus in sheet.corpora] == [
        ("folder", 2, 2), ("musdb18", 2, 0), ("slakh2100", 1, 0)
    ]  # fmt: skip
    assert sheet.quarantine == {"ingest: missing_stem": 2}
    assert [(e.song_id, e.part, e.words) for e in sheet.errata] == [("musdb18/A", "drums", "note: too loud (a page)")]
    assert len(sheet.citations) == 3
    assert (sheet.total.song_hours, sheet.total.stem_hours) == (0.1, 0.15)
    assert (sheet.faults, sheet.statistics, sheet.effects) == (None, {}, {})


def test_the_page_holds_every_section_and_all_that_is_counted(licensed: Catalog) -> None:
    page = render_markdown(make_datasheet(licensed))
    assert re.findall(r"^## (\w+)", page, re.MULTILINE) == [
        "Motivation", "Composition", "Collection", "Preprocessing", "Uses", "Distribution", "Maintenance"
    ]  # fmt: skip
    assert r"| ask \| \*my\* \<band\> | folder | unknown: read the corpus' terms | | | | | | 1 | 0.02 |" in page
    assert "- commercial: 2 of 5" in page
    assert "- ingest: missing\\_stem: 2" in page
    assert "Quality was not measured." in page
    for line in tables(page):
        assert len({row.replace("\\|", "").count("|") for row in line}) == 1, line[0]


def tables(page: str) -> list[list[str]]:
    return [block.splitlines() for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)]


def test_the_same_catalog_gives_the_same_bytes(small: SmallCatalog, licensed: Catalog, tmp_path: Path) -> None:
    again = write_small_catalog(tmp_path / "again")
    for one, two in (
        (Catalog.open(small.location.path), Catalog.open(again.location.path)),
        (licensed, Catalog.open(licensed.location.path)),
    ):
        first, second = make_datasheet(one), make_datasheet(two)
        assert render_json(first) == render_json(second)
        assert render_markdown(first) == render_markdown(second)
        content = json.loads(render_json(first))
        assert set(content) == set(Datasheet.__dataclass_fields__)
