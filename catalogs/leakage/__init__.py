"""The same song under two names: fingerprints of songs, pairs of them with evidence; docs/leakage.md has the numbers."""

from catalogs.leakage.fingerprint import Landmarks, find_landmarks
from catalogs.leakage.pairs import KnownSong, Pair, find_pairs
from catalogs.leakage.read import LeakageError, read_songs, refuse_leaks, songs_of_table
from catalogs.leakage.song import SongFingerprint, fingerprint_song
from catalogs.leakage.splits import Move, moves_to_strictest

__all__ = [
    "KnownSong",
    "Landmarks",
    "LeakageError",
    "Move",
    "Pair",
    "SongFingerprint",
    "find_landmarks",
    "find_pairs",
    "fingerprint_song",
    "moves_to_strictest",
    "read_songs",
    "refuse_leaks",
    "songs_of_table",
]
