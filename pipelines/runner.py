"""Running one Ray task a song: small JSON rows go in and come back, audio never travels."""

from __future__ import annotations

import itertools
import json
import logging
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pipelines.config import RunOptions

Job = dict[str, Any]
"""What a task needs to know of one song; must survive JSON."""

Outcome = dict[str, Any]
"""What a task says of one song; must survive JSON. Key ``status`` is ok, quarantined, failed or fatal."""

SONGS_AHEAD = 3.0
"""Songs that are handed to Ray at a time for each CPU, so that no worker waits for the driver."""

WAIT_SECONDS = 5.0
"""Time after which the driver looks whether nodes have joined, if no song finishes."""

RETRIES_OF_LOST_WORKERS = 3

LISTED_REASONS = 3
"""Refused songs that are named when a run stops for their number."""

CLEANING_SECONDS = 20.0
"""Time that interrupted songs get to delete what they have half written."""

OBJECT_STORE_BYTES = 200_000_000
"""Ray's object store on this machine: it holds tasks and rows, never audio."""


_joined: list[str] = []


class PipelineError(RuntimeError):
    """The run cannot go on; the message says why and what to do."""


def run_songs(
    task: Callable[[Job], Outcome],
    jobs: Iterable[Job],
    options: RunOptions,
    memory: Callable[[Job], float] | None = None,
    refused: Sequence[str] = (),
) -> Iterator[Outcome]:
    """Run a task on every song and yield what it says, in the order in which songs finish.

    Ray is started at the first song and only if there is one, on this machine unless an address is given. A song whose
    worker dies every time is reported as failed, and the others go on.

    Args:
        task: work on one song.
        jobs: one for each song; they are started in this order, and taken when a worker is about to be free.
        options: where to work.
        memory: bytes that a song needs; Ray runs no more songs at once than fit.
        refused: why songs were refused before; they count as errors.

    Raises:
        PipelineError: a task could not write, Ray could not run it, or more songs were refused than the options allow.
    """
    waiting = iter(jobs)
    first = next(waiting, None)
    if first is None:
        return
    waiting = itertools.chain([first], waiting)
    ray = _start(options)
    from ray import exceptions

    work = ray.remote(num_cpus=1, max_retries=RETRIES_OF_LOST_WORKERS)(_work)
    shared = ray.put(task)
    largest = _largest_memory(ray)
    running: dict[Any, Job] = {}
    reasons = list(refused)
    try:
        while True:
            window = max(1, round(SONGS_AHEAD * ray.cluster_resources().get("CPU", 1.0)))
            for job in itertools.islice(waiting, max(0, window - len(running))):
                wanted = int(min(memory(job), largest)) if memory is not None else 0
                running[work.options(memory=wanted or None).remote(shared, json.dumps(job))] = job
            if not running:
                return
            finished, _ = ray.wait(list(running), timeout=WAIT_SECONDS)
            for reference in finished:
                job = running.pop(reference)
                try:
                    outcome = json.loads(ray.get(reference))
                except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError) as error:
                    outcome = _failed(job, error, str(error))
                if outcome["status"] == "fatal":
                    raise PipelineError(outcome["message"])
                yield outcome
                if outcome["status"] != "ok":
                    reasons.append(_reason(outcome))
                    check_errors(reasons, options)
    except exceptions.RayError as error:
        raise PipelineError(f"Ray could not finish the stage: {error}. Run the same command again to go on.") from error
    finally:
        for reference in running:
            ray.cancel(reference)
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=CLEANING_SECONDS)


def check_errors(reasons: Sequence[str], options: RunOptions) -> None:
    """End a run in which too many songs are refused.

    Args:
        reasons: why, one for each song.
        options: of the run.

    Raises:
        PipelineError: more than the options allow; it names the last of them.
    """
    if options.max_errors is not None and len(reasons) > options.max_errors:
        raise PipelineError(
            f"stopped: {len(reasons)} songs were refused, and --max-errors is {options.max_errors}. The last of them: "
            f"{'; '.join(reasons[-LISTED_REASONS:])}. What is finished is kept: run the same command again to go on"
        )


def _reason(outcome: Outcome) -> str:
    refused = outcome.get("quarantine")
    return refused[0]["message"] if refused else f"{outcome['song_id']}: {outcome['message']}"


def _work(task: Callable[[Job], Outcome], job: str) -> str:
    return json.dumps(_guarded(task, json.loads(job)))


def stop() -> None:
    """Leave the Ray that :func:`run_songs` started or joined; one that the caller had started stays."""
    if _joined:
        import ray

        ray.shutdown()
        _joined.clear()


def _largest_memory(ray: Any) -> float:
    """Schedulable bytes of the largest node: a task that asks for more would wait for ever."""
    return max((node["Resources"].get("memory", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)


def _guarded(task: Callable[[Job], Outcome], job: Job) -> Outcome:
    """A song that fails becomes a row with the reason; a catalog that cannot be written ends the run."""
    try:
        return task(job)
    except OSError as error:
        return {
            "status": "fatal",
            "message": f"{job['song_id']}: {error}. Free space or mend the storage, and run again.",
        }
    except Exception as error:  # noqa: BLE001 - the boundary between one song and the run
        return _failed(job, error, traceback.format_exc())


def _failed(job: Job, error: Exception, trace: str) -> Outcome:
    return {
        "status": "failed",
        "song_id": job["song_id"],
        "message": f"{type(error).__name__}: {error}",
        "trace": trace,
    }


def _start(options: RunOptions) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    if not ray.is_initialized():
        address = options.address or os.environ.get("RAY_ADDRESS")
        local: dict[str, Any] = {}
        if not address:
            local = {
                "num_cpus": options.workers or os.cpu_count(),
                "num_gpus": 0,
                "object_store_memory": OBJECT_STORE_BYTES,
            }
        try:
            ray.init(
                address=address or "local",
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level="ERROR",
                configure_logging=True,
                **local,
            )
            _joined.append(address or "local")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise PipelineError(f"cannot start Ray{f' at {address}' if address else ''}: {error}") from error
    return ray
