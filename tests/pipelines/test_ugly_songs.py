"""Every odd or broken song goes through all tasks, and ends where the table of outcomes says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from catalogs import corpora
from catalogs.ingest import ingest_song, mark_duplicates
from catalogs.shards import read_crop
from fxnorm.statistics import Targets
from pipelines.analyze import AnalyzeSong
from pipelines.config import AnalysisConfig, NormalizationConfig
from pipelines.normalize import FOLDER, NormalizeSong
from pipelines.workspace import Workspace, song_key
from tests.catalogs.test_ingest import OUTCOMES
from tests.ugly_files import write_ugly_corpora

TARGETS = Targets(loudness=-25.0, panning=np.full(32_769, 0.9), eq=np.ones(32_769))


@pytest.fixture(scope="module")
def ugly() -> Iterator[dict[str, tuple[str, Path]]]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield write_ugly_corpora(Path(folder))


@pytest.mark.parametrize("name", [name for name, outcome in OUTCOMES.items() if outcome.reason != "permission"])
def test_every_song_is_stored_or_refused(ugly: dict[str, tuple[str, Path]], name: str, tmp_path: Path) -> None:
    adapter, root = ugly[name]
    workspace = Workspace(tmp_path / "catalog")
    config = NormalizationConfig()
    chain = config.chain("fixed")
    stored, reasons = 0, []
    for song in mark_duplicates(corpora.get(adapter).songs(root)):
        result = ingest_song(song)
        reasons += [row["reason"] for row in result.quarantine]
        if not result.tracks:
            continue
        key = song_key(song.song_id, result.tracks[0]["song_hash"], "any")
        job = {"song_id": song.song_id, "key": key, "tracks": result.tracks}
        analyzed = AnalyzeSong(workspace.target, AnalysisConfig())(job)
        if analyzed["status"] == "quarantined":
            reasons += [row["reason"] for row in analyzed["quarantine"]]
            continue
        targets = {row["stem"]: TARGETS for row in result.tracks}
        assert NormalizeSong(workspace.target, config, chain, targets, "any")(job)["status"] == "ok"
        (shard,) = (tmp_path / "catalog" / "shards").glob("*.parquet")
        for row in result.tracks:
            (audio,) = read_crop(
                workspace.catalog / f"shards/{shard.name}",
                0,
                row["catalog_frames"],
                config.segment_frames,
                [row["stem"]],
            ).values()
            assert audio.shape == (row["catalog_frames"], 2)
            assert np.isfinite(audio).all()
        assert workspace.folder(FOLDER).file_names() == {f"{key}.json"}
        stored += 1
    expected = OUTCOMES[name]
    if name == "level_minus_80.wav":
        assert reasons == ["all_stems_silent"]
    elif expected.outcome == "quarantined":
        assert expected.reason in reasons
    else:
        assert reasons == []
        assert stored >= 1
