"""Statistics: merging, smoothing, the published file."""

import io
import pickle

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm.compression import OnsetPeakLevel
from fxnorm.features import StemFeatures
from fxnorm.published import read_published, write_published
from fxnorm.settings import SPECTRUM_BINS
from fxnorm.statistics import Statistics, StatisticsError, measure_statistics

BINS = 32_769


def stem(seed: int) -> StemFeatures:
    rng = np.random.default_rng(seed)
    return StemFeatures(
        silent=False,
        peak_dbfs=-1.0,
        loudness=float(rng.uniform(-40, -10)),
        eq=rng.uniform(0, 10, BINS),
        panning=rng.uniform(0, 1, BINS),
        compression=OnsetPeakLevel(float(rng.uniform(-20, -10)), float(rng.uniform(0, 3))),
    )


def corpus(numbers) -> list[tuple[str, str, StemFeatures]]:
    return [(f"song {n}", source, stem(1000 * n + i)) for n in numbers for i, source in enumerate(("vocals", "drums"))]


def assert_equal(a: Statistics, b: Statistics) -> None:
    assert a.sums.keys() == b.sums.keys()
    for key, value in a.sums.items():
        assert value.songs == b.sums[key].songs
        np.testing.assert_allclose(value.total, b.sums[key].total, rtol=1e-12)


@settings(deadline=None, max_examples=15)
@given(cut=st.integers(1, 6), order=st.permutations(range(7)))
def test_merging_halves_in_any_order_equals_the_whole(cut, order):
    whole = measure_statistics(corpus(range(7)))
    first, second = measure_statistics(corpus(order[:cut])), measure_statistics(corpus(order[cut:]))
    assert_equal(first.merge(second), whole)
    assert_equal(second.merge(first), whole)


def test_means_and_smoothing_by_formula():
    stems = corpus(range(3))
    targets = measure_statistics(stems).targets("vocals")
    mine = [features for _, source, features in stems if source == "vocals"]
    assert targets.loudness == pytest.approx(np.mean([f.loudness for f in mine]))
    assert targets.compression.std == pytest.approx(np.mean([f.compression.std for f in mine]))
    eq = scipy.signal.savgol_filter(np.mean([f.eq for f in mine], axis=0), 401, 1, mode="mirror")
    panning = scipy.signal.savgol_filter(np.mean([f.panning for f in mine], axis=0), 501, 1, mode="mirror")
    np.testing.assert_allclose(targets.eq, eq, rtol=1e-12)
    np.testing.assert_allclose(targets.panning, panning, rtol=1e-12)


def test_drums_are_smoothed_with_their_own_window_and_unknown_sources_like_other():
    one = stem(1)
    statistics = measure_statistics([("a", source, one) for source in ("drums", "other", "kazoo")])
    window_151 = scipy.signal.savgol_filter(one.eq, 151, 1, mode="mirror")
    np.testing.assert_allclose(statistics.targets("drums").eq, window_151, rtol=1e-12)
    np.testing.assert_array_equal(statistics.targets("kazoo").eq, statistics.targets("other").eq)


def test_silent_stems_and_missing_features_do_not_count():
    partial = StemFeatures(False, -3.0, panning=np.ones(BINS))
    statistics = measure_statistics(
        [("a", "vocals", stem(1)), ("b", "vocals", StemFeatures(True, None)), ("c", "vocals", partial)]
    )
    assert statistics.sums["vocals", "loudness"].songs == ("a",)
    assert statistics.sums["vocals", "panning"].songs == ("a", "c")
    assert statistics.songs("vocals") == ("a", "c")


def test_the_same_song_cannot_be_merged_twice():
    statistics = measure_statistics(corpus([1, 2]))
    with pytest.raises(StatisticsError, match="song 2"):
        statistics.merge(measure_statistics(corpus([2, 3])))
    with pytest.raises(StatisticsError, match="counted twice"):
        measure_statistics(corpus([1, 1]))
    with pytest.raises(StatisticsError, match="raw with sequential"):
        statistics.merge(measure_statistics(corpus([3]), "sequential"))
    with pytest.raises(StatisticsError, match=r"'kazoo'.*drums, vocals"):
        statistics.targets("kazoo")


def test_published_round_trip_smooths_once_on_each_side(tmp_path):
    statistics = measure_statistics(corpus([1, 2]))
    path = tmp_path / "features_test.npy"
    write_published(statistics, path)
    table = np.load(path, allow_pickle=True).item()
    assert set(table) == {"eq", "compression", "panning", "loudness"}
    once = statistics.targets("vocals").eq
    np.testing.assert_allclose(table["eq"]["vocals"], once, rtol=1e-6)
    imported = read_published(path)
    twice = scipy.signal.savgol_filter(table["eq"]["vocals"].astype(float), 401, 1, mode="mirror")
    np.testing.assert_allclose(imported.targets("vocals").eq, twice, rtol=1e-9)
    assert imported.targets("vocals").loudness == pytest.approx(statistics.targets("vocals").loudness)
    with pytest.raises(StatisticsError, match="cannot be merged"):
        imported.merge(statistics)


def test_published_averages_are_written_back_as_they_came(tmp_path):
    rng = np.random.default_rng(0)
    table = {
        "eq": {"vocals": rng.uniform(0.1, 1.0, SPECTRUM_BINS).astype(np.float32)},
        "panning": {"vocals": rng.uniform(0.5, 1.0, SPECTRUM_BINS).astype(np.float32)},
        "compression": {"vocals": np.asarray([-14.2, 1.4])},
        "loudness": {"vocals": np.asarray([-30.7])},
    }
    saved(tmp_path / "features_first.npy", table)
    write_published(read_published(tmp_path / "features_first.npy"), tmp_path / "features_again.npy")
    again = np.load(tmp_path / "features_again.npy", allow_pickle=True).item()
    assert set(again) == set(table)
    for feature, sources in table.items():
        assert again[feature]["vocals"].dtype == sources["vocals"].dtype
        np.testing.assert_array_equal(again[feature]["vocals"], sources["vocals"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features_again.npy", "features_first.npy"]


class Malicious:
    def __reduce__(self):
        return (open, ("/tmp/fxnorm-data-was-here", "w"))


def saved(path, content) -> None:
    stream = io.BytesIO()
    array = np.empty((), dtype=object)
    array[()] = content
    np.save(stream, array, allow_pickle=True)
    path.write_bytes(stream.getvalue())


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch):
    path = tmp_path / "features.npy"
    saved(path, {"eq": {"vocals": Malicious()}})
    with pytest.raises(StatisticsError, match=r"refused to load (_io|io)\.open"):
        read_published(path)
    path.write_bytes(pickle.dumps({"eq": {}}))
    with pytest.raises(StatisticsError, match="not a statistics file"):
        read_published(path)


@pytest.mark.parametrize(
    "content, message",
    [
        ({"reverb": {}}, "unknown effect 'reverb'"),
        ({"eq": {"vocals": np.zeros(5)}}, "should be 32769 numbers"),
        ({"loudness": {"vocals": np.asarray([np.nan])}}, "not finite"),
        ([1, 2], "expected a dictionary"),
    ],
)
def test_other_content_is_refused(tmp_path, content, message):
    path = tmp_path / "features.npy"
    saved(path, content)
    with pytest.raises(StatisticsError, match=message):
        read_published(path)


def test_a_plain_array_is_refused(tmp_path):
    path = tmp_path / "features.npy"
    np.save(path, np.zeros(4))
    with pytest.raises(StatisticsError, match="not a dictionary"):
        read_published(path)
