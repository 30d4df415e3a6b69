"""Reading what a corpus says about a song in a file beside its audio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from catalogs.faults import Fault

UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError)
"""What reading a description, and looking up in it what is not there, raises."""

_FLAGS = {"yes": True, "true": True, "no": False, "false": False}


def read_description(path: Path) -> Any:
    """The content of a JSON or YAML file. Errors: one of UNREADABLE."""
    content = path.read_text("utf-8")
    if path.suffix.lower() == ".json":
        return json.loads(content)
    return yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def bad_description(path: Path, error: Exception) -> Fault:
    """The fault of a song whose description cannot be used."""
    problem = f"it does not describe the song as the corpus does ({type(error).__name__}: {error})"
    return Fault("bad_metadata", " ".join(problem.split()), path=path)


def flag(value: Any) -> bool | None:
    """A yes or no in any form that corpora have; None for anything else."""
    return _FLAGS.get(str(value).strip().lower())


def line(value: Any) -> str | None:
    """A text without blanks around it; None for an empty one."""
    return None if value is None else str(value).strip() or None
