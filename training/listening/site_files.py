"""The site of a listening test: what its ``test.json`` says to the browser, and its static files.

Nothing in it tells which system made a mix: that is in the key (training.listening.key).
"""

from __future__ import annotations

import json
from dataclasses import asdict, field
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from catalogs.storage import Location
from catalogs.web import copy_assets
from training.listening.spec import STRICT, Axis, Question

TEST_FILE = "test.json"
SUBMISSION_FILE = "submission.json"
AUDIO_FOLDER = "audio"

WITHOUT_SERVER = {"sessions": None, "results": None}
"""What ``submission.json`` says where no server takes results: the listener downloads a file."""


class SiteError(ValueError):
    """A folder that is not the site of a listening test."""


@dataclass(frozen=True, config=STRICT)
class SiteStimulus:
    """A mix on a page: an opaque id, and its file in ``audio/``."""

    id: str
    file: str


@dataclass(frozen=True, config=STRICT)
class SiteStem:
    """Dry material of a page; the first is the sum of all stems."""

    id: str
    label: str
    file: str


@dataclass(frozen=True, config=STRICT)
class SitePage:
    """A page; pages of one song share ``song``, so that the browser can keep them apart."""

    id: str
    song: str
    stimuli: tuple[SiteStimulus, ...]
    dry: tuple[SiteStem, ...]


@dataclass(frozen=True, config=STRICT)
class Site:
    """Content of ``test.json``; texts and settings as in training.listening.spec."""

    test_id: str
    title: str
    introduction: str
    thanks: str
    contact: str
    minutes: int
    hear_seconds: float
    sample_rate: int
    axes: tuple[Axis, ...]
    questionnaire: tuple[Question, ...]
    training: SitePage
    pages: tuple[SitePage, ...]
    schema_version: Literal[1] = field(default=1)

    def page(self, page_id: str) -> SitePage:
        """The page of an id.

        Raises:
            KeyError: there is none.
        """
        for page in (self.training, *self.pages):
            if page.id == page_id:
                return page
        raise KeyError(page_id)


def read_site(folder: Path) -> Site:
    """Read ``test.json`` of a site.

    Raises:
        SiteError: there is none, or it is not one.
    """
    path = folder / TEST_FILE
    try:
        return TypeAdapter(Site).validate_json(path.read_bytes())
    except OSError as error:
        raise SiteError(f"{folder}: not the site of a listening test ({error}); build one first") from None
    except ValidationError as error:
        raise SiteError(f"{path}: damaged: {error.errors()[0]['msg']}") from None


def write_site(folder: Path, site: Site) -> None:
    """Write everything but the audio into a folder."""
    for name, content in {TEST_FILE: asdict(site), SUBMISSION_FILE: WITHOUT_SERVER}.items():
        Location.parse(folder / name).write_bytes((json.dumps(content, indent=1) + "\n").encode())
    for file in (resources.files("training.listening") / "site").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    copy_assets(folder / "web")
