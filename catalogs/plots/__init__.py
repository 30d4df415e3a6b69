"""Charts of a catalog, in altair (extra ``report``): one function each, for notebooks and for the report."""

try:
    import altair as _altair  # noqa: F401
except ImportError as error:
    raise ImportError("charts need altair: pip install 'fxnorm-data[report]'") from error

from catalogs.plots.plot import (
    plot_deviation,
    plot_dynamics,
    plot_loudness,
    plot_movement,
    plot_panning,
    plot_quality,
    plot_similarity,
    plot_spectra,
    plot_spectrogram,
    plot_waveform,
)
from catalogs.plots.stems import stem_frame

__all__ = [
    "plot_deviation",
    "plot_dynamics",
    "plot_loudness",
    "plot_movement",
    "plot_panning",
    "plot_quality",
    "plot_similarity",
    "plot_spectra",
    "plot_spectrogram",
    "plot_waveform",
    "stem_frame",
]
