"""Miniature corpora in the layout of every adapter, with the truth about each song that was written."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray

from tests import signals
from tests.signals import RATE
from tests.ugly_files import write_ffmpeg

Integers = NDArray[np.int32]

FULL_SCALE = 32_768
SECONDS = 0.05
FIVE = ("mixture", "drums", "bass", "other", "vocals")
NON_COMMERCIAL = "CC BY-NC-SA 4.0"


@dataclass(frozen=True)
class TrueFile:
    """A file of a song: what the catalog must say of it, and its samples as 16-bit integers, (frames, 2)."""

    path: Path
    stem: str
    audio: Integers
    role: str = "stem"
    used: bool = True


@dataclass
class TrueSong:
    """What was written of a song, and what must become of it."""

    song_id: str
    split: str
    licence: str | None
    seed: int
    seconds: float
    files: list[TrueFile] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    def add(
        self,
        path: Path,
        stem: str,
        role: str = "stem",
        used: bool = True,
        channels: int = 2,
        length: float = 1.0,
    ) -> Integers:
        """Write a file of its own signal, ``length`` of the song long."""
        number = 100 * self.seed + len(self.files)
        audio = signals.plucks(length * self.seconds, number, 0.1, pan=0.3) if length * self.seconds > 1.0 else 0.0
        audio = audio + signals.noise(length * self.seconds, number, level=0.05)
        return self.write(path, stem, np.rint(audio[:, :channels] * FULL_SCALE).astype(np.int32), role, used)

    def write(self, path: Path, stem: str, audio: Integers, role: str = "stem", used: bool = True) -> Integers:
        """Write these samples."""
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, audio.astype(np.int16), RATE, subtype="PCM_16")
        stereo = np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio
        self.files.append(TrueFile(path, stem, stereo, "mixture" if stem == "mixture" else role, used))
        return stereo

    def mix(self, path: Path, channels: int = 2) -> None:
        """Write the sum of the files in use."""
        self.write(path, "mixture", padded_sum(file.audio for file in self.files if file.used)[:, :channels])

    @property
    def rows(self) -> set[tuple[Path, str, str, bool]]:
        """Path, stem, role and use of every file."""
        return {(file.path, file.stem, file.role, file.used) for file in self.files}

    @property
    def stems(self) -> dict[str, Integers]:
        """The sum of the files in use of each stem, and the mixture."""
        names = {file.stem for file in self.files if file.used}
        return {
            name: padded_sum(file.audio for file in self.files if file.used and file.stem == name) for name in names
        }

    @property
    def stem_seconds(self) -> float:
        """Audio of all stems, the mixture left out."""
        return sum(len(audio) for name, audio in self.stems.items() if name != "mixture") / RATE

    @property
    def breakable(self) -> Path:
        """A file without which the song cannot be used."""
        return min(file.path for file in self.files if file.used and file.role != "mixture")


def padded_sum(parts: Iterable[Integers]) -> Integers:
    """The sum of integers of shape (frames, 2), the shorter ones padded with zeros at their end."""
    parts = list(parts)
    total = np.zeros((max(map(len, parts)), 2), dtype=np.int32)
    for part in parts:
        total[: len(part)] += part
    return total


Writer = Callable[[Path, str, str, int, float], TrueSong]


@dataclass(frozen=True)
class Layout:
    """How a corpus is written: root, title, split (train or test), seed and seconds give a song.

    ``inside`` are folders of the corpus, as patterns, that may be named in its place. ``has_splits`` says whether
    the corpus has any.
    """

    write: Writer
    inside: tuple[str, ...] = ()
    has_splits: bool = False
    sums: bool = True


def musdb18hq(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    song = TrueSong(f"musdb18hq/Artist - {title}", split, None, seed, seconds)
    folder = root / split / f"Artist - {title}"
    for stem in FIVE[1:]:
        song.add(folder / f"{stem}.wav", stem)
    song.mix(folder / "mixture.wav")
    return song


def musdb18(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    song = TrueSong(f"musdb18/Artist - {title}", split, None, seed, seconds)
    path = root / split / f"Artist - {title}.stem.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    stems = [signals.noise(0.5, 10 * seed + index) for index in range(4)]
    write_ffmpeg(path, [sum(stems), *stems])
    song.files = [
        TrueFile(path, stem, np.zeros((1, 2), np.int32), "mixture" * (stem == "mixture") or "stem") for stem in FIVE
    ]
    return song


def folder(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    song = TrueSong(f"folder/{split}/Artist - {title}", split, None, seed, seconds)
    place = root / split / f"Artist - {title}"
    song.add(place / "Kick.wav", "kick", channels=1)
    song.add(place / "Voice.flac", "voice")
    song.mix(place / "mix.wav")
    return song


def dsd100(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    name = f"{seed:03d} - Artist - {title}"
    song = TrueSong(f"dsd100/{name}", split, None, seed, seconds)
    place = "Dev" if split == "train" else "Test"
    for stem in FIVE[1:]:
        song.add(root / "Sources" / place / name / f"{stem}.wav", stem)
    song.mix(root / "Mixtures" / place / name / "mixture.wav")
    return song


MEDLEYDB_STEMS = (
    ("drum set", "drums", ("kick drum", "snare drum", "cymbal")),
    ("electric bass", "bass", ("electric bass",)),
    (["violin", "cello"], "other", (["violin", "cello"],)),
    ("distorted electric guitar", "other", ("distorted electric guitar",) * 2),
    ("male singer", "vocals", ("male singer",)),
    ("Main System", "excluded", ()),
)


def medleydb(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    name = f"Artist_{title}"
    song = TrueSong(f"medleydb/{name}", "train", NON_COMMERCIAL, seed, seconds)
    place = root / "Audio" / name
    stems = {}
    for number, (instrument, source, raws) in enumerate(MEDLEYDB_STEMS, start=1):
        file = f"{name}_STEM_{number:02d}.wav"
        song.add(place / f"{name}_STEMS" / file, source, used=source != "excluded", length=1.0 - 0.1 * (number == 2))
        recorded = {}
        for take, label in enumerate(raws, start=1):
            raw = f"{name}_RAW_{number:02d}_{take:02d}.wav"
            song.add(place / f"{name}_RAW" / raw, source, "raw", used=False, channels=1)
            recorded[f"R{take:02d}"] = {"filename": raw, "instrument": label}
        stems[f"S{number:02d}"] = {"component": "", "filename": file, "instrument": instrument, "raw": recorded}
    song.mix(place / f"{name}_MIX.wav")
    described = {
        "artist": "Artist",
        "title": title,
        "genre": "Rock",
        "has_bleed": "yes" if split == "test" else "no",
        "mix_filename": f"{name}_MIX.wav",
        "origin": "a studio",
        "raw_dir": f"{name}_RAW",
        "stem_dir": f"{name}_STEMS",
        "stems": stems,
    }
    metadata = root / "Metadata" / f"{name}_METADATA.yaml"
    metadata.parent.mkdir(parents=True, exist_ok=True)
    metadata.write_text(yaml.safe_dump(described, allow_unicode=True), "utf-8")
    song.others = [metadata]
    return song


MOISESDB_STEMS = (
    ("vocals", ("lead male singer", "background vocals"), "vocals"),
    ("drums", ("kick drum", "snare drum", "overheads"), "drums"),
    ("percussion", ("a-tonal percussion (claps, shakers, congas, cowbell etc)",), "drums"),
    ("bass", ("bass guitar",), "bass"),
    ("bass", ("tuba (bass of brass)",), "other"),
    ("guitar", ("clean electric guitar",), "other"),
    ("other_keys", ("organ, electric organ / a label with a slash",), "other"),
)


def moisesdb(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, title))
    song = TrueSong(f"moisesdb/{name}", "train", NON_COMMERCIAL, seed, seconds)
    place = root / "moisesdb_v0.1" / name
    stems = []
    for family, kinds, source in MOISESDB_STEMS:
        tracks = []
        for kind in kinds:
            track = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{title} {family} {kind}"))
            song.add(place / family / f"{track}.wav", source, length=1.0 - 0.1 * len(tracks))
            tracks.append({"id": track, "trackType": kind, "has_bleed": family == "drums", "extension": "wav"})
        stems.append({"stemName": family, "tracks": tracks})
    described = {"artist": "Artist", "song": title, "genre": "rock", "stems": stems}
    (place / "data.json").write_text(json.dumps(described), "utf-8")
    song.files += [TrueFile(file.path, "mixture", file.audio, "mixture") for file in song.files]
    song.others = [place / "data.json"]
    return song


SLAKH_STEMS = (
    ("Drums", "Drums", "drums"),
    ("Bass", "Electric Bass (finger)", "bass"),
    ("Piano", "Acoustic Grand Piano", "other"),
    ("Strings (continued)", "String Ensemble 1", "other"),
    ("Percussive", "Steel Drums", "other"),
    ("Percussive", "Woodblock", "drums"),
)


def slakh2100(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    name = f"Track{seed:05d}"
    song = TrueSong(f"slakh2100/{name}", split, "CC BY 4.0", seed, seconds)
    place = root / split / name
    stems = {}
    for number, (family, program, source) in enumerate(SLAKH_STEMS):
        stems[f"S{number:02d}"] = {
            "audio_rendered": True,
            "inst_class": family,
            "is_drum": family == "Drums",
            "midi_program_name": program,
        }
        song.add(place / "stems" / f"S{number:02d}.flac", source, channels=1)
    stems["S99"] = {"audio_rendered": False, "inst_class": "Guitar", "is_drum": False, "midi_program_name": "Banjo"}
    song.mix(place / "mix.flac", channels=1)
    described = {"UUID": f"uuid of {seed}", "stems": stems}
    (place / "metadata.yaml").write_text(yaml.safe_dump(described), "utf-8")
    song.others = [place / "metadata.yaml"]
    return song


CAMBRIDGE_TRACKS = (
    ("01_KickIn", "drums"),
    ("02_Snare Top ", "drums"),
    ("DRUM OVERHEAD STEREO L - AR-70…", "drums"),
    ("04_Bass DI", "bass"),
    ("05_ElecGtr1", "other"),
    ("06_LeadVox’s", "vocals"),
)


def cambridge_mt(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    name = f"Artist - {title}"
    terms = "for research and education, without redistribution; under the terms of the site and of each artist"
    song = TrueSong(f"cambridge_mt/{name}", "train", terms, seed, seconds)
    for number, (track, source) in enumerate(CAMBRIDGE_TRACKS):
        song.add(root / name / f"{name}_RAW" / f"{track}.wav", source, "raw", channels=1 + number % 2)
    song.mix(root / name / "mixes" / "The Full Mix.wav")
    return song


def enst_drums(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    take = f"{seed:03d}_{title}"
    song = TrueSong(
        f"enst_drums/drummer_1/{take}", "train", "for research, under the terms of Télécom Paris", seed, seconds
    )
    audio = root / "drummer_1" / "audio"
    for microphone in ("kick", "snare", "hi-hat", "overhead_L", "overhead_R", "tom_1"):
        song.add(audio / microphone / f"{take}.wav", "drums", "raw", used=False, channels=1)
    song.add(audio / "dry_mix" / f"{take}.wav", "excluded", "raw", used=False)
    wet = song.add(audio / "wet_mix" / f"{take}.wav", "drums")
    song.files.append(TrueFile(audio / "wet_mix" / f"{take}.wav", "mixture", wet, "mixture"))
    song.others = [audio / "wet_mix" / "001_hits_sticks.wav"]
    soundfile.write(song.others[0], np.zeros((100, 2)), RATE)
    return song


RAWSTEMS_FILES = (
    ("Voc/LV/lead.flac", "vocals"),
    ("Voc/BV/back’s.wav", "vocals"),
    ("Rhy/DK/kit.wav", "drums"),
    ("Rhy/PERC/shaker.wav", "drums"),
    ("Bass/bass.wav", "bass"),
    ("Gtr/EG/guitar.wav", "other"),
    ("Misc/Room/room.wav", "excluded"),
)


def rawstems(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    name = f"The_Artist’s|{title.replace(' ', '_')}"
    terms = "annotations for research; audio under the terms of its sources, the Cambridge-MT library among them"
    song = TrueSong(f"rawstems/{name}", "train", terms, seed, seconds)
    for file, source in RAWSTEMS_FILES:
        song.add(root / name / file, source, "raw", used=source != "excluded")
    song.others = [root / "rms_analysis.jsonl"]
    song.others[0].write_text("{}\n")
    return song


def manifest(root: Path, title: str, split: str, seed: int, seconds: float) -> TrueSong:
    song = TrueSong(f"manifest/Artist/{title}", split, "CC0-1.0", seed, seconds)
    files = (
        ("lead.wav", "", "male singer", "stem", "vocals"),
        ("choir.wav", "", "choir", "stem", "vocals"),
        ("beat.wav", "drums", "", "stem", "drums"),
        ("beat (dry).wav", "drums", "", "raw", "drums"),
    )
    place = root / "audio" / str(seed)
    rows = []
    for name, stem, instrument, role, source in files:
        song.add(place / name, source, role, used=role == "stem", length=0.9 if name == "choir.wav" else 1.0)
        rows.append((f"Artist/{title}", f"audio/{seed}/{name}", stem, instrument, role, split, "CC0-1.0", "yes"))
    song.mix(place / "mix.wav")
    rows.append((f"Artist/{title}", f"audio/{seed}/mix.wav", "mixture", "", "", split, "CC0-1.0", ""))
    table = root / "manifest.csv"
    headed = table.exists()
    with table.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if not headed:
            writer.writerow(("song", "path", "stem", "instrument", "role", "split", "licence", "bleed"))
        writer.writerows(rows)
    return song


LAYOUTS: dict[str, Layout] = {
    "cambridge_mt": Layout(cambridge_mt, ("Artist - *",)),
    "dsd100": Layout(dsd100, has_splits=True),
    "enst_drums": Layout(enst_drums, ("drummer_1", "drummer_1/audio"), sums=False),
    "folder": Layout(folder, has_splits=True),
    "manifest": Layout(manifest, ("manifest.csv",), has_splits=True),
    "medleydb": Layout(medleydb, ("Audio",)),
    "moisesdb": Layout(moisesdb, ("moisesdb_v0.1",)),
    "musdb18": Layout(musdb18, ("train", "test"), has_splits=True, sums=False),
    "musdb18hq": Layout(musdb18hq, ("train", "test"), has_splits=True),
    "rawstems": Layout(rawstems, ("The_Artist*",)),
    "slakh2100": Layout(slakh2100, ("train", "test"), has_splits=True),
}
"""By name of the adapter."""

SONGS = (("Élan d’Été", "train"), ("Second | Song", "train"), ("Third's", "test"))


def write_layout(
    name: str, root: Path, songs: Iterable[tuple[str, str]] = SONGS, seconds: float = SECONDS
) -> list[TrueSong]:
    """Songs, by title and split, in the layout of an adapter; a title has the same seed wherever it stands."""
    return [LAYOUTS[name].write(root, title, split, sum(title.encode()) % 997, seconds) for title, split in songs]
