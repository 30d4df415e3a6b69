"""Charts of a catalog, or of several beside each other, in one call each."""

from __future__ import annotations

import altair as alt
import numpy as np

from catalogs.catalog import Catalog
from catalogs.plots.audio import RANGE_HZ, spectrogram_rows, waveform_rows
from catalogs.plots.bands import Feature, band_frame, target_bands
from catalogs.plots.charts import (
    Chart,
    band_chart,
    fault_chart,
    histogram_chart,
    movement_chart,
    rows_of,
    spectrogram_chart,
    waveform_chart,
)
from catalogs.plots.quantities import QUANTITIES
from catalogs.plots.stems import Catalogs, by_label, stem_frame
from catalogs.plots.tidy import band_rows, histogram_rows, movement_limits, movement_rows
from catalogs.quality import FAULTS, Thresholds, find_faults
from catalogs.quality.findings import count_faults
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio


def plot_loudness(catalogs: Catalogs) -> Chart:
    """Integrated loudness (LUFS) of the stems as they came and as stored, a panel for each source.

    Args:
        catalogs: a catalog, or several by name, a column each.
    """
    return _histogram(catalogs, "loudness")


def plot_dynamics(catalogs: Catalogs) -> Chart:
    """Onset peak level (dBFS, at a peak of -10 dBFS) of the stems as they came and behind the compressor."""
    return _histogram(catalogs, "dynamics")


def plot_similarity(catalogs: Catalogs) -> Chart:
    """Mean panning similarity (0 to 1; 1 is the same in both channels) before and behind the panning effect."""
    return _histogram(catalogs, "panning")


def plot_deviation(catalogs: Catalogs) -> Chart:
    """Deviation from the target spectrum (dB, root mean square over third octaves) before and behind the equaliser."""
    return _histogram(catalogs, "spectrum")


def plot_spectra(catalogs: Catalogs) -> Chart:
    """Spectra of the stems as they came (dB at -30 LUFS, in tenths of an octave), and the target.

    The line is the median over stems, the areas hold half and nine tenths of them. A catalog stores no spectrum of a
    normalised stem: :func:`plot_deviation` shows how close to the target it came.
    """
    return _bands(catalogs, "eq")


def plot_panning(catalogs: Catalogs) -> Chart:
    """Panning similarity (0 to 1) of the stems as they came by frequency, and the target; as :func:`plot_spectra`."""
    return _bands(catalogs, "panning")


def plot_movement(catalogs: Catalogs) -> Chart:
    """Distance of every stem from its targets before and after: below the dashed line, normalisation brought it closer.

    Loudness in LU, spectrum and dynamics in dB, panning in phi.
    """
    stems = stem_frame(catalogs)
    limits = movement_limits(stems)
    labelled = not isinstance(catalogs, Catalog)
    panels = [
        movement_chart(rows_of(movement_rows(stems, quantity, limits[name]), name), quantity, limits[name], labelled)
        for name, quantity in QUANTITIES.items()
    ]
    return alt.concat(*(_bare(panel) for panel in panels), columns=1 if labelled else 2)


def plot_quality(catalogs: Catalogs, thresholds: Thresholds | None = None) -> Chart:
    """Number of findings of each fault.

    Args:
        catalogs: a catalog, or several by name.
        thresholds: where a number becomes a finding.
    """
    rows = [
        {"label": label, "fault": fault, "meaning": FAULTS[fault].meaning, "findings": count}
        for label, catalog in by_label(catalogs).items()
        for fault, count in count_faults(find_faults(catalog.frame("quality"), thresholds)).items()
    ]
    faults = len({row["fault"] for row in rows})
    return fault_chart(rows_of(rows), faults, not isinstance(catalogs, Catalog))


def plot_waveform(audio: Audio, rate: int = SAMPLE_RATE) -> Chart:
    """Waveform of audio, shape (samples, 2); full scale is 1, time in seconds."""
    return waveform_chart(rows_of(waveform_rows(audio, rate=rate)), len(audio) / rate)


def plot_spectrogram(audio: Audio, rate: int = SAMPLE_RATE) -> Chart:
    """Spectrogram of audio, shape (samples, 2): 50 Hz to 20 kHz, 80 dB from dark to light."""
    return spectrogram_chart(rows_of(spectrogram_rows(np.asarray(audio), rate)), len(audio) / rate, *RANGE_HZ)


def _histogram(catalogs: Catalogs, name: str) -> Chart:
    quantity = QUANTITIES[name]
    rows = histogram_rows(stem_frame(catalogs), quantity)
    return histogram_chart(rows_of(rows), quantity, not isinstance(catalogs, Catalog))


def _bands(catalogs: Catalogs, feature: Feature) -> Chart:
    rows = [
        row
        for label, catalog in by_label(catalogs).items()
        for row in band_rows(band_frame(catalog, feature), target_bands(catalog, feature), label)
    ]
    return band_chart(rows_of(rows), feature, not isinstance(catalogs, Catalog))


def _bare(chart: Chart) -> Chart:
    """A chart without configuration, which a part of a larger one must not have."""
    bare = chart.copy(deep=False)
    bare.config = alt.Undefined
    return bare
