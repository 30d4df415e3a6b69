"""The server, over real sockets: what it stores, and what it refuses with which reason."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.browser import serving
from tests.training.listening.listeners import encoded, finished_result
from tests.training.listening.small_test import SYSTEMS
from training.listening.build import Built
from training.listening.results import LARGEST_BYTES, parse_result, read_results
from training.listening.server import application

EFFECTS = dict.fromkeys(SYSTEMS, 0.0)
JSON = {"Content-Type": "application/json"}


class Client:
    """Posts and gets as any program may, without the manners of a browser."""

    def __init__(self, url: str, built: Built, results: Path) -> None:
        self.host = urlsplit(url).netloc
        self.built = built
        self.results = results

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: bytes, headers: dict | None = None) -> tuple[int, dict]:
        status, content = self.request("POST", path, body, JSON if headers is None else headers)
        return status, json.loads(content)

    def open_session(self, participant: str = "p1") -> str:
        status, answer = self.post(
            "/api/sessions", encoded({"test_id": self.built.site.test_id, "participant": participant})
        )
        assert status == 201
        return answer["session"]

    def result(self, session: str, **changes: object) -> dict:
        return finished_result(self.built, session, "p1", EFFECTS, np.random.default_rng(0), **changes)

    def stored(self) -> list[str]:
        return sorted(path.name for path in self.results.iterdir() if path.is_file())


@pytest.fixture
def client(small_test: tuple[Path, Built], tmp_path: Path) -> Iterator[Client]:
    folder, built = small_test
    with serving(application(folder / "site", tmp_path / "results")) as url:
        yield Client(url, built, tmp_path / "results")


def test_a_result_is_stored_as_it_was_sent(client: Client) -> None:
    session = client.open_session()
    body = encoded(client.result(session))
    assert client.post("/api/results", body) == (201, {"stored": True})
    assert (client.results / f"{session}.json").read_bytes() == body
    assert client.post("/api/results", body) == (201, {"stored": True})
    assert client.stored() == [f"{session}.json"]


def test_a_second_result_of_a_session_does_not_replace_the_first(client: Client) -> None:
    session = client.open_session()
    first = encoded(client.result(session))
    client.post("/api/results", first)
    status, answer = client.post("/api/results", encoded(client.result(session, reloads=9)))
    assert (status, answer["error"]) == (409, "another result of this session is stored already")
    assert (client.results / f"{session}.json").read_bytes() == first


def test_many_at_once_are_all_kept(client: Client) -> None:
    def take(number: int) -> tuple[int, str]:
        session = client.open_session(f"p{number}")
        return client.post("/api/results", encoded(client.result(session)))[0], session

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(take, range(24)))
    assert [status for status, _ in answers] == [201] * 24
    assert client.stored() == sorted(f"{session}.json" for _, session in answers)
    assert len(read_results(client.results)) == 24


@pytest.mark.parametrize(
    "spoil, status, reason",
    [
        (lambda body: body[: len(body) // 2], 400, "not a result: Invalid JSON"),
        (lambda body: b"\xff\xfe" + body, 400, "not a result: Invalid JSON"),
        (lambda body: b"[]", 400, "not a result"),
        (lambda body: body.replace(b'"volume": 0.5', b'"volume": 7'), 400, "volume"),
        (lambda body: body.replace(b'"volume": 0.5', b'"volume": NaN'), 400, "not a result"),
        (lambda body: body.replace(b'"dry_seconds": 2.0', b'"dry_seconds": -1'), 400, "dry_seconds"),
        (lambda body: body.replace(b'"participant"', b'"owner"'), 400, "not a result"),
        (lambda body: body.replace(b'"clarity"', b'"charity"'), 422, "is not rated on every scale"),
        (lambda body: body.replace(b'"clarity": 3', b'"clarity": 0'), 422, "was not moved on every scale"),
        (lambda body: body.replace(b'"No"', b'""'), 422, "questionnaire: no answer to hearing"),
    ],
)
def test_a_bad_result_is_refused_with_a_reason(client: Client, spoil, status: int, reason: str) -> None:
    session = client.open_session()
    answer = client.post("/api/results", spoil(encoded(client.result(session))))
    assert answer[0] == status
    assert reason in answer[1]["error"]
    assert client.stored() == []
    assert client.post("/api/results", encoded(client.result(session)))[0] == 201


def test_pages_have_to_be_those_of_the_test(client: Client) -> None:
    session = client.open_session()
    result = client.result(session)
    missing = {**result, "pages": result["pages"][1:], "page_order": result["page_order"][1:]}
    assert "pages do not match: 2 of 3" in client.post("/api/results", encoded(missing))[1]["error"]
    twice = {**result, "pages": [result["pages"][0]] * 3}
    assert "pages do not match" in client.post("/api/results", encoded(twice))[1]["error"]
    turned = {**result, "page_order": result["page_order"][::-1]}
    assert "page_order" in client.post("/api/results", encoded(turned))[1]["error"]
    pages = [dict(page) for page in result["pages"]]
    pages[0]["stimuli"], pages[1]["stimuli"] = pages[1]["stimuli"], pages[0]["stimuli"]
    assert "its mixes do not match" in client.post("/api/results", encoded({**result, "pages": pages}))[1]["error"]
    assert client.stored() == []


def test_unknown_sessions_other_tests_and_other_content_are_refused(client: Client) -> None:
    unknown = client.post("/api/results", encoded(client.result("0123456789abcdef")))
    assert unknown == (403, {"error": "unknown session: it was not opened on this server"})
    climbing = client.post("/api/results", encoded(client.result("../../../../tmp/x")))
    assert climbing[0] == 400
    session = client.open_session()
    assert client.post("/api/results", encoded(client.result(session, test_id="0" * 16)))[0] == 422
    assert client.post("/api/sessions", encoded({"test_id": "0" * 16, "participant": "p"}))[0] == 409
    assert client.post("/api/sessions", encoded({"test_id": "x", "participant": "a/b"}))[0] == 400
    assert client.post("/api/results", b"{}", {"Content-Type": "text/plain"})[0] == 415
    assert client.request("GET", "/api/results")[0] == 404


def test_fifty_megabytes_are_refused_and_the_server_goes_on(client: Client) -> None:
    session = client.open_session()
    status, answer = client.post("/api/results", b'{"a": "' + b"x" * 50_000_000 + b'"}')
    assert (status, answer["error"]) == (413, f"too large: at most {LARGEST_BYTES} bytes are taken")
    assert client.post("/api/results", encoded(client.result(session)))[0] == 201


@pytest.mark.parametrize(
    "path",
    [
        "/../site.key.json",
        "/..%2fsite.key.json",
        "/%2e%2e/site.key.json",
        "/audio/../../site.key.json",
        "/site.key.json",
    ],
)
def test_the_key_is_never_served(client: Client, path: str) -> None:
    assert client.request("GET", path)[0] == 404


def test_results_must_not_lie_in_the_site(small_test: tuple[Path, Built]) -> None:
    folder, _ = small_test
    with pytest.raises(ValueError, match="lies in the site and would be served"):
        application(folder / "site", folder / "site" / "results")


def test_nothing_is_half_stored(client: Client) -> None:
    session = client.open_session()
    client.post("/api/results", encoded(client.result(session)))
    assert not list(client.results.rglob("*.part"))
    assert parse_result((client.results / f"{session}.json").read_bytes()).session == session


def test_a_restarted_server_knows_the_sessions(small_test: tuple[Path, Built], tmp_path: Path) -> None:
    folder, built = small_test
    results = tmp_path / "results"
    with serving(application(folder / "site", results)) as url:
        session = Client(url, built, results).open_session()
    with serving(application(folder / "site", results)) as url:
        client = Client(url, built, results)
        assert client.post("/api/results", encoded(client.result(session)))[0] == 201


def test_the_command_serves_until_it_is_interrupted(small_test: tuple[Path, Built], tmp_path: Path) -> None:
    folder, built = small_test
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pipelines", "listening-test", "serve", str(folder / "site")]
    process = subprocess.Popen([*command, "--results", str(tmp_path / "results"), "--port", str(port)])
    try:
        client = Client(f"http://127.0.0.1:{port}/", built, tmp_path / "results")
        for _ in range(600):
            try:
                session = client.open_session()
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                time.sleep(0.1)
        assert client.post("/api/results", encoded(client.result(session)))[0] == 201
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
