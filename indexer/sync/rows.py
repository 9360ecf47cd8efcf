"""From a block to the rows that the tables hold of it: pure functions, no SQL, no node.

A block is drafted by itself; what its inputs spend is looked up elsewhere (prevouts.py) and
completes the draft. Rows are tuples in the order of the table's columns. Ids start at 0.
"""

import marshal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from indexer.chain.encoding import Block, BlockHeader, Transaction, hash_hex
from indexer.chain.merkle import merkle_root
from indexer.keys import TxFlag, script_key
from indexer.node.base import NodeError

Outpoint: TypeAlias = tuple[bytes, int]  # txid, vout
Row: TypeAlias = tuple[object, ...]
# In the order of schema.tx; where the fee will be, a draft has the sum of the outputs.
TxRow: TypeAlias = tuple[int, bytes, int, int, int, int, int, int, int, int]
OutputRow: TypeAlias = tuple[int, int, int, bytes]  # output_id, value, script_key, script
InputRow: TypeAlias = tuple[int, int]  # input_id, output_id
Prevout: TypeAlias = tuple[int, int]  # what an input spends: output_id, value
# An input that spends what is not known: its transaction's place and its own in the lists of the
# block's rows, and the outpoint.
Missing: TypeAlias = tuple[int, int, bytes, int]

FIRST_FINAL_SEQUENCE = 0xFFFFFFFE  # BIP125: what is below signals that it may be replaced
MEDIAN_TIME_SPAN = 11  # blocks, BIP113
MARSHAL_PLAIN = 2  # the last version of marshal's format without references

# Operators of an IntFlag are a hundred times slower than those of an int.
COINBASE, SEGWIT, REPLACEABLE, MWEB, HOGEX = map(
    int, (TxFlag.COINBASE, TxFlag.SEGWIT, TxFlag.REPLACEABLE, TxFlag.MWEB, TxFlag.HOGEX)
)


class InvalidBlockError(NodeError):
    """The node gave a block that no honest node has."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two blocks of the chain: what the next block stands on."""

    height: int  # of the next block
    prev_hash: bytes
    times: tuple[int, ...]  # of up to ten blocks before, oldest first
    tx_id: int
    tx_count: int  # in the chain so far
    output_count: int
    input_count: int


GENESIS_POSITION = Position(0, bytes(32), (), 0, 0, 0, 0)


@dataclass(slots=True)
class BlockDraft:
    """A block's rows, but for what depends on the outputs it spends."""

    position: Position
    raw: bytes
    header: BlockHeader
    hash: bytes
    weight: int
    coinbase_script: bytes
    transactions: list[TxRow]
    outputs: list[OutputRow]
    spent: list[Outpoint]  # one for each input

    @property
    def row_count(self) -> int:
        return 1 + len(self.transactions) + len(self.outputs) + len(self.spent)


@dataclass(slots=True)
class FilledBlock:
    """A draft whose inputs are rows, as far as it is known what they spend."""

    position: Position
    after: Position
    hash: bytes
    header: BlockHeader
    size: int
    raw: bytes  # empty where nobody keeps it
    weight: int
    coinbase_script: bytes
    coinbase_value: int
    output_value: int
    transactions: list[TxRow]
    outputs: list[OutputRow]
    inputs: list[InputRow]
    missing: list[Missing]

    def __reduce__(self) -> tuple[Callable[..., "FilledBlock"], tuple[object, ...]]:
        # Marshal writes and reads rows in a third of the time, since it looks for no repetitions.
        rows = (self.transactions, self.outputs, self.inputs, self.missing)
        frame = tuple(getattr(self, name) for name in self.__slots__[: -len(rows)])
        return _unpickled, (frame, marshal.dumps(rows, MARSHAL_PLAIN))


def _unpickled(frame: tuple[Any, ...], rows: bytes) -> FilledBlock:
    return FilledBlock(*frame, *marshal.loads(rows))  # noqa: S302 (a process of ours wrote it)


@dataclass(slots=True)
class BlockRows:
    """All that the tables block, tx, output, input and raw_block hold of one block."""

    position: Position
    hash: bytes
    raw: bytes
    block: Row
    transactions: list[TxRow]
    outputs: list[OutputRow]
    inputs: list[InputRow]


