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
# # What FxNorm does to one stem
#
# Effect by effect, to see and to hear. The stem is read from the corpus, as it came; the targets are those of the
# catalog.

# %%
import os

import altair as alt
import pandas as pd
from IPython.display import Audio, display

from catalogs.audio_file import decode, uri_to_path
from catalogs.catalog import Catalog
from catalogs.plots import plot_spectrogram, plot_waveform, stem_frame
from catalogs.plots.bands import CENTRES_HZ, band_values
from fxnorm.chain import ChainConfig, normalize_stem
from fxnorm.features import analyze_stem
from fxnorm.settings import DEFAULT_EFFECTS, SAMPLE_RATE

alt.renderers.enable("svg")
catalog = Catalog.open(os.environ.get("FXNORM_CATALOG", "../demo/catalog"))

# %% [markdown]
# The stem that normalisation moved furthest in spectrum tells most.

# %%
stems = stem_frame(catalog)
moved = (stems["spectrum_before"] - stems["spectrum_after"]).idxmax()
song_id, source = stems.loc[moved, ["song_id", "source"]]
song_id, source

# %%
tracks = catalog.frame("tracks")
row = tracks[(tracks["song_id"] == song_id) & (tracks["stem"] == source)].iloc[0]
audio = decode(uri_to_path(row["uri"]))[: 20 * SAMPLE_RATE]
targets = catalog.targets().targets(source)

# %% [markdown]
# Each step applies one effect more. The receipt says what the last effect aimed at, found and reached.

# %%
steps = {"as it came": audio}
receipts = []
for count in range(1, len(DEFAULT_EFFECTS) + 1):
    steps[DEFAULT_EFFECTS[count - 1]], receipt = normalize_stem(
        audio, source, targets, ChainConfig(effects=DEFAULT_EFFECTS[:count])
    )
    receipts.append(receipt.effects[-1])
pd.DataFrame(receipts)[["effect", "status", "quantity", "unit", "target", "before", "achieved"]]

# %% [markdown]
# Loudness comes last on purpose: the effects before it change the level, and only it has the right to the last word.
# Listen to the jump between the third step and the last.

# %%
for name, step in steps.items():
    display(name, Audio(step.T, rate=SAMPLE_RATE, normalize=False))

# %% [markdown]
# ## The spectrum, step by step
#
# The equaliser does the large part. What the later effects change of it again is why a normalised stem does not sit on
# the target exactly.

# %%
curves = pd.concat(
    pd.DataFrame({"step": name, "hz": CENTRES_HZ, "dB": band_values(curve[None], "eq")[0]})
    for name, curve in [("target", targets.eq), *((name, analyze_stem(step).eq) for name, step in steps.items())]
)
alt.Chart(curves).mark_line().encode(
    alt.X("hz", scale=alt.Scale(type="log")), alt.Y("dB"), alt.Color("step", sort=None)
)

# %% [markdown]
# ## Before and after

# %%
plot_spectrogram(audio)

# %%
plot_spectrogram(steps["loudness"])

# %%
plot_waveform(audio)

# %%
plot_waveform(steps["loudness"])
