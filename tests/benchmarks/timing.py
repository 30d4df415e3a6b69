"""CPU time of functions, medians over repeats, and music to work on."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 44_100


def one_core() -> None:
    """Keep this process on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def cpu_seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU time of a call, after one that is not counted."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def music(corpus: Path, stem: str, seconds: float) -> NDArray[np.float32]:
    """The stems of that name of all songs of a corpus, one after the other, repeated as needed: (samples, 2)."""
    wanted = round(seconds * RATE)
    pieces: list[NDArray[np.float32]] = []
    paths = sorted(corpus.glob(f"*/*/{stem}.wav"))
    if not paths:
        raise SystemExit(f"{corpus}: holds no */*/{stem}.wav; run 'make catalog' first")
    for path in itertools.cycle(paths):
        if sum(piece.shape[0] for piece in pieces) >= wanted:
            break
        pieces.append(soundfile.read(path, dtype="float32")[0])
    return np.ascontiguousarray(np.concatenate(pieces)[:wanted])
