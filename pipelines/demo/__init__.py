"""A demo corpus: real multitrack music in the layout of MUSDB18-HQ, rendered from what packages carry."""

from pipelines.demo.corpus import render_demo_corpus
from pipelines.demo.errors import DemoCorpusError

__all__ = ["DemoCorpusError", "render_demo_corpus"]
