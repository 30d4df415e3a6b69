"""``python -m pipelines`` is ``fxnorm-data``."""

from pipelines.cli import app

app(prog_name="fxnorm-data")
