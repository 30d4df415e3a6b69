"""Building a listening test: excerpts, stimuli under opaque names, the site, and the key beside it."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from catalogs.audio_file import content_hash, decode
from catalogs.storage import TEMPORARY_SUFFIX
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio
from training.listening.excerpts import Choice, choose_excerpt, given_excerpt
from training.listening.key import Key, KeyPage, KeyStimulus, key_path, write_key
from training.listening.site_files import (
    AUDIO_FOLDER,
    TEST_FILE,
    Site,
    SitePage,
    SiteStem,
    SiteStimulus,
    read_site,
    write_site,
)
from training.listening.spec import LONGEST_SECONDS, SHORTEST_SECONDS, ListeningTest, Song
from training.listening.stimuli import (
    lag,
    level_dry,
    level_together,
    read_excerpt,
    write_stimulus,
)

LONGEST_MINUTES = 45
"""A longer test tires listeners."""

PLACING_SECONDS = 5.0
"""Time to place one mix on one scale, for the estimate of a test's length."""

LAG_NOTED = 44
"""A lag of more samples, 1 ms, is noted: one would hear it when switching."""

DRY_SUM = "All stems"


class BuildError(ValueError):
    """A site that cannot be written where it should be."""


@dataclass(frozen=True)
class Built:
    """A test that was built: its site, its key, and the file of the key."""

    site: Site
    key: Key
    key_file: Path


def build(
    spec: ListeningTest, out: Path, overwrite: bool = False, on_song: Callable[[int, int], None] | None = None
) -> Built:
    """Build the site of a listening test and its key.

    Args:
        spec: the test.
        out: folder of the site; the key becomes ``OUT.key.json`` beside it.
        overwrite: replace a test that is there.
        on_song: called with songs done and in all.

    Raises:
        BuildError: something else is there, or a test that must not be replaced.
        ExcerptError, StimulusError, AudioFileError: a song cannot be used.
    """
    out = out.absolute()
    _refuse_to_destroy(out, overwrite)
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}")
    try:
        built = _build_in(temporary, spec, key_path(out), on_song)
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
        write_key(built.key_file, built.key)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return built


def _refuse_to_destroy(out: Path, overwrite: bool) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / TEST_FILE).is_file())):
        raise BuildError(f"{out}: is there already, and is not a listening test; give another --out")
    if not overwrite and (key_path(out).exists() or (out / TEST_FILE).is_file()):
        raise BuildError(
            f"{out}: a test is there already, and results can only be read with its key; "
            "give another --out, or --overwrite if nobody has taken it"
        )


def _build_in(folder: Path, spec: ListeningTest, key_file: Path, on_song: Callable[[int, int], None] | None) -> Built:
    rng = np.random.default_rng(spec.seed)
    pages = {}
    notes: list[str] = []
    for index, song in enumerate(spec.songs):
        # A generator for each song, so that a change to one leaves the excerpts of the others.
        pages[song.name] = _render(folder / AUDIO_FOLDER, spec, song, np.random.default_rng((spec.seed, index)), notes)
        if on_song is not None:
            on_song(index + 1, len(spec.songs))
    rated = [pages[song.name] for song in spec.rated]
    repeated = sorted(rng.choice(len(rated), size=spec.repeated_pages, replace=False))
    rated += [_repeat(page, key, rng) for page, key in [rated[index] for index in repeated]]
    shuffled = [rated[index] for index in rng.permutation(len(rated))]
    training_site, training_key = pages[spec.training]
    minutes = _minutes(spec, [training_key, *(key for _, key in shuffled)])
    if minutes > LONGEST_MINUTES:
        notes.append(f"the test takes about {minutes} minutes; more than {LONGEST_MINUTES} tire listeners")
    key = Key(
        test_id="",
        title=spec.title,
        seed=spec.seed,
        systems=spec.system_names,
        axes=spec.axes,
        questionnaire=spec.questionnaire,
        exclusion=spec.exclusion,
        wanted_effect=spec.wanted_effect,
        training=training_key,
        pages=tuple(page for _, page in shuffled),
        notes=tuple(notes),
    )
    key = replace(key, test_id=_identify(key, folder / AUDIO_FOLDER))
    site = Site(
        test_id=key.test_id,
        title=spec.title,
        introduction=spec.introduction,
        thanks=spec.thanks,
        contact=spec.contact,
        minutes=minutes,
        hear_seconds=spec.hear_seconds,
        sample_rate=SAMPLE_RATE,
        axes=spec.axes,
        questionnaire=spec.questionnaire,
        training=training_site,
        pages=tuple(page for page, _ in shuffled),
    )
    write_site(folder, site)
    return Built(read_site(folder), key, key_file)


