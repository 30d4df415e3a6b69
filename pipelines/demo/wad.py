"""Reading a WAD, the archive in which Doom-like games keep their data."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pipelines.demo.errors import DemoCorpusError

_HEADER = struct.Struct("<4sii")
_ENTRY = struct.Struct("<ii8s")


@dataclass(frozen=True)
class Wad:
    """The lumps of one WAD: name to content. Of several lumps of one name the last counts."""

    name: str
    lumps: dict[str, bytes]

    @classmethod
    def parse(cls, name: str, data: bytes, origin: str) -> Wad:
        """Read the directory and the lumps of the WAD ``data``; ``origin`` says in messages where it was
        found.

        Raises DemoCorpusError where ``data`` is not a WAD, or its directory points outside the file.
        """
        if len(data) < _HEADER.size:
            raise DemoCorpusError(f"{origin}: {len(data)} bytes are too few for a WAD; download the package again")
        magic, count, directory = _HEADER.unpack_from(data)
        if magic not in (b"IWAD", b"PWAD"):
            raise DemoCorpusError(f"{origin}: starts with {magic!r}, not IWAD or PWAD; it is not a WAD")
        if count < 0 or directory < 0 or directory + count * _ENTRY.size > len(data):
            raise DemoCorpusError(f"{origin}: the directory of {count} lumps at byte {directory} is cut off")
        lumps: dict[str, bytes] = {}
        for offset, size, raw in _ENTRY.iter_unpack(data[directory : directory + count * _ENTRY.size]):
            lump = raw.split(b"\0", 1)[0].decode("latin-1")
            if size < 0 or (size and (offset < 0 or offset + size > len(data))):
                raise DemoCorpusError(f"{origin}: lump {lump} ({size} bytes at {offset}) lies outside the file")
            lumps[lump] = data[offset : offset + size]
        return cls(name=name, lumps=lumps)
