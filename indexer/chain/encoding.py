"""Consensus encoding: blocks and transactions to bytes and back, byte for byte.

Parsers are strict as the nodes are: what parses is what re-serialising gives, so that counts in
an unusual form, superfluous witnesses and trailing bytes are refused with EncodingError.
"""

from collections.abc import Sequence
from functools import partial
from struct import Struct, error
from typing import Final, NamedTuple

from indexer.chain.network import Network
from indexer.chain.wire import (
    EncodingError,
    Reader,
    encode_bytes,
    encode_varint,
    hash256,
    hash_from_hex,
    hash_hex,
    long_varint,
    varint_size,
)

__all__ = [
    "Block",
    "BlockHeader",
    "EncodingError",
    "Reader",
    "Transaction",
    "TxInput",
    "TxOutput",
    "encode_bytes",
    "encode_output",
    "encode_varint",
    "encode_witness",
    "hash256",
    "hash_from_hex",
    "hash_hex",
    "parse_block",
    "parse_header",
    "parse_spent_outputs",
    "parse_transaction",
]

WITNESS_FLAG: Final = 1
MWEB_FLAG: Final = 8
HOGEX_MWEB: Final = b"\x00"  # the MWEB part of a HogEx: "none"
NULL_HASH: Final = bytes(32)
COINBASE_VOUT: Final = 0xFFFFFFFF
AUXPOW_VERSION: Final = 0x100
HEADER_SIZE: Final = 80

_uint32 = Struct("<I")
_int64 = Struct("<q")
_header = Struct("<i32s32sIII")
_read_uint32 = _uint32.unpack_from
_read_outpoint = Struct("<32sI").unpack_from
_read_int64 = _int64.unpack_from

# The least bytes an element takes: a larger count than fits is refused before reading on.
_MIN_INPUT, _MIN_OUTPUT, _MIN_TRANSACTION = 41, 9, 10


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


_new_input = partial(tuple.__new__, TxInput)
_new_output = partial(tuple.__new__, TxOutput)


class Transaction:
    """A transaction. Treat it as immutable: its ids and bytes are computed once.

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
        self.version = version
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.locktime = locktime
        self.mweb = mweb
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
        input that the HogEx will need for it, as Litecoin Core has it."""
        waiting = self.mweb and not self.is_hogex
        pegins = sum(map(is_pegin, self.outputs)) if waiting else 0
        size = len(self.serialize_canonical())
        return 3 * len(self.serialize_stripped()) + size + 4 * _MIN_INPUT * pegins

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


