"""Transactions: what they hold, their ids, sizes and bytes."""

from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from indexer.chain.wire import EncodingError, encode_bytes, encode_varint, hash256, hash_hex

WITNESS_FLAG: Final = 1
MWEB_FLAG: Final = 8
HOGEX_MWEB: Final = b"\x00"  # the MWEB part of a HogEx: "none"
NULL_HASH: Final = bytes(32)
COINBASE_VOUT: Final = 0xFFFFFFFF
MIN_INPUT_SIZE: Final = 41

_uint32 = Struct("<I")
_int64 = Struct("<q")


class TxInput(NamedTuple):
    """Spends an output. Immutable: `_replace` gives a changed copy."""

    prev_txid: bytes
    prev_vout: int
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()

    @property
    def is_coinbase(self) -> bool:
        return self.prev_vout == COINBASE_VOUT and self.prev_txid == NULL_HASH


class TxOutput(NamedTuple):
    """Value in the smallest unit and scriptPubKey. Immutable."""

    value: int
    script: bytes


def is_pegin(output: TxOutput) -> bool:
    """Pays into Litecoin's MWEB: witness version 9, a program of 32 bytes."""
    return len(output.script) == 34 and output.script.startswith(b"\x59\x20")


class Transaction:
    """A transaction. Immutable, since its ids and bytes are computed once.

    `mweb` holds Litecoin's MWEB part as serialised: b"" for none, 00 for the HogEx, else 01 and
    the MWEB transaction.
    """

    __slots__ = (
        "_raw",
        "_stripped",
        "_txid",
        "_wtxid",
        "inputs",
        "locktime",
        "mweb",
        "outputs",
        "version",
    )

    def __init__(
        self,
        version: int,
        inputs: Sequence[TxInput],
        outputs: Sequence[TxOutput],
        locktime: int = 0,
        mweb: bytes = b"",
    ) -> None:
        self.version: Final = version
        self.inputs: Final = tuple(inputs)
        self.outputs: Final = tuple(outputs)
        self.locktime: Final = locktime
        self.mweb: Final = mweb
        self._raw: bytes | None = None
        self._stripped: bytes | None = None
        self._txid: bytes | None = None
        self._wtxid: bytes | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transaction) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash(self.wtxid)

    def __repr__(self) -> str:
        return f"<Transaction {hash_hex(self.txid)}>"

    @property
    def has_witness(self) -> bool:
        return any(tx_input.witness for tx_input in self.inputs)

    @property
    def flag(self) -> int:
        """The flag byte behind the marker, 0 when there is no marker."""
        return (WITNESS_FLAG if self.has_witness else 0) | (MWEB_FLAG if self.mweb else 0)

    @property
    def is_coinbase(self) -> bool:
        return len(self.inputs) == 1 and self.inputs[0].is_coinbase

    @property
    def is_mweb_only(self) -> bool:
        """Moves coins inside MWEB only; Litecoin Core names it by a hash of its own."""
        return bool(self.mweb) and not self.inputs and not self.outputs

    @property
    def is_hogex(self) -> bool:
        """The integrating transaction that ends a Litecoin block with MWEB."""
        return self.mweb == HOGEX_MWEB

    @property
    def txid(self) -> bytes:
        """What names it, unless it is MWEB-only."""
        if self._txid is None:
            self._txid = hash256(self.serialize_stripped())
        return self._txid

    @property
    def wtxid(self) -> bytes:
        """What the witness commitment covers. Litecoin leaves the MWEB part out of it."""
        if self._wtxid is None:
            self._wtxid = hash256(self.serialize_canonical()) if self.has_witness else self.txid
        return self._wtxid

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return len(self.serialize())

    @property
    def weight(self) -> int:
        """BIP141 weight, without the MWEB part; but a peg-in that waits to be mined counts the
        input that the HogEx will need for it, as Litecoin Core has it. 0 if MWEB-only."""
        if not self.mweb:
            return 3 * len(self.serialize_stripped()) + len(self.serialize())
        if self.is_mweb_only:
            return 0
        waiting = not self.is_hogex
        pegins = sum(map(is_pegin, self.outputs)) if waiting else 0
        size = len(self.serialize_canonical())
        return 3 * len(self.serialize_stripped()) + size + 4 * MIN_INPUT_SIZE * pegins

    @property
    def vsize(self) -> int:
        """Virtual bytes, rounded up."""
        return (self.weight + 3) // 4

    def serialize(self) -> bytes:
        """As on the wire, with witness and MWEB part."""
        if self._raw is None:
            flag = self.flag
            if not flag:
                self._raw = self.serialize_stripped()
            else:
                parts = [_uint32.pack(self.version), bytes((0, flag)), self._body()]
                if flag & WITNESS_FLAG:
                    parts += [encode_witness(tx_input.witness) for tx_input in self.inputs]
                parts += [self.mweb, _uint32.pack(self.locktime)]
                self._raw = b"".join(parts)
        return self._raw

    def serialize_canonical(self) -> bytes:
        """With witness, without MWEB part."""
        whole = self.serialize()
        if not self.mweb:
            return whole
        if not self.has_witness:
            return self.serialize_stripped()
        end = len(whole) - 4
        return whole[:5] + bytes((WITNESS_FLAG,)) + whole[6 : end - len(self.mweb)] + whole[end:]

    def serialize_stripped(self) -> bytes:
        """Without witness and MWEB part: what the txid is the hash of."""
        if self._stripped is None:
            version, locktime = _uint32.pack(self.version), _uint32.pack(self.locktime)
            self._stripped = version + self._body() + locktime
        return self._stripped

    def _body(self) -> bytes:
        parts = [encode_varint(len(self.inputs))]
        for tx_input in self.inputs:
            if len(tx_input.prev_txid) != 32:
                raise EncodingError("the txid of an outpoint has 32 bytes")
            parts += (
                tx_input.prev_txid,
                _uint32.pack(tx_input.prev_vout),
                encode_bytes(tx_input.script_sig),
                _uint32.pack(tx_input.sequence),
            )
        parts.append(encode_varint(len(self.outputs)))
        parts += [encode_output(output) for output in self.outputs]
        return b"".join(parts)


def encode_output(output: TxOutput) -> bytes:
    return _int64.pack(output.value) + encode_bytes(output.script)


def encode_witness(witness: Sequence[bytes]) -> bytes:
    return encode_varint(len(witness)) + b"".join(map(encode_bytes, witness))
