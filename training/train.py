"""Training a network from a catalog: one function, from the first batch to the last checkpoint.

Source of the recipe: Martínez-Ramírez et al., ISMIR 2022 (arXiv 2208.11428), section 4, and the published
configuration.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from catalogs.catalog import Catalog
from fxnorm.settings import SAMPLE_RATE
from training.checkpoint import (
    Checkpoint,
    CheckpointError,
    WeightAverage,
    load_checkpoint,
    load_weights,
    random_state,
    restore_random_state,
    save_checkpoint,
)
from training.data import CropConfig, CropDataset, check_leakage, read_song
from training.data.songs import song_samples
from training.data.splits import Splits, choose_splits
from training.losses import build_loss
from training.models import Automix, AutomixFrontEnd, Mixer, build_model
from training.presets import Preset, dump_preset, parse_preset, read_preset
from training.progress import TrainingProgress
from training.windows import WindowConfig, apply_in_windows

LAST = "last.pt"
BEST = "best.pt"


class TrainingError(ValueError):
    """Training that cannot start or go on; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class TrainOptions:
    """What to train, on what, and for how long.

    Attributes:
        catalog: path or URI.
        out: folder of the run: ``last.pt``, ``best.pt``, TensorBoard events.
        preset: name of a preset, or path of a TOML file.
        minutes: stop after this time, with a checkpoint; None for the whole schedule.
        steps: stop after this many optimisation steps in all; None for the whole schedule.
        front_end: checkpoint of a pre-trained front-end to start from.
        device: ``cpu``, ``cuda`` or ``auto``.
        loader_workers: processes that read ahead; 0 reads in the training process.
        average: decay of an exponential moving average of the weights; None for what the preset says.
        compiled: run the network through ``torch.compile``.
        seed: seed of the weights and of the data.
        validation_seconds: longest stretch of a validation song.
    """

    catalog: str
    out: Path
    preset: str
    minutes: float | None = None
    steps: int | None = None
    front_end: Path | None = None
    device: str = "auto"
    loader_workers: int = 0
    average: float | None = None
    compiled: bool = False
    seed: int = 0
    validation_seconds: float = 240.0


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """How training ended.

    Attributes:
        steps: optimisation steps in all.
        losses: loss of every step of this call.
        best: best mean validation loss; None if there was no validation.
        skipped: steps skipped for a gradient that was not finite.
        examples_per_second: of this call, validation not counted.
        loading_share: share of a step spent waiting for data.
        finished: whether the schedule was completed.
    """

    steps: int
    losses: list[float]
    best: float | None
    skipped: int
    examples_per_second: float
    loading_share: float
    finished: bool


def train(options: TrainOptions, say: Callable[[str], None], rank: int = 0, ranks: int = 1) -> TrainResult:
    """Train, or go on training where the run's last checkpoint ends.

    Args:
        options: what to do.
        say: called with lines for people, on rank 0.
        rank: this process; a process group must exist if there is more than one.
        ranks: number of processes.

    Raises:
        TrainingError: no songs to train on, or a run of something else is in the folder.
        training.data.LeakageError: a validation or test song is also in training.
    """
    preset = read_preset(options.preset)
    recipe = preset.recipe
    catalog = Catalog.open(options.catalog)
    splits = choose_splits(catalog)
    if not splits.train:
        raise TrainingError(f"{options.catalog}: no training song with a mixture; build a catalog with 'train' songs")
    check_leakage(catalog, splits.as_mapping())
    device = _device(options.device)
    torch.manual_seed(options.seed)
    model = build_model(preset.model).to(device)
    if options.front_end is not None:
        _load_front_end(model, options.front_end)
    optimiser = _optimiser(model, preset)
    decay = recipe.average if options.average is None else options.average
    average = None if decay is None else WeightAverage(model, decay)
    state = _resume(options, preset, model, optimiser, average, catalog)
    crops = CropConfig(recipe.segment, model.sources, options.seed, recipe.swap_channels)
    examples = recipe.minibatches_per_epoch * recipe.batch * ranks
    data = CropDataset(options.catalog, splits.train, crops, examples, rank, ranks, recipe.batch)
    run = _Run(options, preset, catalog, splits, model, optimiser, average, data, device, rank, ranks)
    if rank == 0:
        songs = f"{len(splits.train)} songs, validation on {len(splits.validation)}"
        start = f", going on at step {state.step}" if state.step else ""
        say(f"{options.preset}: {songs}{splits.note}; {_size(model)} parameters on {device}{start}")
    return run.go(state, say)


@dataclasses.dataclass
class _State:
    step: int = 0
    best: float | None = None
    skipped: int = 0


