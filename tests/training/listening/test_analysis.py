"""The analysis: rules, statistics against scipy and by hand, simulated listeners with known opinions."""

from __future__ import annotations

import math
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tests.training.listening.listeners import encoded, finished_result
from tests.training.listening.small_test import SYSTEMS
from training.listening.analysis import analyse
from training.listening.build import Built
from training.listening.comparisons import compare_pairs, compare_systems, holm, rank_biserial, wilcoxon_p
from training.listening.exclusion import judge_listeners, self_consistency
from training.listening.key import KeyFileError
from training.listening.planning import listeners_needed, smallest_sample
from training.listening.ratings import listener_means
from training.listening.report import write_report
from training.listening.results import ResultError, read_results
from training.listening.simulate import Opinions, simulate_ratings
from training.listening.spec import Exclusion, Rule

AXES = ("clarity", "excitement")
POINTS = st.lists(st.integers(-40, 40).map(lambda n: n / 2), min_size=1, max_size=40)


def ratings(rows: list[tuple]) -> pd.DataFrame:
    """Rows of (listener, page, song, repeated, system, axis, rating)."""
    frame = pd.DataFrame(rows, columns=["listener", "page", "song", "repeated", "system", "axis", "rating"])
    return frame.assign(participant=frame["listener"], place=1, heard_seconds=20.0, page_seconds=100.0)


def test_wilcoxon_equals_the_enumeration_of_all_signs() -> None:
    values = np.array([3.0, -1.0, 4.5, 2.0, 7.0, -0.5, 6.0])
    ranks = scipy.stats.rankdata(np.abs(values))
    observed = ranks[values > 0].sum()
    sums = [sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=7)]
    middle = ranks.sum() / 2
    share = np.mean([abs(total - middle) >= abs(observed - middle) for total in sums])
    assert wilcoxon_p(values) == pytest.approx(share)
    assert wilcoxon_p([0.0, 0.0]) == 1.0


def test_rank_biserial_by_hand() -> None:
    assert rank_biserial([1.0, 2.0, 3.0]) == 1.0
    assert rank_biserial([1.0, 2.0, -3.0]) == 0.0
    assert rank_biserial([-1.0, 2.0, 3.0, 0.0]) == pytest.approx((5 - 1) / 6)
    assert rank_biserial([0.0]) == 0.0


@given(POINTS)
def test_rank_biserial_is_bounded_and_odd(values: list[float]) -> None:
    effect = rank_biserial(values)
    assert -1.0 <= effect <= 1.0
    assert rank_biserial([-value for value in values]) == pytest.approx(-effect)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_is_the_closed_test_of_bonferroni(p_values: list[float]) -> None:
    """Rejected is what Bonferroni rejects in every intersection that holds it (Marcus, Peritz, Gabriel 1976)."""
    expected = np.zeros(len(p_values))
    for chosen in product((False, True), repeat=len(p_values)):
        members = np.flatnonzero(chosen)
        if members.size:
            bonferroni = min(1.0, members.size * min(p_values[index] for index in members))
            expected[members] = np.maximum(expected[members], bonferroni)
    np.testing.assert_allclose(holm(p_values), expected)


def test_a_listener_counts_once_however_many_pages() -> None:
    rows = [
        (listener, f"{song}{again}", song, bool(again), system, "clarity", base + 10 * (system == "a") + 3 * again)
        for listener, base in (("x", 30), ("y", 50))
        for song in ("s", "t", "u")
        for again in ((0, 1) if song == "s" else (0,))
        for system in ("a", "b")
    ]
    means = listener_means(ratings(rows))
    assert means.loc["clarity", "x"].to_dict() == {"a": 40.5, "b": 30.5}
    (pair,) = compare_pairs(ratings(rows), ("a", "b")).to_dict("records")
    assert (pair["listeners"], pair["mean_difference"], pair["deviation"]) == (2, 10.0, 0.0)


