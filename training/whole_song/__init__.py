"""Running a network over a whole song in bounded memory, exactly as in one piece."""

from training.whole_song.apply import apply_to_song

__all__ = ["apply_to_song"]
