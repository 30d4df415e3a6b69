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
# # What the stems of a catalog are like
#
# A catalog is Parquet tables. pandas and DuckDB read them; this notebook asks them what the material is like, and what
# normalisation made of it.

# %%
import os

import altair as alt
import duckdb

from catalogs.catalog import Catalog
from catalogs.plots import plot_dynamics, plot_loudness, plot_movement, plot_quality, plot_spectra, stem_frame

alt.renderers.enable("svg")
catalog = Catalog.open(os.environ.get("FXNORM_CATALOG", "../demo/catalog"))
stems = stem_frame(catalog)

# %% [markdown]
# ## Loudness
#
# In the demo, drums and vocals come louder than bass and other, by about 2 LU. Look at the spread first: it is what
# a network would have to learn besides mixing.

# %%
stems.groupby("source")[["loudness_before", "loudness_after"]].agg(["mean", "std"]).round(2)

# %%
plot_loudness(catalog)

# %% [markdown]
# The same in SQL. DuckDB opens the file itself and reads the columns that the query names, never the spectra.

# %%
features = f"{catalog.location.path}/{catalog.manifest.tables['features'].path}"
duckdb.sql(
    f"""
    select stem, count(*) as stems, round(avg(loudness_lufs), 2) as mean_lufs,
           round(quantile_cont(loudness_lufs, 0.9) - quantile_cont(loudness_lufs, 0.1), 2) as spread_lu
    from '{features}' where not silent group by stem order by mean_lufs desc
    """
).df()

# %% [markdown]
# ## Spectra
#
# The area holds nine tenths of the stems. Where the dashed target leaves it, as under 50 Hz for vocals and other, the
# smoothing of the target fills up what no stem has: there the equaliser has little to work with.

# %%
plot_spectra(catalog)

# %% [markdown]
# ## What moved
#
# Under the dashed line, a stem is closer to its target than it was. In the demo the median distance falls from 1.5 to
# 0.0 LU in loudness, from 8.6 to 3.2 dB in spectrum, from 0.06 to 0.005 in panning. Dynamics get half the way, from 0.7
# to 0.4 dB, and some stems end further off: the compressor only ever lowers onsets, and the equaliser before it has
# already changed them.

# %%
plot_movement(catalog)

# %%
distance = {
    name: stems[[f"{name}_distance_before", f"{name}_distance_after"]].median().round(3).tolist()
    for name in ("loudness", "spectrum", "panning", "dynamics")
}
distance

# %%
plot_dynamics(catalog)

# %% [markdown]
# ## What quality control found

# %%
plot_quality(catalog)
