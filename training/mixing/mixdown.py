"""Mixing of stems that are in memory: effect normalisation, then the network, or the plain sum as a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fxnorm.chain import ChainConfig, normalize_stem
from fxnorm.receipt import StemReceipt
from fxnorm.settings import SAMPLE_RATE
from fxnorm.statistics import Statistics, Targets
from fxnorm.stereo import Audio, as_stereo
from training.checkpoint import load_checkpoint, load_weights
from training.models import Mixer, build_model
from training.presets import parse_preset
from training.whole_song import apply_to_song


@dataclass(frozen=True)
class MixConfig:
    """How to mix.

    Attributes:
        chain: effect normalisation; add ``prereverb`` for very dry stems.
        lead_seconds: stretch of the song's start that the network hears before the song, so that its memory is settled
            when the song begins; it is cut away again. The song's own start is used, not its end as published, since it
            has the level and the instruments that follow.
        window_seconds: stretch of the song that the network holds in full at a time; memory and speed depend on it, the
            mix does not.
    """

    chain: ChainConfig = field(default_factory=ChainConfig)
    lead_seconds: float = 10.0
    window_seconds: float = 5.0


@dataclass(frozen=True)
class LoadedMixer:
    """A trained network, ready to mix, and the names of its stems in order."""

    model: Mixer
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Mixdown:
    """A mix.

    Attributes:
        audio: float32, shape (samples, 2), 44 100 Hz; may exceed full scale if it is a plain sum.
        receipts: what normalisation did, by stem.
        silent: sources of the network that were not given.
    """

    audio: Audio
    receipts: dict[str, StemReceipt]
    silent: tuple[str, ...]


def load_mixer(checkpoint: Path, device: str = "cpu") -> LoadedMixer:
    """Load a checkpoint for mixing; the average of the weights is used where one was kept.

    Raises:
        training.checkpoint.CheckpointError: not a checkpoint.
        ValueError: the checkpoint is a front-end, which does not mix.
    """
    content = load_checkpoint(checkpoint)
    model = build_model(parse_preset(content.preset, str(checkpoint)).model)
    if model.predicts != "mixture":
        raise ValueError(
            f"{checkpoint}: is a pre-trained front-end, which does not mix; train a preset that starts from it"
        )
    load_weights(model, content.average or content.model, checkpoint)
    return LoadedMixer(model.to(device).eval(), content.sources)


def mix_stems(
    stems: Mapping[str, NDArray[np.float32]],
    statistics: Statistics,
    mixer: LoadedMixer | None,
    config: MixConfig | None = None,
    song: str = "",
) -> Mixdown:
    """Mix stems.

    Args:
        stems: by name, shape (samples, 2) at 44 100 Hz; shorter ones are padded with zeros at the end. Each is asked
            for when its turn comes, so that a mapping that decodes on access holds one stem at a time.
        statistics: averages to normalise to.
        mixer: the network; None for the sum of the normalised stems.
        config: how to mix.
        song: id of the song, for what is drawn at random.

    Raises:
        ValueError: no stems, a stem that the network does not know, or one without statistics.
    """
    config = config or MixConfig()
    if not stems:
        raise ValueError("no stems to mix")
    sources: Sequence[str] = mixer.sources if mixer is not None else sorted(stems)
    unknown = sorted(set(stems) - set(sources))
    if unknown:
        raise ValueError(f"the network does not know the stem {unknown[0]!r}; it takes {', '.join(sources)}")
    length = max(stems[name].shape[0] for name in stems)
    normalised = np.zeros((len(sources), 2, length), dtype=np.float32)
    receipts = {}
    for index, name in enumerate(sources):
        if name in stems:
            audio, receipts[name] = _normalise(stems[name], length, name, statistics, config, song)
            normalised[index] = audio.T
    silent = tuple(name for name in sources if name not in stems)
    if mixer is None:
        return Mixdown(np.ascontiguousarray(normalised.sum(axis=0).T), receipts, silent)
    return Mixdown(run_network(mixer, torch.from_numpy(normalised), config), receipts, silent)


def _normalise(
    audio: NDArray[np.float32], length: int, name: str, statistics: Statistics, config: MixConfig, song: str
) -> tuple[Audio, StemReceipt]:
    stereo = as_stereo(audio)
    missing = length - stereo.shape[0]
    padded = np.pad(stereo, ((0, missing), (0, 0))) if missing else stereo
    if name in statistics.sources:
        targets = statistics.targets(name, config.chain.settings)
    elif not padded.any():
        targets = Targets()
    else:
        raise ValueError(f"the statistics hold nothing on {name!r}; they have {', '.join(statistics.sources)}")
    return normalize_stem(padded, name, targets, config.chain, song)


def run_network(mixer: LoadedMixer, stems: torch.Tensor, config: MixConfig) -> Audio:
    """Mix normalised stems, (sources, 2, samples), as in one piece; returns (samples, 2)."""
    lead = min(round(config.lead_seconds * SAMPLE_RATE), stems.shape[-1])
    output = apply_to_song(mixer.model, stems, round(config.window_seconds * SAMPLE_RATE), lead)
    return np.ascontiguousarray(output.cpu().numpy().T)
