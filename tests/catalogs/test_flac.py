"""FLAC in memory: what goes in comes out, as libFLAC decodes it, and damage is an error."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from catalogs.flac import PCM_BITS, FlacError, decode_flac, encode_flac
from tests import signals
from tests.signals import RATE

SUBTYPES = sorted(PCM_BITS)


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (samples, 2)).astype(np.float32)


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("start, samples", [(0, 30_000), (1, 5), (4_095, 4_098), (29_999, 1), (12_345, 0)])
def test_a_stretch_is_what_libflac_decodes(subtype: str, start: int, samples: int) -> None:
    flac = encode_flac(noise(30_000), 1.0, subtype, RATE)
    expected, _ = soundfile.read(io.BytesIO(flac), dtype="float32", start=start, frames=samples)
    rows = np.zeros((samples, 2), dtype=np.float32)
    columns = np.zeros((2, samples), dtype=np.float32)
    decode_flac(flac, start, rows)
    decode_flac(memoryview(flac), start, columns.T[:, ::-1])
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(columns, expected.T[::-1])


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 300), st.just(2)), elements=st.floats(-2.0, 2.0, width=32)),
    st.sampled_from(SUBTYPES),
    st.sampled_from([1.0, 1.7, 2.0]),
)
def test_samples_are_rounded_to_the_nearest_step(audio: np.ndarray, subtype: str, scale: float) -> None:
    full = 2.0 ** (PCM_BITS[subtype] - 1)
    expected = np.clip(np.rint(audio.astype(np.float64) * (full / scale)), -full, full - 1) / full
    decoded = np.zeros_like(audio)
    decode_flac(encode_flac(audio, scale, subtype, RATE), 0, decoded)
    np.testing.assert_array_equal(decoded, expected)


def test_sixteen_bits_survive_exactly() -> None:
    audio = np.random.default_rng(1).integers(-(2**15), 2**15, (5_000, 2)).astype(np.float32) / 2**15
    decoded = np.zeros_like(audio)
    decode_flac(encode_flac(audio, 1.0, "PCM_16", RATE), 0, decoded)
    np.testing.assert_array_equal(decoded, audio)


def test_what_cannot_be_decoded_is_an_error() -> None:
    flac = encode_flac(noise(20_000), 1.0, "PCM_24", RATE)
    with pytest.raises(FlacError, match="no FLAC file"):
        decode_flac(b"RIFF" + flac, 0, np.zeros((10, 2), np.float32))
    with pytest.raises(FlacError, match="from sample 19990, not 20"):
        decode_flac(flac, 19_990, np.zeros((20, 2), np.float32))
    with pytest.raises(FlacError, match="not 20000"):
        decode_flac(flac[: len(flac) // 2], 0, np.zeros((20_000, 2), np.float32))
    mono = io.BytesIO()
    soundfile.write(mono, noise(100)[:, 0], RATE, format="FLAC")
    with pytest.raises(FlacError, match="1 channels, not 2"):
        decode_flac(mono.getvalue(), 0, np.zeros((10, 2), np.float32))


def test_a_flipped_bit_is_never_passed_off_as_audio() -> None:
    audio = signals.plucks(1.0)
    flac = bytearray(encode_flac(audio, 1.0, "PCM_24", RATE))
    clean = np.zeros_like(audio)
    decode_flac(bytes(flac), 0, clean)
    for position in range(200, len(flac), len(flac) // 40):
        flac[position] ^= 0x10
        with pytest.raises(FlacError):
            decode_flac(bytes(flac), 0, np.zeros_like(audio))
        flac[position] ^= 0x10
    np.testing.assert_allclose(clean, audio, atol=2.0**-23)
