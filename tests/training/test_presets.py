"""Presets: every one that comes with the package, and what is refused."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from training.losses import build_loss
from training.models import build_model
from training.presets import PresetError, Recipe, Step, dump_preset, parse_preset, preset_names, read_preset

PUBLISHED_EPOCHS = {"ours_S_Lb": 310, "ours_S_La": 200, "ours_S_pretrained": 105, "wun_S_Lb": 200}
"""Without the warm-up epoch; from the configuration files of the published implementation."""


def table(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parents[2] / "training" / "presets" / f"{name}.toml").read_text())


def test_names() -> None:
    assert {"tiny", "wave_unet_stride4", *PUBLISHED_EPOCHS} <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_model_takes_the_segment_and_the_guard_covers_its_edges(name: str) -> None:
    preset = read_preset(name)
    model = build_model(preset.model)
    recipe = preset.recipe
    assert model.input_samples(recipe.segment) == recipe.segment
    assert recipe.segment - model.shortening > 2 * recipe.guard
    assert recipe.guard >= (model.receptive_field - model.shortening) // 2
    assert build_loss(preset.loss, recipe.guard) is not None
    assert preset.front_end is None or read_preset(preset.front_end).model.filter_bank == preset.model.filter_bank  # type: ignore[union-attr]


@pytest.mark.parametrize("name", PUBLISHED_EPOCHS)
def test_published_recipes(name: str) -> None:
    recipe = read_preset(name).recipe
    assert recipe.epochs == PUBLISHED_EPOCHS[name] + 1
    assert recipe.learning_rate(0) == 0.0
    assert recipe.learning_rate(1) == 1e-3
    assert recipe.learning_rate(recipe.schedule[0].epochs + 1) == pytest.approx(1e-3 / 3)
    assert recipe.minibatches_per_epoch == 1600
    assert recipe.gradient_clip == 0.2
    assert recipe.optimiser.amsgrad


def test_presets_survive_a_checkpoint() -> None:
    for name in preset_names():
        preset = read_preset(name)
        assert parse_preset(dump_preset(preset), "checkpoint") == preset


def test_tiny_learns_on_one_core() -> None:
    """A few steps on one example lower the loss; an example takes well under a second."""
    preset = read_preset("tiny")
    torch.manual_seed(0)
    model = build_model(preset.model)
    loss = build_loss(preset.loss, preset.recipe.guard)
    generator = torch.Generator().manual_seed(1)
    sources = len(preset.model.sources)
    stems = 0.1 * torch.randn(1, sources, 2, preset.recipe.segment, generator=generator)
    mixture = (stems * torch.linspace(0.3, 1.2, sources).view(1, -1, 1, 1)).sum(dim=1)
    optimiser = torch.optim.Adam(model.parameters(), lr=preset.recipe.optimiser.learning_rate)
    values = []
    for _ in range(6):
        optimiser.zero_grad()
        value = loss(model(stems), mixture)
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < 0.9 * values[0]


def test_learning_rate_follows_the_schedule() -> None:
    recipe = Recipe(
        segment=1,
        guard=0,
        batch=1,
        minibatches_per_epoch=1,
        warm_up_epochs=2,
        schedule=(Step(epochs=1), Step(epochs=2, divide_by=10.0)),
    )
    assert [recipe.learning_rate(epoch) for epoch in range(5)] == pytest.approx([0.0, 0.0, 1e-3, 1e-4, 1e-4])
    for epoch in (-1, 5):
        with pytest.raises(IndexError, match="of 5"):
            recipe.learning_rate(epoch)


def test_presets_cannot_be_changed() -> None:
    preset = read_preset("tiny")
    with pytest.raises(dataclasses.FrozenInstanceError):
        preset.recipe.batch = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    "section, key, value, complaint",
    [
        ((), "recpie", {}, r"recpie: unknown key"),
        (("recipe",), "lr", 1e-3, r"recipe\.lr: unknown key"),
        (("recipe", "optimiser"), "momentum", 0.9, r"recipe\.optimiser\.momentum: unknown key"),
        (("model",), "layers", 3, r"model\.layers: unknown key"),
        (("model", "filter_bank"), "taps", 3, r"model\.filter_bank\.taps: unknown key"),
        (("loss",), "window", 3, r"loss\.window: unknown key"),
        (("model",), "name", "automixer", r"model: .*'automix'"),
        (("loss",), "name", "Lc", r"loss: .*'La'"),
        (("recipe",), "batch", 2.5, r"recipe\.batch: .*integer, found 2\.5"),
        (("recipe",), "batch", True, r"recipe\.batch: .*integer, found True"),
        (("recipe",), "batch", 0, r"recipe\.batch: .*greater than 0, found 0"),
        (("recipe",), "schedule", [], r"recipe\.schedule: .*at least 1"),
        (("recipe",), "schedule", [{"epochs": 0}], r"recipe\.schedule\.0\.epochs: .*greater than 0"),
        (("recipe",), "precision", "half", r"recipe\.precision: .*'mixed', found 'half'"),
        (("model",), "sources", ["a", "a"], r"model: sources must be one or more different names"),
        (("model", "filter_bank"), "kernel", 0, r"model\.filter_bank: kernel must be at least 1"),
        (("model",), "sources", tomllib.loads("x = 2020-01-01")["x"], r"not JSON serializable"),
    ],
)
def test_faults_name_file_and_key(section: tuple[str, ...], key: str, value: object, complaint: str) -> None:
    content = table("ours_S_Lb")
    place = content
    for name in section:
        place = place[name]
    place[key] = value
    with pytest.raises(PresetError, match=r"mine\.toml: .*" + complaint):
        parse_preset(content, "mine.toml")


def test_missing_keys_are_named() -> None:
    content = table("ours_S_Lb")
    del content["recipe"]["segment"]
    del content["loss"]
    with pytest.raises(PresetError, match=r"mine\.toml: (loss: .*recipe\.segment: |recipe\.segment: .*loss: )"):
        parse_preset(content, "mine.toml")


def test_preset_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    source = Path(__file__).parents[2] / "training" / "presets" / "ours_S_Lb.toml"
    path.write_text(source.read_text().replace('["vocals", "bass", "drums", "other"]', '["speech", "music"]'))
    assert build_model(read_preset(path).model).sources == ("speech", "music")


def test_unreadable_presets(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match=r"no preset ours; there are .*ours_S_Lb"):
        read_preset("ours")
    with pytest.raises(PresetError, match=r"absent\.toml: cannot be read"):
        read_preset(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[model\n")
    with pytest.raises(PresetError, match=r"broken\.toml: cannot be read as TOML"):
        read_preset(broken)
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(PresetError, match=r"broken\.toml: cannot be read as TOML"):
        read_preset(broken)
