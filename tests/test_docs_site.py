"""The documents as a site: no warning, no request to anyone else, and the messages that the code has."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tests.browser import WIDTHS, open_browser, serving
from tests.documents import DOCUMENTS, REPOSITORY, blocks

PACKAGES = ("fxnorm", "catalogs", "pipelines", "training")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` builds it: broken links and anchors, and pages in no menu, are errors."""
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=REPOSITORY, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return folder


def test_every_document_is_a_page_with_a_heading_and_a_first_paragraph(site: Path) -> None:
    for document in DOCUMENTS[1:]:
        assert (site / f"{document.stem}.html").is_file()
        heading, first = re.split(r"\n\s*\n", document.read_text(), maxsplit=2)[:2]
        assert re.fullmatch(r"# \S.*", heading), document.name
        assert re.match(r"(?!```)[\w*`]", first), f"{document.name} does not begin with a paragraph"


def test_the_reference_comes_from_the_docstrings(site: Path) -> None:
    page = (site / "api" / "fxnorm.html").read_text()
    assert "Normalise a stem to the averages of its source." in re.sub(r"<[^>]+>", "", page)
    for package in PACKAGES:
        modules = re.findall(r"^::: (\S+)$", (REPOSITORY / "docs" / "api" / f"{package}.md").read_text(), re.MULTILINE)
        text = (site / "api" / f"{package}.html").read_text()
        assert modules
        for module in modules:
            assert f'id="{module}"' in text, module


def test_pages_work_in_a_browser_without_a_request_to_anyone_else(site: Path, tmp_path: Path) -> None:
    with open_browser(tmp_path) as browser, serving(Starlette(routes=[Mount("/", StaticFiles(directory=site))])) as url:
        for size in WIDTHS.values():
            context = browser.context(size=size)
            hosts: list[str] = []
            context.on("request", lambda request, hosts=hosts: hosts.append(urlsplit(request.url).netloc))
            for name in ("index.html", "catalog-format.html", "api/fxnorm.html"):
                visit = browser.visit(url + name, context=context)
                expect(visit.page.locator("h1").first).to_be_visible()
                assert visit.complaints == []
                assert visit.overflow() == 0
            assert set(hosts) == {urlsplit(url).netloc}


def test_addresses_elsewhere_are_well_formed() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((\w+:[^)\s]*)\)", document.read_text()):
            parts = urlsplit(target)
            assert parts.scheme == "https", f"{document.name}: {target}"
            assert re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), f"{document.name}: {target}"


def _texts() -> Iterator[str]:
    """Every text in the code, with … for what is filled in."""
    for package in PACKAGES:
        for path in (REPOSITORY / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_quoted_message_is_one_of_the_code() -> None:
    known = set(_texts())
    quoted = [block.text.strip() for block in blocks("text") if block.document.name == "troubleshooting.md"]
    assert len(quoted) >= 20
    missing = [message for message in quoted if not any(message in text for text in known)]
    assert missing == []
