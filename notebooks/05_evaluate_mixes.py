# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Evaluate mixes
#
# A mix is compared with the engineer's in loudness, spectrum, panning and dynamics. Before a network is judged, know
# what needs no network: the sum of normalised stems, and each of its stems' levels put right by hand.

# %%
import os

import altair as alt
import numpy as np
from IPython.display import Audio

from catalogs.catalog import Catalog
from training.data.splits import choose_splits
from training.evaluation.evaluate import SystemMix, evaluate

alt.renderers.enable("svg")
catalog = Catalog.open(os.environ.get("FXNORM_CATALOG", "../demo/catalog"))
songs = choose_splits(catalog).as_mapping()["test"]
FRAMES = 10 * 44_100


# %%
def mixes_of(song):
    """The engineer's mix of a song's first ten seconds, and two mixes without a network."""
    crop = catalog.crop(song, 0, FRAMES)
    reference = crop.pop("mixture")
    plain = np.sum(list(crop.values()), axis=0)
    columns = np.stack([stem.ravel() for stem in crop.values()], axis=1)
    gains = np.linalg.lstsq(columns, reference.ravel(), rcond=None)[0]
    fitted = np.sum([gain * stem for gain, stem in zip(gains, crop.values(), strict=True)], axis=0)
    return reference, {"sum of normalised stems": plain, "best gains": fitted.astype(np.float32)}


# %%
pairs = [(song, *mixes_of(song)) for song in songs]
report = evaluate(SystemMix(name, song, mix, ref) for song, ref, mixes in pairs for name, mix in mixes.items())
report.summary.pivot(index="metric", columns="system", values="mean").round(3)

# %% [markdown]
# Best gains need the answer: no system that sets levels only can do better in the sense of least squares. What is left
# in `panning` and `spectral` is what gains cannot do.

# %%
report.chart()

# %%
song, reference, mixes = pairs[0]
Audio(reference.T, rate=44_100)

# %%
Audio(mixes["sum of normalised stems"].T, rate=44_100)

# %% [markdown]
# Few songs make wide intervals. On the demo's two test songs an interval says little; read it before you read the mean.

# %%
report.summary[["system", "metric", "mean", "low", "high"]].round(3)
