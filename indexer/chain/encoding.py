"""Consensus encoding: bytes to blocks and transactions, which serialise back byte for byte.

Parsers are strict as the nodes are: what parses is what re-serialising gives, so that counts in
an unusual form, superfluous witnesses and trailing bytes are refused with EncodingError.
"""

from functools import partial
from struct import Struct, error
from typing import Final

from indexer.chain.auxpow import AuxPow
from indexer.chain.block import HEADER_SIZE, Block, BlockHeader
from indexer.chain.network import Network
from indexer.chain.transaction import (
    HOGEX_MWEB,
    MIN_INPUT_SIZE,
    MWEB_FLAG,
    WITNESS_FLAG,
    Transaction,
    TxInput,
    TxOutput,
    encode_output,
    encode_witness,
)
from indexer.chain.wire import (
    EncodingError,
    Reader,
    encode_bytes,
    encode_varint,
    hash160,
    hash256,
    hash_from_hex,
    hash_hex,
    long_varint,
)

__all__ = [
    "AuxPow",
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
    "hash160",
    "hash256",
    "hash_from_hex",
    "hash_hex",
    "parse_auxpow",
    "parse_block",
    "parse_header",
    "parse_spent_outputs",
    "parse_transaction",
]

AUXPOW_VERSION: Final = 0x100

# The least bytes an element takes: a larger count than fits is refused before reading on.
_MIN_OUTPUT, _MIN_TRANSACTION = 9, 10

_header = Struct("<i32s32sIII")
_read_uint32 = Struct("<I").unpack_from
_read_int32 = Struct("<i").unpack_from
_read_outpoint = Struct("<32sI").unpack_from
_read_int64 = Struct("<q").unpack_from
_new_input = partial(tuple.__new__, TxInput)
_new_output = partial(tuple.__new__, TxOutput)


def parse_header(raw: bytes) -> BlockHeader:
    """A header of exactly 80 bytes."""
    if len(raw) != HEADER_SIZE:
        raise EncodingError(f"a block header has 80 bytes, this has {len(raw)}")
    return BlockHeader(*_header.unpack(raw))


def parse_transaction(raw: bytes, network: Network) -> Transaction:
    """A transaction as on the wire, also with MWEB data as relayed; nothing may follow it."""
    raw = bytes(raw)
    try:
        transaction, position = _read_transaction(raw, 0, known_flags(network), alone=True)
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


def parse_auxpow(raw: bytes) -> AuxPow:
    """BlockHeader.auxpow, decoded."""
    try:
        proof, position = _read_auxpow(raw, 0)
    except (IndexError, error):
        raise EncodingError("the AuxPoW ends too early") from None
    if position != len(raw):
        raise EncodingError(f"{len(raw) - position} bytes follow the end of the AuxPoW")
    return proof


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


def read_frame(raw: bytes, network: Network) -> tuple[BlockHeader, int, int]:
    """The header with its AuxPoW, the number of transactions, and where the first one starts."""
    version, prev_hash, merkle_root, time, bits, nonce = _header.unpack_from(raw)
    position = HEADER_SIZE
    if network.auxpow and version & AUXPOW_VERSION:
        _, position = _read_auxpow(raw, position)
    header = BlockHeader(
        version, prev_hash, merkle_root, time, bits, nonce, raw[HEADER_SIZE:position]
    )
    return header, *read_count(raw, position, _MIN_TRANSACTION)


def check_extension(extension: bytes, *, after_hogex: bool) -> None:
    """What follows the last transaction: an MWEB block behind a HogEx, else nothing."""
    if after_hogex:
        if not extension or extension[0] > 1 or (extension[0] == 0 and len(extension) > 1):
            raise EncodingError("a HogEx must be followed by an MWEB extension block")
    elif extension:
        raise EncodingError(f"{len(extension)} bytes follow the last transaction")


def _read_block(raw: bytes, network: Network) -> Block:
    header, count, position = read_frame(raw, network)
    flags = known_flags(network)
    transactions = []
    for _ in range(count):
        transaction, position = _read_transaction(raw, position, flags, alone=False)
        transactions.append(transaction)
    extension = raw[position:]
    check_extension(extension, after_hogex=count > 1 and transactions[-1].is_hogex)
    return Block(header, transactions, extension)


def known_flags(network: Network) -> int:
    """The bits that the flag byte behind the marker may have."""
    return (WITNESS_FLAG if network.segwit else 0) | (MWEB_FLAG if network.mweb else 0)


def _read_auxpow(raw: bytes, position: int) -> tuple[AuxPow, int]:
    # The parent's coinbase, of a chain that may have segwit where this one has not.
    coinbase, position = _read_transaction(raw, position, WITNESS_FLAG, alone=False)
    parent_hash = raw[position : position + 32]
    coinbase_branch, coinbase_index, position = _read_branch(raw, position + 32)
    chain_branch, chain_index, position = _read_branch(raw, position)
    parent = BlockHeader(*_header.unpack_from(raw, position))
    proof = AuxPow(
        coinbase, parent_hash, coinbase_branch, coinbase_index, chain_branch, chain_index, parent
    )
    return proof, position + HEADER_SIZE


def _read_branch(raw: bytes, position: int) -> tuple[list[bytes], int, int]:
    count, position = read_count(raw, position, 32)
    end = position + 32 * count
    branch = [raw[start : start + 32] for start in range(position, end, 32)]
    return branch, _read_int32(raw, end)[0], end + 4


def read_count(raw: bytes, position: int, least: int) -> tuple[int, int]:
    """A count of elements of at least `least` bytes, and the position behind it."""
    count = raw[position]
    position += 1
    if count >= 0xFD:
        count, position = long_varint(raw, position, count)
    if count * least > len(raw) - position:
        raise EncodingError(f"a count of {count} does not fit into {len(raw) - position} bytes")
    return count, position


def _read_transaction(
    raw: bytes, start: int, allowed_flags: int, *, alone: bool
) -> tuple[Transaction, int]:
    """The transaction at `start` and where it ends. `alone`: nothing follows it."""
    body = start + 4
    flag = 0
    if allowed_flags and raw[body] == 0 and raw[body + 1] != 0:
        flag = raw[body + 1]
        body += 2
        if flag & ~allowed_flags:
            raise EncodingError(f"a transaction has the unknown flag {flag}")
    inputs, position = _read_inputs(raw, body)
    count, position = read_count(raw, position, _MIN_OUTPUT)
    outputs, body_end = _read_outputs(raw, position, count)
    position = body_end
    if flag & WITNESS_FLAG:
        inputs, position = _read_witnesses(raw, position, inputs)
    mweb = b""
    if flag & MWEB_FLAG:
        mweb = read_mweb(raw, position, has_outputs=bool(outputs), alone=alone)
        position += len(mweb)
    end = position + 4
    version, locktime = _read_uint32(raw, start)[0], _read_uint32(raw, position)[0]
    transaction = Transaction(version, inputs, outputs, locktime, mweb)
    transaction._raw = whole = raw[start:end]
    transaction._stripped = (
        raw[start : start + 4] + raw[body:body_end] + raw[position:end] if flag else whole
    )
    return transaction, end


def _read_inputs(raw: bytes, position: int) -> tuple[list[TxInput], int]:
    count, position = read_count(raw, position, MIN_INPUT_SIZE)
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
        count, position = read_count(raw, position, 1)
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


def read_mweb(raw: bytes, position: int, *, has_outputs: bool, alone: bool) -> bytes:
    """The MWEB part of a transaction. `alone`: nothing follows this."""
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
