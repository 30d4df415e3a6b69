"""From stems to a mix: normalise, run the network, write a file."""

from training.mixing.mixdown import LoadedMixer, MixConfig, Mixdown, load_mixer, mix_stems
from training.mixing.song import StemFiles, find_stems, mix_song

__all__ = [
    "LoadedMixer",
    "MixConfig",
    "Mixdown",
    "StemFiles",
    "find_stems",
    "load_mixer",
    "mix_song",
    "mix_stems",
]
