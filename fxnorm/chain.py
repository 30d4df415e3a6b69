"""The whole chain on one stem, in one float pass in memory: reverb, eq, compression, panning, loudness."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxnorm import compression, eq, loudness, panning, reverb
from fxnorm.receipt import EffectReceipt, Status, StemReceipt
from fxnorm.settings import (
    COMPRESSION_PEAK_DBFS,
    DEFAULT_EFFECTS,
    EFFECTS,
    LEVEL_LUFS,
    Settings,
    SourceSettings,
)
from fxnorm.statistics import Targets
from fxnorm.stereo import Audio, as_stereo, channels_identical, is_silent, pad, peak, to_db, unpad
from fxnorm.version import VERSION

LOUDNESS_TOLERANCE_LU = 0.1
"""A loudness within this of its target has reached it."""

EQ_TOLERANCE_DB = 3.0
"""A spectrum whose third-octave bands deviate by less than this (root mean square) has reached its target."""

PANNING_TOLERANCE = 0.1
"""A mean similarity within this of its target has reached it; the paper's mapping is not the exact inverse."""

PANNING_BOUND_SHARE = 0.01
"""Share of bins at the gain bound above which panning counts as limited."""

SEND_PURPOSE = "reverb send"
PREREVERB_PURPOSE = "prereverb"


@dataclasses.dataclass(frozen=True)
class ChainConfig:
    """What to do to a stem.

    Attributes:
        effects: names from :data:`fxnorm.settings.EFFECTS`; they are applied in that order whatever the order here.
        settings: settings of the effects.
        responses: impulse responses of the reverb send.
        prereverb_responses: impulse responses of the prereverb.
        seed: seed of the run; random choices are derived from it, the song and the source.
        statistics_hash: hash of the statistics that the targets come from, for the receipt.
    """

    effects: Sequence[str] = DEFAULT_EFFECTS
    settings: Settings = dataclasses.field(default_factory=Settings)
    responses: Sequence[reverb.ImpulseResponse] = ()
    prereverb_responses: Sequence[reverb.ImpulseResponse] = ()
    seed: int = 0
    statistics_hash: str | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.effects if name not in EFFECTS]
        if unknown:
            raise ValueError(f"unknown effect {unknown[0]!r}; known: {', '.join(EFFECTS)}")
        if "reverb" in self.effects and not self.responses:
            raise ValueError("the effect 'reverb' needs impulse responses")
        if "prereverb" in self.effects and not self.prereverb_responses:
            raise ValueError("the effect 'prereverb' needs impulse responses")


def normalize_stem(
    audio: NDArray[np.floating],
    source: str,
    targets: Targets,
    config: ChainConfig | None = None,
    song: str = "",
) -> tuple[Audio, StemReceipt]:
    """Normalise a stem to the averages of its source.

    Args:
        audio: shape (samples,), (samples, 1) or (samples, 2), 44 100 Hz.
        source: stem name; decides the settings.
        targets: averages of the source.
        config: effects and settings.
        song: id of the song; with the source and the run's seed it decides every random choice.

    Returns:
        float32 of shape (samples, 2), as many samples as went in, and the receipt. A silent stem comes back unchanged.

    Raises:
        ValueError: wrong shape, or samples that are not finite.
    """
    return normalize_padded(pad(as_stereo(audio)), source, targets, config, song)


def normalize_padded(
    padded: Audio,
    source: str,
    targets: Targets,
    config: ChainConfig | None = None,
    song: str = "",
) -> tuple[Audio, StemReceipt]:
    """The same in place, on finite samples that lie as :func:`fxnorm.stereo.pad` lays them; for long stems.

    At its peak it holds half as much again: one channel, while the compressor is tried on it.

    Args:
        padded: shape (samples + 2 * 65 536, 2); used up.
        source: stem name; decides the settings.
        targets: averages of the source.
        config: effects and settings.
        song: id of the song.

    Returns:
        the part of ``padded`` between the zeros, normalised, and the receipt.
    """
    config = config or ChainConfig()
    silent = is_silent(padded)
    effects = [name for name in EFFECTS if name in config.effects]
    entries = []
    if silent:
        reason = "silent: sample peak at or below -50 dBFS"
        entries = [EffectReceipt(name, "skipped", reason) for name in effects]
    run = _Run(source, config.settings.source(source), targets, config, song)
    for name in effects if not silent else ():
        padded, entry = run.apply(name, padded)
        entries.append(entry)
    return unpad(padded), _receipt(config, source, song, silent, entries)


