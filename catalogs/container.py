"""Which audio container a file is, by its content, and whether the sizes it declares agree with its length.

Decoders trust headers: libsndfile reads a cut WAV short, and one whose data size is 0 as empty, without an
error. So the chunks are walked here first. Layouts: RIFF/WAVE and RF64 (EBU Tech 3306), Sony Wave64, AIFF and
AIFC, CAF, MP4 (ISO/IEC 14496-12), Ogg (RFC 3533).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from catalogs.faults import AudioFileError

SUFFIXES: dict[str, frozenset[str]] = {
    "WAV": frozenset({".wav", ".wave", ".bwf"}),
    "RF64": frozenset({".wav", ".wave", ".bwf", ".rf64"}),
    "W64": frozenset({".w64"}),
    "AIFF": frozenset({".aif", ".aiff", ".aifc"}),
    "CAF": frozenset({".caf"}),
    "FLAC": frozenset({".flac"}),
    "MP3": frozenset({".mp3"}),
    "OGG": frozenset({".ogg", ".oga", ".opus"}),
    "MP4": frozenset({".m4a", ".mp4"}),
}
"""Containers that can be read, with the file-name suffixes each usually has."""

UNSUPPORTED_SUFFIXES = frozenset({".aac", ".ac3", ".ape", ".au", ".mka", ".wma", ".wv"})
"""Suffixes of audio files that are found in corpora and refused."""

AUDIO_SUFFIXES = frozenset().union(*SUFFIXES.values(), UNSUPPORTED_SUFFIXES)
"""Suffixes (lower case) by which an adapter takes a file for audio."""

_STREAMED_SIZES = frozenset({0x7FFFF000, 0xFFFFFFFF, 2**64 - 1})
_TRAILING_JUNK = 65_536
_OGG_PAGE_MAX = 65_307
_XING_TOLERANCE = 0.99


@dataclass(frozen=True)
class Container:
    """A container found in a file.

    ``name`` is a key of SUFFIXES. ``length_declared`` is False where the header does not say how long the
    audio is (it was written to a pipe, or is an MP3 without a Xing header): only reading to the end can tell.
    """

    name: str
    length_declared: bool = True


@dataclass(frozen=True)
class _Chunks:
    first: int
    id_bytes: int
    size_format: str
    size_counts_header: bool
    alignment: int
    audio_id: bytes
    audio_prefix: int = 0

    @property
    def header_bytes(self) -> int:
        return self.id_bytes + struct.calcsize(self.size_format)

    def at(self, file: BufferedReader, position: int) -> tuple[bytes, int] | None:
        """Id and body size of the chunk whose header begins at ``position``; None where there is none."""
        file.seek(position)
        header = file.read(self.header_bytes)
        if len(header) < self.header_bytes:
            return None
        chunk_id = header[: self.id_bytes]
        (size,) = struct.unpack(self.size_format, header[self.id_bytes :])
        if self.id_bytes == 4 and not all(0x20 <= byte < 0x7F for byte in chunk_id):
            return None
        if self.size_counts_header and size not in _STREAMED_SIZES:
            size -= self.header_bytes
        return None if size < 0 else (chunk_id, size)

    def after(self, position: int, size: int) -> int:
        """Where the next chunk header begins."""
        end = position + self.header_bytes + size
        return end + -end % self.alignment


_WAVE = _Chunks(12, 4, "<I", False, 2, b"data")
_LAYOUTS: dict[bytes, tuple[str, _Chunks]] = {
    b"RIFF": ("WAV", _WAVE),
    b"RIFX": ("WAV", _Chunks(12, 4, ">I", False, 2, b"data")),
    b"RF64": ("RF64", _WAVE),
    b"riff": ("W64", _Chunks(40, 16, "<Q", True, 8, bytes.fromhex("64617461f3acd3118cd100c04f8edb8a"))),
    b"FORM": ("AIFF", _Chunks(12, 4, ">I", False, 2, b"SSND", 8)),
    b"caff": ("CAF", _Chunks(8, 4, ">Q", False, 1, b"data", 4)),
}
_FORMS = {b"RIFF": b"WAVE", b"RIFX": b"WAVE", b"RF64": b"WAVE", b"FORM": b"AIF"}


def identify(file: BufferedReader, path: Path, size: int) -> Container:
    """The container of an open file of ``size`` bytes, checked against that size.

    Errors: AudioFileError with reason ``empty`` (no bytes), ``not_audio`` (no container known here),
    ``truncated`` (the file ends before what it declares) or ``size_mismatch`` (its sizes contradict each
    other).
    """
    if size == 0:
        raise AudioFileError("empty", path, "the file has zero bytes")
    start = _after_id3(file)
    file.seek(start)
    head = file.read(12)
    magic = head[:4]
    if magic in _LAYOUTS and head[8:12].startswith(_FORMS.get(magic, b"")):
        name, chunks = _LAYOUTS[magic]
        return Container(name, _check_chunks(file, path, size, magic, chunks))
    if magic == b"fLaC":
        return Container("FLAC", _flac_declares_length(file, start))
    if magic == b"OggS":
        _check_ogg(file, path, size)
        return Container("OGG")
    if head[4:8] == b"ftyp":
        _check_mp4(file, path, size)
        return Container("MP4")
    if start or _is_mpeg_audio(magic):
        return Container("MP3", _check_mp3(file, path, size, start))
    raise AudioFileError("not_audio", path, "its content is no audio format known here")


def _after_id3(file: BufferedReader) -> int:
    file.seek(0)
    header = file.read(10)
    if len(header) < 10 or header[:3] != b"ID3":
        return 0
    tag_bytes = 0
    for byte in header[6:10]:
        tag_bytes = tag_bytes << 7 | byte & 0x7F
    return 10 + tag_bytes


def _is_mpeg_audio(header: bytes) -> bool:
    """Whether four bytes are the header of an MPEG audio frame (ISO/IEC 11172-3, 2.4.1.3)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return False
    version, layer, bitrate, rate = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 4, header[2] >> 2 & 3
    return version != 1 and layer != 0 and bitrate not in (0, 15) and rate != 3


