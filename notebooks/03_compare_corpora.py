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
# # Compare corpora, and choose statistics
#
# Stems are normalised to averages: those of the corpus itself, or of another one. Which are right depends on what the
# network will meet. Here are two corpora of the same tunes, mixed by different engineers: every difference between them
# is the engineers'.

# %%
import os

import altair as alt
import pandas as pd

from catalogs.catalog import Catalog
from catalogs.plots import plot_loudness, plot_panning, plot_similarity, stem_frame

alt.renderers.enable("svg")
catalogs = {
    "one": Catalog.open(os.environ.get("FXNORM_CATALOG", "../demo/catalog")),
    "other": Catalog.open(os.environ.get("FXNORM_OTHER_CATALOG", "../demo/other-catalog")),
}
stems = stem_frame(catalogs)

# %%
plot_loudness(catalogs)

# %%
plot_panning(catalogs)

# %%
plot_similarity(catalogs)

# %% [markdown]
# ## How far apart are the averages?
#
# A difference below the spread of a single corpus is no reason to keep two sets of statistics.

# %%
means = stems.groupby(["source", "label"])[["loudness_before", "panning_before", "dynamics_before"]].mean()
spread = stems.groupby("source")[["loudness_before", "panning_before", "dynamics_before"]].std()
(means.xs("other", level="label") - means.xs("one", level="label")).abs().div(spread).round(2)

# %% [markdown]
# ## Merge or keep apart?
#
# Statistics are sums, and merge exactly. Merging weighs every stem the same, so that a large corpus outvotes a small
# one. The corpora have songs of the same names here, which `merge` refuses; the mean is taken by hand.

# %%
rows = []
for source in catalogs["one"].statistics().sources:
    loudness = {name: catalog.statistics().sums[source, "loudness"] for name, catalog in catalogs.items()}
    total = sum(float(value.total[0]) for value in loudness.values()) / sum(value.count for value in loudness.values())
    rows.append({"source": source, **{name: float(value.mean[0]) for name, value in loudness.items()}, "merged": total})
pd.DataFrame(rows).set_index("source").round(2)

# %% [markdown]
# To normalise one corpus to the other's averages:
#
# ```
# fxnorm-data build-catalog --corpus musdb18hq CORPUS --out OUT --statistics OTHER_CATALOG
# ```