def _receipt(
    config: ChainConfig, source: str, song: str, silent: bool, entries: Sequence[EffectReceipt]
) -> StemReceipt:
    random = any(entry.effect in ("reverb", "prereverb") and entry.status == "applied" for entry in entries)
    return StemReceipt(
        source=source,
        silent=silent,
        effects=tuple(entries),
        seed=(config.seed, song, source) if random else None,
        settings_hash=config.settings.fingerprint(),
        statistics_hash=config.statistics_hash,
        version=VERSION,
    )


class _Run:
    """One stem on its way through the chain; every effect takes the padded stem, and gives it back changed in place."""

    def __init__(
        self, source: str, source_settings: SourceSettings, targets: Targets, config: ChainConfig, song: str
    ) -> None:
        self._source = source
        self._source_settings = source_settings
        self._targets = targets
        self._config = config
        self._settings = config.settings
        self._song = song

    def apply(self, name: str, audio: Audio) -> tuple[Audio, EffectReceipt]:
        effects: dict[str, Callable[[Audio], tuple[Audio, EffectReceipt]]] = {
            "prereverb": self._prereverb,
            "reverb": self._reverb,
            "eq": self._eq,
            "compression": self._compression,
            "panning": self._panning,
            "loudness": self._loudness,
        }
        return effects[name](audio)

    def _generator(self, purpose: str) -> np.random.Generator:
        key = json.dumps([self._config.seed, self._song, self._source, purpose]).encode()
        return np.random.default_rng(int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "little"))

    def _energies(self, audio: Audio) -> loudness.BlockEnergies | None:
        return loudness.block_energies(audio if self._settings.reference_compat else unpad(audio))

    def _prereverb(self, audio: Audio) -> tuple[Audio, EffectReceipt]:
        if not self._source_settings.reverb:
            return audio, EffectReceipt("prereverb", "skipped", f"reverb is off for {self._source}")
        responses = self._config.prereverb_responses
        response = responses[int(self._generator(PREREVERB_PURPOSE).integers(len(responses)))]
        details = {"impulse_response": response.name, "impulse_response_hash": response.fingerprint()}
        return _reverberated("prereverb", audio, reverb.prereverb(audio, response), details)

    def _reverb(self, audio: Audio) -> tuple[Audio, EffectReceipt]:
        if not self._source_settings.reverb:
            return audio, EffectReceipt("reverb", "skipped", f"reverb is off for {self._source}")
        draw = reverb.draw_send(self._config.responses, self._generator(SEND_PURPOSE))
        details = {
            "impulse_response": draw.response.name,
            "impulse_response_hash": draw.response.fingerprint(),
            "low_shelf_hz": draw.low_shelf_hz,
            "high_shelf_hz": draw.high_shelf_hz,
        }
        return _reverberated("reverb", audio, reverb.reverb_send(audio, draw), details)

    def _eq(self, audio: Audio) -> tuple[Audio, EffectReceipt]:
        reference = self._targets.eq
        if reference is None:
            return audio, _no_target("eq")
        wanted = eq.third_octaves(reference)
        averaging = 1 if self._settings.reference_compat else self._settings.eq_averaging_bins
        energies = self._energies(audio)
        identical = channels_identical(audio)
        channels: list[dict[str, object]] = []
        deviations = []
        for index in range(2):
            channel = audio[:, index]
            if index == 1 and identical:
                audio[:, 1] = audio[:, 0]
                channels.append(dict(channels[0]))
                continue
            silent = is_silent(channel)
            measured = None if silent or energies is None else energies.channel(index).loudness()
            if measured is None:
                channels.append({"skipped": "channel below the gate" if silent else "no loudness"})
                continue
            gain, short = loudness.levelling_gain(peak(channel), measured, LEVEL_LUFS)
            average = gain * eq.mean_spectrum(channel)
            taps = eq.design_fir(average, reference, averaging)
            eq.apply_fir(channel, taps, gain, out=channel)
            before = eq.third_octaves(average) - wanted
            after = eq.third_octaves(average * eq.fir_response(taps)) - wanted
            deviations.append([_rms(before), _rms(after)])
            channels.append({"rms_before_db": _rms(before), "rms_achieved_db": _rms(after), "protected_db": short})
        if not deviations:
            return audio, EffectReceipt("eq", "skipped", "no channel with a loudness", details={"channels": channels})
        before_db, achieved_db = (float(value) for value in np.mean(deviations, axis=0))
        missed = achieved_db > EQ_TOLERANCE_DB
        skipped = any("skipped" in channel for channel in channels)
        reason = (
            f"the 1 001-tap filter leaves {achieved_db:.1f} dB, more than {EQ_TOLERANCE_DB:g} dB"
            if missed
            else "a channel below the gate was left alone"
        )
        return audio, EffectReceipt(
            "eq",
            "limited" if missed or skipped else "applied",
            reason if missed or skipped else None,
            quantity="third-octave deviation from the average, root mean square",
            unit="dB",
            target=0.0,
            before=before_db,
            achieved=achieved_db,
            details={"channels": channels},
        )

    def _compression(self, audio: Audio) -> tuple[Audio, EffectReceipt]:
        target = self._targets.compression
        if target is None:
            return audio, _no_target("compression")
        search = "scan" if self._settings.reference_compat else self._settings.compression_search
        identical = channels_identical(audio)
        groups = [[0, 1]] if self._settings.stereo_link else [[0]] if identical else [[0], [1]]
        channels = audio.T
        results: list[compression.CompressionResult | None] = []
        for group in groups:
            part = channels[group[0] : group[-1] + 1]
            result: compression.CompressionResult | None = None
            if not is_silent(part):
                _, result = compression.normalize_compression(part, target, self._source_settings, search, out=part)
            results.append(result)
        if identical and not self._settings.stereo_link:
            channels[1] = channels[0]
            results.append(results[0])
        return audio, _compression_receipt(target, results)

    def _panning(self, audio: Audio) -> tuple[Audio, EffectReceipt]:
        reference = self._targets.panning
        if reference is None:
            return audio, _no_target("panning")
        output, result = panning.normalize_panning(
            audio,
            reference,
            self._source_settings.panning_limit_hz,
            gain_bound_db=self._settings.panning_gain_bound_db,
            inverse=self._settings.panning_inverse,
            reference_compat=self._settings.reference_compat,
            in_place=True,
        )
        details = {
            "side": result.side,
            "frames": result.frames,
            "bins": result.bins,
            "bins_at_bound": result.bins_at_bound,
            "mapping": "exact inverse" if self._settings.panning_inverse else "1 - phi / 2",
        }
        status: Status
        why: str | None
        if result.side in ("centre", "balanced") and not self._settings.reference_compat:
            reason = "centred: no side to pan to" if result.side == "centre" else "leans to neither side"
            status, why = "unchanged", reason
        elif result.frames == 0:
            status, why = "limited", "no frame loud enough to be re-panned; only the whole-stem shift acted"
        elif result.bins_at_bound > PANNING_BOUND_SHARE * result.bins:
            bound = self._settings.panning_gain_bound_db
            status, why = (
                "limited",
                f"{result.bins_at_bound} of {result.bins} bins at the gain bound of {bound:g} dB",
            )
        elif abs(result.achieved - result.target) > PANNING_TOLERANCE:
            miss = abs(result.achieved - result.target)
            status, why = "limited", f"the mapping {details['mapping']} misses the average by {miss:.2f}"
        else:
            status, why = "applied", None
        return output, EffectReceipt(
            "panning",
            status,
            why,
            quantity="mean similarity under the band limit",
            unit="phi",
            target=result.target,
            before=result.before,
            achieved=result.achieved,
            details=details,
        )

    def _loudness(self, audio: Audio) -> tuple[Audio, EffectReceipt]:
        target = self._targets.loudness
        if target is None:
            return audio, _no_target("loudness")
        energies = self._energies(audio)
        measured = None if energies is None else energies.loudness()
        if energies is None or measured is None:
            return audio, EffectReceipt("loudness", "skipped", "no loudness: shorter than 0.4 s or below the gate")
        highest = peak(audio if self._settings.reference_compat else unpad(audio))
        gain, short = loudness.levelling_gain(highest, measured, target)
        audio *= np.float32(gain)
        achieved = energies.loudness(gain)
        reached = achieved is not None and abs(achieved - target) <= LOUDNESS_TOLERANCE_LU
        if reached:
            reason = None
        elif short > LOUDNESS_TOLERANCE_LU:
            reason = f"peak protection turned it down by {short:.1f} dB"
        else:
            reason = "the gates of BS.1770 pass other blocks at the new level"
        return audio, EffectReceipt(
            "loudness",
            "applied" if reached else "limited",
            reason,
            quantity="integrated loudness",
            unit="LUFS",
            target=target,
            before=measured,
            achieved=achieved,
            details={"protected_db": short, "peak": gain * highest},
        )


