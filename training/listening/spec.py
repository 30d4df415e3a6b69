"""What a listening test consists of, read from a YAML or TOML file.

Unknown keys and values of the wrong type are refused. Paths are relative to the file; in ``systems`` and ``stems`` at
the top level ``{song}`` stands for the song's name.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", strict=True)

MOST_SYSTEMS = 11
"""Fewer than 12 stimuli a page, so that a listener can keep them apart."""

SHORTEST_SECONDS, LONGEST_SECONDS = 25.0, 60.0
"""Length of excerpts that are chosen automatically: long enough for two sections, short enough to compare (s)."""

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class SpecError(ValueError):
    """A description of a listening test that cannot be used."""


@dataclass(frozen=True, config=STRICT)
class Axis:
    """A rating scale: its name, what is asked, and the names of its two ends."""

    id: Identifier
    name: Text
    question: Text
    low: Text
    high: Text


AXES = (
    Axis(
        "production_value",
        "Production value",
        "Technical quality: dynamics, equalisation, balance, stereo image.",
        "Amateurish",
        "Professional",
    ),
    Axis("clarity", "Clarity", "How well the sources can be told apart.", "Blurred", "Transparent"),
    Axis("excitement", "Excitement", "Your own reaction, apart from technique.", "Leaves me cold", "Thrills me"),
)
"""The criteria of section 5 of Martínez-Ramírez et al., ISMIR 2022."""


@dataclass(frozen=True, config=STRICT)
class Question:
    """A question about the listener.

    Attributes:
        id: key of the answer.
        kind: ``number``, ``choice``, ``line`` or ``text``.
        label: the question.
        options: answers of a choice.
        minimum, maximum: of a number.
        required: whether the test can end without an answer.
    """

    id: Identifier
    kind: Literal["number", "choice", "line", "text"]
    label: Text
    options: tuple[Text, ...] = ()
    minimum: float = 0.0
    maximum: float = 1e9
    required: bool = False

    @model_validator(mode="after")
    def _has_options(self) -> Question:
        if (self.kind == "choice") != (len(self.options) >= 2):
            raise ValueError(f"question {self.id!r}: a choice needs two options or more, other kinds have none")
        return self


QUESTIONS = (
    Question("years_of_mixing", "number", "For how many years have you been mixing music?", (), 0.0, 80.0, True),
    Question(
        "experience", "choice", "How do you mix?",
        ("Not at all", "As an amateur", "Semi-professionally", "For a living"), required=True,
    ),
    Question(
        "listening_device", "choice", "What did you listen on?",
        ("Closed headphones", "Open headphones", "Near-field monitors", "Large monitors", "Something else"),
        required=True,
    ),
    Question("device_model", "line", "Which model?"),
    Question(
        "hearing", "choice", "Do you know of a hearing impairment?", ("No", "Yes", "I prefer not to say"), required=True
    ),
    Question("comments", "text", "Anything you would like to tell us?"),
)  # fmt: skip
"""Asked unless the description of the test has questions of its own."""


@dataclass(frozen=True, config=STRICT)
class Excerpt:
    """A stretch of a song: where it starts and how long it is (s)."""

    start: Annotated[float, Field(ge=0)]
    seconds: Annotated[float, Field(ge=1, le=120)]


@dataclass(frozen=True, config=STRICT)
class Song:
    """A song: the mixes by system, the dry stems by name, and optionally the excerpt."""

    name: Text
    systems: dict[str, str] = field(default_factory=dict)
    stems: dict[str, str] = field(default_factory=dict)
    excerpt: Excerpt | None = None


@dataclass(frozen=True, config=STRICT)
class Rule:
    """A limit, and what happens to a listener beyond it: ``flag`` says so, ``exclude`` leaves the ratings out."""

    limit: float
    action: Literal["flag", "exclude"] = "flag"


@dataclass(frozen=True, config=STRICT)
class Exclusion:
    """Rules that are fixed before the first result is seen; they are stored in the key.

    Attributes:
        rushed: median seconds a page, below the limit.
        unheard: seconds for which the least heard mix was heard, below the limit.
        inconsistent: mean absolute difference between a page and its repetition in points of 100, above the limit.
        flat: mean standard deviation of the ratings of a page's scale in points, below the limit.
        few_years: answer to ``years_of_mixing``, below the limit; a limit of 0 takes everybody.
    """

    rushed: Rule = field(default_factory=lambda: Rule(45.0))
    unheard: Rule = field(default_factory=lambda: Rule(3.0, "exclude"))
    inconsistent: Rule = field(default_factory=lambda: Rule(25.0))
    flat: Rule = field(default_factory=lambda: Rule(2.0, "exclude"))
    few_years: Rule = field(default_factory=lambda: Rule(0.0))


@dataclass(frozen=True, config=STRICT)
class ListeningTest:
    """A listening test.

    Attributes:
        title: shown to listeners, as are ``introduction``, ``thanks`` and ``contact``.
        songs: one page each.
        training: name of the song of the training page, which is not rated.
        systems, stems: paths with ``{song}``, for songs that do not give their own.
        seed: of the choice of excerpts, of the repeated pages, and of the opaque names.
        excerpt_seconds: length of excerpts that are chosen.
        activity: share of an excerpt's tenths of a second, on either side of the change of section, in which every stem
            must be above -50 dBFS.
        repeated_pages: how many songs come twice.
        hear_seconds: how long each mix must be heard before a page can be left (s).
        bits: of the FLAC files; 16 is dithered.
        axes, questionnaire, exclusion: as above.
        wanted_effect: difference of means, in points of 100, that the test should be able to find.
    """

    title: Text
    songs: Annotated[tuple[Song, ...], Field(min_length=2)]
    training: Text
    introduction: Text = (
        "You will hear short passages of songs, each mixed in several ways, and rate the mixes against each other."
    )
    thanks: Text = "Your ratings help to find out which of these mixes work, and why."
    contact: str = ""
    systems: dict[str, str] = field(default_factory=dict)
    stems: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    excerpt_seconds: Annotated[float, Field(ge=SHORTEST_SECONDS, le=LONGEST_SECONDS)] = 30.0
    activity: Annotated[float, Field(gt=0, le=1)] = 0.4
    repeated_pages: Annotated[int, Field(ge=0)] = 1
    hear_seconds: Annotated[float, Field(ge=0, le=30)] = 5.0
    bits: Literal[16, 24] = 24
    axes: Annotated[tuple[Axis, ...], Field(min_length=1, max_length=6)] = AXES
    questionnaire: tuple[Question, ...] = QUESTIONS
    exclusion: Exclusion = field(default_factory=Exclusion)
    wanted_effect: Annotated[float, Field(gt=0, le=100)] = 10.0

    @model_validator(mode="after")
    def _fits_together(self) -> ListeningTest:
        names = [song.name for song in self.songs]
        for what, values in {
            "songs": names,
            "axes": [axis.id for axis in self.axes],
            "questions": [question.id for question in self.questionnaire],
        }.items():
            if len(set(values)) < len(values):
                raise ValueError(f"two {what} are called the same")
        if self.training not in names:
            raise ValueError(f"training: there is no song {self.training!r}; there are {', '.join(names)}")
        if self.repeated_pages > len(self.rated):
            raise ValueError(f"repeated_pages: {self.repeated_pages} of {len(self.rated)} rated songs")
        systems = {frozenset(song.systems) for song in self.songs}
        if len(systems) > 1:
            raise ValueError("all songs need the same systems")
        if not 2 <= len(self.system_names) <= MOST_SYSTEMS:
            raise ValueError(f"a page takes 2 to {MOST_SYSTEMS} systems, not {len(self.system_names)}")
        silent = [song.name for song in self.songs if not song.stems]
        if silent:
            raise ValueError(f"song {silent[0]!r} has no dry stems")
        return self

    @property
    def rated(self) -> tuple[Song, ...]:
        """All songs but that of the training page."""
        return tuple(song for song in self.songs if song.name != self.training)

    @property
    def system_names(self) -> tuple[str, ...]:
        """Names of the systems, in the order of the first song."""
        return tuple(self.songs[0].systems)


def read_spec(path: Path) -> ListeningTest:
    """Read a description of a listening test; all paths become absolute.

    Raises:
        SpecError: it does not exist, cannot be parsed, or does not describe a test; the message names the place.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, Mapping):
        raise SpecError(f"{path}: expected a mapping with title, songs and training")
    try:
        return TypeAdapter(ListeningTest).validate_json(json.dumps(_with_paths(dict(content), path.parent.absolute())))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SpecError(
            f"{path}: {place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}"
        ) from None
    except TypeError as error:
        raise SpecError(f"{path}: {error}") from None


def _with_paths(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The content with absolute paths in every song, taken from the templates where it has none of its own."""
    songs = content.get("songs")
    if not isinstance(songs, list):
        return content
    resolved = []
    for entry in songs:
        song = dict(entry) if isinstance(entry, Mapping) else {"name": entry}
        for kind in ("systems", "stems"):
            given = song.get(kind) or {}
            templates = content.get(kind) or {}
            if isinstance(given, Mapping) and isinstance(templates, Mapping):
                filled = {key: str(value).replace("{song}", str(song.get("name"))) for key, value in templates.items()}
                song[kind] = {key: str(folder / str(value)) for key, value in {**filled, **given}.items()}
        resolved.append(song)
    return {**content, "songs": resolved}
