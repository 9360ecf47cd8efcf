"""Blocks and their headers."""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from indexer.chain.difficulty import difficulty_of, target_of
from indexer.chain.transaction import Transaction
from indexer.chain.wire import encode_varint, hash256, hash_hex, varint_size

HEADER_SIZE: Final = 80

_header = Struct("<i32s32sIII")


class BlockHeader(NamedTuple):
    """Immutable. `auxpow` holds Dogecoin's merge-mining proof as serialised, or b""."""

    version: int
    prev_hash: bytes
    merkle_root: bytes
    time: int
    bits: int
    nonce: int
    auxpow: bytes = b""

    @property
    def hash(self) -> bytes:
        return hash256(self.serialize80())

    @property
    def target(self) -> int:
        """The hash, as a number, must not be above this. 0 for bits no block can have."""
        return target_of(self.bits)

    @property
    def difficulty(self) -> float:
        """How many times harder than difficulty 1 (bits 0x1d00ffff)."""
        return difficulty_of(self.bits)

    def serialize80(self) -> bytes:
        """The 80 bytes that are hashed."""
        return _header.pack(*self[:6])

    def serialize(self) -> bytes:
        return self.serialize80() + self.auxpow


class Block:
    """A block. Immutable.

    `extension` holds Litecoin's MWEB block as serialised, with its leading 01, or b"".
    """

    __slots__ = ("_hash", "extension", "header", "transactions")

    def __init__(
        self, header: BlockHeader, transactions: Sequence[Transaction], extension: bytes = b""
    ) -> None:
        self.header: Final = header
        self.transactions: Final = tuple(transactions)
        self.extension: Final = extension
        self._hash: bytes | None = None

    def __repr__(self) -> str:
        return f"<Block {hash_hex(self.hash)}>"

    @property
    def hash(self) -> bytes:
        if self._hash is None:
            self._hash = self.header.hash
        return self._hash

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return self._frame_size + len(self.extension) + sum(tx.size for tx in self.transactions)

    @property
    def weight(self) -> int:
        """BIP141 weight."""
        return 4 * self._frame_size + sum(tx.weight for tx in self.transactions)

    @property
    def _frame_size(self) -> int:
        return HEADER_SIZE + len(self.header.auxpow) + varint_size(len(self.transactions))

    def serialize(self) -> bytes:
        parts = [self.header.serialize(), encode_varint(len(self.transactions))]
        parts += [tx.serialize() for tx in self.transactions]
        parts.append(self.extension)
        return b"".join(parts)
