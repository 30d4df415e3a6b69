"""The small listening test, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.listening.small_test import build_small_test
from training.listening.build import Built


@pytest.fixture(scope="session")
def small_test(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Built]:
    """Folder and what was built; the site is ``folder/site``. Not to be changed."""
    folder = tmp_path_factory.mktemp("listening")
    return folder, build_small_test(folder)
