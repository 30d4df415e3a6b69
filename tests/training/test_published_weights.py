"""Reading state dicts of the published implementation: names, errors, and files that are not what they seem."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.models.automix import Automix, AutomixConfig, AutomixFrontEnd, FilterBankConfig, FrontEndConfig
from training.models.mixer import Mixer
from training.models.published_weights import WeightsError, load_published, to_published
from training.models.wave_unet import WaveUNet, WaveUNetConfig

BANK = FilterBankConfig(filters=8, kernel=4, smoothing=6, pool=4)
AUTOMIX = AutomixConfig(filter_bank=BANK, bottleneck=6, hidden=4, skip=3, repeats=2, blocks=2, excitation=5)
WAVE_UNET = WaveUNetConfig(features=(8, 16, 24))


def randomised(model: Mixer, seed: int) -> Mixer:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".resampler." not in name:
                parameter.copy_(torch.rand(parameter.shape, generator=generator) - 0.5)
    return model


def save(model: Mixer, path: Path) -> Path:
    torch.save(to_published(model), path)
    return path


def test_names_are_the_published_ones() -> None:
    """Names, shapes and numbers of entries as in state dicts of the published implementation."""
    automix = {name: tuple(tensor.shape) for name, tensor in to_published(Automix(AutomixConfig())).items()}
    wave_unet = {name: tuple(tensor.shape) for name, tensor in to_published(WaveUNet(WaveUNetConfig())).items()}
    assert len(automix) == 373
    assert len(wave_unet) == 78
    assert (
        automix.items()
        >= {
            "conv_1.weight": (128, 8, 64),
            "conv_2.0.weight": (128, 1, 128),
            "layerNorm.bias": (128,),
            "bottleneck_conv1x1.weight": (256, 128, 1),
            "repeats.0.0.conv1x1.bias": (128,),
            "repeats.3.5.nonlinearity2.weight": (1,),
            "repeats.2.4.norm1.weight": (128,),
            "repeats.1.3.depthwise_conv.weight": (128, 1, 3),
            "repeats.3.5.skip_out.weight": (64, 128, 1),
            "repeats.3.5.res_out.weight": (256, 128, 1),
            "output.0.weight": (1,),
            "output.1.weight": (128, 64, 1),
            "blstm.weight_hh_l2_reverse": (256, 64),
            "se_block.net.0.weight": (2048, 128),
            "se_block.net.2.bias": (128,),
        }.items()
    )
    prefix = "network.waveunets.ALL."
    assert (
        wave_unet.items()
        >= {
            f"{prefix}downsampling_blocks.0.pre_shortcut_convs.0.filter.weight": (24, 8, 5),
            f"{prefix}downsampling_blocks.3.post_shortcut_convs.0.norm.bias": (384,),
            f"{prefix}downsampling_blocks.1.downconv.filter": (96, 1, 15),
            f"{prefix}bottlenecks.0.filter.bias": (384,),
            f"{prefix}upsampling_blocks.0.upconv.filter": (384, 1, 15),
            f"{prefix}upsampling_blocks.3.post_shortcut_convs.0.filter.weight": (24, 48, 5),
            f"{prefix}output_conv.weight": (2, 24, 1),
        }.items()
    )


@pytest.mark.parametrize("build", [lambda: Automix(AUTOMIX), lambda: WaveUNet(WAVE_UNET)], ids=["automix", "wave_unet"])
def test_round_trip(build: type[Mixer], tmp_path: Path) -> None:
    written, read = randomised(build(), 1), randomised(build(), 2)
    load_published(read, save(written, tmp_path / "net.params"))
    stems = torch.randn(1, 4, 2, 128)
    assert torch.equal(written.eval()(stems), read.eval()(stems))
    for name, tensor in written.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name


def test_front_end_takes_its_part_of_the_mixing_network(tmp_path: Path) -> None:
    written = randomised(Automix(AUTOMIX), 1)
    read = AutomixFrontEnd(FrontEndConfig(filter_bank=BANK))
    load_published(read, save(written, tmp_path / "net.params"))
    for name, tensor in read.front_end.state_dict().items():
        assert torch.equal(written.state_dict()[f"front_end.{name}"], tensor)


def test_every_misfit_is_named(tmp_path: Path) -> None:
    content = to_published(Automix(AUTOMIX))
    content["surplus"] = content.pop("layerNorm.bias")
    content["output.0.weight"] = torch.zeros(3)
    path = tmp_path / "net.params"
    torch.save(content, path)
    with pytest.raises(WeightsError) as caught:
        load_published(Automix(AUTOMIX), path)
    message = str(caught.value)
    assert str(path) in message
    assert "1 missing: layerNorm.bias;" in message
    assert "1 unexpected: surplus;" in message
    assert "1 of another shape: output.0.weight (3,) instead of (1,)" in message


def test_other_sources_and_other_networks_are_refused(tmp_path: Path) -> None:
    path = save(Automix(AUTOMIX), tmp_path / "net.params")
    with pytest.raises(WeightsError, match=r"for 2 sources; 1 of another shape: conv_1\.weight \(8, 8, 4\)"):
        load_published(Automix(replace(AUTOMIX, sources=("voice", "rest"))), path)
    with pytest.raises(WeightsError, match=r"missing: network\.waveunets.*unexpected: "):
        load_published(WaveUNet(WAVE_UNET), path)


def test_a_refused_file_changes_nothing(tmp_path: Path) -> None:
    model = randomised(Automix(AUTOMIX), 1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    content = to_published(randomised(Automix(AUTOMIX), 2))
    content.pop("output.1.bias")
    torch.save(content, tmp_path / "net.params")
    with pytest.raises(WeightsError):
        load_published(model, tmp_path / "net.params")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_another_stride_is_refused(tmp_path: Path) -> None:
    path = save(WaveUNet(WAVE_UNET), tmp_path / "net.params")
    with pytest.raises(WeightsError, match="not the filter of stride 4"):
        load_published(WaveUNet(replace(WAVE_UNET, stride=4)), path)


class Harmful:
    """Unpickled with full trust, makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    for path, write in ((tmp_path / "zip.params", torch.save), (tmp_path / "pickle.params", _pickle)):
        write({"conv_1.weight": Harmful(folder)}, path)
        with pytest.raises(WeightsError, match="cannot be read as a PyTorch state dict"):
            load_published(Automix(AUTOMIX), path)
    assert not folder.exists()


def _pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00", b"PK\x03\x04 cut short", bytes(1000)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.params"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.params: cannot be read as a PyTorch state dict"):
        load_published(Automix(AUTOMIX), path)


@pytest.mark.parametrize("content", [torch.zeros(3), {"state": {"conv_1.weight": torch.zeros(3)}}, {}])
def test_other_content_is_refused(content: object, tmp_path: Path) -> None:
    path = tmp_path / "net.params"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"not a state dict|missing"):
        load_published(Automix(AUTOMIX), path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load_published(Automix(AUTOMIX), tmp_path / "absent.params")
