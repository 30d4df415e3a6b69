"""Reading state dicts of the published implementation (its ``.params`` files) into our networks, and writing them.

The published networks have the same parameters under other names; `published_name` is the whole mapping.
"""

from __future__ import annotations

import pickle
import re
import struct
from pathlib import Path

import torch
from torch import Tensor

from training.models.automix import AutomixFrontEnd
from training.models.mixer import Mixer
from training.models.wave_unet import WaveUNet

NAMES = (
    (r"front_end\.analysis\.", r"conv_1."),
    (r"front_end\.smoothing\.", r"conv_2.0."),
    (r"mask\.norm\.", r"layerNorm."),
    (r"mask\.bottleneck\.", r"bottleneck_conv1x1."),
    (r"mask\.(repeats\.\d+\.\d+)\.expand\.", r"\1.conv1x1."),
    (r"mask\.(repeats\.\d+\.\d+)\.activation_(\d)\.", r"\1.nonlinearity\2."),
    (r"mask\.(repeats\.\d+\.\d+)\.norm_(\d)\.", r"\1.norm\2."),
    (r"mask\.(repeats\.\d+\.\d+)\.depthwise\.", r"\1.depthwise_conv."),
    (r"mask\.(repeats\.\d+\.\d+)\.skip\.", r"\1.skip_out."),
    (r"mask\.(repeats\.\d+\.\d+)\.residual\.", r"\1.res_out."),
    (r"mask\.activation\.", r"output.0."),
    (r"mask\.expand\.", r"output.1."),
    (r"mask\.lstm\.", r"blstm."),
    (r"excitation\.squeeze\.", r"se_block.net.0."),
    (r"excitation\.excite\.", r"se_block.net.2."),
    (
        r"down\.(\d+)\.(pre|post)\.convolution\.",
        r"network.waveunets.ALL.downsampling_blocks.\1.\2_shortcut_convs.0.filter.",
    ),
    (r"down\.(\d+)\.(pre|post)\.norm\.", r"network.waveunets.ALL.downsampling_blocks.\1.\2_shortcut_convs.0.norm."),
    (r"down\.(\d+)\.resampler\.", r"network.waveunets.ALL.downsampling_blocks.\1.downconv."),
    (
        r"up\.(\d+)\.(pre|post)\.convolution\.",
        r"network.waveunets.ALL.upsampling_blocks.\1.\2_shortcut_convs.0.filter.",
    ),
    (r"up\.(\d+)\.(pre|post)\.norm\.", r"network.waveunets.ALL.upsampling_blocks.\1.\2_shortcut_convs.0.norm."),
    (r"up\.(\d+)\.resampler\.", r"network.waveunets.ALL.upsampling_blocks.\1.upconv."),
    (r"bottleneck\.convolution\.", r"network.waveunets.ALL.bottlenecks.0.filter."),
    (r"bottleneck\.norm\.", r"network.waveunets.ALL.bottlenecks.0.norm."),
    (r"output\.", r"network.waveunets.ALL.output_conv."),
)
"""Beginning of our name, beginning of the published one."""

UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
    pickle.UnpicklingError,
)
"""What ``torch.load`` raises for files that are damaged or not its own."""

LISTED = 5
"""Names of a kind that an error lists."""


class WeightsError(ValueError):
    """A file of weights that does not fit the network."""


def published_name(own: str) -> str:
    """Name in the published state dicts of a parameter of ours.

    Raises:
        KeyError: the parameter has no counterpart there.
    """
    for beginning, published in NAMES:
        if re.match(beginning, own):
            return re.sub(beginning, published, own, count=1)
    raise KeyError(own)


def to_published(model: Mixer) -> dict[str, Tensor]:
    """The state dict of a model under the published names."""
    return {published_name(own): tensor for own, tensor in model.state_dict().items()}


def load_published(model: Mixer, path: Path) -> None:
    """Replace the weights of a model by those of a published file.

    Args:
        model: a network of the shape that the file was trained with; for `AutomixFrontEnd`, the rest of the mixing
            network that such a file also holds is left out.
        path: a state dict; unpickled with ``weights_only=True``, so that it cannot run code.

    Raises:
        WeightsError: not a state dict, or names or shapes do not fit; says which.
    """
    found = read_state_dict(path)
    if isinstance(model, AutomixFrontEnd):
        found = {name: tensor for name, tensor in found.items() if name.startswith(("conv_1.", "conv_2."))}
    expected = to_published(model)
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    misshapen = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    faults = [
        f"{len(names)} {kind}: {', '.join(names[:LISTED])}{', ..' if len(names) > LISTED else ''}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if names
    ]
    if faults:
        raise WeightsError(
            f"{path}: does not fit {type(model).__name__} for {len(model.sources)} sources; {'; '.join(faults)}. "
            "Build the network with the configuration that the file was trained with"
        )
    if isinstance(model, WaveUNet):
        check_filters(model, path, found)
    model.load_state_dict({own: found[published_name(own)] for own in model.state_dict()})


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """A dictionary of tensors by name, on the CPU.

    Raises:
        WeightsError: no such file, or something else is in it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: cannot be read as a PyTorch state dict ({reason})") from None
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise WeightsError(f"{path}: not a state dict, which is a dictionary of tensors by name")
    return content


def check_filters(model: WaveUNet, path: Path, found: dict[str, Tensor]) -> None:
    """Refuse weights whose resampling filters belong to another stride; their shapes do not tell.

    Raises:
        WeightsError: names the first filter that differs.
    """
    for own, tensor in model.state_dict().items():
        if ".resampler." in own and not torch.allclose(found[published_name(own)], tensor, atol=1e-5):
            raise WeightsError(
                f"{path}: {published_name(own)} is not the filter of stride {model.config.stride}; "
                "build the network with the stride that the file was trained with"
            )
