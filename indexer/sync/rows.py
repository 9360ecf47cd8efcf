"""From a block to the rows that the tables hold of it: pure functions, no SQL, no node.

A block is drafted by itself; what its inputs spend is looked up elsewhere (prevouts.py) and
completes the draft. Rows are tuples in the order of the table's columns. Ids count from 0.
"""

import marshal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from indexer.chain.encoding import Block, BlockHeader, Transaction, hash_hex
from indexer.chain.merkle import merkle_root
from indexer.keys import TxFlag, script_key, txid_key
from indexer.node.base import NodeError

Outpoint: TypeAlias = tuple[bytes, int]  # txid, vout
Row: TypeAlias = tuple[object, ...]
# In the order of schema.tx; its tenth, the fee, is 0 in a draft.
TxRow: TypeAlias = tuple[int, bytes, int, int, int, int, int, int, int, int, int, int, int]
# output_id, tx_id, value, script_key, script
OutputRow: TypeAlias = tuple[int, int, int, int, bytes]
# input_id, tx_id, output_id, script_key, value
InputRow: TypeAlias = tuple[int, int, int, int, int]
# What an input spends: output_id, script_key, value
Prevout: TypeAlias = tuple[int, int, int]

MAX_SCRIPT_SIZE = 10_000  # bytes
OP_RETURN = b"\x6a"
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
    output_id: int
    input_id: int


GENESIS_POSITION = Position(0, bytes(32), (), 0, 0, 0)


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

    @property
    def created(self) -> list[Outpoint]:
        """One for each of `outputs`."""
        return [(row[1], vout) for row in self.transactions for vout in range(row[6])]

    def __reduce__(self) -> tuple[Callable[..., "BlockDraft"], tuple[object, ...]]:
        # Marshal writes and reads rows in a third of the time, since it looks for no repetitions.
        rows = marshal.dumps((self.transactions, self.outputs, self.spent), MARSHAL_PLAIN)
        header, hash_ = self.header, self.hash
        return _unpickled, (
            (self.position, self.raw, header, hash_, self.weight, self.coinbase_script),
            rows,
        )


def _unpickled(frame: tuple[Any, ...], rows: bytes) -> BlockDraft:
    return BlockDraft(*frame, *marshal.loads(rows))  # noqa: S302 (a process of ours wrote it)


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


def is_unspendable(script: bytes) -> bool:
    """Whether no input can ever spend it, whatever the input says."""
    return script.startswith(OP_RETURN) or len(script) > MAX_SCRIPT_SIZE


def draft_block(block: Block, raw: bytes, position: Position) -> BlockDraft:
    """The rows of the block that follows `position`; InvalidBlockError if it does not."""
    txids = [transaction.txid for transaction in block.transactions]
    starts_with_coinbase = bool(txids) and block.transactions[0].is_coinbase
    check_block(block.header, txids, position, starts_with_coinbase=starts_with_coinbase)
    coinbase_script = block.transactions[0].inputs[0].script_sig
    draft = BlockDraft(position, raw, block.header, block.hash, 0, coinbase_script, [], [], [])
    outputs, spent = draft.outputs, draft.spent
    height, tx_id, output_id = position.height, position.tx_id, position.output_id
    sizes = weights = 0
    for transaction in block.transactions:
        txid = transaction.txid
        first_output_id, first_spent = output_id, len(spent)
        total = 0
        for value, script in transaction.outputs:
            outputs.append((output_id, tx_id, value, script_key(script), script))
            output_id += 1
            total += value
        flags = flags_of(transaction)
        if not flags & COINBASE:
            spent += [each[:2] for each in transaction.inputs]
        size, weight = transaction.size, transaction.weight
        sizes += size
        weights += weight
        draft.transactions.append(
            (
                tx_id,
                txid,
                txid_key(txid),
                height,
                first_output_id,
                position.input_id + first_spent,
                output_id - first_output_id,
                len(spent) - first_spent,
                total,
                0,
                size,
                weight,
                flags,
            )
        )
        tx_id += 1
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


def position_after(draft: BlockDraft) -> Position:
    """Where the block behind this one stands."""
    position = draft.position
    return Position(
        position.height + 1,
        draft.hash,
        (*position.times, draft.header.time)[1 - MEDIAN_TIME_SPAN :],
        position.tx_id + len(draft.transactions),
        position.output_id + len(draft.outputs),
        position.input_id + len(draft.spent),
    )


def complete(draft: BlockDraft, prevouts: Sequence[Prevout]) -> BlockRows:
    """The block's rows, given what its inputs spend in their order."""
    inputs: list[InputRow] = []
    transactions: list[TxRow] = []
    input_id = draft.position.input_id
    remaining = iter(prevouts)
    fees = output_value = coinbase_value = 0
    for row in draft.transactions:
        tx_id, count, total = row[0], row[7], row[8]
        if row[12] & COINBASE:
            coinbase_value = total
            transactions.append(row)
            continue
        fee = -total
        for output_id, key, value in islice(remaining, count):
            inputs.append((input_id, tx_id, output_id, key, value))
            input_id += 1
            fee += value
        if fee < 0:
            raise InvalidBlockError(f"Transaction {hash_hex(row[1])} pays out more than it spends")
        fees += fee
        output_value += total
        transactions.append((*row[:9], fee, *row[10:]))
    position, header = draft.position, draft.header
    times = sorted((*position.times, header.time))
    block_row = (
        position.height,
        draft.hash,
        header.serialize80(),
        header.time,
        times[len(times) // 2],
        len(transactions),
        len(draft.raw),
        draft.weight,
        position.tx_id,
        position.output_id,
        position.input_id,
        output_value,
        coinbase_value,
        fees,
        draft.coinbase_script,
    )
    return BlockRows(
        position, draft.hash, draft.raw, block_row, transactions, draft.outputs, inputs
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
