"""One task a song on Ray: lost workers, failing songs, and no song kept waiting."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import runner
from pipelines.config import RunOptions
from pipelines.runner import Job, Outcome, PipelineError, run_songs


@pytest.fixture(autouse=True, scope="module")
def ray_of_two_workers() -> Iterator[None]:
    yield
    runner.stop()


def jobs(names: str) -> list[Job]:
    return [{"song_id": name} for name in names]


def outcomes(task: object, names: str) -> dict[str, Outcome]:
    found = list(run_songs(task, jobs(names), RunOptions(workers=2), lambda _: 1e6))
    assert len(found) == len(names)
    return {outcome["song_id"]: outcome for outcome in found}


def succeed(job: Job) -> Outcome:
    return {"status": "ok", "song_id": job["song_id"]}


def test_every_song_is_done_once() -> None:
    assert set(outcomes(succeed, "abcdefghij")) == set("abcdefghij")


def test_a_song_that_kills_its_worker_every_time_fails_alone() -> None:
    def task(job: Job) -> Outcome:
        if job["song_id"] == "b":
            os._exit(1)
        return {"status": "ok", "song_id": job["song_id"]}

    found = outcomes(task, "abcd")
    assert [found[name]["status"] for name in "abcd"] == ["ok", "failed", "ok", "ok"]
    assert "WorkerCrashedError" in found["b"]["message"]


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "died"

    def task(job: Job) -> Outcome:
        if job["song_id"] == "b" and not mark.exists():
            mark.touch()
            os._exit(1)
        return {"status": "ok", "song_id": job["song_id"]}

    assert {outcome["status"] for outcome in outcomes(task, "abc").values()} == {"ok"}
    assert mark.exists()


def test_an_exception_is_a_failed_song_with_its_trace() -> None:
    def task(job: Job) -> Outcome:
        if job["song_id"] == "a":
            raise ArithmeticError("no such sum")
        return {"status": "ok", "song_id": job["song_id"]}

    found = outcomes(task, "ab")
    assert found["a"]["status"] == "failed"
    assert found["a"]["message"] == "ArithmeticError: no such sum"
    assert "Traceback" in found["a"]["trace"]
    assert found["b"]["status"] == "ok"


def test_storage_that_cannot_be_written_ends_the_run() -> None:
    def task(job: Job) -> Outcome:
        raise OSError(28, "No space left on device")

    with pytest.raises(PipelineError, match=r"No space left on device.*Free space"):
        list(run_songs(task, jobs("abc"), RunOptions(workers=2)))


def test_more_memory_than_there_is_does_not_wait_for_ever() -> None:
    found = list(run_songs(succeed, jobs("a"), RunOptions(workers=2), lambda _: 1e18))
    assert found == [{"status": "ok", "song_id": "a"}]


def refuse(job: Job) -> Outcome:
    return {"status": "quarantined", "song_id": job["song_id"], "quarantine": [{"message": f"{job['song_id']}: bad"}]}


@pytest.mark.parametrize("allowed, seen", [(0, 1), (3, 4)])
def test_a_run_ends_when_more_songs_are_refused_than_are_allowed(allowed: int, seen: int) -> None:
    options = RunOptions(workers=2, max_errors=allowed)
    found: list[Outcome] = []
    with pytest.raises(PipelineError, match=rf"stopped: {seen} songs were refused, and --max-errors is {allowed}.*bad"):
        found.extend(run_songs(refuse, jobs("abcdefgh"), options))


def test_songs_that_were_refused_before_count() -> None:
    options, before = RunOptions(workers=2, max_errors=4), ["the first: bad"] * 4
    found: list[Outcome] = []
    with pytest.raises(PipelineError, match=r"stopped: 5 songs were refused.*the first: bad"):
        found.extend(run_songs(refuse, jobs("abcdefgh"), options, refused=before))
    assert len(found) == 1


def test_as_many_errors_as_are_allowed_end_nothing() -> None:
    assert len(list(run_songs(refuse, jobs("abc"), RunOptions(workers=2, max_errors=3)))) == 3
