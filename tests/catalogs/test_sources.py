"""The table of sources: what it finds, what precedes what, and which tables are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalogs.corpora.sources import Place, SourceTable, canonical, read_sources

BUILT_IN = read_sources()

GENERAL_MIDI_CLASSES = {
    "Bass": "bass",
    "Brass": "other",
    "Chromatic Percussion": "other",
    "Drums": "drums",
    "Ethnic": "other",
    "Guitar": "other",
    "Organ": "other",
    "Percussive": "drums",
    "Piano": "other",
    "Pipe": "other",
    "Reed": "other",
    "Sound Effects": "other",
    "Sound effects": "other",
    "Strings": "other",
    "Strings (continued)": "other",
    "Synth Lead": "other",
    "Synth Pad": "other",
}

MOISESDB_FAMILIES = {
    "vocals": "vocals",
    "bass": "bass",
    "drums": "drums",
    "other": "other",
    "guitar": "other",
    "other_plucked": "other",
    "percussion": "drums",
    "piano": "other",
    "other_keys": "other",
    "bowed_strings": "other",
    "wind": "other",
}

MOISESDB_KINDS = {
    "lead male singer": "vocals",
    "human choir": "vocals",
    "other (vocoder, beatboxing etc)": "vocals",
    "bass synthesizer (moog etc)": "bass",
    "contrabass/double bass (bass of instrings)": "bass",
    "contrabass/double_bass_(bass_of_instrings)": "bass",
    "tuba (bass of brass)": "other",
    "bassoon_(bass_of_woodwind)": "other",
    "overheads": "drums",
    "click track": "excluded",
    "banjo, mandolin, ukulele, harp etc": "other",
    "a-tonal_percussion_(claps,_shakers,_congas,_cowbell_etc)": "drums",
    "pitched_percussion_(mallets,_glockenspiel,_...)": "other",
}

MEDLEYDB_LABELS = {
    "vocals": (
        "male singer", "female singer", "male speaker", "female speaker", "male rapper", "female rapper",
        "male screamer", "female screamer", "vocalists", "choir", "beatboxing",
    ),
    "drums": (
        "drum set", "drum machine", "kick drum", "snare drum", "bass drum", "toms", "timpani", "bongo", "conga",
        "darbuka", "doumbek", "tabla", "tambourine", "auxiliary percussion", "high hat", "cymbal", "gong", "triangle",
        "cowbell", "sleigh bells", "cabasa", "guiro", "gu", "castanet", "claps", "rattle", "shaker", "maracas", "snaps",
    ),
    "bass": ("electric bass", "double bass"),
    "other": (
        "acoustic guitar", "clean electric guitar", "distorted electric guitar", "lap steel guitar", "slide guitar",
        "piano", "tack piano", "electric piano", "xylophone", "vibraphone", "marimba", "glockenspiel", "chimes", "erhu",
        "violin", "viola", "cello", "dilruba", "violin section", "viola section", "cello section", "string section",
        "banjo", "guzheng", "harp", "harpsichord", "liuqin", "mandolin", "oud", "sitar", "ukulele", "zhongruan",
        "dulcimer", "yangqin", "dizi", "flute", "flute section", "piccolo", "bamboo flute", "panpipes", "recorder",
        "alto saxophone", "baritone saxophone", "bass clarinet", "clarinet", "clarinet section", "tenor saxophone",
        "soprano saxophone", "oboe", "english horn", "bassoon", "bagpipe", "trumpet", "cornet", "trombone",
        "french horn", "euphonium", "tuba", "brass section", "french horn section", "trombone section", "horn section",
        "trumpet section", "harmonica", "concertina", "accordion", "bandoneon", "harmonium", "pipe organ", "melodica",
        "synthesizer", "theremin", "fx/processed sound", "scratches", "sampler", "electronic organ", "crowd", "whistle",
    ),
    "excluded": ("Main System",),
}  # fmt: skip

MEDLEYDB_INSTRUMENTS = {label: source for source, labels in MEDLEYDB_LABELS.items() for label in labels}


@pytest.mark.parametrize(
    ("corpus", "labels"),
    [
        ("slakh2100", GENERAL_MIDI_CLASSES),
        ("moisesdb", MOISESDB_FAMILIES),
        ("moisesdb", MOISESDB_KINDS),
        ("medleydb", MEDLEYDB_INSTRUMENTS),
    ],
)
def test_labels_of_the_corpora_are_mapped(corpus: str, labels: dict[str, str]) -> None:
    found = {label: BUILT_IN.find(label, corpus) for label in labels}
    assert {label: place and place.source for label, place in found.items()} == labels


def test_a_label_of_one_corpus_means_nothing_in_another() -> None:
    assert BUILT_IN.find("Main System", "moisesdb") is None
    assert BUILT_IN.find("LV", "medleydb") is None
    assert BUILT_IN.find("Unlabeled", "medleydb") is None


def test_case_accents_and_punctuation_do_not_count() -> None:
    assert canonical("  Électric_Bass-(FINGER) ") == "electric bass finger"
    assert canonical("シンセ") == "シンセ"
    assert BUILT_IN.find("ELECTRIC-BASS", "any") == Place("bass", "electric")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("01_KickIn", "drums"),
        ("DRUM OVERHEAD STEREO L - AR-70….wav", "drums"),
        ("Vocal Verse ", "vocals"),
        ("Bass DI", "bass"),
        ("Bass Drum 2", "drums"),
        ("12_BassSynth", "bass"),
        ("Bass Clarinet", "other"),
        ("Bass Vocal", "vocals"),
        ("ElecGtr1DT", "other"),
        ("Click", "excluded"),
        ("Room", None),
        ("Bass and Drums", None),
        ("Kickstart", None),
        ("", None),
        ("12", None),
    ],
)
def test_free_names_are_read_by_words(name: str, source: str | None) -> None:
    place = BUILT_IN.find_in_name(name, "cambridge_mt")
    assert (None if place is None else place.source) == source


def test_a_users_table_precedes_the_built_in_one(tmp_path: Path) -> None:
    table = tmp_path / "mine.toml"
    table.write_text(
        '[labels.keys]\npiano = ["piano"]\n[corpora.slakh2100.strings]\nbowed = ["Strings"]\n'
        '[words.room]\nroom = ["room"]\n[songs."medleydb/A_B"]\nS01 = "bass"\n'
    )
    mine = read_sources(str(table))
    assert mine.find("Piano", "any") == Place("keys", "piano")
    assert mine.find("Organ", "any") == BUILT_IN.find("Organ", "any")
    assert mine.find("strings", "slakh2100") == Place("strings", "bowed")
    assert mine.find("strings", "medleydb") == Place("other", "strings")
    assert mine.find("reed", "slakh2100") == Place("other", "woodwind")
    assert mine.find_in_name("Room 1", "any") == Place("room", "room")
    assert mine.songs["medleydb/A_B"] == {"S01": "bass"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("labels", "Expected"),
        ("[label.bass]\n", "a section 'label'; the sections are labels, corpora, words, songs"),
        ('[labels]\nbass = ["tuba"]\n', "[labels.bass] is no table of groups"),
        ('[labels.bass]\ngroup = "tuba"\n', "group in [labels.bass] is no list of labels"),
        ('[labels.bass]\ngroup = ["!"]\n', "group in [labels.bass] is no list of labels"),
        ('[labels.bass]\na = ["tuba"]\nb = ["Tuba"]\n', "'Tuba' is in [labels] twice: bass.a and bass.b"),
        ('[labels.mixture]\na = ["tuba"]\n', "'mixture' in [labels] is no source"),
        ("[songs.one]\nS01 = 3\n", '[songs."one"] is no list of parts'),
        ("labels = 3\n", "[labels] holds no sources"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    table = tmp_path / "mine.toml"
    table.write_text(content)
    with pytest.raises(ValueError, match="no table of sources") as caught:
        read_sources(str(table))
    assert problem in str(caught.value)
    assert str(table) in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.toml.*cannot be read"):
        read_sources(str(tmp_path / "gone.toml"))


def test_an_empty_table_finds_nothing() -> None:
    assert SourceTable().find("bass", "any") is None
    assert SourceTable().find_in_name("bass", "any") is None
