"""The training loop: it learns, it resumes exactly, it survives bad gradients, it refuses what does not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from catalogs.catalog import Catalog
from tests.small_catalog import write_small_catalog
from training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from training.mixing import load_mixer
from training.train import BEST, LAST, TrainingError, TrainOptions, train

PRESET = """
description = "as small as possible"

[model]
name = "automix"
sources = ["vocals", "drums"]
bottleneck = 8
hidden = 8
skip = 8
repeats = 1
blocks = 2
lstm_layers = 1
dropout = 0.2
excitation = 8

[model.filter_bank]
filters = 16
kernel = 32
stride = 16
smoothing = 8
pool = 8

[loss]
name = "Lb"
n_fft = 1024
hop = 256

[recipe]
segment = 16384
guard = 1024
batch = 2
minibatches_per_epoch = 6
schedule = [{ epochs = 2 }, { epochs = 1, divide_by = 10 }]

[recipe.optimiser]
learning_rate = 3e-3
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_small_catalog(tmp_path_factory.mktemp("train")).location.path


@pytest.fixture
def options(catalog: str, tmp_path: Path) -> TrainOptions:
    preset = tmp_path / "smallest.toml"
    preset.write_text(PRESET)
    return TrainOptions(catalog, tmp_path / "run", str(preset), device="cpu", seed=3)


def quiet(line: str) -> None:
    assert line


def test_the_loss_falls(options: TrainOptions, tmp_path: Path) -> None:
    longer = tmp_path / "longer.toml"
    longer.write_text(PRESET.replace("minibatches_per_epoch = 6", "minibatches_per_epoch = 40"))
    result = train(dataclasses.replace(options, preset=str(longer), steps=60), quiet)
    assert sum(result.losses[-10:]) < 0.8 * sum(result.losses[:10])
    assert 0.0 <= result.loading_share <= 1.0


@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("loader_workers", [0, 1])
def test_resuming_gives_the_same_losses_and_weights(
    options: TrainOptions, tmp_path: Path, average: float | None, loader_workers: int
) -> None:
    options = dataclasses.replace(options, average=average, loader_workers=loader_workers)
    whole = train(dataclasses.replace(options, out=tmp_path / "whole", steps=10), quiet)
    first = train(dataclasses.replace(options, steps=4), quiet)
    rest = train(dataclasses.replace(options, steps=10), quiet)
    assert first.losses + rest.losses == whole.losses
    resumed, undisturbed = load_checkpoint(options.out / LAST), load_checkpoint(tmp_path / "whole" / LAST)
    for name, value in undisturbed.model.items():
        assert torch.equal(resumed.model[name], value), name
    if average is not None:
        assert resumed.average is not None
        assert undisturbed.average is not None
        assert any(not torch.equal(resumed.average[name], resumed.model[name]) for name in resumed.model)
        assert all(torch.equal(resumed.average[name], undisturbed.average[name]) for name in resumed.average)


def test_the_schedule_ends(options: TrainOptions) -> None:
    result = train(options, quiet)
    assert result.steps == 18
    assert result.finished
    again = train(options, quiet)
    assert again.losses == []


def test_time_runs_out_with_a_checkpoint(options: TrainOptions) -> None:
    result = train(dataclasses.replace(options, minutes=0.0), quiet)
    assert not result.finished
    assert load_checkpoint(options.out / LAST).step == result.steps


