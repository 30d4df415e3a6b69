"""A real browser for tests of pages: Chromium without a window, a fresh profile, its complaints kept."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--mute-audio",
)  # fmt: skip
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}
"""Sizes at which pages have to work, CSS pixels."""


def find_browser(playwright: Playwright) -> str:
    """Path of a Chromium: on PATH, or the one that ``playwright install chromium`` fetched.

    Raises:
        RuntimeError: there is none; says how to get one.
    """
    for name in NAMES:
        if path := shutil.which(name):
            return path
    if Path(playwright.chromium.executable_path).exists():
        return playwright.chromium.executable_path
    raise RuntimeError("no Chromium: run 'sh tests/browser.sh .venv/bin/python', which fetches one")


@dataclass
class Visit:
    """A page that is open, and what its console and its network complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def accessibility(self, outside: str | None = None) -> list[str]:
        """Violations of WCAG 2 A and AA that axe finds, contrast included; a line each.

        Args:
            outside: selector of what is left out, such as the insides of pictures with many elements.
        """
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
        context = {"exclude": [[outside]]} if outside else None
        found = Axe().run(self.page, context=context, options=options).response["violations"]
        return [
            f"{rule['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
            for rule in found
            for node in rule["nodes"]
        ]

    def overflow(self) -> int:
        """CSS pixels by which the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


class Browser:
    """Opens pages, each in a profile of its own unless it is given a context."""

    def __init__(self, playwright: Playwright, profiles: Path) -> None:
        self._playwright = playwright
        self._executable = find_browser(playwright)
        self._profiles = profiles
        self._contexts: list[BrowserContext] = []

    def context(self, size: tuple[int, int] = WIDTHS["desktop"], **options: Any) -> BrowserContext:
        """A fresh profile, as another visitor has it; ``options`` are those of playwright."""
        context = self._playwright.chromium.launch_persistent_context(
            str(self._profiles / f"profile-{len(self._contexts)}"),
            executable_path=self._executable,
            args=list(FLAGS),
            viewport={"width": size[0], "height": size[1]},
            **options,
        )
        context.set_default_timeout(20_000)
        self._contexts.append(context)
        return context

    def visit(self, url: str, context: BrowserContext | None = None, **options: Any) -> Visit:
        """Open a page."""
        page = (context or self.context(**options)).new_page()
        visit = Visit(page)
        page.on("console", lambda message: self._note(visit, message.type, message.text))
        page.on("pageerror", lambda error: visit.complaints.append(f"exception: {error}"))
        page.on("requestfailed", lambda request: visit.complaints.append(f"failed: {request.url} {request.failure}"))
        page.goto(url)
        return visit

    @staticmethod
    def _note(visit: Visit, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            visit.complaints.append(f"{kind}: {text}")

    def close(self) -> None:
        """End all that was opened."""
        for context in self._contexts:
            context.close()


@contextmanager
def open_browser(profiles: Path) -> Iterator[Browser]:
    """A browser that ends with the block."""
    with sync_playwright() as playwright:
        browser = Browser(playwright, profiles)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(application: Callable[..., Any]) -> Iterator[str]:
    """Serve an ASGI application on a free port of this machine; gives its address, which ends with a slash."""
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


def tab_to(page: Page, selector: str, most: int) -> None:
    """Press Tab until what the selector names has the focus, so many times at most.

    Raises:
        AssertionError: it never has.
    """
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"Tab never comes to {selector}")