def test_self_consistency_by_hand() -> None:
    values = {False: {"a": 20.0, "b": 50.0, "c": 80.0}, True: {"a": 30.0, "b": 50.0, "c": 75.0}}
    rows = [
        ("x", str(again), "s", again, system, "clarity", rating)
        for again, rated in values.items()
        for system, rating in rated.items()
    ]
    rows += [("x", "other", "t", False, system, "clarity", 1.0) for system in "abc"]
    (row,) = self_consistency(ratings(rows)).to_dict("records")
    assert (row["pairs"], row["mean_difference"]) == (3, 5.0)
    assert row["correlation"] == pytest.approx(np.corrcoef([20, 50, 80], [30, 50, 75])[0, 1])
    assert self_consistency(ratings(rows[:3])).empty


@pytest.mark.parametrize(
    "rule, change",
    [
        ("rushed", {"page_seconds": 10.0}),
        ("unheard", {"heard_seconds": 1.0}),
        ("flat", {"rating": 50.0}),
        ("inconsistent", {}),
        ("few_years", {}),
    ],
)
@pytest.mark.parametrize("action", ["flag", "exclude"])
def test_each_rule_finds_its_listener_and_no_other(rule: str, change: dict, action: str) -> None:
    table = simulate_ratings(Opinions({"a": 0, "b": 9, "c": 20}, noise=1.0), 4, 3, AXES, np.random.default_rng(0))
    guilty = table["listener"] == "0002"
    for column, value in change.items():
        table.loc[guilty, column] = value
    if rule == "inconsistent":
        again = guilty & table["repeated"]
        table.loc[again, "rating"] = (table.loc[again, "rating"] + 50) % 100
    years = {"0000": 9.0, "0001": 4.0, "0002": 0.5 if rule == "few_years" else 4.0}
    limits = {**{name: Rule(0.0) for name in ("rushed", "unheard", "flat", "few_years")}, "inconsistent": Rule(100.0)}
    rules = Exclusion(**{**limits, rule: Rule({"inconsistent": 15.0, "few_years": 2.0}.get(rule, 11.0), action)})
    if rule == "flat":
        rules = Exclusion(**{**limits, rule: Rule(2.0, action)})
    judged = judge_listeners(table, rules, years).set_index("listener")
    assert judged["flags"].to_dict() == {"0000": (), "0001": (), "0002": (rule,), "0003": ()}
    assert list(judged["excluded"]) == [False, False, action == "exclude", False]


def test_a_known_effect_is_recovered_and_its_interval_holds_it() -> None:
    opinions = Opinions({"a": 0.0, "b": 0.0, "c": 20.0})
    table = simulate_ratings(opinions, 24, 6, AXES, np.random.default_rng(3))
    found = compare_systems(table, ("a", "b", "c"), 10.0).set_index(["axis", "first", "second"])
    for axis in AXES:
        assert found.loc[(axis, "a", "c"), "p_holm"] < 0.01
        assert found.loc[(axis, "b", "c"), "p_holm"] < 0.01
        assert found.loc[(axis, "a", "b"), "p_holm"] > 0.05
        assert found.loc[(axis, "a", "c"), "low"] <= -20.0 <= found.loc[(axis, "a", "c"), "high"]
        assert found.loc[(axis, "a", "c"), "rank_biserial"] < -0.8


def test_few_significant_results_where_there_is_no_effect() -> None:
    rng = np.random.default_rng(4)
    opinions = Opinions({"a": 0.0, "b": 0.0, "c": 0.0})
    wrong = sum(
        (compare_pairs(simulate_ratings(opinions, 14, 3, AXES, rng), ("a", "b", "c"))["p_holm"] < 0.05).any()
        for _ in range(60)
    )
    assert wrong <= scipy.stats.binom.ppf(0.999, 60, 0.05)


def test_needed_listeners_follow_noether() -> None:
    z = scipy.stats.norm.ppf(0.975) + scipy.stats.norm.ppf(0.8)
    p = scipy.stats.norm.cdf(math.sqrt(2) * 0.5)
    assert listeners_needed(5.0, 10.0) == math.ceil(z**2 / (3 * (p - 0.5) ** 2))
    needed = [listeners_needed(effect, 10.0, 9) for effect in (2.0, 4.0, 8.0, 12.0)]
    assert all(more > fewer for more, fewer in pairwise(needed))
    with pytest.raises(ValueError, match="positive"):
        listeners_needed(0.0, 1.0)


