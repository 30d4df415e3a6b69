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
# # From a catalog to training batches
#
# A crop is a stretch of all stems of a song and of its mixture. Only the segments that it touches are decoded.

# %%
import os
import tempfile
from pathlib import Path

import altair as alt
import pandas as pd
import torch
from IPython.display import Audio
from torch.utils.data import DataLoader

from catalogs.catalog import Catalog
from catalogs.plots import plot_waveform
from training.data.crops import CropConfig, CropDataset
from training.data.splits import choose_splits
from training.train import TrainOptions, train

alt.renderers.enable("svg")
TARGET = os.environ.get("FXNORM_CATALOG", "../demo/catalog")
catalog = Catalog.open(TARGET)
splits = choose_splits(catalog).as_mapping()
{name: len(songs) for name, songs in splits.items()}

# %%
config = CropConfig(samples=131_072, sources=("vocals", "drums", "bass", "other"))
data = CropDataset(TARGET, splits["train"], config, examples=8)
stems, mixture = next(iter(DataLoader(data, batch_size=4)))
stems.shape, mixture.shape

# %% [markdown]
# Inputs are normalised, the mixture is the engineer's: the sum of the inputs is not the mixture, and the network has to
# learn what is between. This is how far off the plain sum is, in dB of the mixture's energy.

# %%
difference = stems.sum(dim=1) - mixture
(10 * torch.log10(difference.square().sum((1, 2)) / mixture.square().sum((1, 2)).clamp(min=1e-9))).round(decimals=1)

# %%
plot_waveform(mixture[0].numpy().T)

# %%
Audio(mixture[0].numpy(), rate=44_100)

# %% [markdown]
# Example 5 of epoch 0 is the same on every machine and with any number of workers: choices follow from the seed, the
# epoch and the number alone.

# %%
again = CropDataset(TARGET, splits["train"], config, examples=8)
data.choose(0, 5), bool(torch.equal(data.example(0, 5)[0], again.example(0, 5)[0]))

# %% [markdown]
# ## A few steps
#
# The preset `tiny` starts as the sum of its stems, so the first loss is that of the sum.

# %%
with tempfile.TemporaryDirectory() as folder:
    messages: list[str] = []
    result = train(TrainOptions(TARGET, Path(folder), "tiny", steps=4, validation_seconds=5.0), messages.append)
pd.Series(result.losses, name="loss").round(4)
