"""BBQr frames: split, joined in any order and encoding, refused when they do not fit."""

import random
import zlib
from base64 import b32encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.bbqr import PSBT, BbqrError, join, split


@pytest.mark.parametrize("size", [1, 5, 394, 395, 396, 5_000, 40_000])
def test_split_and_joined_in_any_order(size: int) -> None:
    data = random.Random(size).randbytes(size)
    frames = split(data, PSBT)
    assert all(len(frame) <= 640 for frame in frames)
    assert all(len(frame[8:]) % 8 == 0 for frame in frames[:-1])
    assert {frame[:6] for frame in frames} == {f"B$2P{frames[0][4:6]}"}
    random.Random(1).shuffle(frames)
    assert join([*frames, frames[0]]) == data


def test_the_other_encodings() -> None:
    deflater = zlib.compressobj(wbits=-10)
    packed = deflater.compress(b"psbt" * 500) + deflater.flush()
    text = b32encode(packed).decode().rstrip("=")
    assert join(["B$ZP0100" + text]) == b"psbt" * 500
    assert join(["B$HP0201CDEF", "B$HP020089AB"]) == bytes.fromhex("89abcdef")


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        (["B$2P0200AAAAAAAA"], "1 of 2 frames are missing"),
        (["B$2P0200AAAAAAAA", "B$2T0201AAAAAAAA"], "different files"),
        (["B$XP0100AAAAAAAA"], "not known"),
        (["B$2P0100!!!!!!!!"], "damaged"),
        (["B$2P0100ÄÄÄÄÄÄÄÄ"], "damaged"),
        (["B$2P01??AAAAAAAA"], "no number"),
        (["B$2P0105AAAAAAAA"], "missing"),
        (["cHNidP8BAHEC"], "not a frame"),
        (["B$ZP0100AAAAAAAA"], "damaged|cut short"),
        ([], "different files"),
    ],
)
def test_what_does_not_fit_is_refused(frames: list[str], problem: str) -> None:
    with pytest.raises(BbqrError, match=problem):
        join(frames)


FRAME_LIKE = st.builds(
    "B${}P{}{}".format, st.sampled_from("2HZ"), st.text("0123ZÄ"), st.text("A27F=")
)


@given(st.lists(st.text(max_size=60) | FRAME_LIKE, max_size=4))
def test_any_texts_make_a_file_or_the_typed_error(frames: list[str]) -> None:
    try:
        data = join(frames)
    except BbqrError:
        return
    assert isinstance(data, bytes)


def test_a_bomb_is_not_unpacked() -> None:
    deflater = zlib.compressobj(wbits=-10)
    packed = deflater.compress(bytes(50_000_000)) + deflater.flush()
    with pytest.raises(BbqrError, match="too large"):
        join(["B$ZP0100" + b32encode(packed).decode().rstrip("=")])
