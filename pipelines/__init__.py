"""Ray pipelines from raw corpora to a catalog, and the command line."""
