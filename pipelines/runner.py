"""Running one task a song on Ray Data: small JSON rows go in and come back, audio never travels."""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipelines.config import RunOptions

Job = dict[str, Any]
"""What a task needs to know of one song; must survive JSON."""

Outcome = dict[str, Any]
"""What a task says of one song; must survive JSON. Key ``status`` is ok, quarantined or fatal."""


_joined: list[str] = []


class PipelineError(RuntimeError):
    """The run cannot go on; the message says why and what to do."""


def run_songs(
    task: Callable[[Job], Outcome], jobs: Sequence[Job], options: RunOptions, memory: float = 0.0
) -> Iterator[Outcome]:
    """Run a task on every song and yield what it says, in the order in which songs finish.

    Ray is started at the first song and only if there is one, on this machine unless an address is given.

    Args:
        task: work on one song.
        jobs: one for each song.
        options: where to work.
        memory: bytes that the largest song needs; Ray runs no more songs at once than fit.

    Raises:
        PipelineError: a task could not write, or Ray could not run it.
    """
    if not jobs:
        return
    ray = _start(options)
    import ray.data as ray_data
    from ray.exceptions import RayError

    def row(item: dict[str, str]) -> dict[str, str]:
        return {"outcome": json.dumps(_guarded(task, json.loads(item["job"])))}

    context = ray_data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    dataset = ray_data.from_items([{"job": json.dumps(job)} for job in jobs], override_num_blocks=len(jobs))
    try:
        for result in dataset.map(row, num_cpus=1, memory=_schedulable(ray, memory)).iter_rows():
            outcome = json.loads(result["outcome"])
            if outcome["status"] == "fatal":
                raise PipelineError(outcome["message"])
            yield outcome
    except RayError as error:
        raise PipelineError(f"Ray could not finish the stage: {error}. Run the same command again to go on.") from error


def stop() -> None:
    """Leave the Ray that :func:`run_songs` started or joined; one that the caller had started stays."""
    if _joined:
        import ray

        ray.shutdown()
        _joined.clear()


def _schedulable(ray: Any, memory: float) -> int | None:
    """The request, but never more than a node has: such a task would wait for ever."""
    available = [node["Resources"].get("memory", 0.0) for node in ray.nodes() if node["Alive"]]
    largest = max(available, default=0.0)
    return int(min(memory, largest)) or None


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
        return {
            "status": "failed",
            "song_id": job["song_id"],
            "message": f"{type(error).__name__}: {error}",
            "trace": traceback.format_exc(),
        }


def _start(options: RunOptions) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    import ray.data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not ray.is_initialized():
        address = options.address or os.environ.get("RAY_ADDRESS")
        local: dict[str, Any] = {} if address else {"num_cpus": options.workers or os.cpu_count(), "num_gpus": 0}
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
