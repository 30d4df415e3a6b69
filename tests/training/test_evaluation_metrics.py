"""Metrics of mixes against their definitions redone step by step, other libraries, and what holds by definition."""

import itertools

import auraloss
import librosa
import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import scipy.stats
import sklearn.metrics
import torch

from tests import signals
from training.evaluation import dynamic, loudness, panning, r128, spectral, stft_distance, tracks
from training.evaluation.compare import FAMILIES, OVERALL, PAPER_MEANS, UNITS, compare_mixes
from training.evaluation.pair import peak_normalize, trim_silence

RATE = signals.RATE
SECONDS = 3.2
LEVEL_METRICS = ("loudness.d_lufs", "loudness.d_lufs_lu", "loudness.d_peak", "loudness.d_peak_db", "r128.true_peak_db")


@pytest.fixture(scope="module")
def reference():
    return 0.6 * signals.plucks(SECONDS, seed=1, pan=0.3) + signals.noise(SECONDS, seed=1, level=0.05)


@pytest.fixture(scope="module")
def mix():
    return 0.4 * signals.plucks(SECONDS, seed=1, pan=0.6) + signals.noise(SECONDS, seed=2, level=0.1)


@pytest.fixture(scope="module")
def compared(mix, reference):
    return compare_mixes(mix, reference, RATE)


