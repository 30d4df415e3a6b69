"""Detection of planted copies of songs, scores of true and false pairs, and what fingerprints and their search cost.

Run with ``python -m tests.benchmarks.leakage [CORPUS]``, a folder of MUSDB18-HQ without duplicates, such as the demo
corpus. The tables go into docs/leakage.md.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from catalogs import schemas
from catalogs.leakage import FingerprintTable, KnownSong, Landmarks, SongPlace, find_landmarks, find_pairs
from catalogs.leakage.audio_hash import audio_hash
from catalogs.leakage.match import match_landmarks
from catalogs.leakage.names import canonical_name
from catalogs.leakage.pairs import LEAST_VOTES, NEAR_SCORE, PARTIAL_SCORE
from catalogs.manifest import store_table
from catalogs.schemas import MIXTURE
from catalogs.storage import Location
from fxnorm.features import analyze_stem
from tests.benchmarks.timing import RATE, cpu_seconds, one_core
from tests.planted import PLANTS, as_mp3

Audio = NDArray[np.float32]
Song = dict[str, Audio]

STEMS = ("vocals", "drums", "bass", "other")
EXCERPT = slice(30 * RATE, 50 * RATE)

COUNTED: dict[str, Callable[[Song], Audio]] = {
    **{words: (lambda song, plant=plant: plant(song[MIXTURE])) for words, plant in PLANTS.items()},
    "20 s from the middle": lambda song: song[MIXTURE][EXCERPT],
    "20 s from the middle, MP3": lambda song: as_mp3(song[MIXTURE][EXCERPT]),
    "MP3, 64 kbit/s": lambda song: as_mp3(song[MIXTURE], 64),
}
"""Copies that have to be found."""

PARTIAL: dict[str, Callable[[Song], Audio]] = {
    **{f"without its {stem}": (lambda song, stem=stem: song[MIXTURE] - song[stem]) for stem in STEMS},
    **{f"only its {stem}": (lambda song, stem=stem: song[stem]) for stem in STEMS},
}
"""Copies of parts: what is found of them is for information."""


def read_song(folder: Path) -> Song:
    return {name: soundfile.read(folder / f"{name}.wav", dtype="float32")[0] for name in (*STEMS, MIXTURE)}


def fingerprint(audio: Audio) -> Landmarks:
    return find_landmarks(np.ascontiguousarray(audio[:, 0] + audio[:, 1]))


def known(name: str, landmarks: Landmarks) -> KnownSong:
    return KnownSong(SongPlace("", name, "train"), canonical_name(None, name), {}, lambda: landmarks)


def detection(corpus: Path, console: Console) -> None:
    """Print how many copies of each kind are found among all songs, and the scores of true and false pairs."""
    folders = sorted(corpus.glob("*/*/"))
    prints: dict[str, dict[str, Landmarks]] = {}
    for folder in track(folders, console=Console(stderr=True), transient=True):
        song = read_song(folder)
        copies = {words: fingerprint(copy(song)) for words, copy in (COUNTED | PARTIAL).items()}
        prints[folder.name] = {"": fingerprint(song[MIXTURE]), **copies}
    originals = [known(name, of_song[""]) for name, of_song in prints.items()]
    seconds = sum(soundfile.info(folder / "mixture.wav").duration for folder in folders)
    landmarks = sum(len(of_song[""]) for of_song in prints.values())
    console.print(f"{len(folders)} songs, {seconds / 60:.1f} minutes, {landmarks / seconds:.1f} landmarks a second")
    console.print(f"pairs of different songs reported: {len(find_pairs(originals))}")
    print_row(console, "copy", "near", "partial", "false pairs", "lowest score", "lowest share", "fewest votes")
    print_row(console, *("---",) * 7)
    for words in COUNTED | PARTIAL:
        found = {"near": 0, "partial": 0, "name": 0, "exact": 0}
        wrong = 0
        for name, of_song in prints.items():
            for pair in find_pairs([*originals, known("copy", of_song[words])]):
                found[pair.kind] += pair.a.song_id == name
                wrong += pair.a.song_id != name
        matches = [match_landmarks(of_song[""], of_song[words]) for of_song in prints.values()]
        lowest = [min(getattr(m, what) if m else 0 for m in matches) for what in ("score", "share", "votes")]
        cells = [f"{found['near']} of {len(prints)}", f"{found['partial']}", f"{wrong}"]
        print_row(console, words, *cells, f"{lowest[0]:.3f}", f"{lowest[1]:.3f}", f"{lowest[2]}")
    console.print("\nhighest of different songs:")
    print_row(console, "compared", "pairs", "score", "score with enough votes", "votes")
    print_row(console, *("---",) * 5)
    for words in ("", "20 s from the middle", "MP3, 128 kbit/s", *PARTIAL):
        report_false(console, words or "mixtures as they are", [of_song[words] for of_song in prints.values()])
    console.print(f"thresholds: near {NEAR_SCORE}, partial {PARTIAL_SCORE}, votes {LEAST_VOTES}")


def report_false(console: Console, words: str, songs: Iterable[Landmarks]) -> None:
    pairs = list(itertools.combinations(songs, 2))
    matches = [match for a, b in pairs if (match := match_landmarks(a, b)) is not None]
    enough = [match.score for match in matches if match.votes >= LEAST_VOTES]
    cells = (max((m.score for m in matches), default=0.0), max(enough, default=0.0))
    most = max((match.votes for match in matches), default=0)
    print_row(console, words, f"{len(pairs)}", *(f"{cell:.3f}" for cell in cells), f"{most}")


def cost(corpus: Path, console: Console) -> None:
    """Print CPU time of hashes and landmarks beside that of the features of the same song."""
    song = {name: np.asfortranarray(audio) for name, audio in read_song(sorted(corpus.glob("*/*/"))[0]).items()}
    seconds = song[MIXTURE].shape[0] / RATE
    hashes = cpu_seconds(lambda: [audio_hash(audio) for audio in song.values()], 3)
    landmarks = cpu_seconds(lambda: fingerprint(song[MIXTURE]), 3)
    features = cpu_seconds(lambda: [analyze_stem(song[name]) for name in STEMS], 3)
    stem_seconds = len(STEMS) * seconds
    for name, spent in (("hashes", hashes), ("landmarks", landmarks), ("features", features)):
        console.print(
            f"{name}: {spent:.3f} s of CPU for a song of {len(STEMS)} stems and {seconds:.0f} s, "
            f"{stem_seconds / spent:.0f} stem-seconds a CPU-second, {spent / features:.1%} of the features"
        )


def synthetic(corpus: Path, count: int, seconds: float) -> Iterable[Mapping[str, object]]:
    """Rows of songs of real landmarks moved in frequency and time; every tenth has half of those of the one before."""
    rng = np.random.default_rng(0)
    real = [fingerprint(read_song(folder)[MIXTURE]) for folder in sorted(corpus.glob("*/*/"))]
    values = np.concatenate([landmarks.values for landmarks in real])
    wanted = round(seconds * len(values) / sum(int(landmarks.times.max()) for landmarks in real) * RATE / 1_024)
    kept: tuple[NDArray[np.uint32], NDArray[np.uint32]] | None = None
    for number in range(count):
        chosen = rng.choice(values, wanted) + (rng.integers(0, 60, dtype=np.uint32) << np.uint32(16))
        times = rng.integers(0, round(seconds * RATE / 1_024), wanted, dtype=np.uint32)
        if number % 10 == 9 and kept is not None:
            chosen[::2], times[::2] = kept[0][::2], kept[1][::2] + np.uint32(430)
        order = np.lexsort((times, chosen))
        kept = chosen[order], times[order]
        yield {
            "song_id": f"song {number:06d}",
            "stem": MIXTURE,
            "role": MIXTURE,
            "song_hash": "0" * 32,
            "analysis_hash": "0" * 32,
            "audio_hash": f"{number:032x}",
            "landmarks": kept[0],
            "times": kept[1],
        }


def search(corpus: Path, folder: Path, count: int, console: Console) -> None:
    """Print time and memory of the search through a table of so many songs of four minutes."""
    rows = list(synthetic(corpus, count, 240.0))
    table = pa.Table.from_pylist(rows, schema=schemas.FINGERPRINTS)
    del rows
    location = Location.parse(folder)
    stored = store_table(location, "fingerprints", table)
    size = (location / stored.path).size() or 0
    landmarks = len(table["landmarks"].combine_chunks().values)
    names = table["song_id"]
    del table
    pa.default_memory_pool().release_unused()
    nothing = pa.nulls(count, pa.string())
    columns = [names, pa.array(["train"] * count), nothing, nothing, names]
    tracks = pa.table(columns, names=["song_id", "split", "artist", "title", "native_id"])
    with Path("/proc/self/clear_refs").open("w") as peak:
        peak.write("5")
    before = resident()
    start = time.process_time()
    songs = FingerprintTable(location / stored.path).songs(tracks, "")
    pairs = find_pairs(songs)
    spent = time.process_time() - start
    right = sum(pair.kind == "near" for pair in pairs)
    console.print(
        f"{count} songs of 4 minutes, {landmarks} landmarks, {size / count / 4e3:.1f} kB a minute of music on disk: "
        f"{right} of {count // 10} copies found, {len(pairs) - right} other pairs, {spent:.0f} s of CPU, "
        f"{(peak_memory() - before) / 1e6:.0f} MB"
    )


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def peak_memory() -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1_024 * int(line.split()[1])


def print_row(console: Console, *cells: str) -> None:
    console.print("| " + " | ".join(cells) + " |", soft_wrap=True, markup=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?", type=Path, default=Path("demo/corpus"))
    parser.add_argument("--folder", type=Path, required=True, help="for the synthetic table; about 1 GB")
    parser.add_argument("--songs", type=int, nargs="*", default=[1_000, 10_000], help="sizes of the synthetic tables")
    options = parser.parse_args()
    one_core()
    console = Console(width=160)
    cost(options.corpus, console)
    detection(options.corpus, console)
    for count in options.songs:
        search(options.corpus, options.folder, count, console)


if __name__ == "__main__":
    main()
