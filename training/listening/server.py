"""Serves the site of a listening test and stores results, of several listeners at once.

A browser asks for a session, and posts one result for it. A result is checked against the test before it is stored, in
one step (temporary file and rename); everything that is refused is refused with a reason. The same result posted again
is answered as the first time, so that a browser may repeat a post whose answer was lost.
"""

from __future__ import annotations

import json
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from catalogs.storage import Location
from training.listening.results import LARGEST_BYTES, Participant, ResultError, check_result, parse_result
from training.listening.site_files import SUBMISSION_FILE, Site, read_site
from training.listening.spec import STRICT

SESSIONS_URL, RESULTS_URL = "api/sessions", "api/results"

MOST_SESSIONS = 10_000
"""Sessions that are opened in one folder of results; more are somebody's mistake or malice."""

DRAINED_BYTES = 1 << 28
"""A body that is too large is read and thrown away up to this size, so that the sender gets to the reason."""


class RefusedError(Exception):
    """A request that is refused, with the status of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, config=STRICT)
class Opening:
    """What a browser sends to open a session."""

    test_id: Annotated[str, Field(max_length=64)]
    participant: Participant


class ResultStore:
    """Sessions and results in a folder: ``sessions/ID.json`` and ``ID.json``."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.site = site
        self.folder = folder
        self._sessions = folder / "sessions"
        self._sessions.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._opened = sum(1 for _ in self._sessions.glob("*.json"))

    def open_session(self, content: bytes) -> str:
        """Open a session and return its id."""
        try:
            opening = TypeAdapter(Opening).validate_json(content)
        except ValidationError as error:
            raise RefusedError(400, f"not a request for a session: {error.errors()[0]['msg']}") from None
        if opening.test_id != self.site.test_id:
            raise RefusedError(409, f"this server runs test {self.site.test_id}; reload the page")
        with self._lock:
            if self._opened >= MOST_SESSIONS:
                raise RefusedError(503, "too many sessions; ask the person who runs the test")
            self._opened += 1
        session = secrets.token_hex(16)
        about = {"participant": opening.participant, "opened": datetime.now(UTC).isoformat(timespec="seconds")}
        Location.parse(self._sessions / f"{session}.json").write_bytes((json.dumps(about) + "\n").encode())
        return session

    def store(self, content: bytes) -> None:
        """Store a result."""
        try:
            result = parse_result(content)
        except ResultError as error:
            raise RefusedError(400, f"not a result: {error}") from None
        if not (self._sessions / f"{result.session}.json").is_file():
            raise RefusedError(403, "unknown session: it was not opened on this server")
        try:
            check_result(result, self.site)
        except ResultError as error:
            raise RefusedError(422, f"incomplete result: {error}") from None
        path = self.folder / f"{result.session}.json"
        with self._lock:
            if not path.exists():
                Location.parse(path).write_bytes(content)
            elif path.read_bytes() != content:
                raise RefusedError(409, "another result of this session is stored already")


async def _body(request: Request) -> bytes:
    """The body of a JSON request of bounded size."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise RefusedError(415, "send JSON (Content-Type: application/json)")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > DRAINED_BYTES:
            break
        if size > LARGEST_BYTES:
            parts.clear()
        else:
            parts.append(part)
    if size > LARGEST_BYTES:
        raise RefusedError(413, f"too large: at most {LARGEST_BYTES} bytes are taken")
    return b"".join(parts)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": str(error)}, status_code=error.status)


def application(site: Path, results: Path) -> Starlette:
    """The web application of a test.

    Args:
        site: folder of the site.
        results: folder for results, which is made.

    Raises:
        SiteError: there is no site.
        ValueError: results would lie in the site, where they would be served.
    """
    if results.absolute().is_relative_to(site.absolute()):
        raise ValueError(f"{results}: lies in the site and would be served; choose a folder outside")
    store = ResultStore(results, read_site(site))

    async def submission(_: Request) -> Response:
        return JSONResponse({"sessions": SESSIONS_URL, "results": RESULTS_URL})

    async def open_session(request: Request) -> Response:
        session = await run_in_threadpool(store.open_session, await _body(request))
        return JSONResponse({"session": session}, status_code=201)

    async def take_result(request: Request) -> Response:
        await run_in_threadpool(store.store, await _body(request))
        return JSONResponse({"stored": True}, status_code=201)

    handlers: dict[Any, Any] = {RefusedError: _refusal}
    return Starlette(
        routes=[
            Route(f"/{SUBMISSION_FILE}", submission),
            Route(f"/{SESSIONS_URL}", open_session, methods=["POST"]),
            Route(f"/{RESULTS_URL}", take_result, methods=["POST"]),
            Mount("/", StaticFiles(directory=site, html=True)),
        ],
        exception_handlers=handlers,
    )


def serve(site: Path, results: Path, host: str, port: int) -> None:
    """Serve a test until interrupted."""
    uvicorn.run(application(site, results), host=host, port=port, log_level="warning", server_header=False)
