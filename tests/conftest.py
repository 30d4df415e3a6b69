"""Settings of all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Several processes share the cores here; threads that wait for one another by spinning take them from the others."""
