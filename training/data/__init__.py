"""Songs of a catalog as tensors: random crops for training, whole songs for validation, a check that no song leaks."""

from training.data.crops import CropConfig, CropDataset
from training.data.leakage import LeakageError, check_leakage
from training.data.songs import read_song

__all__ = ["CropConfig", "CropDataset", "LeakageError", "check_leakage", "read_song"]
