"""The commands of ``fxnorm-data``: one module for each noun, assembled by ``pipelines.cli``."""
