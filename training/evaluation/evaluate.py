"""Many mixes by many systems against their references, from arrays or from folders."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from catalogs.audio_file import AudioFileError, decode
from catalogs.container import AUDIO_SUFFIXES
from catalogs.faults import printable
from fxnorm.settings import SAMPLE_RATE
from training.evaluation.bootstrap import Bootstrap
from training.evaluation.compare import UNITS, compare_mixes, validate_mixes, why_undefined
from training.evaluation.pair import Mix, trim_silence
from training.evaluation.report import ROWS, EvaluationReport

LENGTH_TOLERANCE = 4_096
"""Samples by which a mix may be longer or shorter than its reference; the longer one is cut at the end."""

OnMix = Callable[[int, int], None]
"""Called after each mix with the number of mixes done and of all."""


class EvaluationError(ValueError):
    """Mixes that cannot be evaluated. ``problems`` lists all that is wrong, each with its remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(("the mixes cannot be evaluated:", *(f"- {text}" for text in self.problems))))


@dataclass(frozen=True)
class SystemMix:
    """One song as mixed by a system, and its reference: aligned, equally long, shape (samples, 2), 44 100 Hz.

    ``note`` says what was done to the mix, if anything; it is kept in the rows.
    """

    system: str
    song: str
    mix: Mix
    reference: Mix
    note: str | None = None


def evaluate(mixes: Iterable[SystemMix], trim: bool = True, bootstrap: Bootstrap | None = None) -> EvaluationReport:
    """Evaluate mixes one after the other; only one is held at a time.

    Args:
        mixes: every system must have the same songs.
        trim: leave out the silence at both ends of each reference (see pair.trim_silence).
        bootstrap: how the intervals of the summary are made.

    Raises:
        EvaluationError: no mixes, a mix that cannot be compared, one that comes twice, or songs that a system lacks.
            It lists all of them.
    """
    rows: list[tuple[str, str, str, str, float, str | None]] = []
    songs: dict[str, set[str]] = {}
    problems = []
    for item in mixes:
        if item.song in songs.setdefault(item.system, set()):
            problems.append(f"{item.system}, {item.song}: comes twice; give each song one name")
            continue
        songs[item.system].add(item.song)
        try:
            rows += _rows(item, trim)
        except ValueError as error:
            problems.append(f"{item.system}, {item.song}: {error}")
    problems += _missing(songs, set().union(*songs.values()))
    if not songs:
        problems.append("there are no mixes; name at least one system")
    if problems:
        raise EvaluationError(problems)
    return EvaluationReport(pd.DataFrame(rows, columns=ROWS.names), bootstrap or Bootstrap())


def _rows(item: SystemMix, trim: bool) -> Iterator[tuple[str, str, str, str, float, str | None]]:
    mix, reference = trim_silence(item.mix, item.reference) if trim else (item.mix, item.reference)
    for metric, value in compare_mixes(mix, reference, SAMPLE_RATE).items():
        undefined = f"{metric} is not defined: {why_undefined(metric)}" if np.isnan(value) else None
        note = "; ".join(filter(None, (item.note, undefined)))
        yield item.system, item.song, metric, UNITS[metric], value, note or None


def _missing(songs: Mapping[str, set[str]], wanted: set[str]) -> Iterator[str]:
    for system, found in songs.items():
        for song in sorted(wanted - found):
            yield f"{system}, {song}: there is no mix; add it, or take the song out everywhere"


def evaluate_folders(
    systems: Mapping[str, Path],
    reference: Path,
    out: Path | None = None,
    trim: bool = True,
    bootstrap: Bootstrap | None = None,
    on_mix: OnMix | None = None,
) -> EvaluationReport:
    """Evaluate folders of mixes: one audio file a song, of the same name in every folder (the suffix may differ).

    Files are read as by catalogs.audio_file.decode: mono becomes stereo, another rate is resampled to 44 100 Hz.
    All are checked before the first metric is computed.

    Args:
        systems: folder of mixes by name of system.
        reference: folder of the engineer's mixes.
        out: folder for the files of EvaluationReport.write; None writes nothing.
        trim: as in evaluate.
        bootstrap: as in evaluate.
        on_mix: told about progress.

    Raises:
        EvaluationError: a folder that is not there or holds no audio, songs that are missing or too many in a folder,
            files that cannot be read or compared. It lists all of them.
    """
    wanted, problems = _songs(reference)
    folders = {}
    for system, folder in systems.items():
        folders[system], found = _songs(folder)
        problems += found
        problems += (
            f'{system}, {song}: there is no reference in "{printable(reference)}"; add it, or take the mix out'
            for song in sorted(folders[system].keys() - wanted.keys())
        )
    problems += _missing({name: set(files) for name, files in folders.items()}, set(wanted))
    if not systems:
        problems.append("there are no systems; name at least one folder of mixes")
    if problems:
        raise EvaluationError(dict.fromkeys(problems))
    problems += _unusable(folders, wanted, trim)
    if problems:
        raise EvaluationError(problems)
    report = evaluate(_read(folders, wanted, on_mix), trim, bootstrap)
    if out is not None:
        report.write(out)
    return report


def _songs(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Audio files of a folder by song, and what is wrong with the folder."""
    if not folder.is_dir():
        return {}, [f'"{printable(folder)}": there is no such folder; check the path']
    songs: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in AUDIO_SUFFIXES or path.name.startswith("."):
            continue
        song = unicodedata.normalize("NFC", path.stem)
        if song in songs:
            problems.append(f'"{printable(path)}": {printable(songs[song].name)} is the same song; keep one of the two')
        songs[song] = path
    if not songs:
        problems.append(f'"{printable(folder)}": there is no audio file in the folder; check the path')
    return songs, problems


def _align(mix: Mix, reference: Mix) -> tuple[Mix, Mix, str | None]:
    excess = len(mix) - len(reference)
    if excess == 0 or abs(excess) > LENGTH_TOLERANCE:
        return mix, reference, None
    shorter = min(len(mix), len(reference))
    what = "mix" if excess > 0 else "reference"
    return mix[:shorter], reference[:shorter], f"the {what} was {abs(excess)} samples longer and was cut at the end"


def _read(
    folders: Mapping[str, Mapping[str, Path]], references: Mapping[str, Path], on_mix: OnMix | None = None
) -> Iterator[SystemMix]:
    done, total = 0, len(folders) * len(references)
    for song, path in references.items():
        reference = decode(path)
        for system, files in folders.items():
            mix, cut, note = _align(decode(files[song]), reference)
            yield SystemMix(system, song, mix, cut, note)
            done += 1
            if on_mix is not None:
                on_mix(done, total)


def _unusable(folders: Mapping[str, Mapping[str, Path]], references: Mapping[str, Path], trim: bool) -> list[str]:
    problems = []
    for song, path in references.items():
        try:
            reference = decode(path)
        except AudioFileError as error:
            problems.append(str(error))
            continue
        for system, files in folders.items():
            try:
                mix, cut, _ = _align(decode(files[song]), reference)
                if trim:
                    mix, cut = trim_silence(mix, cut)
                validate_mixes(mix, cut, SAMPLE_RATE)
            except AudioFileError as error:
                problems.append(str(error))
            except ValueError as error:
                problems.append(f'{system}, {song}: {error} ("{printable(files[song])}")')
    return problems
