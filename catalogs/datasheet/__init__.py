"""The datasheet of a catalog: what is in it, where it is from, what was done to it, and what may be done with it."""

from catalogs.datasheet.contents import Datasheet, make_datasheet
from catalogs.datasheet.page import render_json, render_markdown

__all__ = ["Datasheet", "make_datasheet", "render_json", "render_markdown"]