def _render(
    audio: Path, spec: ListeningTest, song: Song, rng: np.random.Generator, notes: list[str]
) -> tuple[SitePage, KeyPage]:
    """Write the stimuli of a song, and describe its page for the site and for the key."""
    stems = _read_stems(song)
    choice = _choose(spec, song, stems, rng)
    seconds = choice.frames / SAMPLE_RATE
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        notes.append(
            f"{song.name}: an excerpt of {seconds:.1f} s; {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s are usual"
        )
    cut = slice(choice.start, choice.start + choice.frames)
    dry_sum, dry = level_dry({name: stem[cut] for name, stem in stems.items()})
    mixes, levels, down = level_together(
        {name: read_excerpt(Path(path), choice.start, choice.frames) for name, path in song.systems.items()}
    )
    if down:
        notes.append(f"{song.name}: all mixes turned down by {down:.2f} dB, so that no true peak exceeds -1 dBTP")
    stimuli = []
    for name, mix in mixes.items():
        late = lag(mix, dry_sum)
        if late is not None and abs(late) > LAG_NOTED:
            notes.append(f"{song.name}: {name} seems {abs(late)} samples {'late' if late > 0 else 'early'}")
        file = _write(audio, mix, spec.bits, rng)
        level = levels[name]
        stimuli.append(
            KeyStimulus(
                _opaque(rng), name, file, song.systems[name],
                level.gain_db, level.loudness_lufs, level.true_peak_dbtp, late,
            )
        )  # fmt: skip
    site_stems = tuple(
        SiteStem(_opaque(rng), label, _write(audio, signal, spec.bits, rng))
        for label, signal in ((DRY_SUM, dry_sum), *((name.capitalize(), stem) for name, stem in dry.items()))
    )
    order = rng.permutation(len(stimuli))
    page = SitePage(
        _opaque(rng), _opaque(rng), tuple(SiteStimulus(stimuli[i].id, stimuli[i].file) for i in order), site_stems
    )
    return page, KeyPage(
        page.id, song.name, choice.start, choice.frames, choice.change, dict(choice.activity), down, tuple(stimuli)
    )


def _read_stems(song: Song) -> dict[str, Audio]:
    """The dry stems, padded with zeros at the end to one length."""
    stems = {name: decode(path) for name, path in song.stems.items()}
    length = max(len(stem) for stem in stems.values())
    return {name: np.pad(stem, ((0, length - len(stem)), (0, 0))) for name, stem in stems.items()}


def _choose(spec: ListeningTest, song: Song, stems: dict[str, Audio], rng: np.random.Generator) -> Choice:
    if song.excerpt is None:
        return choose_excerpt(stems, spec.excerpt_seconds, spec.activity, rng, song.name)
    return given_excerpt(stems, song.excerpt.start, song.excerpt.seconds, song.name)


def _write(folder: Path, audio: Audio, bits: int, rng: np.random.Generator) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{_opaque(rng)}.flac"
    write_stimulus(folder / name, audio, bits, rng)
    return name


def _repeat(site: SitePage, key: KeyPage, rng: np.random.Generator) -> tuple[SitePage, KeyPage]:
    """The same page once more: new ids, the same files."""
    ids = {stimulus.id: _opaque(rng) for stimulus in key.stimuli}
    page = replace(
        site, id=_opaque(rng), stimuli=tuple(replace(stimulus, id=ids[stimulus.id]) for stimulus in site.stimuli)
    )
    stimuli = tuple(replace(stimulus, id=ids[stimulus.id]) for stimulus in key.stimuli)
    return page, replace(key, id=page.id, stimuli=stimuli, repeats=key.id)


def _opaque(rng: np.random.Generator) -> str:
    return rng.bytes(6).hex()


def _minutes(spec: ListeningTest, pages: list[KeyPage]) -> int:
    """Each mix is heard once in full, and placed on each scale."""
    placing = PLACING_SECONDS * len(spec.axes)
    seconds = sum(len(page.stimuli) * (page.frames / SAMPLE_RATE + placing) for page in pages)
    return max(1, round(seconds / 60))


def _identify(key: Key, audio: Path) -> str:
    """A name for a test that no other test has: of everything in its key, and of its audio."""
    digest = hashlib.blake2b(TypeAdapter(Key).dump_json(key), digest_size=8)
    for file in sorted(audio.iterdir()):
        digest.update(f"{file.name} {content_hash(file)}".encode())
    return digest.hexdigest()