class _Run:
    """The loop and what it works on."""

    def __init__(
        self,
        options: TrainOptions,
        preset: Preset,
        catalog: Catalog,
        splits: Splits,
        model: Mixer,
        optimiser: torch.optim.Optimizer,
        average: WeightAverage | None,
        data: CropDataset,
        device: torch.device,
        rank: int,
        ranks: int,
    ) -> None:
        self.options = options
        self.preset = preset
        self.catalog = catalog
        self.splits = splits
        self.model = model
        self.optimiser = optimiser
        self.average = average
        self.data = data
        self.device = device
        self.rank = rank
        self.ranks = ranks
        network: nn.Module = torch.compile(model) if options.compiled else model  # type: ignore[assignment]
        self.network = DistributedDataParallel(network) if ranks > 1 else network
        self.loss = build_loss(preset.loss, preset.recipe.guard).to(device)
        self.precision, self.scaler = _mixed_precision(preset.recipe.precision, device)
        self.writer = SummaryWriter(str(options.out / "tensorboard")) if rank == 0 else None

    def go(self, state: _State, say: Callable[[str], None]) -> TrainResult:
        recipe = self.preset.recipe
        per_epoch = recipe.minibatches_per_epoch
        total = recipe.epochs * per_epoch if self.options.steps is None else self.options.steps
        total = min(total, recipe.epochs * per_epoch)
        deadline = None if self.options.minutes is None else time.monotonic() + 60.0 * self.options.minutes
        losses: list[float] = []
        loading = working = 0.0
        self.model.train()
        with TrainingProgress(state.step, total, recipe.batch * self.ranks, deadline, say, self.rank == 0) as progress:
            batches = self._batches(state.step)
            while state.step < total and not self._out_of_time(deadline):
                started = time.perf_counter()
                stems, mixture = next(batches)
                loaded = time.perf_counter()
                losses.append(self._step(state, stems, mixture))
                loading += loaded - started
                working += time.perf_counter() - loaded
                progress.advance(losses[-1])
                if state.step % per_epoch == 0 and state.step < total:
                    self._end_of_epoch(state, say)
        self._end_of_epoch(state, say)
        if self.writer is not None:
            self.writer.close()
        seconds = max(loading + working, 1e-9)
        return TrainResult(
            steps=state.step,
            losses=losses,
            best=state.best,
            skipped=state.skipped,
            examples_per_second=len(losses) * recipe.batch * self.ranks / seconds,
            loading_share=loading / seconds,
            finished=state.step >= recipe.epochs * per_epoch,
        )

    def _batches(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        recipe = self.preset.recipe
        while True:
            epoch, minibatch = divmod(step, recipe.minibatches_per_epoch)
            self.data.load_state_dict({"epoch": epoch, "taken": minibatch * recipe.batch * self.ranks})
            loader = DataLoader(self.data, recipe.batch, num_workers=self.options.loader_workers)
            for batch in loader:
                yield batch
                step += 1

    def _step(self, state: _State, stems: Tensor, mixture: Tensor) -> float:
        """One optimisation step; a gradient that is not finite is counted, and changes nothing."""
        recipe = self.preset.recipe
        epoch = state.step // recipe.minibatches_per_epoch
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate(epoch)
        stems, mixture = stems.to(self.device), mixture.to(self.device)
        target = stems if self.model.predicts == "stems" else mixture
        self.optimiser.zero_grad(set_to_none=True)
        with self.precision():
            output = self.network(stems)
        loss = self.loss(output.float(), self.model.align(target))
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), recipe.gradient_clip)
        value = float(loss.detach())
        if torch.isfinite(norm):
            self.scaler.step(self.optimiser)
            if self.average is not None:
                self.average.update(self.model)
        else:
            state.skipped += 1
        self.scaler.update()
        state.step += 1
        if self.writer is not None:
            self.writer.add_scalar("train/loss", value, state.step)
            self.writer.add_scalar("train/gradient_norm", float(norm), state.step)
            self.writer.add_scalar("train/learning_rate", self.optimiser.param_groups[0]["lr"], state.step)
            self.writer.add_scalar("train/skipped_steps", state.skipped, state.step)
        return value

    def _end_of_epoch(self, state: _State, say: Callable[[str], None]) -> None:
        if self.rank:
            return
        validation = self._validate() if self.splits.validation else None
        improved = validation is not None and (state.best is None or validation < state.best)
        if improved:
            state.best = validation
        if validation is not None:
            skipped = f", {state.skipped} steps skipped for gradients that were not finite" if state.skipped else ""
            say(f"step {state.step}: validation loss {validation:.4f}{' (best)' if improved else ''}{skipped}")
            if self.writer is not None:
                self.writer.add_scalar("validation/loss", validation, state.step)
        checkpoint = self._checkpoint(state)
        save_checkpoint(checkpoint, self.options.out / LAST)
        if improved or validation is None:
            save_checkpoint(checkpoint, self.options.out / BEST)

    @torch.no_grad()
    def _validate(self) -> float:
        """Mean loss over validation songs, each run in windows of a training segment and joined again."""
        recipe = self.preset.recipe
        window = WindowConfig(recipe.segment - 2 * recipe.guard, recipe.guard)
        whole_song_loss = build_loss(self.preset.loss, 0).to(self.device)
        kept = None
        if self.average is not None:
            kept = {name: value.clone() for name, value in self.model.state_dict().items()}
            self.model.load_state_dict(self.average.weights)
        self.model.eval()
        losses = []
        for song in self.splits.validation:
            samples = min(song_samples(self.catalog, song), int(self.options.validation_seconds * SAMPLE_RATE))
            stems, mixture = read_song(self.catalog, song, self.model.sources, 0, samples)
            stems, mixture = stems.to(self.device), mixture.to(self.device)
            output = apply_in_windows(self.model, stems, window)
            target = stems if self.model.predicts == "stems" else mixture
            losses.append(float(whole_song_loss(output[None], target[None])))
        self.model.train()
        if kept is not None:
            self.model.load_state_dict(kept)
        return sum(losses) / len(losses)

    def _checkpoint(self, state: _State) -> Checkpoint:
        recipe = self.preset.recipe
        epoch, minibatch = divmod(state.step, recipe.minibatches_per_epoch)
        return Checkpoint(
            preset=dump_preset(self.preset),
            sources=self.model.sources,
            model=self.model.state_dict(),
            average=None if self.average is None else self.average.weights,
            optimiser=self.optimiser.state_dict(),
            step=state.step,
            data={"epoch": epoch, "taken": minibatch * recipe.batch * self.ranks},
            random=random_state(),
            catalog=self.catalog.fingerprint(),
            best=state.best,
            skipped=state.skipped,
        )

    def _out_of_time(self, deadline: float | None) -> bool:
        out = deadline is not None and time.monotonic() >= deadline
        if self.ranks > 1:
            flag = torch.tensor(float(out), device=self.device)
            torch.distributed.broadcast(flag, 0)
            return bool(flag)
        return out


