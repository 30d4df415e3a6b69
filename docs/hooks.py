"""Lets pages of the site link to files of the repository: what lies outside docs/ is copied into the site."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\(\.\./([^)#\s]+)\)")
"""A link from a page in docs/ to a file outside it."""

FOLDER = "repository"
"""Folder of the site for these files."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    root = Path(config.docs_dir).parent
    linked = {
        target
        for page in files.documentation_pages()
        if page.abs_src_path and "/" not in page.src_uri
        for target in LINK.findall(Path(page.abs_src_path).read_text(encoding="utf-8"))
    }
    for target in sorted(linked):
        content = (root / target).read_text(encoding="utf-8")
        files.append(File.generated(config, _place(target), content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return LINK.sub(lambda link: f"]({_place(link[1])})", markdown)


def _place(target: str) -> str:
    """A name that browsers show instead of downloading."""
    return f"{FOLDER}/{target}.txt"
