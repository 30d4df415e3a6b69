"""Where a catalog lies: writes that appear whole or not at all, URIs, and the same bytes for the same rows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogs.storage import TEMPORARY_SUFFIX, Location, read_table, write_table

OLD = b"what was there before"


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return Location.parse(tmp_path / "catalog")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a file system is not allowed here")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def names(location: Location) -> set[str]:
    return {path.name for path in Path(location.path).iterdir()}


def test_content_appears_when_the_block_ends(folder: Location) -> None:
    with (folder / "deep" / "file").open_atomic() as stream:
        stream.write(b"one ")
        assert not (folder / "deep" / "file").exists()
        stream.write(b"two")
    assert (folder / "deep" / "file").read_bytes() == b"one two"
    assert names(folder / "deep") == {"file"}


def test_an_exception_leaves_the_old_file_and_no_temporary(folder: Location) -> None:
    file = folder / "file"
    file.write_bytes(OLD)

    def fail() -> None:
        with file.open_atomic() as stream:
            stream.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_bytes() == OLD
    assert names(folder) == {"file"}


def test_an_exception_leaves_nothing_where_nothing_was(folder: Location) -> None:
    def fail() -> None:
        with (folder / "file").open_atomic() as stream:
            stream.write(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert names(folder) == set()


def test_a_full_disk_leaves_the_old_file_and_no_temporary(small_disk: Path) -> None:
    folder = Location.parse(small_disk)
    (folder / "file").write_bytes(OLD)
    with pytest.raises(OSError, match="No space left"):
        (folder / "file").write_bytes(os.urandom(1 << 21))
    assert (folder / "file").read_bytes() == OLD
    assert names(folder) == {"file"}


def test_a_table_on_a_full_disk_leaves_the_old_table_and_no_temporary(small_disk: Path) -> None:
    folder = Location.parse(small_disk)
    old = pa.table({"number": [1, 2, 3]})
    write_table(folder / "t.parquet", old)
    with pytest.raises(OSError, match="No space left"):
        write_table(folder / "t.parquet", pa.table({"noise": [os.urandom(1 << 16) for _ in range(32)]}))
    assert read_table(folder / "t.parquet").equals(old)
    assert names(folder) == {"t.parquet"}


def test_a_file_that_may_not_grow_leaves_the_old_file_and_no_temporary(folder: Location) -> None:
    (folder / "file").write_bytes(OLD)
    code = (
        "import resource, signal, sys\n"
        "from catalogs.storage import Location\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try:\n"
        "    Location.parse(sys.argv[1]).write_bytes(bytes(1 << 20))\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    target = (folder / "file").path
    done = subprocess.run([sys.executable, "-c", code, target], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "File too large", done.stderr
    assert (folder / "file").read_bytes() == OLD
    assert names(folder) == {"file"}


def test_a_killed_writer_leaves_the_old_file_and_a_temporary_that_can_be_removed(folder: Location) -> None:
    (folder / "file").write_bytes(OLD)
    code = (
        "import os, signal, sys\n"
        "from catalogs.storage import Location\n"
        "with Location.parse(sys.argv[1]).open_atomic() as stream:\n"
        "    stream.write(b'half')\n"
        "    stream.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, (folder / "file").path], check=False)
    assert done.returncode == -9
    assert (folder / "file").read_bytes() == OLD
    (leftover,) = names(folder) - {"file"}
    assert leftover.startswith(".")
    assert leftover.endswith(TEMPORARY_SUFFIX)
    folder.remove_temporaries()
    assert names(folder) == {"file"}


def test_removing_temporaries_keeps_everything_else(folder: Location) -> None:
    kept = {"catalog.json", "x.part", ".hidden", "table.parquet"}
    for name in [*kept, ".abc.part", ".tracks.part"]:
        (folder / name).write_bytes(b"x")
    (folder / "below" / ".abc.part").write_bytes(b"x")
    folder.remove_temporaries()
    assert names(folder) == kept | {"below"}
    assert names(folder / "below") == {".abc.part"}
    (folder / "nowhere").remove_temporaries()


def test_file_names_are_of_files_directly_inside(folder: Location) -> None:
    assert folder.file_names() == set()
    (folder / "a.json").write_bytes(b"")
    (folder / "b").write_bytes(b"x")
    (folder / "inner" / "c").write_bytes(b"x")
    assert folder.file_names() == {"a.json", "b"}
    assert (folder / "inner").file_names() == {"c"}


def test_existence_and_size_are_of_files_only(folder: Location) -> None:
    (folder / "inner" / "file").write_bytes(b"12345")
    assert (folder / "inner" / "file").exists()
    assert (folder / "inner" / "file").size() == 5
    assert not (folder / "inner").exists()
    assert (folder / "inner").size() is None
    assert (folder / "nothing").size() is None


def test_hash_depends_on_the_content_only(folder: Location) -> None:
    data = os.urandom((1 << 20) + 17)
    for name in ("one", "two"):
        (folder / name).write_bytes(data)
    (folder / "three").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert (folder / "one").hash() == (folder / "two").hash()
    assert (folder / "one").hash() != (folder / "three").hash()
    assert len((folder / "one").hash()) == 32


def test_a_path_and_its_file_uri_are_the_same_place(tmp_path: Path) -> None:
    odd = tmp_path / "a catalog, with % and ü"
    by_path, by_uri = Location.parse(odd), Location.parse(odd.as_uri())
    assert by_uri.is_local
    assert by_uri.path == by_path.path == str(odd)
    (by_uri / "file").write_bytes(b"x")
    assert (by_path / "file").read_bytes() == b"x"


def test_a_relative_path_is_taken_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Location.parse("some/catalog").path == str(tmp_path / "some" / "catalog")


@pytest.mark.parametrize("target", ["ftp://host/catalog", "sftp://x", "nonsense://x/y", "file://relative/path"])
def test_a_uri_that_cannot_be_opened_is_named(target: str) -> None:
    with pytest.raises(ValueError, match="not a location") as caught:
        Location.parse(target)
    assert str(caught.value).startswith(target)


def test_parts_are_joined_with_one_slash() -> None:
    assert (Location.parse("file:///root/catalog/") / "shards" / "a.parquet").path == "/root/catalog/shards/a.parquet"
    assert (Location.parse("/") / "a").path == "/a"


@pytest.mark.parametrize("target", ["/root/catalog", "/root/catalog/", "file:///root/catalog/"])
def test_the_name_is_the_last_part(target: str) -> None:
    assert Location.parse(target).name == "catalog"


def test_the_same_rows_give_the_same_bytes(folder: Location) -> None:
    rows = [{"name": f"n{index % 7}", "values": [index / 3.0] * (index % 5)} for index in range(1000)]
    for name in ("one", "two"):
        write_table(folder / name, pa.Table.from_pylist([dict(row) for row in rows]))
    write_table(folder / "three", pa.Table.from_pylist(rows[:-1]))
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    assert (folder / "one").read_bytes() != (folder / "three").read_bytes()
    assert read_table(folder / "one").to_pylist() == rows
    assert read_table(folder / "one", ["name"]).column_names == ["name"]


def test_a_table_in_pieces_gives_the_bytes_of_the_table_in_one(folder: Location) -> None:
    whole = pa.table({"number": list(range(500)), "name": [f"n{i}" for i in range(500)]})
    write_table(folder / "whole", whole)
    write_table(folder / "pieces", pa.concat_tables([whole.slice(0, 123), whole.slice(123)]))
    assert (folder / "whole").read_bytes() == (folder / "pieces").read_bytes()


def test_a_missing_table_is_a_missing_file(folder: Location) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.parquet"):
        read_table(folder / "nowhere.parquet")


def test_a_flipped_byte_in_a_table_is_noticed(folder: Location) -> None:
    table = pa.table({"noise": [os.urandom(64) for _ in range(500)]})
    write_table(folder / "t", table, use_dictionary=False)
    data = bytearray((folder / "t").read_bytes())
    middle = pq.read_metadata((folder / "t").path).row_group(0).column(0).data_page_offset + 10_000
    data[middle] ^= 1
    (folder / "t").write_bytes(bytes(data))
    with pytest.raises(OSError, match="CRC"):
        read_table(folder / "t")