def _resume(
    options: TrainOptions,
    preset: Preset,
    model: Mixer,
    optimiser: torch.optim.Optimizer,
    average: WeightAverage | None,
    catalog: Catalog,
) -> _State:
    path = options.out / LAST
    if not path.exists():
        return _State()
    checkpoint = load_checkpoint(path)
    if parse_preset(checkpoint.preset, str(path)) != preset:
        raise TrainingError(f"{path}: was trained with another preset; name another --out, or remove the folder")
    if checkpoint.catalog != catalog.fingerprint():
        raise TrainingError(f"{path}: was trained on another catalog; name another --out, or remove the folder")
    if (checkpoint.average is None) != (average is None):
        raise TrainingError(f"{path}: was trained {'without' if average else 'with'} --average; go on the same way")
    load_weights(model, checkpoint.model, path)
    optimiser.load_state_dict(checkpoint.optimiser)
    if average is not None and checkpoint.average is not None:
        average.weights = checkpoint.average
    restore_random_state(checkpoint.random)
    return _State(checkpoint.step, checkpoint.best, checkpoint.skipped)


def _load_front_end(model: Mixer, path: Path) -> None:
    """Take the two convolutions of a pre-trained front-end; the rest keeps its initial weights."""
    checkpoint = load_checkpoint(path)
    trained = build_model(parse_preset(checkpoint.preset, str(path)).model)
    if not isinstance(model, Automix) or not isinstance(trained, AutomixFrontEnd):
        raise TrainingError(
            f"{path}: a front-end is for a network of the kind automix, and is trained with a preset for it"
        )
    load_weights(trained, checkpoint.average or checkpoint.model, path)
    try:
        model.load_front_end(trained)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _optimiser(model: nn.Module, preset: Preset) -> torch.optim.Optimizer:
    settings = preset.recipe.optimiser
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.name]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return kind(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, amsgrad=settings.amsgrad)


def _mixed_precision(
    wanted: str, device: torch.device
) -> tuple[Callable[[], AbstractContextManager[object]], torch.amp.GradScaler]:
    """bfloat16 on GPUs that have it, float16 with loss scaling on others, float32 on CPUs."""
    if wanted == "float32" or device.type != "cuda":
        return nullcontext, torch.amp.GradScaler(device.type, enabled=False)
    half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    scaler = torch.amp.GradScaler("cuda", enabled=half is torch.float16)
    return lambda: torch.autocast("cuda", dtype=half), scaler


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _size(model: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.2f} M"
