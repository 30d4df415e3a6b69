"""The error that every module of the demo corpus raises."""

from __future__ import annotations


class DemoCorpusError(RuntimeError):
    """The demo corpus cannot be made; the message names the file or package at fault and the remedy."""
