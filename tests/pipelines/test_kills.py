"""A driver that is killed at any moment costs time and nothing else."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from catalogs.manifest import PUBLISHED
from tests.corpora import write_corpus
from tests.pipelines.test_build import REPOSITORY, contents

KILLS = 10


def start(corpus: Path, out: Path) -> subprocess.Popen[bytes]:
    command = ["build-catalog", "--corpus", "musdb18hq", str(corpus), "--out", str(out), "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", *command],
        cwd=REPOSITORY,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_driver_killed_at_ten_random_moments_builds_the_same_catalog(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=4, test=1, seconds=4.0)
    begun = time.monotonic()
    assert start(corpus, tmp_path / "undisturbed").wait() == 0
    duration = time.monotonic() - begun
    undisturbed = contents(tmp_path / "undisturbed")
    moments = random.Random(20221204)
    out, kills = tmp_path / "catalog", 0
    while kills < KILLS:
        driver = start(corpus, out)
        with suppress(subprocess.TimeoutExpired):
            driver.wait(timeout=moments.uniform(0.3, 0.75) * duration)
        if driver.poll() is None:
            os.kill(driver.pid, signal.SIGKILL)
            driver.wait()
            kills += 1
            assert not (out / PUBLISHED).exists() or contents(out) == undisturbed
        else:
            assert driver.returncode == 0
            assert contents(out) == undisturbed
            shutil.rmtree(out)
    assert start(corpus, out).wait() == 0
    assert contents(out) == undisturbed
    assert not list(out.rglob("*.part"))
    assert not list((out / "work").glob("ingest/*"))
