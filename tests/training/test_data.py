"""Training examples: determinism, resuming, sharing out, augmentation, leakage."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from catalogs.catalog import Catalog
from tests.small_catalog import SPLITS, SmallCatalog, write_small_catalog
from training.data import CropConfig, CropDataset, LeakageError, check_leakage, read_song

SOURCES = ("vocals", "drums")
SONGS = tuple(sorted(SPLITS))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallCatalog:
    return write_small_catalog(tmp_path_factory.mktemp("training"))


@pytest.fixture
def target(small: SmallCatalog) -> str:
    return small.location.path


def dataset(target: str, examples: int = 24, seed: int = 0, samples: int = 8_000, **sharing: int) -> CropDataset:
    return CropDataset(target, SONGS, CropConfig(samples, SOURCES, seed), examples, **sharing)


def test_an_example_is_the_crop_that_was_chosen(small: SmallCatalog, target: str) -> None:
    data = dataset(target)
    for number in range(8):
        choice = data.choose(0, number)
        stems, mixture = data.example(0, number)
        assert stems.shape == (2, 2, 8_000)
        assert mixture.shape == (2, 8_000)
        for index, name in enumerate((*SOURCES, "mixture")):
            whole = small.audio[choice.song_id][name]
            expected = np.zeros((8_000, 2), np.float32)
            piece = whole[choice.start : choice.start + 8_000]
            expected[: piece.shape[0]] = piece
            expected = expected[:, ::-1] if choice.swap else expected
            found = (mixture if name == "mixture" else stems[index]).numpy().T
            np.testing.assert_allclose(found, expected, atol=2e-4 * max(1.0, np.abs(whole).max()))


def test_swaps_and_songs_vary(target: str) -> None:
    choices = [dataset(target).choose(0, number) for number in range(64)]
    assert {choice.swap for choice in choices} == {True, False}
    assert {choice.song_id for choice in choices} == set(SONGS)
    assert len({choice.start for choice in choices}) > 50
    still = CropDataset(target, SONGS, CropConfig(100, SOURCES, swap=False), 4)
    assert not any(still.choose(0, number).swap for number in range(64))


@pytest.mark.parametrize("workers", [0, 2])
def test_ranks_and_workers_share_an_epoch_out(target: str, workers: int) -> None:
    alone = list(dataset(target, group=2))
    shared = []
    for rank in range(3):
        data = dataset(target, group=2, rank=rank, ranks=3)
        loader = DataLoader(data, batch_size=2, num_workers=workers)
        shared.append([batch[1] for batch in loader])
    for step, batch in enumerate(itertools.chain.from_iterable(zip(*shared, strict=True))):
        expected = torch.stack([alone[2 * step][1], alone[2 * step + 1][1]])
        torch.testing.assert_close(batch, expected, rtol=0, atol=0)
    assert sum(len(batches) for batches in shared) == 12


def test_resuming_gives_the_rest(target: str) -> None:
    whole = list(dataset(target, group=2))
    resumed = dataset(target, group=2)
    resumed.load_state_dict({"epoch": 0, "taken": 10})
    for found, expected in zip(resumed, whole[10:], strict=True):
        torch.testing.assert_close(found[0], expected[0], rtol=0, atol=0)
    assert resumed.state_dict() == {"epoch": 0, "taken": 10}


def test_epochs_and_seeds_differ(target: str) -> None:
    data = dataset(target)
    assert data.choose(0, 3) != data.choose(1, 3)
    assert data.choose(0, 3) != dataset(target, seed=1).choose(0, 3)


def test_a_song_without_a_source_has_silence_for_it(target: str) -> None:
    stems, _ = read_song(Catalog.open(target), SONGS[0], ("drums", "kazoo"), 0, 1_000)
    assert stems[0].any()
    assert not stems[1].any()


def test_nothing_to_draw_from_is_an_error(target: str) -> None:
    with pytest.raises(ValueError, match="no song to draw from"):
        CropDataset(target, [], CropConfig(100, SOURCES), 4)


def test_different_songs_do_not_leak(target: str) -> None:
    check_leakage(Catalog.open(target), {"train": [SONGS[0]], "test": [SONGS[1]]})


def with_copy(small: SmallCatalog, song: str, name: str, split: str) -> Catalog:
    """The small catalog with another copy of one of its songs, under another name."""
    from catalogs.manifest import PUBLISHED, Manifest, store_table

    stored = dict(small.manifest.tables)
    for table in ("tracks", "shards", "fingerprints"):
        rows = small.tables[table].to_pylist()
        copies = [{**row, "song_id": name, "split": split} for row in rows if row["song_id"] == song]
        copies = [{key: row[key] for key in small.tables[table].schema.names} for row in copies]
        whole = small.tables[table].from_pylist([*rows, *copies], schema=small.tables[table].schema)
        stored[table] = store_table(small.location, table, whole)
    (small.location / PUBLISHED).write_bytes(Manifest(stored, {}, "0.0.0").to_json())
    return Catalog.open(small.location.path)


def test_the_same_audio_under_another_name_leaks(tmp_path: Path) -> None:
    catalog = with_copy(write_small_catalog(tmp_path), SONGS[0], "other/renamed", "test")
    check_leakage(catalog, {"train": [SONGS[0], "other/renamed"], "test": [SONGS[1]]})
    expected = r"demo/.* \(train\) is other/renamed \(test\): the same audio of drums, vocals, mixture"
    with pytest.raises(LeakageError, match=expected):
        check_leakage(catalog, {"train": [SONGS[0]], "test": ["other/renamed", SONGS[1]]})


def test_a_catalog_without_fingerprints_is_refused_with_the_remedy(tmp_path: Path) -> None:
    from catalogs.manifest import PUBLISHED, CatalogError, Manifest

    small = write_small_catalog(tmp_path)
    tables = {name: table for name, table in small.manifest.tables.items() if name != "fingerprints"}
    (small.location / PUBLISHED).write_bytes(Manifest(tables, {}, "0.0.0").to_json())
    with pytest.raises(CatalogError, match=r"no fingerprints.*'fxnorm-data analyze'"):
        check_leakage(Catalog.open(tmp_path), {"train": [SONGS[0]], "test": [SONGS[1]]})