def test_a_gradient_that_is_not_finite_is_skipped_and_counted(
    options: TrainOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    import training.train as loop

    class Poisoned(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner
            self.calls = 0

        def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            loss = self.inner(output, target)
            return loss * float("nan") if self.calls in (2, 3) else loss

    build = loop.build_loss
    monkeypatch.setattr(loop, "build_loss", lambda config, guard: Poisoned(build(config, guard)))
    result = train(dataclasses.replace(options, steps=5), quiet)
    assert result.skipped == 2
    checkpoint = load_checkpoint(options.out / LAST)
    assert checkpoint.skipped == 2
    assert all(torch.isfinite(value).all() for value in checkpoint.model.values())


def test_a_poisoned_checkpoint_is_never_written(options: TrainOptions) -> None:
    train(dataclasses.replace(options, steps=1), quiet)
    good = load_checkpoint(options.out / LAST)
    before = (options.out / LAST).read_bytes()
    name = next(iter(good.model))
    good.model[name].view(-1)[0] = float("inf")
    with pytest.raises(CheckpointError, match=f"{name} holds values that are not finite"):
        save_checkpoint(good, options.out / LAST)
    assert (options.out / LAST).read_bytes() == before
    assert not list(options.out.glob(".*.part"))


def test_a_run_of_something_else_is_refused(options: TrainOptions, tmp_path: Path) -> None:
    train(dataclasses.replace(options, steps=1), quiet)
    other = tmp_path / "other.toml"
    other.write_text(PRESET.replace("hidden = 8", "hidden = 16"))
    with pytest.raises(TrainingError, match="another preset"):
        train(dataclasses.replace(options, preset=str(other)), quiet)
    second = write_small_catalog(tmp_path / "catalog", mode="sequential").location.path
    with pytest.raises(TrainingError, match="another catalog"):
        train(dataclasses.replace(options, catalog=second), quiet)
    with pytest.raises(TrainingError, match="--average"):
        train(dataclasses.replace(options, average=0.9), quiet)


def test_weights_of_another_network_are_refused_by_name(options: TrainOptions) -> None:
    train(options, quiet)
    path = options.out / BEST
    content = torch.load(path, weights_only=True)
    lost = next(iter(content["model"]))
    del content["model"][lost]
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=rf"best\.pt: its weights are not those .*Missing.*{lost}"):
        load_mixer(path)
    torch.save({**content, "format": 99}, path)
    with pytest.raises(CheckpointError, match=r"best\.pt: written by a later version"):
        load_mixer(path)
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(CheckpointError, match=r"best\.pt: not a checkpoint of fxnorm-data, or damaged"):
        load_mixer(path)


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
    garbage = tmp_path / "garbage.pt"
    garbage.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"garbage\.pt"):
        load_checkpoint(garbage)
    code = tmp_path / "code.pt"
    torch.save({"format": 1, "preset": print}, code)
    with pytest.raises(CheckpointError, match=r"code\.pt"):
        load_checkpoint(code)


def test_tensorboard_has_the_losses(options: TrainOptions) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(dataclasses.replace(options, steps=4), quiet)
    events = EventAccumulator(str(options.out / "tensorboard"))
    events.Reload()
    assert [event.value for event in events.Scalars("train/loss")] == pytest.approx(result.losses, rel=1e-5)


def test_two_processes_train_as_one_would_on_both_batches(options: TrainOptions) -> None:
    from training.launch import launch

    launch(dataclasses.replace(options, steps=2), quiet, workers=2)
    checkpoint = load_checkpoint(options.out / LAST)
    assert checkpoint.step == 2
    assert checkpoint.data == {"epoch": 0, "taken": 8}
    assert checkpoint.catalog == Catalog.open(options.catalog).fingerprint()


def test_a_killed_run_goes_on_with_the_same_losses(options: TrainOptions, tmp_path: Path) -> None:
    import os
    import signal
    import subprocess
    import sys
    import time

    command = [sys.executable, "-m", "pipelines", "train", options.catalog, "--preset", options.preset]
    command += ["--seed", "3", "--loader-workers", "0", "--device", "cpu", "--out"]
    process = subprocess.Popen([*command, str(options.out)], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 120
    while not (options.out / LAST).exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = load_checkpoint(options.out / LAST).step
    assert 0 < reached < 18
    rest = train(options, quiet)
    whole = train(dataclasses.replace(options, out=tmp_path / "whole"), quiet)
    assert rest.losses == whole.losses[reached:]
