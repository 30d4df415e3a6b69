"""The chain on one stem: targets reached, receipts that tell the truth, determinism, compat against default."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm import reverb
from fxnorm.chain import ChainConfig, normalize_stem
from fxnorm.compression import OnsetPeakLevel
from fxnorm.features import analyze_stem
from fxnorm.loudness import integrated_loudness
from fxnorm.settings import DEFAULT_EFFECTS, EFFECTS, SOURCES, Settings
from fxnorm.statistics import Targets, measure_statistics
from tests import signals


@pytest.fixture(scope="module")
def statistics():
    stems = [
        (f"song {n}", source, analyze_stem(signals.plucks(4.0, 10 * n + i, pan=0.35 + 0.1 * n)))
        for n in range(3)
        for i, source in enumerate(SOURCES)
    ]
    return measure_statistics(stems)


def by_effect(receipt):
    return {entry.effect: entry for entry in receipt.effects}


@pytest.mark.parametrize("source", SOURCES)
def test_default_chain_reaches_its_targets_or_says_why(statistics, source):
    audio = signals.plucks(6.0, 77, pan=0.2) + signals.noise(6.0, 77, level=0.05)
    targets = statistics.targets(source)
    output, receipt = normalize_stem(audio, source, targets)
    assert output.shape == audio.shape
    assert output.dtype == np.float32
    assert [entry.effect for entry in receipt.effects] == list(DEFAULT_EFFECTS)
    for entry in receipt.effects:
        assert (entry.reason is None) == (entry.status == "applied")
    loudness = by_effect(receipt)["loudness"]
    assert loudness.achieved == pytest.approx(integrated_loudness(output), abs=1e-6)
    if loudness.status == "applied":
        assert loudness.achieved == pytest.approx(targets.loudness, abs=0.1)
    else:
        assert loudness.details["protected_db"] > 0.1
    eq = by_effect(receipt)["eq"]
    assert eq.achieved < eq.before
    json.dumps(receipt.to_dict())


@settings(deadline=None, max_examples=10)
@given(target=st.floats(-35.0, 5.0), seed=st.integers(0, 100))
def test_loudness_is_reached_within_a_tenth_or_the_receipt_says_what_limited_it(target, seed):
    audio = signals.plucks(2.0, seed)
    output, receipt = normalize_stem(audio, "bass", Targets(loudness=target), ChainConfig(effects=("loudness",)))
    (entry,) = receipt.effects
    achieved = integrated_loudness(output)
    assert entry.achieved == pytest.approx(achieved, abs=1e-6)
    assert np.abs(output).max() <= 1.0
    if abs(achieved - target) > 0.1:
        assert entry.status == "limited"
        assert "peak protection turned it down by" in entry.reason
    else:
        assert entry.status == "applied"


def test_effects_alone_and_in_any_given_order(statistics):
    audio = signals.plucks(3.0, 5, pan=0.3)
    targets = statistics.targets("other")
    forward, _ = normalize_stem(audio, "other", targets, ChainConfig(effects=("eq", "loudness")))
    backward, receipt = normalize_stem(audio, "other", targets, ChainConfig(effects=("loudness", "eq")))
    np.testing.assert_array_equal(forward, backward)
    assert [entry.effect for entry in receipt.effects] == ["eq", "loudness"]


def test_silent_stem_comes_back_unchanged(statistics):
    audio = signals.plucks(1.0) * np.float32(1e-3)
    output, receipt = normalize_stem(audio, "vocals", statistics.targets("vocals"))
    np.testing.assert_array_equal(output, audio)
    assert receipt.silent
    assert {entry.status for entry in receipt.effects} == {"skipped"}
    assert all("-50 dBFS" in entry.reason for entry in receipt.effects)


def test_mono_stays_centred_through_the_chain(statistics):
    mono = signals.plucks(4.0, 9)[:, 0]
    output, receipt = normalize_stem(mono, "drums", statistics.targets("drums"))
    np.testing.assert_array_equal(output[:, 0], output[:, 1])
    assert by_effect(receipt)["panning"].status == "unchanged"
    assert "centred" in by_effect(receipt)["panning"].reason


def test_a_dead_channel_is_left_alone_and_named(statistics):
    audio = signals.plucks(4.0, 9)
    audio[:, 1] = 0.0
    output, receipt = normalize_stem(audio, "other", statistics.targets("other"))
    assert not output[:, 1].any()
    eq = by_effect(receipt)["eq"]
    assert eq.status == "limited"
    assert eq.details["channels"][1] == {"skipped": "channel below the gate"}
    assert by_effect(receipt)["compression"].details["channels"][1] == {"outcome": "below the gate"}


def test_too_short_for_loudness_is_skipped_with_a_reason(statistics):
    audio = signals.plucks(0.3, 1)
    _, receipt = normalize_stem(audio, "bass", statistics.targets("bass"))
    assert by_effect(receipt)["loudness"].status == "skipped"
    assert "0.4 s" in by_effect(receipt)["loudness"].reason
    assert by_effect(receipt)["eq"].status == "skipped"


def test_a_source_without_averages_is_skipped_with_a_reason():
    audio = signals.plucks(1.0)
    output, receipt = normalize_stem(audio, "kazoo", Targets())
    np.testing.assert_array_equal(output, audio)
    assert all(entry.status == "skipped" and "no " in entry.reason for entry in receipt.effects)


def test_unknown_sources_inherit_the_settings_of_other(statistics):
    audio = signals.plucks(4.0, 3, pan=0.4)
    targets = statistics.targets("other")
    np.testing.assert_array_equal(
        normalize_stem(audio, "kazoo", targets)[0], normalize_stem(audio, "other", targets)[0]
    )


def test_unreachable_dynamics_are_reported(statistics):
    targets = dataclasses.replace(statistics.targets("drums"), compression=OnsetPeakLevel(-60.0, 0.1))
    _, receipt = normalize_stem(signals.plucks(3.0), "drums", targets, ChainConfig(effects=("compression",)))
    (entry,) = receipt.effects
    assert entry.status == "limited"
    assert "ratio 20" in entry.reason
    assert entry.achieved > entry.target


def test_reverb_is_drawn_from_seed_song_and_source(statistics):
    audio = signals.plucks(2.0, 4)
    config = ChainConfig(effects=("reverb",), responses=reverb.synthetic_responses([2.0, 3.0, 4.0]), seed=1)
    targets = statistics.targets("vocals")
    base, receipt = normalize_stem(audio, "vocals", targets, config, "a song")
    again, _ = normalize_stem(audio, "vocals", targets, config, "a song")
    np.testing.assert_array_equal(base, again)
    assert receipt.seed == (1, "a song", "vocals")
    draw = receipt.effects[0].details
    assert draw["impulse_response"].startswith("synthetic-rt")
    others = [
        normalize_stem(audio, "vocals", targets, config, "another song")[1],
        normalize_stem(audio, "other", targets, config, "a song")[1],
        normalize_stem(audio, "vocals", targets, dataclasses.replace(config, seed=2), "a song")[1],
    ]
    assert all(other.effects[0].details["low_shelf_hz"] != draw["low_shelf_hz"] for other in others)


def test_reverb_is_for_vocals_and_other_only(statistics):
    bank = reverb.synthetic_responses([2.0])
    config = ChainConfig(effects=EFFECTS, responses=bank, prereverb_responses=bank)
    _, receipt = normalize_stem(signals.plucks(2.0), "bass", statistics.targets("bass"), config)
    assert by_effect(receipt)["reverb"].status == by_effect(receipt)["prereverb"].status == "skipped"
    _, receipt = normalize_stem(signals.plucks(2.0), "vocals", statistics.targets("vocals"), config)
    assert by_effect(receipt)["reverb"].status == by_effect(receipt)["prereverb"].status == "applied"


def test_wrong_chains_are_refused():
    with pytest.raises(ValueError, match="unknown effect 'chorus'"):
        ChainConfig(effects=("chorus",))
    with pytest.raises(ValueError, match="needs impulse responses"):
        ChainConfig(effects=("reverb",))


def test_averaging_brings_the_equaliser_closer_than_the_published_design(statistics):
    audio = signals.plucks(6.0, 21)
    targets = statistics.targets("other")
    achieved = {}
    for bins in (1, 64):
        config = ChainConfig(effects=("eq",), settings=Settings(eq_averaging_bins=bins))
        achieved[bins] = normalize_stem(audio, "other", targets, config)[1].effects[0].achieved
    assert achieved[64] < achieved[1]


def test_compat_uses_the_published_eq_design_and_padded_loudness(statistics):
    audio = signals.noise(1.5, 3)
    targets = statistics.targets("other")
    compat = ChainConfig(effects=("eq",), settings=Settings(reference_compat=True))
    plain = ChainConfig(effects=("eq",), settings=Settings(eq_averaging_bins=1))
    published = normalize_stem(audio, "other", targets, plain)[0]
    assert signals.residual_db(normalize_stem(audio, "other", targets, compat)[0], published) < -100.0
    assert (
        signals.residual_db(normalize_stem(audio, "other", targets, ChainConfig(effects=("eq",)))[0], published) > -60.0
    )
    loud = ChainConfig(effects=("loudness",), settings=Settings(reference_compat=True))
    output, _ = normalize_stem(audio, "other", targets, loud)
    assert integrated_loudness(output) > targets.loudness + 0.2


def test_stereo_link_keeps_the_balance_that_separate_channels_lose(statistics):
    audio = signals.plucks(4.0, 8, pan=0.3)
    targets = dataclasses.replace(statistics.targets("drums"), compression=OnsetPeakLevel(-18.0, 0.5))
    linked = ChainConfig(effects=("compression",), settings=Settings(stereo_link=True))
    output, _ = normalize_stem(audio, "drums", targets, linked)
    loud = np.abs(audio[:, 1]) > 1e-2
    np.testing.assert_allclose(output[loud, 0] / output[loud, 1], audio[loud, 0] / audio[loud, 1], rtol=1e-3)
    separate, _ = normalize_stem(audio, "drums", targets, ChainConfig(effects=("compression",)))
    assert np.abs(separate[:, 0]).max() == pytest.approx(np.abs(separate[:, 1]).max(), rel=1e-3)
