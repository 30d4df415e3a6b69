"""The demo corpus: multitrack songs in the folders of MUSDB18-HQ, made of packages alone."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile

from pipelines.demo.errors import DemoCorpusError
from pipelines.demo.sources import SOUNDFONT, VIZDOOM, Sources

if TYPE_CHECKING:
    from pipelines.demo.engineer import Engineer
    from pipelines.demo.programme import Song

RECORD = "demo-corpus.json"
"""File in the root of the corpus: the settings it was made with, and how each song was mixed."""

LICENCES = "LICENCES.txt"

_LOG = logging.getLogger(__name__)
_VERSION = 2
_PARTIAL = ".rendering"
_HELD_OUT = {3: "validation", 5: "test"}
"""Of every six songs, the fourth and the sixth are not for training."""
_SHORTEST = 5.0


def render_demo_corpus(
    out: Path,
    songs: int = 12,
    seconds: float = 90.0,
    seed: int = 0,
    wheels: Path | None = None,
    report: Callable[[str], None] = _LOG.info,
) -> list[Path]:
    """Render ``songs`` songs of at most ``seconds`` s, and 2 s in which they ring out, to the folder ``out``.

    The folder gets ``train``, ``validation`` and ``test`` (of every six songs the fourth and the sixth), in
    them a folder ``Freedoom - Title`` for each song with ``mixture.wav``, ``vocals.wav`` (an instrument: the
    melody), ``drums.wav``, ``bass.wav`` and ``other.wav``: 44.1 kHz, stereo, 16 bits, the mixture the sum of
    the other four. LICENCES.txt, tracklist.csv
    and demo-corpus.json lie beside them. The same arguments and packages give the same bytes; ``seed`` changes
    how the songs are mixed.

    A song that is there is left as it is; one that is not complete is made again. ``wheels`` is the folder of
    the vizdoom wheel (see Sources.find); each line of progress goes to ``report``. Returns the folders of the
    songs. Raises DemoCorpusError where a package is missing (with the command that helps), where the WADs
    hold fewer songs, or where ``out`` was made with other ``seconds`` or ``seed``.
    """
    if songs < 1 or seconds < _SHORTEST:
        raise DemoCorpusError(f"{songs} songs of {seconds} s: at least 1 song and {_SHORTEST} s are needed")
    sources = Sources.find(wheels)
    from catalogs.corpora.tracklist import FILE_NAME
    from pipelines.demo.engineer import Engineer
    from pipelines.demo.licences import licence_notice, tracklist
    from pipelines.demo.programme import choose_songs

    settings = {"version": _VERSION, "seconds": float(seconds), "seed": seed}
    recorded = _read_record(out, settings)
    report(f"choosing {songs} of the tunes of Freedoom")
    chosen = choose_songs(sources.wads, songs, seconds)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / LICENCES, licence_notice(chosen, VIZDOOM, SOUNDFONT))
    _write(out / FILE_NAME, tracklist(chosen))
    folders = []
    for number, song in enumerate(chosen):
        folder = out / _HELD_OUT.get(number % 6, "train") / song.name
        place = f"{number + 1}/{songs} {folder.parent.name}/{folder.name}"
        if _complete(folder):
            report(f"{place}: is there")
        else:
            engineer = Engineer.hire(seed, song.digest)
            recorded[folder.relative_to(out).as_posix()] = _describe(song, engineer)
            _write(out / RECORD, json.dumps({**settings, "songs": recorded}, indent=1, ensure_ascii=False))
            _render(song, engineer, sources.soundfont, folder, out / _PARTIAL)
            report(f"{place}: rendered")
        folders.append(folder)
    return folders


def _describe(song: Song, engineer: Engineer) -> dict[str, Any]:
    return {
        "title": song.credit.title,
        "composer": song.credit.composer,
        "wad": song.wad,
        "lump": song.lump,
        "start_s": round(song.start, 3),
        "end_s": round(song.end, 3),
        "midi_channels": {role: [channel + 1 for channel in each] for role, each in song.roles.channels.items()},
        "engineer": asdict(engineer),
    }


def _render(song: Song, engineer: Engineer, soundfont: bytes, folder: Path, partial: Path) -> None:
    """Render one song to ``partial`` and move it to ``folder``, where it appears complete or not at all."""
    from pipelines.demo.render import render_channels
    from pipelines.demo.strip import RATE

    parts = {
        role: render_channels(song.score, engineer.pans(role, channels), soundfont)
        for role, channels in song.roles.channels.items()
    }
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name, audio in engineer.mix(song.name, parts).items():
        soundfile.write(partial / f"{name}.wav", audio, RATE, subtype="PCM_16")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    partial.rename(folder)


def _complete(folder: Path) -> bool:
    from pipelines.demo.engineer import MIXTURE
    from pipelines.demo.roles import ROLES

    return all((folder / f"{name}.wav").is_file() for name in (MIXTURE, *ROLES))


def _read_record(out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The songs recorded in ``out``; refuses a corpus of other settings."""
    path = out / RECORD
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        songs, found = dict(record["songs"]), {name: record[name] for name in settings}
    except (ValueError, KeyError, TypeError) as error:
        raise DemoCorpusError(
            f"{path}: not the record of a demo corpus ({error!r}); delete the folder {out}"
        ) from error
    if found != settings:
        raise DemoCorpusError(f"{out} was made with {found}, not {settings}; name another folder or delete this one")
    return songs


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
