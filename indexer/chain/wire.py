"""The primitives of the wire format: hashes, counts, and a reader with bounds."""

from hashlib import new as new_hash
from hashlib import sha256
from struct import Struct

_read_uint16 = Struct("<H").unpack_from
_read_uint32 = Struct("<I").unpack_from
_read_uint64 = Struct("<Q").unpack_from


class EncodingError(ValueError):
    """These bytes are not what they should be; the message says where and why."""


def hash256(data: bytes) -> bytes:
    """Double SHA-256."""
    return sha256(sha256(data).digest()).digest()


def hash160(data: bytes) -> bytes:
    """RIPEMD-160 of the SHA-256."""
    return new_hash("ripemd160", sha256(data).digest()).digest()


def hash_hex(hash_: bytes) -> str:
    """As people write it: the bytes reversed, in hexadecimal."""
    return hash_[::-1].hex()


def hash_from_hex(text: str) -> bytes:
    """The 32 bytes in wire order of a hash as people write it."""
    try:
        hash_ = bytes.fromhex(text)
    except ValueError:
        raise EncodingError("a hash is 64 hexadecimal digits") from None
    if len(text) != 64 or len(hash_) != 32:
        raise EncodingError(f"a hash is 64 hexadecimal digits, this has {len(text)} characters")
    return hash_[::-1]


def encode_varint(number: int) -> bytes:
    """Core's CompactSize."""
    if number < 0xFD:
        return bytes((number,))
    if number <= 0xFFFF:
        return b"\xfd" + number.to_bytes(2, "little")
    if number <= 0xFFFFFFFF:
        return b"\xfe" + number.to_bytes(4, "little")
    return b"\xff" + number.to_bytes(8, "little")


def varint_size(number: int) -> int:
    """Bytes that encode_varint gives."""
    return 1 if number < 0xFD else 3 if number <= 0xFFFF else 5 if number <= 0xFFFFFFFF else 9


def encode_bytes(data: bytes) -> bytes:
    """A length and the bytes."""
    return encode_varint(len(data)) + data


class Reader:
    """Reads from the front of some bytes and never past their end."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    @property
    def remaining(self) -> int:
        return len(self.data) - self.position

    def take(self, size: int, what: str = "bytes") -> bytes:
        if size > self.remaining:
            raise EncodingError(f"{what}: {size} bytes expected, {self.remaining} left")
        start = self.position
        self.position = start + size
        return self.data[start : start + size]

    def uint(self, size: int, what: str = "number") -> int:
        return int.from_bytes(self.take(size, what), "little")

    def sint(self, size: int, what: str = "number") -> int:
        return int.from_bytes(self.take(size, what), "little", signed=True)

    def varint(self, what: str = "count") -> int:
        first = self.uint(1, what)
        if first < 0xFD:
            return first
        size = 1 << (first - 0xFC)
        number = self.uint(size, what)
        _check_shortest(number, size)
        return number

    def count(self, least: int, what: str = "count") -> int:
        """How many elements follow, each of at least `least` bytes."""
        number = self.varint(what)
        if number * least > self.remaining:
            raise EncodingError(f"{what}: {number} do not fit into {self.remaining} bytes")
        return number

    def var_bytes(self, what: str = "bytes") -> bytes:
        """Bytes behind their length."""
        return self.take(self.varint(what), what)

    def end(self, what: str = "data") -> None:
        if self.remaining:
            raise EncodingError(f"{self.remaining} bytes follow the end of the {what}")


def _check_shortest(number: int, size: int) -> None:
    if number < (0xFD, 0x10000, 0x100000000)[size.bit_length() - 2]:
        raise EncodingError(f"{number} is encoded in {size} bytes, which is not the shortest form")


def long_varint(data: bytes, position: int, first: int) -> tuple[int, int]:
    """The count behind a first byte of 0xfd or more, and the position after it."""
    if first == 0xFD:
        number, size = _read_uint16(data, position)[0], 2
    elif first == 0xFE:
        number, size = _read_uint32(data, position)[0], 4
    else:
        number, size = _read_uint64(data, position)[0], 8
    _check_shortest(number, size)
    if number > len(data):  # beyond 2^63 it would not even do as an index
        raise EncodingError(f"a length of {number} does not fit into {len(data)} bytes")
    return number, position + size
