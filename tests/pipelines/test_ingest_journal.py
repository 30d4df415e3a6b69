"""Ingest keeps what it has found: over kills, and in columns that equal the rows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from catalogs.schemas import TRACKS
from catalogs.storage import Location, read_table
from pipelines import ingest_journal
from pipelines.ingest_journal import IngestJournal
from tests.corpora import write_corpus
from tests.pipelines.test_build import REPOSITORY, run
from tests.small_catalog import write_small_catalog

pytestmark = pytest.mark.usefixtures("local_ray")


def test_what_was_added_comes_back_and_is_there_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_journal, "PART_SONGS", 2)
    rows = write_small_catalog(tmp_path / "small").tables["tracks"].to_pylist()
    songs = [rows, [{**row, "song_id": "folder/other"} for row in rows], [{**row, "song_id": "a/3"} for row in rows]]
    journal = IngestJournal(Location.parse(tmp_path / "journal"))
    for song in songs:
        journal.add(song, [])
    everything = pa.Table.from_pylist([row for song in songs for row in song], schema=TRACKS)
    assert journal.tracks().equals(everything)
    after = IngestJournal(Location.parse(tmp_path / "journal"))
    assert after.interrupted().equals(everything.slice(0, 2 * len(rows)))
    after.clear()
    assert after.interrupted().num_rows == 0


def test_a_killed_ingest_does_not_read_again_what_it_has_read(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=40, test=0, seconds=1.0)
    out = tmp_path / "catalog"
    code = (
        "import pipelines.ingest_journal as j; j.PART_SONGS = 5; from pipelines.cli import app; "
        f"app(['ingest', '--corpus', 'musdb18hq', {str(corpus)!r}, '-o', {str(out)!r}, '--workers', '1'])"
    )
    driver = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list((out / "work" / "ingest").glob("*.parquet")):
        assert driver.poll() is None, "ingest ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not (out / "work" / "ingested.parquet").exists()
    kept = IngestJournal(Location.parse(out / "work" / "ingest")).interrupted()["song_id"].unique().to_pylist()
    shown = run("ingest", "--corpus", "musdb18hq", corpus, "-o", out)
    left = 40 - len(kept)
    assert 0 < left < 40
    assert f"ingest    {left}/{left} songs" in shown
    assert not list((out / "work" / "ingest").glob("*"))
    run("ingest", "--corpus", "musdb18hq", corpus, "-o", tmp_path / "undisturbed")
    found, expected = (
        read_table(Location.parse(p / "work" / "ingested.parquet")) for p in (out, tmp_path / "undisturbed")
    )
    assert found.equals(expected)


def test_a_run_that_stops_for_errors_goes_on_when_they_are_mended(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, test=0, seconds=1.0)
    out = tmp_path / "catalog"
    broken = corpus / "train" / "Artist - Song 1" / "bass.wav"
    sound = broken.read_bytes()
    broken.write_bytes(b"not audio")
    command = ("ingest", "--corpus", "musdb18hq", corpus, "-o", out, "--max-errors")
    output = " ".join(run(*command, 0, code=1).split())
    assert "stopped: 1 songs were refused, and --max-errors is 0" in output
    assert "bass.wav" in output
    assert "1 quarantined" in run(*command, 1)
    broken.write_bytes(sound)
    assert "1/1 songs" in run(*command, 0)
