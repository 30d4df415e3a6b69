"""Presets: what to train and how, one TOML file each, read into frozen dataclasses.

A preset has a ``[model]``, a ``[loss]`` and a ``[recipe]``; the ``name`` in the first two chooses the class. Unknown
keys and values of the wrong type are refused.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from training.losses import LossConfig
from training.models import ModelConfig

STRICT = ConfigDict(extra="forbid", strict=True)
FOLDER = "presets"


class PresetError(ValueError):
    """A preset that does not exist or cannot be used."""


@dataclass(frozen=True, config=STRICT)
class Optimiser:
    """Settings of Adam.

    Attributes:
        name: ``adam`` adds the weight decay to the gradient, ``adamw`` takes it off the weights.
        learning_rate: before the schedule.
        weight_decay: factor.
        amsgrad: keep the largest second moment.
    """

    name: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-7
    amsgrad: bool = True


@dataclass(frozen=True, config=STRICT)
class Step:
    """A step of the schedule: so many epochs at the learning rate divided by a number."""

    epochs: Annotated[int, Field(gt=0)]
    divide_by: Annotated[float, Field(gt=0)] = 1.0


@dataclass(frozen=True, config=STRICT)
class Recipe:
    """How to train.

    Attributes:
        segment: samples of an example.
        guard: samples at both ends of the network's output that the loss leaves out.
        batch: examples in a minibatch.
        minibatches_per_epoch: minibatches between validations.
        schedule: learning rates, one step after the other.
        warm_up_epochs: epochs at learning rate 0 before the schedule, in which only Adam's moments are gathered.
        optimiser: settings of Adam.
        gradient_clip: largest L2 norm of the gradient.
        precision: ``mixed`` computes in 16 bits where that is safe and the device can.
        swap_channels: exchange left and right of all stems and the mixture in half of the examples.
        average: decay of an exponential moving average of the weights, for validation and mixing; none if left out.
    """

    segment: Annotated[int, Field(gt=0)]
    guard: Annotated[int, Field(ge=0)]
    batch: Annotated[int, Field(gt=0)]
    minibatches_per_epoch: Annotated[int, Field(gt=0)]
    schedule: Annotated[tuple[Step, ...], Field(min_length=1)]
    warm_up_epochs: Annotated[int, Field(ge=0)] = 0
    optimiser: Optimiser = field(default_factory=Optimiser)
    gradient_clip: Annotated[float, Field(gt=0)] = 0.2
    precision: Literal["float32", "mixed"] = "mixed"
    swap_channels: bool = True
    average: Annotated[float | None, Field(ge=0, lt=1)] = None

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return self.warm_up_epochs + sum(step.epochs for step in self.schedule)

    def learning_rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0.

        Raises:
            IndexError: the schedule is shorter.
        """
        if not 0 <= epoch < self.epochs:
            raise IndexError(f"epoch {epoch} of {self.epochs}")
        if epoch < self.warm_up_epochs:
            return 0.0
        left = epoch - self.warm_up_epochs
        for step in self.schedule:
            if left < step.epochs:
                break
            left -= step.epochs
        return self.optimiser.learning_rate / step.divide_by


@dataclass(frozen=True, config=STRICT)
class Preset:
    """A model, its loss and its recipe.

    Attributes:
        description: one sentence.
        model: what to train.
        loss: what to minimise.
        recipe: how.
        front_end: preset whose trained front-end this one starts from, where it has been trained; None for none.
    """

    description: str
    model: Annotated[ModelConfig, Field(discriminator="name")]
    loss: Annotated[LossConfig, Field(discriminator="name")]
    recipe: Recipe
    front_end: str | None = None


PRESET: TypeAdapter[Preset] = TypeAdapter(Preset)


def preset_names() -> list[str]:
    """Names of the presets that come with the package, sorted."""
    folder = resources.files("training") / FOLDER
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def read_preset(name: str | Path) -> Preset:
    """Read a preset.

    Args:
        name: name of one that comes with the package, or path of a TOML file.

    Raises:
        PresetError: no such preset, not TOML, or a key or value that does not belong there; names the file and the key.
    """
    path = Path(name)
    if path.suffix != ".toml":
        if str(name) not in preset_names():
            raise PresetError(
                f"no preset {name}; there are {', '.join(preset_names())}, or give the path of a .toml file"
            )
        path = Path(str(resources.files("training") / FOLDER / f"{name}.toml"))
    try:
        return parse_preset(tomllib.loads(path.read_text("utf-8")), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PresetError(f"{path}: cannot be read as TOML ({error})") from None


def parse_preset(table: Mapping[str, Any], origin: str) -> Preset:
    """A preset from nested tables, such as `dump_preset` returns.

    Args:
        table: by key.
        origin: file that they came from, for errors.

    Raises:
        PresetError: a key or value that does not belong there.
    """
    try:
        return PRESET.validate_json(json.dumps(table))
    except ValidationError as error:
        faults = "; ".join(f"{_key(fault['loc'])}: {_reason(fault)}" for fault in error.errors())
        raise PresetError(f"{origin}: {faults}") from None
    except TypeError as error:
        raise PresetError(f"{origin}: {error}") from None


def dump_preset(preset: Preset) -> dict[str, Any]:
    """Nested tables of plain values, for a checkpoint."""
    return PRESET.dump_python(preset, mode="json")


def _key(location: tuple[int | str, ...]) -> str:
    """Dotted key of an error; leaves out the class that pydantic chose by ``name``."""
    if len(location) > 1 and location[0] in ("model", "loss"):
        location = (location[0], *location[2:])
    return ".".join(str(part) for part in location)


def _reason(fault: ErrorDetails) -> str:
    if fault["type"] == "unexpected_keyword_argument":
        return "unknown key"
    reason = fault["msg"].removeprefix("Value error, ")
    return reason if isinstance(fault["input"], dict | list) else f"{reason}, found {fault['input']!r}"
