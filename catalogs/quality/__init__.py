"""Quality of a song's stems and mixture in numbers; docs/quality-control.md explains each, and what it does not see."""

from catalogs.quality.findings import FAULTS, Finding, Thresholds, find_faults
from catalogs.quality.song import SongQuality, measure_song

__all__ = ["FAULTS", "Finding", "SongQuality", "Thresholds", "find_faults", "measure_song"]
