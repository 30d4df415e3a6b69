"""Objective evaluation of mixes against the engineer's mixes.

One module for each family of metrics, each with ``validate`` and ``evaluate``, and UNITS, which names its metrics;
training.evaluation.compare joins the families, training.evaluation.evaluate goes over songs and systems.
Definitions: docs/evaluation.md. Mixes are arrays of shape (samples, 2), full scale 1.0, 44 100 Hz.
"""
