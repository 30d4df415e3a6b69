"""Simulated listeners with known opinions: how often the analysis of a listening test errs, and how often it finds.

python -m tests.benchmarks.listening [SIMULATIONS]
"""

from __future__ import annotations

import sys

import numpy as np
import scipy.stats

from training.listening.comparisons import ALPHA, POWER, compare_pairs
from training.listening.planning import listeners_needed
from training.listening.simulate import Opinions, simulate_ratings

AXES = ("production_value", "clarity", "excitement")
SYSTEMS = ("a", "b", "c")
SONGS = 6
LISTENERS = (8, 12, 16, 24, 32)
EFFECTS = (0.0, 10.0, 15.0)


def simulate(effect: float, listeners: int, count: int, seed: int) -> tuple[float, float, float, float]:
    """Shares of simulations; system c is ``effect`` points above a and b on every axis.

    Returns:
        any wrong finding (a against b, or anything where there is no effect), power for one true difference, mean
        estimate of it (points), mean deviation of the paired differences (points).
    """
    rng = np.random.default_rng((seed, listeners, round(effect)))
    opinions = Opinions(dict(zip(SYSTEMS, (0.0, 0.0, effect), strict=True)))
    wrong, found, estimates, deviations = 0, [], [], []
    for _ in range(count):
        table = compare_pairs(simulate_ratings(opinions, listeners, SONGS, AXES, rng), SYSTEMS)
        true = table["second"] == "c"
        null = table if effect == 0 else table[~true]
        wrong += bool((null["p_holm"] < ALPHA).any())
        found.append((table.loc[true, "p_holm"] < ALPHA).mean())
        estimates.append(-table.loc[true, "mean_difference"].mean())
        deviations.append(table.loc[true, "deviation"].mean())
    return wrong / count, float(np.mean(found)), float(np.mean(estimates)), float(np.mean(deviations))


def main() -> None:
    """Print the table of docs/listening-test.md."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    interval = scipy.stats.binomtest(round(ALPHA * count), count).proportion_ci(0.95)
    say(f"{count} simulations a row; a rate of {ALPHA:g} shows as {interval.low:.3f} to {interval.high:.3f}")
    say("")
    say("| effect, points | listeners | a wrong finding | a true difference is found | mean estimate |")
    say("| --- | --- | --- | --- | --- |")
    for effect in EFFECTS:
        sizes = set(LISTENERS)
        if effect:
            deviation = simulate(effect, 32, count // 20 + 1, 1)[3]
            needed = listeners_needed(effect, deviation, len(AXES) * len(SYSTEMS), ALPHA, POWER)
            sizes.add(needed)
        for listeners in sorted(sizes):
            wrong, power, estimate, _ = simulate(effect, listeners, count, 0)
            found = f"{power:.3f}" if effect else ""
            planned = " (planned)" if effect and listeners == needed else ""
            say(f"| {effect:g} | {listeners}{planned} | {wrong:.3f} | {found} | {estimate:.2f} |")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
