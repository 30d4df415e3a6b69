"""The same song under two names: fingerprints, and pairs of songs with evidence; docs/leakage.md has the numbers."""

from catalogs.leakage.fingerprint import Landmarks, find_landmarks
from catalogs.leakage.pairs import KnownSong, Pair, SongPlace, evidence_in_words, find_pairs
from catalogs.leakage.read import FingerprintTable, LeakageError, read_songs, refuse_leaks
from catalogs.leakage.song import SongFingerprint, fingerprint_song
from catalogs.leakage.splits import Move, moves_to_strictest

__all__ = [
    "FingerprintTable",
    "KnownSong",
    "Landmarks",
    "LeakageError",
    "Move",
    "Pair",
    "SongFingerprint",
    "SongPlace",
    "evidence_in_words",
    "find_landmarks",
    "find_pairs",
    "fingerprint_song",
    "moves_to_strictest",
    "read_songs",
    "refuse_leaks",
]
