"""Catalogs in the formats of other libraries, by name. A new format is one module and one line here."""

from __future__ import annotations

from catalogs.export.folders import Folders
from catalogs.export.format import ExportConfig, ExportError, ExportFormat, Unit
from catalogs.export.huggingface import HuggingFace
from catalogs.export.litdata import LitData
from catalogs.export.webdataset import WebDataset

__all__ = ["ExportConfig", "ExportError", "ExportFormat", "Unit", "get", "names"]

_FORMATS: dict[str, ExportFormat] = {form.name: form for form in (Folders(), HuggingFace(), LitData(), WebDataset())}


def names() -> list[str]:
    """Names of the formats, sorted."""
    return sorted(_FORMATS)


def get(name: str) -> ExportFormat:
    """The format of a name.

    Raises:
        ExportError: there is none of that name.
    """
    if name not in _FORMATS:
        raise ExportError(f"no format is called {name!r}; the formats are {', '.join(names())}")
    return _FORMATS[name]