@pytest.mark.parametrize("level", [0.05, 0.05 / 9, 0.001])
def test_the_smallest_sample_is_the_first_that_can_be_significant(level: float) -> None:
    least = smallest_sample(level)
    assert wilcoxon_p(np.arange(1.0, least + 1)) <= level < wilcoxon_p(np.arange(1.0, least))


def write_results(built: Built, folder: Path, effects: dict[str, float], count: int) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(8)
    for number in range(count):
        session = f"{number:08x}"
        result = finished_result(built, session, f"p{number}", effects, rng)
        (folder / f"{session}.json").write_bytes(encoded(result))


def test_stored_results_and_the_key_give_tables_charts_and_a_page(
    small_test: tuple[Path, Built], tmp_path: Path
) -> None:
    _, built = small_test
    effects = dict(zip(SYSTEMS, (20.0, 0.0, -15.0), strict=True))
    write_results(built, tmp_path / "results", effects, 10)
    analysis = analyse(read_results(tmp_path / "results"), built.key)
    means = analysis.systems.groupby("system")["mean"].mean()
    for system, effect in effects.items():
        assert means[system] == pytest.approx(50.0 + effect, abs=2.0)
    assert (analysis.comparisons["p_holm"] < 0.05).all()
    write_report(analysis, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "answers.csv", "comparisons.csv", "comparisons_everybody.csv", "consistency.csv", "differences.svg",
        "listeners.csv", "ratings.csv", "ratings.svg", "report.html", "songs.csv", "systems.csv",
    ]  # fmt: skip
    written = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    assert written["p_holm"].tolist() == pytest.approx(analysis.comparisons["p_holm"].tolist())
    assert len(pd.read_csv(tmp_path / "out" / "ratings.csv")) == 10 * 3 * 3 * 3
    assert SYSTEMS[0] in (tmp_path / "out" / "report.html").read_text()


def test_an_excluded_listener_is_named_and_stays_in_the_tables(small_test: tuple[Path, Built], tmp_path: Path) -> None:
    _, built = small_test
    write_results(built, tmp_path, dict.fromkeys(SYSTEMS, 0.0), 4)
    lazy = finished_result(built, "ffffffff", "lazy", dict.fromkeys(SYSTEMS, 0.0), np.random.default_rng(0))
    for page in lazy["pages"]:
        for stimulus in page["stimuli"]:
            stimulus["ratings"] = dict.fromkeys(stimulus["ratings"], 50.0)
    (tmp_path / "ffffffff.json").write_bytes(encoded(lazy))
    analysis = analyse(read_results(tmp_path), built.key)
    assert "lazy (ffffffff) is excluded: flat" in analysis.notes
    assert any("cannot make any of 9 comparisons significant" in note for note in analysis.notes)
    assert set(analysis.comparisons["listeners"]) == {4}
    assert set(analysis.everybody["listeners"]) == {5}
    assert "ffffffff" in set(analysis.ratings["listener"]) & set(analysis.listeners["listener"])


def test_results_of_another_test_and_damaged_files_are_refused(small_test: tuple[Path, Built], tmp_path: Path) -> None:
    _, built = small_test
    with pytest.raises(ResultError, match="no results"):
        read_results(tmp_path)
    other = finished_result(built, "00000000", "p", dict.fromkeys(SYSTEMS, 0.0), np.random.default_rng(0), test_id="x")
    (tmp_path / "a.json").write_bytes(encoded(other))
    with pytest.raises(KeyFileError, match="belongs to test x"):
        analyse(read_results(tmp_path), built.key)
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(ResultError, match=r"b\.json: not a result"):
        read_results(tmp_path)


def test_one_listener_gives_means_without_intervals(small_test: tuple[Path, Built], tmp_path: Path) -> None:
    _, built = small_test
    write_results(built, tmp_path / "results", dict.fromkeys(SYSTEMS, 0.0), 1)
    analysis = analyse(read_results(tmp_path / "results"), built.key)
    assert analysis.systems["low"].isna().all()
    assert analysis.comparisons["needed"].isna().all()
    write_report(analysis, tmp_path / "out")