def target_of(bits: int) -> int:
    """The target that compact bits stand for; 0 where they are negative or overflow."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    if bits & 0x800000 or mantissa.bit_length() + 8 * (exponent - 3) > 256:
        return 0
    return mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)


def difficulty_of(bits: int) -> float:
    """Relative to bits 0x1d00ffff; infinite for a target of 0."""
    target = target_of(bits)
    return target_of(0x1D00FFFF) / target if target else float("inf")


class Block:
    """A block. Treat it as immutable.

    `extension` holds Litecoin's MWEB block as serialised, with its leading 01, or b"".
    """

    __slots__ = ("_hash", "extension", "header", "transactions")

    def __init__(
        self, header: BlockHeader, transactions: Sequence[Transaction], extension: bytes = b""
    ) -> None:
        self.header = header
        self.transactions = tuple(transactions)
        self.extension = extension
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


def parse_header(raw: bytes) -> BlockHeader:
    """A header of exactly 80 bytes."""
    if len(raw) != HEADER_SIZE:
        raise EncodingError(f"a block header has 80 bytes, this has {len(raw)}")
    return BlockHeader(*_header.unpack(raw))


def parse_transaction(raw: bytes, network: Network) -> Transaction:
    """A transaction as on the wire, also with MWEB data as relayed; nothing may follow it."""
    raw = bytes(raw)
    try:
        transaction, position = _read_transaction(raw, 0, network, alone=True)
    except (IndexError, error):
        raise EncodingError("the transaction ends too early") from None
    if position != len(raw):
        raise EncodingError(f"{len(raw) - position} bytes follow the end of the transaction")
    return transaction


def parse_block(raw: bytes, network: Network) -> Block:
    """A block as on the wire, with AuxPoW and MWEB extension; nothing may follow it."""
    raw = bytes(raw)
    try:
        return _read_block(raw, network)
    except (IndexError, error):
        raise EncodingError("the block ends too early") from None


def parse_spent_outputs(raw: bytes, block: Block) -> list[list[TxOutput]]:
    """For each transaction but the coinbase, the outputs its inputs spend.

    `raw` is value and script of each, in the order of the inputs, without any counts.
    """
    raw = bytes(raw)
    position = 0
    spent = []
    try:
        for transaction in block.transactions[1:]:
            outputs, position = _read_outputs(raw, position, len(transaction.inputs))
            spent.append(outputs)
    except (IndexError, error):
        raise EncodingError("the spent outputs end too early") from None
    if position != len(raw):
        raise EncodingError(f"{len(raw) - position} bytes follow the last spent output")
    return spent


def _read_block(raw: bytes, network: Network) -> Block:
    version, prev_hash, merkle_root, time, bits, nonce = _header.unpack_from(raw)
    position = HEADER_SIZE
    if network.auxpow and version & AUXPOW_VERSION:
        position = _skip_auxpow(raw, position, network)
    header = BlockHeader(
        version, prev_hash, merkle_root, time, bits, nonce, raw[HEADER_SIZE:position]
    )
    count, position = _read_count(raw, position, _MIN_TRANSACTION)
    transactions = []
    for _ in range(count):
        transaction, position = _read_transaction(raw, position, network, alone=False)
        transactions.append(transaction)
    extension = raw[position:]
    if count > 1 and transactions[-1].is_hogex:
        if not extension or extension[0] > 1 or (extension[0] == 0 and len(extension) > 1):
            raise EncodingError("a HogEx must be followed by an MWEB extension block")
    elif extension:
        raise EncodingError(f"{len(extension)} bytes follow the last transaction")
    return Block(header, transactions, extension)


def _skip_auxpow(raw: bytes, position: int, network: Network) -> int:
    _, position = _read_transaction(raw, position, network, alone=False)
    position += 32  # hash of the parent block
    for _ in range(2):  # branches to the parent's Merkle root, and in the tree of merged chains
        count, position = _read_count(raw, position, 32)
        position += 32 * count + 4  # index
    position += HEADER_SIZE  # of the parent
    if position > len(raw):
        raise EncodingError("the block ends inside its AuxPoW")
    return position


def _read_count(raw: bytes, position: int, least: int) -> tuple[int, int]:
    count = raw[position]
    position += 1
    if count >= 0xFD:
        count, position = long_varint(raw, position, count)
    if count * least > len(raw) - position:
        raise EncodingError(f"a count of {count} does not fit into {len(raw) - position} bytes")
    return count, position


def _read_transaction(
    raw: bytes, start: int, network: Network, *, alone: bool
) -> tuple[Transaction, int]:
    """The transaction at `start` and where it ends. `alone`: nothing follows it."""
    transaction = Transaction.__new__(Transaction)
    transaction.version = _read_uint32(raw, start)[0]
    position = start + 4
    flag = 0
    if network.segwit and raw[position] == 0 and raw[position + 1] != 0:
        flag = raw[position + 1]
        position += 2
        if flag & ~(WITNESS_FLAG | (MWEB_FLAG if network.mweb else 0)):
            raise EncodingError(f"a transaction has the unknown flag {flag}")
    body = position
    inputs, position = _read_inputs(raw, position)
    count, position = _read_count(raw, position, _MIN_OUTPUT)
    outputs, position = _read_outputs(raw, position, count)
    body_end = position
    if flag & WITNESS_FLAG:
        inputs, position = _read_witnesses(raw, position, inputs)
    mweb = b""
    if flag & MWEB_FLAG:
        mweb = _read_mweb(raw, position, has_outputs=bool(outputs), alone=alone)
        position += len(mweb)
    transaction.inputs = tuple(inputs)
    transaction.outputs = tuple(outputs)
    transaction.mweb = mweb
    transaction.locktime = _read_uint32(raw, position)[0]
    end = position + 4
    transaction._raw = whole = raw[start:end]
    transaction._stripped = (
        raw[start : start + 4] + raw[body:body_end] + raw[position:end] if flag else whole
    )
    transaction._txid = transaction._wtxid = None
    return transaction, end


def _read_inputs(raw: bytes, position: int) -> tuple[list[TxInput], int]:
    count, position = _read_count(raw, position, _MIN_INPUT)
    inputs = []
    for _ in range(count):
        prev_txid, prev_vout = _read_outpoint(raw, position)
        length = raw[position + 36]
        position += 37
        if length >= 0xFD:
            length, position = long_varint(raw, position, length)
        end = position + length
        # Reading the sequence behind it proves that the script is whole.
        sequence = _read_uint32(raw, end)[0]
        inputs.append(_new_input((prev_txid, prev_vout, raw[position:end], sequence, ())))
        position = end + 4
    return inputs, position


def _read_outputs(raw: bytes, position: int, count: int) -> tuple[list[TxOutput], int]:
    size = len(raw)
    outputs = []
    for _ in range(count):
        value = _read_int64(raw, position)[0]
        length = raw[position + 8]
        position += 9
        if length >= 0xFD:
            length, position = long_varint(raw, position, length)
        end = position + length
        if end > size:
            raise EncodingError(f"an output's script of {length} bytes does not fit")
        outputs.append(_new_output((value, raw[position:end])))
        position = end
    return outputs, position


def _read_witnesses(raw: bytes, position: int, inputs: list[TxInput]) -> tuple[list[TxInput], int]:
    size = len(raw)
    witnessed = []
    superfluous = True
    for tx_input in inputs:
        count, position = _read_count(raw, position, 1)
        if not count:
            witnessed.append(tx_input)
            continue
        superfluous = False
        items = []
        for _ in range(count):
            length = raw[position]
            position += 1
            if length >= 0xFD:
                length, position = long_varint(raw, position, length)
            end = position + length
            if end > size:
                raise EncodingError(f"a witness item of {length} bytes does not fit")
            items.append(raw[position:end])
            position = end
        witnessed.append(_new_input((*tx_input[:4], tuple(items))))
    if superfluous:
        raise EncodingError("a transaction has the witness flag and no witness")
    return witnessed, position


def _read_mweb(raw: bytes, position: int, *, has_outputs: bool, alone: bool) -> bytes:
    if raw[position] == 0:
        if not has_outputs:
            raise EncodingError("a HogEx has no outputs")
        return HOGEX_MWEB
    if raw[position] != 1:
        raise EncodingError("the MWEB part of a transaction starts with 00 or 01")
    if not alone:
        raise EncodingError("a transaction inside a block carries MWEB data")
    if len(raw) - 4 <= position + 1:
        raise EncodingError("the MWEB part of a transaction is empty")
    return raw[position : len(raw) - 4]
