"""Configuration of the stages: one frozen dataclass each, defaults in one place, hashed to decide what to do again."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from catalogs.shards import SEGMENT_SECONDS
from fxnorm.chain import ChainConfig
from fxnorm.responses import SYNTHETIC_PREREVERB_RT60, SYNTHETIC_SEND_RT60, load_responses
from fxnorm.settings import DEFAULT_EFFECTS, SAMPLE_RATE, Settings, hash_of

ANALYSIS_REVISION = 4
"""Raise when the features, the quality or the fingerprint that a stem gets change."""

NORMALIZATION_REVISION = 2
"""Raise when the audio or receipts that a stem gets change."""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Where work is done; has no influence on the result.

    Attributes:
        workers: processes on this machine; None for one a core.
        address: address of a Ray cluster; None for this machine only.
        max_errors: refused songs after which a stage stops; None for as many as there are.
    """

    workers: int | None = None
    address: str | None = None
    max_errors: int | None = None


@dataclasses.dataclass(frozen=True)
class AnalysisConfig:
    """How features and statistics are measured.

    Attributes:
        reference_compat: reproduce the published code where it deviates from its paper.
        mode: ``raw`` measures stems as they are; ``sequential`` measures each effect after those before it.
        include_test: let test songs contribute to the statistics.
        refuse: faults (see catalogs.quality) of which any puts a song into quarantine; none by default.
        keep_splits: leave songs in the split of their corpus, even where the same song is test elsewhere.
    """

    reference_compat: bool = False
    mode: Literal["raw", "sequential"] = "raw"
    include_test: bool = False
    refuse: tuple[str, ...] = ()
    keep_splits: bool = False

    @property
    def settings(self) -> Settings:
        """Settings of the effects."""
        return Settings(reference_compat=self.reference_compat)

    def features_hash(self) -> str:
        """What the features of a stem depend on, beside its audio."""
        return hash_of(["features", ANALYSIS_REVISION, self.reference_compat])


@dataclasses.dataclass(frozen=True)
class NormalizationConfig:
    """How stems are normalised and stored.

    Attributes:
        effects: effects to apply; ``reverb`` and ``prereverb`` need responses.
        reference_compat: reproduce the published code where it deviates from its paper.
        compression_search: ``bisection`` or ``scan``.
        stereo_link: one compressor gain for both channels.
        panning_inverse: exact inverse of the similarity instead of the paper's mapping.
        impulse_responses: folder of responses for the reverb send, or ``synthetic``.
        prereverb_responses: folder of responses for the prereverb, or ``synthetic``.
        statistics: statistics file or catalog to normalise to; None for the corpus' own.
        seed: seed of every random choice.
        subtype: PCM_16 or PCM_24, of normalised stems.
        segment_seconds: length of a shard's segments.
    """

    effects: tuple[str, ...] = DEFAULT_EFFECTS
    reference_compat: bool = False
    compression_search: Literal["bisection", "scan"] = "bisection"
    stereo_link: bool = False
    panning_inverse: bool = False
    impulse_responses: str | None = None
    prereverb_responses: str | None = None
    statistics: str | None = None
    seed: int = 0
    subtype: Literal["PCM_16", "PCM_24"] = "PCM_24"
    segment_seconds: float = SEGMENT_SECONDS

    @property
    def settings(self) -> Settings:
        """Settings of the effects."""
        return Settings(
            reference_compat=self.reference_compat,
            compression_search=self.compression_search,
            stereo_link=self.stereo_link,
            panning_inverse=self.panning_inverse,
        )

    @property
    def segment_frames(self) -> int:
        """Samples per channel in a segment."""
        return round(self.segment_seconds * SAMPLE_RATE)

    def chain(self, statistics_hash: str) -> ChainConfig:
        """The chain to run; reads the impulse responses."""
        return ChainConfig(
            effects=self.effects,
            settings=self.settings,
            responses=load_responses(self.impulse_responses, SYNTHETIC_SEND_RT60, self.seed),
            prereverb_responses=load_responses(self.prereverb_responses, SYNTHETIC_PREREVERB_RT60, self.seed),
            seed=self.seed,
            statistics_hash=statistics_hash,
        )

    def audio_hash(self, chain: ChainConfig) -> str:
        """What the stored audio of a song depends on, beside its input."""
        return hash_of(
            [
                "normalization",
                NORMALIZATION_REVISION,
                chain.settings.fingerprint(),
                sorted(chain.effects),
                chain.statistics_hash,
                [response.fingerprint() for response in chain.responses],
                [response.fingerprint() for response in chain.prereverb_responses],
                self.seed,
                self.subtype,
                self.segment_frames,
            ]
        )


def as_json(config: Any) -> dict[str, Any]:
    """A configuration as a dictionary for ``catalog.json``."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in dataclasses.asdict(config).items()}
