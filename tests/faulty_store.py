"""A proxy before an object store that delays, refuses, cuts and loses what goes through it, by a seeded plan.

Requests are forwarded with the Host header that the client signed, so that signatures stay valid.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WRITES = ("PUT", "POST", "DELETE")


class Fault(Enum):
    """What happens to a request.

    ``RESET`` and ``TRUNCATE`` break the answer off in the middle, with a reset and with a regular end of the
    connection; ``SHORTEN`` gives the first half of it as if it were all. ``STALL`` never answers.
    """

    STALL = "stall"
    ERROR = "500"
    SLOW_DOWN = "503"
    RESET = "reset"
    TRUNCATE = "truncate"
    SHORTEN = "shorten"
    FORBID = "403"


SPORADIC = (Fault.ERROR, Fault.SLOW_DOWN, Fault.RESET, Fault.TRUNCATE)
"""Faults that a client may meet on any day."""

Plan = Callable[[str, str], "Fault | None"]
"""Chooses the fault of a request by its method and target; None for none."""


def no_faults(method: str, target: str) -> None:
    """The plan of a store that works."""


def sporadic(share: float, seed: int, kinds: Sequence[Fault] = SPORADIC) -> Plan:
    """A plan that lets this share of all requests fail, in the order of their arrival the same for a seed."""
    generator = random.Random(seed)
    lock = threading.Lock()

    def choose(method: str, target: str) -> Fault | None:
        with lock:
            return generator.choice(kinds) if generator.random() < share else None

    return choose


def refuse_writes(method: str, target: str) -> Fault | None:
    """The plan of a bucket that may be read and not written."""
    return Fault.FORBID if method in WRITES else None


@dataclass
class FaultyStore:
    """A running proxy.

    Attributes:
        port: of the proxy, on 127.0.0.1.
        plan: the plan for the next requests.
        latency: seconds that every request waits.
        counts: faults that happened.
        requests: method and target of every request, in the order of arrival.
        sent: bytes of content that clients were given.
    """

    port: int
    plan: Plan = no_faults
    latency: float = 0.0
    counts: Counter[Fault] = field(default_factory=Counter)
    requests: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def before(upstream: int) -> Iterator[FaultyStore]:
    """Run a proxy before the store at this port of 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(upstream))
    server.daemon_threads = True
    server.block_on_close = False
    store = FaultyStore(server.server_address[1])
    server.store = store  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        store.closing.set()
        server.shutdown()
        server.server_close()


def _handler(upstream: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def handle_expect_100(self) -> bool:
            """Let the client send its content at once; it would wait for a second."""
            going_on = super().handle_expect_100()
            self.wfile.flush()
            return going_on

        def _relay(self) -> None:
            store: FaultyStore = self.server.store  # type: ignore[attr-defined]
            body = self._body()
            store.requests.append((self.command, self.path))
            fault = store.plan(self.command, self.path)
            if fault is not None:
                store.counts[fault] += 1
            time.sleep(store.latency)
            if fault is Fault.STALL:
                store.closing.wait()
                self.close_connection = True
            elif fault in _ANSWERS:
                self._answer(*_ANSWERS[fault])
            else:
                self._forward(body, fault)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _relay  # noqa: N815 - the base class asks for these names

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

        def _answer(self, status: int, code: str) -> None:
            content = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            self.wfile.flush()

        def _forward(self, body: bytes, fault: Fault | None) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=60)
            try:
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "expect"):
                        connection.putheader(name, value)
                chunked = "Transfer-Encoding" in self.headers
                connection.endheaders([body] if chunked else body or None, encode_chunked=chunked)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                self._cut(reset=True)
                return
            finally:
                connection.close()
            sent = content[: len(content) // 2] if fault in _CUTTING else content
            declared = len(sent) if fault is Fault.SHORTEN else len(content)
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.headers.items():
                if name.lower() == "content-length" and self.command != "HEAD":
                    value = str(declared)
                if name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(declared))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(sent)
                self.server.store.sent += len(sent)  # type: ignore[attr-defined]
            self.wfile.flush()
            if fault in (Fault.RESET, Fault.TRUNCATE):
                self._cut(reset=fault is Fault.RESET)

        def _cut(self, reset: bool) -> None:
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    return Handler


_ANSWERS = {
    Fault.ERROR: (500, "InternalError"),
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.FORBID: (403, "AccessDenied"),
}
_CUTTING = (Fault.RESET, Fault.TRUNCATE, Fault.SHORTEN)
