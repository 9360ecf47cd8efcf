"""BBQr: a file as a series of QR codes, in any order. https://bbqr.org (Coinkite, 2023)."""

import binascii
import zlib
from base64 import b16decode, b32decode, b32encode
from collections.abc import Iterable
from typing import Final

from wallet.sentence import said

PSBT: Final = "P"
TRANSACTION: Final = "T"

_HEADER: Final = 8  # characters: B$, encoding, type of file, parts in all, number of this part
_CHUNK: Final = 8  # base32 characters that stand for whole bytes
_MOST_PARTS: Final = 36 * 36 - 1
_MOST_BYTES: Final = 4_000_000
_WINDOW: Final = -10  # raw deflate with a window of 1 kB


class BbqrError(ValueError):
    """These are not the frames of one file. The message says why."""


def is_frame(text: str) -> bool:
    return text.startswith("B$") and len(text) > _HEADER


def split(data: bytes, kind: str, most: int = 640) -> list[str]:
    """The frames of a file, of at most `most` characters each and about the same length."""
    text = b32encode(data).decode().rstrip("=")
    room = (most - _HEADER) // _CHUNK * _CHUNK
    parts = max(1, -(-len(text) // room))
    if parts > _MOST_PARTS:
        raise BbqrError(said("%(count)s bytes are too many for a series of codes", count=len(data)))
    length = -(-len(text) // parts // _CHUNK) * _CHUNK
    length = max(length, _CHUNK)
    pieces = [text[start : start + length] for start in range(0, len(text), length)] or [""]
    total = _base36(len(pieces))
    return [f"B$2{kind}{total}{_base36(number)}{piece}" for number, piece in enumerate(pieces)]


def join(frames: Iterable[str]) -> bytes:
    """The file that all of the frames make; BbqrError where one is missing or of another."""
    parts: dict[int, str] = {}
    heads = set()
    for frame in frames:
        if not is_frame(frame):
            raise BbqrError("this is not a frame of BBQr")
        heads.add(frame[2:6])
        parts[_number(frame[6:8])] = frame[_HEADER:]
    if len(heads) != 1:
        raise BbqrError("these frames are of different files")
    (head,) = heads
    encoding, total = head[0], _number(head[2:4])
    missing = [number for number in range(total) if number not in parts]
    if missing or len(parts) != total:
        raise BbqrError(
            said("%(missing)s of %(total)s frames are missing", missing=len(missing), total=total)
        )
    return _decoded(encoding, "".join(parts[number] for number in range(total)))


def _decoded(encoding: str, text: str) -> bytes:
    if not text.isascii():
        raise BbqrError("a frame is damaged")
    try:
        if encoding == "H":
            return b16decode(text)
        data = b32decode(text + "=" * (-len(text) % _CHUNK))
        if encoding == "2":
            return data
        if encoding == "Z":
            return _inflated(data)
    except (binascii.Error, zlib.error) as error:
        raise BbqrError("a frame is damaged") from error
    raise BbqrError(said("the encoding %(encoding)s is not known", encoding=repr(encoding)))


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(_WINDOW)
    found = inflater.decompress(data, _MOST_BYTES)
    if inflater.unconsumed_tail or not inflater.eof:
        raise BbqrError("the file is too large, or cut short")
    return found


def _base36(number: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return digits[number // 36] + digits[number % 36]


def _number(text: str) -> int:
    try:
        return int(text, 36)
    except ValueError:
        raise BbqrError("a frame has no number") from None
