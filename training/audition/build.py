"""Writes an audition page: one file that holds everything, or a folder with the audio beside the page."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from catalogs.flac import encode_flac
from catalogs.storage import Location
from catalogs.web import asset, bundle
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio
from training.audition.excerpt import loudest_start
from training.audition.levels import SystemLevel, match_levels
from training.audition.pictures import LoudnessCurve, band_places, loudness_curve, mel_levels, spectrogram_png
from training.audition.songs import AuditionError, AuditionSong, read_systems

SUBTYPE = "PCM_24"
"""Depth of the audio; FLAC, which every browser decodes to the same samples."""

SCRIPTS = ("dom.js", "player.js", "transport.js")

Store = Callable[[str, bytes], str]
"""Takes a file's name and content, and gives the URL under which the page finds it."""


@dataclass(frozen=True)
class AuditionOptions:
    """Which stretch of each song is on the page.

    Attributes:
        excerpt_seconds: length; None for whole songs.
        start: where it begins (s); None for the loudest stretch.
        title: of the page.
    """

    excerpt_seconds: float | None = 30.0
    start: float | None = None
    title: str = "Audition"


@dataclass(frozen=True)
class Audition:
    """What was written: the page, its bytes with the audio beside it, and what there is to know, a line each."""

    page: Path
    size: int
    notes: tuple[str, ...]


def build_audition(
    songs: Sequence[AuditionSong],
    out: Path,
    options: AuditionOptions | None = None,
    on_song: Callable[[int, int], None] | None = None,
) -> Audition:
    """Write an audition page.

    Args:
        songs: at least one.
        out: an ``.html`` file, which will hold everything; or a folder for ``index.html`` and the audio, which a web
            server has to hand out.
        options: which stretch is played.
        on_song: told how many songs are done, and of how many.

    Raises:
        AuditionError: files that cannot stand side by side.
        catalogs.audio_file.AudioFileError: a file that cannot be read.
    """
    options = options or AuditionOptions()
    single = out.suffix.lower() == ".html"
    page = out if single else out / "index.html"
    sizes: list[int] = []

    def store(name: str, content: bytes) -> str:
        sizes.append(len(content))
        if single:
            return f"data:audio/flac;base64,{b64encode(content).decode()}"
        Location.parse(out / "audio" / name).write_bytes(content)
        return f"audio/{name}"

    described, notes = [], []
    for index, song in enumerate(songs):
        description, of_song = _describe(song, index, options, store)
        described.append(description)
        notes += [f"{song.name}: {note}" for note in of_song]
        if on_song is not None:
            on_song(index + 1, len(songs))
    html = _render(described, options.title).encode()
    Location.parse(page).write_bytes(html)
    return Audition(page, len(html) + (0 if single else sum(sizes)), tuple(notes))


def _describe(
    song: AuditionSong, index: int, options: AuditionOptions, store: Store
) -> tuple[dict[str, Any], list[str]]:
    systems, notes = read_systems(song)
    start, frames = _stretch(song, systems, options)
    systems = {name: audio[start : start + frames] for name, audio in systems.items()}
    try:
        levels = match_levels(systems)
    except AuditionError as error:
        raise AuditionError(f"{song.name}, {error}") from None
    spectra = {name: mel_levels(audio) for name, audio in systems.items()}
    highest = max(float(levels_db.max()) for levels_db in spectra.values())
    described = []
    for number, (name, audio) in enumerate(systems.items()):
        scale = max(1.0, float(np.abs(audio).max()))
        if scale > 1.0:
            notes.append(f"{name} exceeds full scale and clips on the page where levels are not matched")
        flac = encode_flac(audio, scale, SUBTYPE, SAMPLE_RATE)
        url = store(f"{index + 1}-{number + 1}.flac", flac)
        picture = spectrogram_png(spectra[name], highest)
        described.append(_system(name, url, scale, levels[name], loudness_curve(audio), picture))
    return {"name": song.name, "start": start / SAMPLE_RATE, "notes": notes, "systems": described}, notes


def _stretch(song: AuditionSong, systems: dict[str, Audio], options: AuditionOptions) -> tuple[int, int]:
    """First sample and length of what is played."""
    length = len(next(iter(systems.values())))
    frames = length if options.excerpt_seconds is None else min(length, round(options.excerpt_seconds * SAMPLE_RATE))
    if options.start is None:
        return min(loudest_start(systems.values(), frames), length - frames), frames
    start = round(options.start * SAMPLE_RATE)
    if start >= length:
        raise AuditionError(f"{song.name}: ends at {length / SAMPLE_RATE:.2f} s, before --start {options.start:g}")
    return start, min(frames, length - start)


def _system(
    name: str, url: str, scale: float, level: SystemLevel, curve: LoudnessCurve, picture: bytes
) -> dict[str, Any]:
    return {
        "name": name,
        "url": url,
        "scale": scale,
        "loudness": round(level.loudness_lufs, 3),
        "true_peak": round(level.true_peak_dbtp, 3),
        "match_db": round(level.match_db, 4),
        "momentary": _rounded(curve.momentary),
        "short_term": _rounded(curve.short_term),
        "spectrogram": f"data:image/png;base64,{b64encode(picture).decode()}",
    }


def _rounded(values: NDArray[np.float64]) -> list[float | None]:
    return [round(value, 2) if np.isfinite(value) else None for value in values.tolist()]


def _render(songs: list[dict[str, Any]], title: str) -> str:
    site = resources.files("training.audition") / "site"
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("training.audition", "templates"), autoescape=True, trim_blocks=True
    )
    return environment.get_template("audition.html.jinja").render(
        title=title,
        names=[song["name"] for song in songs],
        songs=[json.dumps(song, ensure_ascii=False).replace("<", "\\u003c") for song in songs],
        places=json.dumps(band_places()),
        style=asset("base.css") + (site / "audition.css").read_text(encoding="utf-8"),
        script=bundle([*map(asset, SCRIPTS), (site / "audition.js").read_text(encoding="utf-8")]),
        rate=SAMPLE_RATE,
    )