def spectra(channel: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """STFT with a periodic sqrt-Hann window, one frame at a time: (frames, bins)."""
    window = np.sqrt(scipy.signal.get_window("hann", n_fft))
    starts = range(0, len(channel) - n_fft + 1, hop)
    return np.asarray([np.fft.rfft(window * channel[start : start + n_fft]) for start in starts])


def running(track: np.ndarray) -> np.ndarray:
    return np.convolve(track, np.full(40, 1 / 40), mode="valid")


def mape(reference: np.ndarray, mix: np.ndarray) -> float:
    return float(sklearn.metrics.mean_absolute_percentage_error(running(reference), running(mix)))


def test_every_metric_has_a_unit_and_a_value(compared):
    assert list(compared) == list(UNITS)
    assert all(np.isfinite(value) for value in compared.values())
    assert all(value > 0.0 for name, value in compared.items() if name != "r128.loudness_range_lu")
    assert {name.partition(".")[0] for name in compared} == {*FAMILIES, "overall"}


@pytest.mark.parametrize("seed", range(2))
def test_a_mix_is_at_no_distance_from_itself(seed):
    audio = signals.noise(SECONDS, seed)
    assert all(value == 0.0 for value in compare_mixes(audio, audio.copy(), RATE).values())


def test_gain_changes_loudness_and_peaks_only(mix, reference, compared):
    quieter = compare_mixes(mix.astype(np.float64) / 4.0, reference, RATE)
    for metric in compared.keys() - {*LEVEL_METRICS, OVERALL}:
        assert quieter[metric] == pytest.approx(compared[metric], rel=1e-3, abs=1e-9), metric
    scaled = compare_mixes(reference.astype(np.float64) / 4.0, reference, RATE)
    for metric in ("loudness.d_lufs_lu", "loudness.d_peak_db", "r128.true_peak_db"):
        assert scaled[metric] == pytest.approx(20 * np.log10(4.0), abs=1e-3)


def test_polarity_changes_nothing(mix, reference, compared):
    inverted = compare_mixes(-mix, reference, RATE)
    assert inverted == pytest.approx(compared, rel=1e-5, abs=1e-9)


def test_swapping_channels_of_both_changes_nothing(mix, reference, compared):
    swapped = compare_mixes(mix[:, ::-1], reference[:, ::-1], RATE)
    assert swapped == pytest.approx(compared, rel=1e-5, abs=1e-9)


def test_differences_are_symmetric(mix, reference, compared):
    exchanged = compare_mixes(reference, mix, RATE)
    for metric, unit in UNITS.items():
        if unit in ("dB", "LU", "bins²"):
            assert exchanged[metric] == pytest.approx(compared[metric], rel=1e-6), metric
        elif unit == "fraction":
            assert exchanged[metric] != pytest.approx(compared[metric], rel=1e-6), metric


def test_overall_is_the_mean_of_the_families_of_the_paper(compared):
    assert compared[OVERALL] == pytest.approx(sum(compared[metric] for metric in PAPER_MEANS) / 4)
    assert len(PAPER_MEANS) == 4


@pytest.mark.parametrize("seed", range(3))
def test_percentage_error_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    expected, found = rng.normal(size=(2, 50))
    expected[:2] = 0.0
    assert tracks.percentage_error(expected, found) == pytest.approx(
        sklearn.metrics.mean_absolute_percentage_error(expected, found)
    )


@pytest.mark.parametrize("frames", [1, 39, 40, 41, 200])
def test_running_mean_of_forty_frames(frames):
    track = np.random.default_rng(frames).normal(size=frames)
    windows = [track[i : i + 40] for i in range(max(1, frames - 39))]
    np.testing.assert_allclose(tracks.running_mean(track), [np.mean(window) for window in windows])


def test_running_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        tracks.running_mean(np.zeros(0))


@pytest.mark.parametrize("level", [0.003, 1.7])
def test_peak_is_brought_to_minus_one_over_both_channels(level):
    audio = signals.plucks(0.5, pan=0.2, level=level)
    normalised = peak_normalize(audio)
    assert 20 * np.log10(np.abs(normalised).max()) == pytest.approx(-1.0)
    np.testing.assert_allclose(normalised / normalised.max(), audio / audio.max(), rtol=1e-6)


def test_loudness_errors_are_those_of_the_two_values(mix, reference):
    meter = pyloudnorm.Meter(RATE)
    lufs = [meter.integrated_loudness(audio.astype(np.float64)) for audio in (reference, mix)]
    dbfs = [20 * np.log10(np.abs(audio).max()) for audio in (reference, mix)]
    assert loudness.evaluate(mix, reference) == pytest.approx(
        {
            "d_lufs": abs((lufs[0] - lufs[1]) / lufs[0]),
            "d_lufs_lu": abs(lufs[0] - lufs[1]),
            "d_peak": abs((dbfs[0] - dbfs[1]) / dbfs[0]),
            "d_peak_db": abs(dbfs[0] - dbfs[1]),
        }
    )


def naive_spectral(channel: np.ndarray) -> dict[str, np.ndarray]:
    magnitude = np.abs(spectra(channel, 4096, 1024))
    frequency = np.arange(2049) * RATE / 4096
    weight = magnitude / magnitude.sum(axis=1, keepdims=True)
    centroid = weight @ frequency
    bandwidth = np.sqrt((weight * (frequency - centroid[:, None]) ** 2).sum(axis=1))
    reached = np.cumsum(magnitude, axis=1) >= 0.85 * magnitude.sum(axis=1, keepdims=True)
    power = np.maximum(magnitude**2, 1e-10)
    flatness = scipy.stats.gmean(power, axis=1) / power.mean(axis=1)
    edges = [0, 250, 500, 1000, 2000, np.inf]
    peaks, valleys = [], []
    for low, high in itertools.pairwise(edges):
        inside = np.flatnonzero((frequency >= low) & (frequency <= high))
        bins = np.arange(max(inside[0] - 1, 0), inside[-1] + 1)
        count = max(1, round(0.02 * len(bins)))
        ordered = np.sort(magnitude[:, bins if high == np.inf else bins[:-1]], axis=1)
        peaks.append(ordered[:, -count:].mean(axis=1))
        valleys.append(ordered[:, :count].mean(axis=1))
    contrast = 10 * np.log10(peaks) - 10 * np.log10(valleys)
    return {
        "centroid": centroid + 1,
        "bandwidth": bandwidth + 1,
        "contrast_l": contrast[0],
        "contrast_m": (contrast[1] + contrast[2] + contrast[3]) / 3,
        "contrast_h": contrast[4],
        "rolloff": frequency[reached.argmax(axis=1)] + 1,
        "flatness": 1 - 20 * np.log10(flatness),
    }


def test_spectral_family_step_by_step(mix, reference, compared):
    pairs = [
        (naive_spectral(peak_normalize(reference)[:, channel]), naive_spectral(peak_normalize(mix)[:, channel]))
        for channel in (0, 1)
    ]
    expected = {name: np.mean([mape(a[name], b[name]) for a, b in pairs]) for name in pairs[0][0]}
    expected["contrast"] = np.mean([expected[f"contrast_{band}"] for band in "lmh"])
    expected["mean"] = np.mean(
        [expected[name] for name in ("centroid", "bandwidth", "contrast", "rolloff", "flatness")]
    )
    for name in ("contrast_l", "contrast_m", "contrast_h", "flatness"):
        expected[f"{name}_db"] = np.mean([np.abs(running(a[name]) - running(b[name])).mean() for a, b in pairs])
    found = {name: compared[f"spectral.{name}"] for name in spectral.UNITS}
    assert found == pytest.approx(expected, rel=1e-3)


def naive_panning(audio: np.ndarray) -> np.ndarray:
    left, right = (spectra(channel, 2048, 1024) + 1e-20 for channel in audio.T)
    cross = np.abs(left * np.conj(right))
    phi = 2 * cross / (np.abs(left) ** 2 + np.abs(right) ** 2)
    spectrum = (1 - phi) * np.sign(cross / np.abs(left) ** 2 - cross / np.abs(right) ** 2)
    bands = [
        [int(np.floor(f * 2048 / RATE)) for f in band] for band in ((0, 22050), (0, 250), (250, 2500), (2500, 22050))
    ]
    return np.asarray([np.sqrt((spectrum[:, a:b] ** 2).mean(axis=1)) for a, b in bands])


def test_panning_family_step_by_step(mix, reference, compared):
    a, b = naive_panning(peak_normalize(reference)), naive_panning(peak_normalize(mix))
    expected = [mape(x, y) for x, y in zip(a, b, strict=True)]
    found = [compared[f"panning.{name}"] for name in panning.UNITS]
    assert found == pytest.approx([*expected, np.mean(expected)], rel=1e-5)


def test_frames_in_which_the_reference_is_mono_are_left_out(mix, reference):
    partly = reference.copy()
    partly[: 2048 + 9 * 1024] = partly[: 2048 + 9 * 1024, :1]
    a, b = naive_panning(peak_normalize(partly)), naive_panning(peak_normalize(mix))
    assert (a[0] == 0.0).sum() == 10
    expected = [mape(x[10:], y[10:]) for x, y in zip(a, b, strict=True)]
    found = panning.evaluate(mix, partly)
    assert [found[name] for name in panning.BANDS_HZ] == pytest.approx(expected, rel=1e-5)


def test_panning_does_not_tell_left_from_right(reference):
    assert panning.evaluate(reference[:, ::-1], reference) == pytest.approx(dict.fromkeys(panning.UNITS, 0.0))


def naive_dynamic(audio: np.ndarray) -> dict[str, np.ndarray]:
    values = []
    for start in range(0, len(audio) - 4095, 1024):
        frame = audio[start : start + 4096]
        level = 20 * np.log10(np.sqrt((frame**2).mean(axis=0)) + 1e-30)
        top = 20 * np.log10(np.abs(frame).max(axis=0) + 1e-30)
        spread = (20 * np.log10(np.abs(frame) + 1e-30) - level).mean(axis=0)
        values.append([v.mean() for v in (level, spread, top / level, top - level)])
    return dict(zip(("rms", "spread", "crest", "factor"), np.transpose(values), strict=True))


def test_dynamic_family_step_by_step(mix, reference, compared):
    a, b = naive_dynamic(peak_normalize(reference)), naive_dynamic(peak_normalize(mix))
    expected = {
        "rms": mape(1 - a["rms"], 1 - b["rms"]),
        "spread": mape(1 - a["spread"], 1 - b["spread"]),
        "crest": mape(a["crest"], b["crest"]),
    }
    expected["mean"] = np.mean(list(expected.values()))
    for name, track in (("rms_db", "rms"), ("spread_db", "spread"), ("crest_db", "factor")):
        expected[name] = np.abs(running(a[track]) - running(b[track])).mean()
    assert {name: compared[f"dynamic.{name}"] for name in expected} == pytest.approx(expected, rel=1e-6)


def naive_low_weighting(audio: np.ndarray) -> np.ndarray:
    frequency = np.fft.rfftfreq(2 * len(audio), 1 / RATE)
    _, response = scipy.signal.freqz(*scipy.signal.butter(4, 1000, fs=RATE), worN=frequency, fs=RATE)
    ratios = []
    for channel in audio.T:
        padded = np.fft.rfft(channel, 2 * len(channel))
        low = np.fft.irfft(padded * np.abs(response) ** 2)[: len(channel)]
        ratios.append((np.abs(spectra(low, 4096, 1024)) / (np.abs(spectra(channel, 4096, 1024)) + 1e-5)).sum(axis=1))
    return np.mean(ratios, axis=0)


def test_low_weighting_is_an_eighth_order_low_pass_over_the_whole(mix, reference):
    faded = np.hanning(len(mix))[:, None]
    a, b = (naive_low_weighting(peak_normalize(audio * faded)) for audio in (reference, mix))
    found = dynamic.evaluate(mix * faded, reference * faded)
    assert found["low_weighting"] == pytest.approx(mape(a, b), rel=1e-3)
    assert found["low_weighting_mse"] == pytest.approx(np.mean((running(a) - running(b)) ** 2), rel=1e-3)


def test_loudness_range_of_two_levels_is_their_distance():
    """Signal 1 of EBU Tech 3342: 20 s at -20 and 20 s at -30 dBFS; a range of 10 LU within 1 LU."""
    time = np.arange(20 * RATE) / RATE
    tone = np.sin(2 * np.pi * 1000 * time)
    mono = np.concatenate([10 ** (-20 / 20) * tone, 10 ** (-30 / 20) * tone])
    stereo = np.stack([mono, mono], axis=1)
    assert r128.measure(stereo).loudness_range == pytest.approx(10.0, abs=1.0)
    steady = np.stack([tone, tone], axis=1)
    assert r128.evaluate(steady, stereo[: len(steady)])["loudness_range_lu"] == pytest.approx(0.0, abs=0.1)


def test_loudness_range_agrees_with_pyloudnorm():
    rng = np.random.default_rng(0)
    envelope = np.interp(np.arange(40 * RATE), np.arange(0, 41 * RATE, RATE), rng.uniform(0.05, 1.0, 41))
    audio = (signals.noise(40.0) * envelope[:, None]).astype(np.float64)
    assert r128.measure(audio).loudness_range == pytest.approx(pyloudnorm.Meter(RATE).loudness_range(audio), abs=0.7)


def test_true_peak_lies_between_the_samples():
    time = np.arange(RATE)
    tone = np.sin(np.pi * time / 2 + np.pi / 4) * np.minimum(1, time / 1000) * np.minimum(1, time[::-1] / 1000)
    audio = np.stack([0.1 * tone, tone], axis=1)
    oversampled = scipy.signal.resample_poly(audio, 16, 1)
    assert np.abs(audio).max() == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert r128.measure(audio).true_peak == pytest.approx(20 * np.log10(np.abs(oversampled).max()), abs=0.2)


def test_stft_distance_is_that_of_auraloss(mix, reference, compared):
    x, y = (torch.from_numpy(peak_normalize(audio).astype(np.float32).T.copy())[None] for audio in (mix, reference))
    expected = float(auraloss.freq.MultiResolutionSTFTLoss()(x, y))
    assert compared["stft.multi_resolution"] == pytest.approx(expected, rel=1e-4)


def test_stft_distance_step_by_step(mix, reference, compared):
    distances = []
    for n_fft, hop, window in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        x, y = (
            np.sqrt(
                np.maximum(
                    np.abs(
                        librosa.stft(
                            peak_normalize(audio).T, n_fft=n_fft, hop_length=hop, win_length=window, pad_mode="reflect"
                        )
                    )
                    ** 2,
                    1e-8,
                )
            )
            for audio in (mix, reference)
        )
        distances.append(np.linalg.norm(y - x) / np.linalg.norm(y) + np.abs(np.log(x) - np.log(y)).mean())
    assert compared["stft.multi_resolution"] == pytest.approx(np.mean(distances), rel=1e-4)


@pytest.mark.parametrize("rest", [1_000, 30_000])
def test_stft_distance_of_a_long_mix_is_that_of_the_whole(monkeypatch, rest):
    monkeypatch.setattr(stft_distance, "SEGMENT_SAMPLES", 40_000)
    samples = 80_000 + rest
    fade = np.linspace(0.1, 1.0, samples, dtype=np.float32)[:, None]
    y = signals.noise(samples / RATE, seed=0) * fade
    x = y + signals.noise(samples / RATE, seed=1, level=0.02)
    whole = auraloss.freq.MultiResolutionSTFTLoss()(
        *(torch.from_numpy(peak_normalize(audio).astype(np.float32).T.copy())[None] for audio in (x, y))
    )
    assert stft_distance.evaluate(x, y)["multi_resolution"] == pytest.approx(float(whole), rel=5e-3)


def low_passed(audio: np.ndarray, amount: float) -> np.ndarray:
    return (1 - amount) * audio + amount * scipy.signal.lfilter([0.1], [1, -0.9], audio, axis=0)


def narrowed(audio: np.ndarray, amount: float) -> np.ndarray:
    return (1 - amount) * audio + amount * audio.mean(axis=1, keepdims=True)


def squashed(audio: np.ndarray, amount: float) -> np.ndarray:
    return np.tanh(8 * amount * audio) if amount else audio


@pytest.mark.parametrize(
    ("change", "metric"),
    [
        (low_passed, "spectral.mean"),
        (low_passed, "spectral.rolloff"),
        (low_passed, "dynamic.low_weighting"),
        (narrowed, "panning.mean"),
        (squashed, "dynamic.mean"),
        (squashed, "dynamic.crest_db"),
        (low_passed, "stft.multi_resolution"),
    ],
)
def test_a_stronger_change_is_a_larger_distance(reference, change, metric):
    family, _, name = metric.partition(".")
    distances = [
        FAMILIES[family].evaluate(change(reference, amount), reference, RATE)[name] for amount in (0.0, 0.3, 0.6, 0.9)
    ]
    assert distances[0] == 0.0
    assert np.all(np.diff(distances) > 0.0)


def test_digital_silence_inside_a_song_gives_finite_numbers(mix, reference):
    gap = np.ones((len(reference), 1), dtype=np.float32)
    gap[RATE : 2 * RATE] = 0.0
    values = compare_mixes(mix * gap, reference * gap, RATE)
    assert all(np.isfinite(value) for value in values.values())
    identical = compare_mixes(reference * gap, reference * gap, RATE)
    assert all(value == 0.0 for value in identical.values())


def test_what_is_not_defined_is_not_a_number(mix, reference):
    mono = np.repeat(reference[:, :1], 2, axis=1)
    values = compare_mixes(mix, mono, RATE)
    undefined = {name for name, value in values.items() if np.isnan(value)}
    assert undefined == {*(f"panning.{name}" for name in panning.UNITS), OVERALL}
    short = compare_mixes(mix[: 2 * RATE], reference[: 2 * RATE], RATE)
    assert {name for name, value in short.items() if np.isnan(value)} == {"r128.loudness_range_lu"}


def test_silence_at_the_ends_of_the_reference_is_trimmed_from_both(mix, reference):
    padding = ((RATE, 2 * RATE), (0, 0))
    longer = np.pad(reference, padding)
    noisy = np.pad(mix, padding) + np.float32(0.01)
    cut_mix, cut_reference = trim_silence(noisy, longer)
    assert cut_mix.shape == cut_reference.shape
    start = next(i for i in range(len(longer)) if np.array_equal(longer[i : i + 512], cut_reference[:512]))
    assert np.array_equal(cut_reference, longer[start : start + len(cut_reference)])
    assert np.array_equal(cut_mix, noisy[start : start + len(cut_mix)])
    assert abs(len(cut_reference) - len(reference)) < 2048 + 0.05 * RATE
    quiet = np.full_like(reference, 1e-4)
    assert trim_silence(quiet, quiet)[1].shape == quiet.shape


def with_nan(audio: np.ndarray) -> np.ndarray:
    broken = audio.copy()
    broken[100, 1] = np.nan
    return broken


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda mix, reference: (mix, reference, 48_000), "44100 Hz, got 48000 Hz; resample"),
        (lambda mix, reference: (mix[:, 0], reference, RATE), r"mix should have shape \(samples, 2\)"),
        (lambda mix, reference: (mix, reference[:, :1], RATE), r"reference should have shape \(samples, 2\)"),
        (lambda mix, reference: (mix.T, reference.T, RATE), r"shape \(samples, 2\)"),
        (lambda mix, reference: (mix[:-1], reference, RATE), "equally long"),
        (lambda mix, reference: (with_nan(mix), reference, RATE), "mix holds NaN"),
        (lambda mix, reference: (mix, with_nan(reference), RATE), "reference holds NaN"),
        (lambda mix, reference: (np.zeros_like(mix), reference, RATE), "mix is digital silence"),
        (lambda mix, reference: (mix, np.zeros_like(mix), RATE), "reference is digital silence"),
        (lambda mix, reference: (1e-6 * mix, reference, RATE), "mix has no integrated loudness"),
        (lambda mix, reference: (mix[:4000], reference[:4000], RATE), "shorter than 0.4 s"),
    ],
)
def test_mixes_that_cannot_be_compared_are_refused(mix, reference, spoil, message):
    with pytest.raises(ValueError, match=message):
        compare_mixes(*spoil(mix, reference))


@pytest.mark.parametrize(
    ("family", "samples"), [("spectral", 4096), ("panning", 2048), ("dynamic", 4096), ("stft", 2048)]
)
def test_one_frame_is_enough_and_less_is_not(mix, reference, family, samples):
    evaluate = FAMILIES[family].evaluate
    middle = slice(RATE, RATE + samples)
    assert all(value >= 0.0 for value in evaluate(mix[middle], reference[middle], RATE).values())
    with pytest.raises(ValueError, match=f"{samples - 1} samples are too short, the metric needs {samples}"):
        evaluate(mix[middle][1:], reference[middle][1:], RATE)
