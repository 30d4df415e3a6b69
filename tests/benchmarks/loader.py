"""Crops per second of a catalog, of WebDataset and of litdata, which hold the same songs: decoding and all.

Run with ``python -m tests.benchmarks.loader [CATALOG]``. Every contender runs in this process on one core, in turn.
Each decodes FLAC of the same depth and level, once with soundfile and once with the catalog's own decoder, and yields
float32 stems (sources, 2, samples) and a mixture (2, samples).
"""

from __future__ import annotations

import argparse
import functools
import io
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor

from catalogs.catalog import Catalog
from catalogs.flac import decode_flac, encode_flac
from catalogs.schemas import MIXTURE
from training.data import CropConfig, CropDataset

Example = tuple[Tensor, Tensor]
Sample = dict[str, bytes]

SHARD_CHUNKS = 16
"""Chunks of ten seconds in a tar shard, about 100 MB."""
CHUNK_BYTES = "64MB"
"""litdata's default size of a chunk file."""


@dataclass(frozen=True)
class Contender:
    """One way to read the same audio.

    Attributes:
        name: as printed.
        decoder: what decodes FLAC.
        randomness: what is random about an example.
        examples: given a seed, an iterator of at least as many examples as are asked for.
    """

    name: str
    decoder: str
    randomness: str
    examples: Callable[[int], Iterator[Example]]


@dataclass
class Timing:
    """Measurements of one contender, one entry a repeat.

    Attributes:
        crops: crops per second of wall time.
        stem_seconds: seconds of decoded audio, all stems and the mixture, per CPU-second.
        megabytes: MB read per crop, from page cache or disk.
    """

    crops: list[float] = field(default_factory=list)
    stem_seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


def flac_samples(catalog: Catalog, songs: list[str], sources: tuple[str, ...], samples: int | None) -> Iterator[Sample]:
    """The songs as FLAC files by stem: chunks of ``samples``, the rest at the end left out, or whole if None."""
    subtypes = {(row["song_id"], row["stem"]): row["subtype"] for row in catalog.table("shards").to_pylist()}
    scales = {(row["song_id"], row["stem"]): row["scale"] for row in catalog.table("shards").to_pylist()}
    for song_id in songs:
        song = catalog.song(song_id)
        length = max(song.frames.values())
        step = samples or length
        for start in range(0, length - step + 1, step):
            audio = catalog.crop(song_id, start, step, (*sources, MIXTURE))
            yield {
                stem: encode_flac(piece, scales[song_id, stem], subtypes[song_id, stem], song.sample_rate)
                for stem, piece in audio.items()
            }


class Decoder(Protocol):
    """Fills a float32 array of shape (samples, 2) from sample ``start`` of a FLAC file on."""

    def __call__(self, flac: bytes, start: int, output: NDArray[np.float32]) -> None: ...


def decode_with_soundfile(flac: bytes, start: int, output: NDArray[np.float32]) -> None:
    """The usual way."""
    with soundfile.SoundFile(io.BytesIO(flac)) as file:
        file.seek(start)
        output[:] = file.read(output.shape[0], dtype="float32", always_2d=True)


DECODERS: Mapping[str, Decoder] = {"soundfile": decode_with_soundfile, "dr_flac": decode_flac}


def decode(sample: Mapping[str, Any], sources: tuple[str, ...], start: int, samples: int, decoder: Decoder) -> Example:
    """Decode ``samples`` from ``start`` of every stem; scales of hot stems are left out, as they cost nothing."""
    stems = torch.empty(len(sources), 2, samples)
    mixture = torch.empty(2, samples)
    for stem, place in ((MIXTURE, mixture), *zip(sources, stems, strict=True)):
        decoder(sample[stem], start, place.numpy().T)
    return stems, mixture


def own(target: str, songs: list[str], sources: tuple[str, ...], samples: int, count: int) -> Contender:
    """The catalog itself."""

    def examples(seed: int) -> Iterator[Example]:
        return iter(CropDataset(target, songs, CropConfig(samples, sources, seed, swap=False), count))

    return Contender("fxnorm-data", "dr_flac", "song and sample", examples)


