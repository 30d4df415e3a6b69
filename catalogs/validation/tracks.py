"""Rules on ``tracks``: the input files of the accepted songs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from catalogs.schemas import EXCLUDED, MATERIALS, MIXTURE, ROLES, SPLITS
from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import Evidence, first_of, one_split_wanted
from catalogs.validation.facts import Twin, sources_of
from catalogs.validation.rule import Check, Rule, equal, holds, matches, one_of, unique, within
from fxnorm.settings import SAMPLE_RATE

HASH = "^[0-9a-f]{32}$"
"""BLAKE2b-128 in hexadecimal."""

URI = "^[A-Za-z][A-Za-z0-9+.-]*://[!-~]+$"
"""A scheme, then printable ASCII without blanks: anything else must be percent-encoded."""


def _songs(evidence: Evidence) -> pd.DataFrame:
    return pd.DataFrame({"song_id": [None], "stem": [None], "songs": [evidence.facts.songs]})


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["tracks"].drop(columns=["conversions", "instruments", "errata"])
    rate = frame["sample_rate"].where(frame["sample_rate"] > 0)
    expected_frames = np.round(frame["frames"] * SAMPLE_RATE / rate)
    song_id = frame["song_id"].fillna("")
    used = frame["used"].ne(False)
    is_material = (frame["role"].isin(MATERIALS) & used).astype(float)
    material = frame["role"].where(frame["role"].isin(MATERIALS) & used)
    unmixed = np.where(frame["role"] == "raw", "raw", "stem")
    expected_role = np.where(frame["stem"] == MIXTURE, "mixture", unmixed)
    prefixed = [song.startswith(f"{corpus}/") for song, corpus in zip(song_id, frame["corpus"], strict=True)]
    sources = sources_of(frame)
    as_mixture = frame["role"] == "mixture"
    twice = [read in evidence.facts.read_twice for read in zip(sources, as_mixture, strict=True)]
    twins = [
        evidence.facts.twins.get(song_hash, Twin(song, split))
        for song_hash, song, split in zip(frame["song_hash"], frame["song_id"], frame["split"], strict=True)
    ]
    return frame.assign(
        expected_role=pd.Series(expected_role, dtype=object).where(frame["stem"].notna(), None),
        expected_frames=expected_frames,
        frames_error=(frame["catalog_frames"] - expected_frames).abs(),
        id_has_corpus=pd.Series(prefixed, index=frame.index, dtype=object),
        source=sources,
        read_once=pd.Series([not flag for flag in twice], index=frame.index, dtype=object),
        material=material,
        song_material=first_of(frame.assign(material=material), "song_id", "material"),
        excluded_unused=(~used | (frame["stem"] != EXCLUDED)).astype(object),
        song_split=first_of(frame, "song_id", "split"),
        first_song_hash=first_of(frame, "song_id", "song_hash"),
        song_stems=is_material.groupby(song_id).transform("sum"),
        twin=pd.Series([twin.song_id for twin in twins], index=frame.index, dtype=object),
        twin_split=pd.Series([twin.split for twin in twins], index=frame.index, dtype=object),
    ).drop(columns=["title", "artist", "genre", "licence", "provenance", "bleed"])


CHECKS = (
    *column_checks("tracks"),
    Check(
        "tracks",
        _songs,
        (
            Rule(
                "tracks.has_songs",
                "The catalog holds at least one accepted song.",
                "Look in quarantine for the reasons, and check the corpus folder and its layout.",
                within("songs", low=1),
                "{songs} songs",
                "the tracks table names no song",
            ),
        ),
        once=True,
    ),
    Check(
        "tracks",
        _rows,
        (
            Rule(
                "tracks.song_part_unique",
                "A song has one row for each of its parts.",
                "Two files were taken for one part, or rows appended; correct the layout and ingest again.",
                unique("song_id", "part"),
                "{uri}",
                "more than one row for the part {part}; this one reads {uri}",
            ),
            Rule(
                "tracks.role_known",
                "`role` is stem, mixture or raw.",
                "Ingest again.",
                one_of("role", ROLES),
                "{role}",
                "role {role} is none of stem, mixture, raw",
            ),
            Rule(
                "tracks.role_fits_stem",
                "`role` is mixture for the stem named mixture, and stem or raw for every other.",
                "Rename the stem in the corpus layout, or ingest again.",
                equal("role", "expected_role"),
                "{role}",
                "stem {stem} has the role {role}, expected {expected_role}",
            ),
            Rule(
                "tracks.one_material",
                "The files in use of a song are stems, or raws, beside its mixture.",
                "Ingest again; a stem summed with its own raws would be heard twice.",
                equal("material", "song_material"),
                "{material}",
                "a {material} is in use, while the song's first file in use is a {song_material}",
            ),
            Rule(
                "tracks.excluded_not_used",
                "Files that belong to no stem are not in use.",
                "Ingest again.",
                holds("excluded_unused"),
                "{used}",
                "the part {part} is excluded, and in use",
            ),
            Rule(
                "tracks.song_has_stem",
                "Every song has at least one stem in use beside its mixture.",
                "Check the file-name patterns of the corpus layout; a mixture alone cannot be normalised.",
                within("song_stems", low=1),
                "{song_stems} stems",
                "the song has a mixture and no stem",
            ),
            Rule(
                "tracks.split_known",
                "`split` is train, validation or test.",
                "Correct the split in the corpus layout and ingest again.",
                one_of("split", SPLITS),
                "{split}",
                "split {split} is not one of train, validation, test",
            ),
            Rule(
                "tracks.one_split",
                "All rows of a song are in one split.",
                "Correct the split of the song in the corpus layout and ingest again.",
                equal("split", "song_split"),
                "{split}",
                "split {split}, while the song's first row says {song_split}",
            ),
            Rule(
                "tracks.corpus_split_known",
                "`corpus_split` is train, validation or test.",
                "Correct the split in the corpus layout and ingest again.",
                one_of("corpus_split", SPLITS),
                "{corpus_split}",
                "split {corpus_split} is not one of train, validation, test",
            ),
            Rule(
                "tracks.id_has_corpus",
                "A song's id begins with the name of its corpus and a slash.",
                "Correct the corpus adapter: without the prefix, songs of two corpora can collide.",
                holds("id_has_corpus"),
                "{corpus}",
                "the id does not begin with {corpus}/",
            ),
            Rule(
                "tracks.file_read_once",
                "No file, or stream of a file, is read for two stems; the mixture may be the sum of the stems' files.",
                "Two patterns of the corpus layout match one file; make them exclusive.",
                holds("read_once"),
                "{source}",
                "{source} is read for more than one stem",
            ),
            Rule(
                "tracks.uri_format",
                "`uri` has a scheme and is percent-encoded.",
                "Ingest again; a URI with blanks or other scripts cannot be opened everywhere.",
                matches("uri", URI),
                "{uri}",
                "{uri} is not a percent-encoded URI",
            ),
            Rule(
                "tracks.sample_rate_range",
                "Input files have a sample rate from 1 000 to 768 000 Hz.",
                "The header of the file is wrong; repair or remove it and ingest again.",
                within("sample_rate", 1_000, 768_000),
                "{sample_rate} Hz",
                "sample rate of {sample_rate} Hz in {uri}",
            ),
            Rule(
                "tracks.channels_known",
                "Input files have one or two channels.",
                "Convert the file to mono or stereo and ingest again.",
                one_of("channels", (1, 2)),
                "{channels} channels",
                "{channels} channels in {uri}",
            ),
            Rule(
                "tracks.frames_positive",
                "Input files hold at least one sample.",
                "The file is empty or its header is wrong; replace it and ingest again.",
                within("frames", low=1),
                "{frames} samples",
                "{frames} samples in {uri}",
            ),
            Rule(
                "tracks.bytes_positive",
                "Input files have a size.",
                "The file is empty; replace it and ingest again.",
                within("bytes", low=1),
                "{bytes} bytes",
                "{bytes} bytes in {uri}",
            ),
            Rule(
                "tracks.catalog_frames",
                f"`catalog_frames` is `frames` x {SAMPLE_RATE} / `sample_rate`, within one sample.",
                "Ingest again; the lengths of stems and shards are derived from this number.",
                within("frames_error", high=1),
                "{catalog_frames} samples",
                f"{{catalog_frames}} samples at {SAMPLE_RATE} Hz, expected {{expected_frames}} from "
                "{frames} samples at {sample_rate} Hz",
            ),
            Rule(
                "tracks.content_hash_format",
                "`content_hash` is 32 hexadecimal digits.",
                "Ingest again.",
                matches("content_hash", HASH),
                "{content_hash}",
                "{content_hash} is not a BLAKE2b-128 hash",
            ),
            Rule(
                "tracks.song_hash_format",
                "`song_hash` is 32 hexadecimal digits.",
                "Ingest again.",
                matches("song_hash", HASH),
                "{song_hash}",
                "{song_hash} is not a BLAKE2b-128 hash",
            ),
            Rule(
                "tracks.one_song_hash",
                "All rows of a song carry one `song_hash`.",
                "Rows of two runs are mixed; ingest again.",
                equal("song_hash", "first_song_hash"),
                "{song_hash}",
                "song_hash {song_hash}, while the song's first row says {first_song_hash}",
            ),
        ),
    ),
    Check(
        "tracks",
        _rows,
        (
            Rule(
                "tracks.audio_in_one_split",
                "Songs with the same audio are in the same split, so that no test song is trained on.",
                "Remove one of the two songs from the corpus, or analyze without --keep-splits.",
                equal("split", "twin_split"),
                "{split}",
                "in split {split}, but the audio is that of {twin}, which is in {twin_split}",
            ),
        ),
        skip=one_split_wanted,
    ),
)