def draft_block(block: Block, raw: bytes, position: Position) -> BlockDraft:
    """The rows of the block that follows `position`; InvalidBlockError if it does not."""
    txids = [transaction.txid for transaction in block.transactions]
    starts_with_coinbase = bool(txids) and block.transactions[0].is_coinbase
    check_block(block.header, txids, position, starts_with_coinbase=starts_with_coinbase)
    coinbase_script = block.transactions[0].inputs[0].script_sig
    draft = BlockDraft(position, raw, block.header, block.hash, 0, coinbase_script, [], [], [])
    tx_id = position.tx_id
    sizes = weights = 0
    for number, (txid, transaction) in enumerate(zip(txids, block.transactions, strict=True)):
        for output_id, (value, script) in enumerate(transaction.outputs, tx_id):
            draft.outputs.append((output_id, value, script_key(script), script))
        flags = flags_of(transaction)
        inputs = () if flags & COINBASE else transaction.inputs
        draft.spent += [each[:2] for each in inputs]
        size, weight = transaction.size, transaction.weight
        sizes += size
        weights += weight
        row = (
            tx_id,
            txid,
            position.height,
            number,
            len(transaction.outputs),
            len(inputs),
            sum(each.value for each in transaction.outputs),
            size,
            weight,
            flags,
        )
        draft.transactions.append(row)
        tx_id = id_after(row)
    # BIP141: all but the transactions counts four times; the MWEB extension does not count.
    draft.weight = weights + 4 * (len(raw) - len(block.extension) - sizes)
    return draft


def check_block(
    header: BlockHeader, txids: Sequence[bytes], position: Position, *, starts_with_coinbase: bool
) -> None:
    """What the ids rest on, or InvalidBlockError. That the block is valid is the node's word."""
    if header.prev_hash != position.prev_hash:
        fault = "does not follow the block before it"
    elif not starts_with_coinbase:
        fault = "does not start with a coinbase"
    elif merkle_root(txids) != header.merkle_root or len(set(txids)) != len(txids):
        # Repeated transactions can have the same root as the block without them: CVE-2012-2459.
        fault = "does not hold the transactions that its header commits to"
    else:
        return
    raise InvalidBlockError(
        f"The node's block {hash_hex(header.hash)} at height {position.height} {fault}"
    )


def id_after(row: TxRow) -> int:
    """The tx_id of the next transaction."""
    return row[0] + max(row[4], row[5], 1)


def position_after(draft: BlockDraft) -> Position:
    """Where the block behind this one stands."""
    position = draft.position
    return Position(
        position.height + 1,
        draft.hash,
        (*position.times, draft.header.time)[1 - MEDIAN_TIME_SPAN :],
        id_after(draft.transactions[-1]),
        position.tx_count + len(draft.transactions),
        position.output_count + len(draft.outputs),
        position.input_count + len(draft.spent),
    )


def finish(filled: FilledBlock, prevouts: Sequence[Prevout]) -> BlockRows:
    """The block's rows, given what its missing inputs spend in their order."""
    transactions, inputs = filled.transactions, filled.inputs
    for (place, number, _, _), (output_id, value) in zip(filled.missing, prevouts, strict=True):
        inputs[number] = (inputs[number][0], output_id)
        row = transactions[place]
        transactions[place] = (*row[:6], row[6] + value, *row[7:])
    fees = [row[6] for row in transactions]
    if min(fees) < 0:
        txid = transactions[fees.index(min(fees))][1]
        raise InvalidBlockError(f"Transaction {hash_hex(txid)} pays out more than it spends")
    position, after, header = filled.position, filled.after, filled.header
    times = sorted((*position.times, header.time))
    block_row = (
        position.height,
        filled.hash,
        header.serialize80(),
        header.time,
        times[len(times) // 2],
        len(transactions),
        filled.size,
        filled.weight,
        position.tx_id,
        after.tx_id,
        after.tx_count,
        after.output_count,
        after.input_count,
        filled.output_value,
        filled.coinbase_value,
        sum(fees),
        filled.coinbase_script,
    )
    return BlockRows(
        position, filled.hash, filled.raw, block_row, transactions, filled.outputs, inputs
    )


def flags_of(transaction: Transaction) -> int:
    """keys.TxFlag of a transaction."""
    flags = 0
    for _, _, _, sequence, witness in transaction.inputs:
        if sequence < FIRST_FINAL_SEQUENCE:
            flags |= REPLACEABLE
        if witness:
            flags |= SEGWIT
    if transaction.is_coinbase:
        flags = flags & ~REPLACEABLE | COINBASE
    if transaction.mweb:
        flags |= MWEB | (HOGEX if transaction.is_hogex else 0)
    return flags