def webdataset(
    folder: Path, written: Iterator[Sample], sources: tuple[str, ...], samples: int, per_shard: int, whole: bool
) -> list[Contender]:
    """Tar shards with one FLAC a stem; ``whole`` songs are cropped at a random sample, chunks are only shuffled."""
    import webdataset as wds

    folder.mkdir()
    with wds.ShardWriter(str(folder / "%04d.tar"), maxcount=per_shard, verbose=0) as writer:
        for index, sample in enumerate(written):
            writer.write({"__key__": f"{index:06d}", **{f"{stem}.flac": data for stem, data in sample.items()}})
    shards = sorted(str(path) for path in folder.glob("*.tar"))

    def examples(decoder: Decoder, seed: int) -> Iterator[Example]:
        rng = random.Random(seed)
        data = wds.WebDataset(shards, shardshuffle=len(shards), seed=seed, empty_check=False).repeat()
        for sample in data.shuffle(per_shard, initial=per_shard // 2 + 1, rng=rng):
            stems = {stem: sample[f"{stem}.flac"] for stem in (*sources, MIXTURE)}
            start = rng.randrange(_frames(stems[MIXTURE]) - samples + 1) if whole else 0
            yield decode(stems, sources, start, samples, decoder)

    if whole:
        return _with_decoders("WebDataset, whole songs", "sample; songs in shuffled order", examples)
    return _with_decoders("WebDataset, chunks", "order of fixed chunks", examples)


def _with_decoders(
    name: str, randomness: str, examples: Callable[[Decoder, int], Iterator[Example]]
) -> list[Contender]:
    return [
        Contender(name, label, randomness, functools.partial(examples, decoder)) for label, decoder in DECODERS.items()
    ]


def litdata(folder: Path, written: Iterator[Sample], sources: tuple[str, ...], samples: int) -> list[Contender]:
    """litdata's chunk files, each sample a chunk of a song with one FLAC a stem."""
    from litdata import StreamingDataset
    from litdata.streaming import Cache

    folder.mkdir()
    cache = Cache(str(folder), chunk_bytes=CHUNK_BYTES)
    for index, sample in enumerate(written):
        cache[index] = sample
    cache.done()
    cache.merge()

    def examples(decoder: Decoder, seed: int) -> Iterator[Example]:
        data = StreamingDataset(str(folder), shuffle=True, seed=seed)
        while True:
            for sample in data:
                yield decode(sample, sources, 0, samples, decoder)

    return _with_decoders("litdata, chunks", "order of fixed chunks", examples)


def _frames(flac: bytes) -> int:
    return soundfile.info(io.BytesIO(flac)).frames


def bytes_read() -> int:
    """Bytes that this process has read through system calls so far; 0 where the system does not count."""
    counters = Path("/proc/self/io")
    if not counters.exists():
        return 0
    return int(next(line for line in counters.read_text().splitlines() if line.startswith("rchar")).split()[1])


def measure(contender: Contender, timing: Timing, crops: int, seed: int, audio_seconds: float) -> None:
    """Take ``crops`` examples after one that is not counted, and add to the timing.

    Args:
        contender: what is measured.
        timing: where the results go.
        crops: examples.
        seed: of the order.
        audio_seconds: seconds of decoded audio in an example, all stems and the mixture.
    """
    examples = contender.examples(seed)
    shapes = {tuple(part.shape) for part in next(examples)}
    read, cpu, wall = bytes_read(), time.process_time(), time.perf_counter()
    for _ in range(crops):
        shapes |= {tuple(part.shape) for part in next(examples)}
    wall, cpu, read = time.perf_counter() - wall, time.process_time() - cpu, bytes_read() - read
    if len(shapes) != 2:
        raise ValueError(f"{contender.name}: examples of different shapes, {sorted(shapes)}")
    timing.crops.append(crops / wall)
    timing.stem_seconds.append(crops * audio_seconds / cpu)
    timing.megabytes.append(read / crops / 1e6)


def report(timings: Mapping[Contender, Timing], seconds: float, sources: int) -> Table:
    """Medians, and ratios to the first contender (above 1: faster than it)."""
    table = Table(title=f"Crops of {seconds:g} s of {sources} stems and the mixture, one process, one core; medians")
    for heading in ("loader", "decoder", "random"):
        table.add_column(heading)
    for heading in ("crops/s", "stem-s per CPU-s", "MB read per crop", "CPU rate / ours"):
        table.add_column(heading, justify="right")
    ours = statistics.median(next(iter(timings.values())).stem_seconds)
    for contender, timing in timings.items():
        rate = statistics.median(timing.stem_seconds)
        table.add_row(
            contender.name,
            contender.decoder,
            contender.randomness,
            f"{statistics.median(timing.crops):.2f}",
            f"{rate:.0f}",
            f"{statistics.median(timing.megabytes):.2f}",
            f"{rate / ours:.2f}",
        )
    return table


def main() -> None:
    """Export, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("catalog", nargs="?", default="demo/catalog")
    parser.add_argument("--seconds-per-crop", type=float, default=10.0)
    parser.add_argument("--crops", type=int, default=40, help="crops in a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console()

    catalog = Catalog.open(arguments.catalog)
    first = catalog.song(catalog.songs[0])
    samples = round(arguments.seconds_per_crop * first.sample_rate)
    sources = tuple(stem for stem in first.frames if stem != MIXTURE)
    wanted = {*sources, MIXTURE}
    songs = [
        name
        for name in catalog.songs
        if wanted <= set(catalog.song(name).frames) and max(catalog.song(name).frames.values()) >= samples
    ]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)

        def chunks(length: int | None) -> Iterator[Sample]:
            return flac_samples(catalog, songs, sources, length)

        contenders = [
            own(arguments.catalog, songs, sources, samples, arguments.crops + 1),
            *webdataset(folder / "chunks", chunks(samples), sources, samples, SHARD_CHUNKS, whole=False),
            *webdataset(folder / "songs", chunks(None), sources, samples, 2, whole=True),
            *litdata(folder / "litdata", chunks(samples), sources, samples),
        ]
        timings = {contender: Timing() for contender in contenders}
        for repeat in range(arguments.repeats):
            for contender, timing in timings.items():
                measure(contender, timing, arguments.crops, repeat, arguments.seconds_per_crop * len(wanted))
        console.print(report(timings, arguments.seconds_per_crop, len(sources)))


if __name__ == "__main__":
    main()
