"""Training on one process, or on several processes or machines through Ray Train: the same function."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

from training.train import TrainingError, TrainOptions, TrainResult, train


def launch(
    options: TrainOptions, say: Callable[[str], None], workers: int = 1, address: str | None = None
) -> TrainResult | None:
    """Train on one process, or on ``workers`` of them.

    Args:
        options: what to do; ``out`` must be a folder that all machines share.
        say: called with lines for people.
        workers: processes; each gets a GPU where the cluster has them.
        address: address of a Ray cluster; None for this machine.

    Returns:
        how it ended; None with several workers, whose result is in the run's folder.

    Raises:
        TrainingError: a worker failed.
    """
    if workers == 1:
        return train(options, say)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    started = not ray.is_initialized()
    if started:
        local: dict[str, Any] = {} if address else {"num_cpus": max(workers, os.cpu_count() or 1)}
        ray.init(address=address or "local", logging_level="ERROR", **local)
    gpus = ray.cluster_resources().get("GPU", 0) >= workers and options.device != "cpu"
    trainer = TorchTrainer(
        _train_on_worker,
        train_loop_config={"options": dataclasses.replace(options, out=options.out.absolute())},
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus),
        run_config=RunConfig(storage_path=str(options.out.absolute() / "ray")),
    )
    try:
        result = trainer.fit()
    except ray.train.TrainingFailedError as error:
        raise TrainingError(f"a training worker failed: {error}; run the same command again to go on") from error
    finally:
        if started:
            ray.shutdown()
    if result.error is not None:
        raise TrainingError(f"a training worker failed: {result.error}; run the same command again to go on")
    return None


def _train_on_worker(config: dict[str, Any]) -> None:
    import sys

    import ray.train

    context = ray.train.get_context()

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    train(config["options"], say, context.get_world_rank(), context.get_world_size())
