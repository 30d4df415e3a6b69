"""The key of a listening test: which system made which stimulus, at what level, and the rules declared beforehand.

It lies beside the site, never in it.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from catalogs.storage import Location
from training.listening.spec import STRICT, Axis, Exclusion, Question


class KeyFileError(ValueError):
    """A key that is missing, damaged, or belongs to another test."""


@dataclass(frozen=True, config=STRICT)
class KeyStimulus:
    """A stimulus: who made it, from which file, and its gain (dB), loudness (LUFS) and true peak (dBTP).

    ``lag`` is its distance to the dry stems in samples; None where it cannot be told.
    """

    id: str
    system: str
    file: str
    source: str
    gain_db: float
    loudness_lufs: float
    true_peak_dbtp: float
    lag: int | None


@dataclass(frozen=True, config=STRICT)
class KeyPage:
    """A page: its song and excerpt (samples at 44 100 Hz), and the page that it repeats.

    ``change_seconds`` is where in the song the section changes, ``activity`` the share of time in which each stem is
    heard (see training.listening.excerpts), ``turned_down_db`` how far below -23 LUFS the page is.
    """

    id: str
    song: str
    start: int
    frames: int
    change_seconds: float | None
    activity: dict[str, float]
    turned_down_db: float
    stimuli: tuple[KeyStimulus, ...]
    repeats: str | None = None


@dataclass(frozen=True, config=STRICT)
class Key:
    """All that the analysis needs and listeners must not see."""

    test_id: str
    title: str
    seed: int
    systems: tuple[str, ...]
    axes: tuple[Axis, ...]
    questionnaire: tuple[Question, ...]
    exclusion: Exclusion
    wanted_effect: float
    training: KeyPage
    pages: tuple[KeyPage, ...]
    notes: tuple[str, ...] = field(default=())


def key_path(site: Path) -> Path:
    """Where the key of a site lies: beside it, ``NAME.key.json``."""
    folder = site.absolute()
    return folder.with_name(f"{folder.name}.key.json")


def read_key(path: Path) -> Key:
    """Read a key.

    Raises:
        KeyFileError: it does not exist, or is not a key.
    """
    try:
        return TypeAdapter(Key).validate_json(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: no key there ({error}); name it with --key") from None
    except ValidationError as error:
        raise KeyFileError(f"{path}: not the key of a listening test: {error.errors()[0]['msg']}") from None


def write_key(path: Path, key: Key) -> None:
    """Write a key in one step."""
    Location.parse(path).write_bytes(TypeAdapter(Key).dump_json(key, indent=1) + b"\n")
