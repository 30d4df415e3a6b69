"""What can be wrong with an input file or a song: reason codes, remedies, and the error that carries them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from catalogs.remote import RemotePath

REMEDIES: dict[str, str] = {
    "all_stems_silent": "export the stems again, or take the song out of the corpus",
    "ambiguous_stem": "keep one file for each stem, or give file-name patterns that tell them apart",
    "bad_metadata": "get the file again from the corpus, or correct it",
    "changed": "let no one write to the corpus meanwhile, then run ingest again",
    "channels": "export the file as mono or stereo",
    "damaged": "copy the file again from its source",
    "dangling_symlink": "make the link point to the audio, or remove it",
    "duplicate_song_id": "remove or rename one of the songs",
    "empty": "export the audio again",
    "erratum": "nothing, or use --errata to keep the song nevertheless",
    "internal_error": "report it with the trace in the message; the song is tried again at the next run",
    "io_error": "check the disk or the network share, then run ingest again",
    "missing": "put the file back",
    "missing_metadata": "get the corpus' metadata and put it beside the audio, or name its folder",
    "missing_stem": "add the missing audio to the song's folder, or name it as the corpus layout asks",
    "missing_stream": "check that the file is a .stem.mp4 with five audio streams",
    "mixed_sources": "name the part's source for this song in a file given with --sources",
    "non_finite": "export the audio again, and look for a faulty plug-in",
    "not_a_file": "put an audio file in its place",
    "not_audio": "export it as WAV, AIFF, FLAC, MP3, Ogg or MP4, or take it out of the corpus",
    "omitted": "nothing, or move it into the folder of a split if it is wanted nevertheless",
    "path_too_long": "move the corpus to a shorter path",
    "permission": "give the user who runs this the right to read it",
    "sample_rate": "export the audio at a rate from 8000 to 384000 Hz",
    "several_streams": "ingest it as a .stem.mp4 of the corpus musdb18, or extract one stream",
    "size_mismatch": "repair the header (SoX or FFmpeg can rewrite the file), or export again",
    "symlink_loop": "make the link point to the audio, or remove it",
    "truncated": "copy the file again from its source",
    "unknown_split": "put the song into a folder named train, validation or test, or name its split",
    "unmapped_label": "map the label to a source, or to excluded, in a file given with --sources",
    "unreadable": "export the audio again",
}
"""What to do about each reason code; docs/input-files.md explains them."""


def printable(name: str | os.PathLike[str]) -> str:
    """A file name as one line of valid Unicode text: control characters and undecodable bytes are escaped.

    That of a remote file is its URI without the options.
    """
    if isinstance(name, RemotePath):
        name = name.address
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a song: why it is refused, and which stem and file are at fault.

    ``reason`` is a key of REMEDIES; ``stem`` and ``path`` are None where the whole song is at fault.
    """

    reason: str
    problem: str
    stem: str | None = None
    path: Path | None = None

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.reason]

    @property
    def message(self) -> str:
        """The file, what is wrong with it, and what to do."""
        subject = "" if self.path is None else f'"{printable(self.path)}": '
        return f"{subject}{self.problem}; {self.remedy}"


class AudioFileError(ValueError):
    """An input file that cannot be used.

    Attributes: ``reason``, a key of REMEDIES; ``path``; ``problem``, what is wrong; ``remedy``, what to do.
    """

    def __init__(self, reason: str, path: Path, problem: str) -> None:
        super().__init__(reason, path, problem)
        self.reason = reason
        self.path = path
        self.problem = problem
        self.remedy = REMEDIES[reason]

    def __str__(self) -> str:
        return self.fault().message

    def fault(self, stem: str | None = None) -> Fault:
        """The same as a Fault of a song."""
        return Fault(self.reason, self.problem, stem, self.path)
