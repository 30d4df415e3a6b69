"""Listening tests for mixing engineers: stimuli, a static site in the browser, a server for results, the analysis.

spec describes a test, build makes its site and its key, server serves it and takes results, analysis reads them.
The method is in docs/listening-test.md. Nothing here needs torch.
"""