def _flac_declares_length(file: BufferedReader, start: int) -> bool:
    file.seek(start + 21)
    total = file.read(5)
    return bool((total[:1] and total[0] & 0x0F) or any(total[1:]))


def _check_mp3(file: BufferedReader, path: Path, size: int, start: int) -> bool:
    """Whether a Xing header declares the length; its byte count is checked against the file's size."""
    file.seek(start)
    first_frame = file.read(4096)
    position = max(first_frame.find(b"Xing"), first_frame.find(b"Info"))
    if position < 0 or position + 16 > len(first_frame):
        return False
    flags, _, declared = struct.unpack_from(">III", first_frame, position + 4)
    if flags & 3 == 3 and size - start < _XING_TOLERANCE * declared:
        problem = f"its Xing header declares {declared} bytes, and {size - start} are there"
        raise AudioFileError("truncated", path, problem)
    return bool(flags & 1)


def _check_chunks(file: BufferedReader, path: Path, size: int, magic: bytes, chunks: _Chunks) -> bool:
    """Whether the length of the audio is declared; the declared sizes are checked against the file's."""
    position, long_size = chunks.first, None
    while (chunk := chunks.at(file, position)) is not None:
        chunk_id, body = chunk
        if chunk_id == chunks.audio_id:
            break
        if magic == b"RF64" and chunk_id == b"ds64":
            (long_size,) = struct.unpack("<8xQ", file.read(16).ljust(16, b"\0"))
        position = chunks.after(position, body)
    else:
        return True
    if long_size is not None and body == 0xFFFFFFFF:
        body = long_size
    if body in _STREAMED_SIZES:
        return False
    available = size - position - chunks.header_bytes
    if body > available:
        problem = f"its header declares {body} bytes of audio, and {available} are there"
        raise AudioFileError("size_mismatch" if _form_fits(file, magic, size) else "truncated", path, problem)
    end = chunks.after(position, body)
    while (chunk := chunks.at(file, end)) is not None and chunks.after(end, chunk[1]) <= size + 1:
        end = chunks.after(end, chunk[1])
    declared, unclaimed = max(0, body - chunks.audio_prefix), size - end
    if unclaimed > min(declared, _TRAILING_JUNK):
        problem = f"its header declares {declared} bytes of audio, and {unclaimed} undeclared bytes follow"
        raise AudioFileError("size_mismatch", path, problem)
    return True


def _form_fits(file: BufferedReader, magic: bytes, size: int) -> bool:
    """Whether the outermost size agrees with the file's, so that only the audio chunk claims too much."""
    if magic not in (b"RIFF", b"RIFX", b"FORM"):
        return False
    file.seek(4)
    (form,) = struct.unpack("<I" if magic == b"RIFF" else ">I", file.read(4))
    return form + 8 <= size


def _check_ogg(file: BufferedReader, path: Path, size: int) -> None:
    file.seek(max(0, size - _OGG_PAGE_MAX))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    ends_stream = len(page) >= 27 and page[5] & 4
    if not ends_stream or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]]):
        raise AudioFileError("truncated", path, "its last Ogg page is cut or does not end the stream")


def _check_mp4(file: BufferedReader, path: Path, size: int) -> None:
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        box, kind = struct.unpack(">I4s", header[:8])
        if box == 0:
            return
        if box == 1 and len(header) == 16:
            (box,) = struct.unpack(">Q", header[8:])
        if position + box > size:
            problem = f"its box {kind.decode('latin-1')!r} declares {box} bytes, and {size - position} are there"
            raise AudioFileError("truncated", path, problem)
        position += max(box, 8)
