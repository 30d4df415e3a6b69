"""Checkpoints: everything that training needs to go on as if it had not stopped, written in one step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from catalogs.storage import Location

FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be written or read, or does not fit what it is used for."""


@dataclass(frozen=True)
class Checkpoint:
    """State of a training run.

    Attributes:
        preset: the preset it was trained with, as a dictionary that :mod:`training.presets` reads back.
        sources: stems, in the order in which the network takes them.
        model: weights.
        average: exponential moving average of the weights; None if none is kept.
        optimiser: state of the optimiser.
        step: optimisation steps done.
        data: state of the training data.
        random: state of PyTorch's random generators.
        catalog: hash that identifies the catalog that was trained from.
        best: best validation loss so far; None before the first validation.
        skipped: steps that were skipped for a gradient that was not finite.
    """

    preset: dict[str, Any]
    sources: tuple[str, ...]
    model: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimiser: dict[str, Any]
    step: int
    data: dict[str, int]
    random: dict[str, Any]
    catalog: str
    best: float | None
    skipped: int


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint in one step; an interrupted write leaves the earlier file.

    Raises:
        CheckpointError: a weight is not finite.
    """
    for weights in (checkpoint.model, checkpoint.average or {}):
        for name, value in weights.items():
            if not torch.isfinite(value).all():
                raise CheckpointError(f"{path}: not written, {name} holds values that are not finite")
    content = {**checkpoint.__dict__, "sources": list(checkpoint.sources), "format": FORMAT}
    with Location.parse(path).open_atomic() as stream:
        torch.save(content, stream)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing but tensors and plain values is read from it.

    Raises:
        CheckpointError: no such file, or not a checkpoint of this package.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("format") != FORMAT:
            raise CheckpointError(f"{path}: written by a later version; upgrade fxnorm-data")
        return Checkpoint(**{**content, "sources": tuple(content["sources"])})
    except CheckpointError:
        raise
    except (RuntimeError, KeyError, TypeError, AttributeError, EOFError, ValueError, OSError) as error:
        raise CheckpointError(f"{path}: not a checkpoint of fxnorm-data, or damaged ({error!r})") from None
    except UnpicklingError as error:
        raise CheckpointError(f"{path}: refused, it holds more than tensors and plain values ({error})") from None


def load_weights(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Put a checkpoint's weights into the network that its preset describes.

    Raises:
        CheckpointError: a weight is missing, of another shape, or belongs to no layer; names the file.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        faults = "; ".join(line.strip().rstrip(".") for line in str(error).splitlines()[1:])
        raise CheckpointError(
            f"{path}: its weights are not those of the network that its preset describes ({faults}); "
            "it was written by another version, or damaged"
        ) from None


def random_state() -> dict[str, Any]:
    """State of PyTorch's generators on this process."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Set PyTorch's generators to a saved state."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


class WeightAverage:
    """Exponential moving average of a network's weights.

    Args:
        model: the network.
        decay: weight of the past, from 0 to 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the present weights in."""
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1.0 - self.decay)
            else:
                self.weights[name].copy_(value)
