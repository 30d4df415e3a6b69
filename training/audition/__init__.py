"""Audition pages: several systems' mixes of the same songs, heard at one playhead in a browser."""
