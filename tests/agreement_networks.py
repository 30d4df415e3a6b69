"""Compares networks and losses with those of the published code: ``python -m tests.agreement_networks DIR``.

DIR holds what the published implementation computed: ``networks.json`` with parameter counts and losses, and a folder
``networks`` with state dicts, inputs and outputs, and the signals of the losses. Prints a table; exit code 1 on a miss.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from training.losses import StereoSpectrumConfig, build_loss
from training.losses.prefilter import Prefilter, a_weighting_taps
from training.models import build_model
from training.models.mixer import parameter_count
from training.models.published_weights import load_published
from training.presets import read_preset

OUTPUT_LIMIT = 1e-5
LOSS_LIMIT = 1e-4
FILTER_LIMIT = 1e-6

Check = tuple[str, str, float, str, bool]
"""Network or loss, what is compared, value, requirement, whether it is met."""


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference over the largest expected value."""
    return float((actual - expected).abs().max() / expected.abs().max())


def at_most(subject: str, what: str, value: float, limit: float) -> Check:
    return subject, what, value, f"at most {limit:g}", bool(value <= limit)


def equal(subject: str, what: str, value: int, expected: int) -> Check:
    return subject, what, value, f"{expected}", value == expected


def check_network(folder: Path, name: str, published: dict[str, Any]) -> Iterator[Check]:
    preset = read_preset(name)
    model = build_model(preset.model).eval()
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    yield equal(name, "parameters", parameter_count(model), published["parameters"])
    if "trainable" in published:
        yield equal(name, "trainable parameters", trainable, published["trainable"])
    load_published(model, folder / f"{name}.pt")
    given = np.load(folder / f"{name}_io.npz")
    stems = torch.from_numpy(given["x"]).unflatten(1, (len(model.sources), model.channels))
    expected = torch.from_numpy(given["y"]).reshape(stems.shape[0], model.channels, -1)
    with torch.inference_mode():
        mixture = model(stems)
    yield equal(name, "output samples", mixture.shape[-1], expected.shape[-1])
    yield at_most(name, "output, largest difference", relative(mixture, expected), OUTPUT_LIMIT)


def check_losses(folder: Path, published: dict[str, float], guard: int) -> Iterator[Check]:
    given = np.load(folder / "losses.npz")
    output, target = (torch.from_numpy(given[name])[0] for name in ("out", "tar"))
    taps = torch.from_numpy(a_weighting_taps().astype(np.float32))
    yield at_most("A-weighting", "taps", relative(taps, torch.from_numpy(given["aw"]).flatten()), FILTER_LIMIT)
    filtered = torch.from_numpy(given["out_filtered"])[0]
    yield at_most("prefilter", "filtered audio", relative(Prefilter()(output), filtered), FILTER_LIMIT)
    for key, expected in published.items():
        name, _, prefilter, frames = key.split("|")
        config = StereoSpectrumConfig(name="La" if name == "La" else "Lb", prefilter=prefilter != "filter=none")
        value = build_loss(config, 0 if frames == "guard=0" else guard)(output, target).item()
        yield at_most(name, f"{prefilter}, {frames}", abs(value / expected - 1.0), LOSS_LIMIT)


def compare(reference: Path) -> list[Check]:
    """All comparisons."""
    published = json.loads((reference / "networks.json").read_text())
    folder = reference / "networks"
    checks: list[Check] = []
    for name in ("ours_S_Lb", "wun_S_Lb"):
        checks += check_network(folder, name, published[name])
    guard = read_preset("ours_S_Lb").recipe.guard
    return checks + list(check_losses(folder, published["losses_4s"], guard))


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1], "networks.json").is_file():
        sys.stderr.write(f"usage: python -m tests.agreement_networks DIR\n{__doc__}")
        return 2
    checks = compare(Path(sys.argv[1]))
    table = Table("network or loss", "compared", "value", "required", "met")
    for subject, what, value, required, met in checks:
        table.add_row(subject, what, f"{value:.7g}", required, "yes" if met else "NO")
    Console(width=110, highlight=False).print(table)
    return 0 if all(check[4] for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