def _reverberated(effect: str, before: Audio, after: Audio, details: dict[str, Any]) -> tuple[Audio, EffectReceipt]:
    added = np.sqrt(np.mean((after.astype(np.float64) - before) ** 2))
    dry = np.sqrt(np.mean(before.astype(np.float64) ** 2))
    achieved = to_db(float(added / dry)) if added > 0.0 else None
    quantity = "level of what was added, relative to the input"
    return after, EffectReceipt(effect, "applied", quantity=quantity, unit="dB", achieved=achieved, details=details)


def _no_target(effect: str) -> EffectReceipt:
    return EffectReceipt(effect, "skipped", f"the statistics hold no {effect} average of this source")


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


_COMPRESSION_REASONS = {
    "within": "within one standard deviation of the average",
    "below": "below the average's range; upward expansion is off",
    "no onsets": "a channel without onsets",
    "exhausted": "no setting up to ratio 20 and -40 dB reaches the range",
}


def _compression_receipt(
    target: compression.OnsetPeakLevel, results: Sequence[compression.CompressionResult | None]
) -> EffectReceipt:
    channels = [{"outcome": "below the gate"} if r is None else dataclasses.asdict(r) for r in results]
    outcomes = [result.outcome for result in results if result is not None]
    before = [result.before.mean for result in results if result is not None and result.before is not None]
    achieved = [result.achieved.mean for result in results if result is not None and result.achieved is not None]
    details = {"std_db": target.std, "peak_dbfs": COMPRESSION_PEAK_DBFS, "channels": channels}
    if not outcomes:
        return EffectReceipt("compression", "skipped", "no channel above the gate", details=details)
    status: Status
    reason: str | None
    if "exhausted" in outcomes:
        status, reason = "limited", _COMPRESSION_REASONS["exhausted"]
    elif "compressed" in outcomes:
        if "no onsets" in outcomes:
            status, reason = "limited", _COMPRESSION_REASONS["no onsets"]
        elif min(achieved) < target.mean - target.std:
            status, reason = "limited", "the first setting below the range's top falls through its bottom"
        else:
            status, reason = "applied", None
    elif "no onsets" in outcomes:
        status, reason = "skipped", _COMPRESSION_REASONS["no onsets"]
    else:
        status = "unchanged"
        reason = _COMPRESSION_REASONS["below" if "below" in outcomes else "within"]
    return EffectReceipt(
        "compression",
        status,
        reason,
        quantity="onset peak level",
        unit="dBFS",
        target=target.mean,
        before=float(np.mean(before)) if before else None,
        achieved=float(np.mean(achieved)) if achieved else None,
        details=details,
    )
