"""Blocks for regtest: which transactions go in, and the block around them."""

import heapq
from collections.abc import Iterable, Sequence
from struct import pack

from indexer.chain.encoding import Block, BlockHeader, Transaction, TxInput, TxOutput
from indexer.chain.merkle import merkle_root
from indexer.chain.network import get_network
from indexer.chain.script import op_return, push, push_number
from indexer.chain.wire import hash256
from indexer.node.mempool_graph import PoolEntry, ancestors, descendants

_REGTEST = get_network("bitcoin-regtest")
_BITS = 0x207FFFFF
_VERSION = 0x20000000
_NULL_OUTPOINT = (bytes(32), 0xFFFFFFFF)
_FINAL_SEQUENCE = 0xFFFFFFFF
_COMMITMENT_TAG = bytes.fromhex("aa21a9ed")
_RESERVED_VALUE = bytes(32)
_MAX_COINBASE_SCRIPT = 100
_MAX_SIGOP_COST = 80_000
_COINBASE_WEIGHT, _COINBASE_SIGOP_COST = 4000, 400  # left free for header and coinbase


def select(entries: Iterable[PoolEntry]) -> list[PoolEntry]:
    """The transactions of the next block: packages by their fee rate, parents before children.

    `entries` come parents before children.
    """
    order = {entry: position for position, entry in enumerate(entries)}
    room_weight = _REGTEST.max_block_weight - _COINBASE_WEIGHT
    room_sigops = _MAX_SIGOP_COST - _COINBASE_SIGOP_COST
    chosen: set[PoolEntry] = set()
    result: list[PoolEntry] = []
    rates: dict[PoolEntry, float] = {}
    heap: list[tuple[float, int, PoolEntry]] = []

    def offer(entry: PoolEntry) -> None:
        rates[entry] = _package_rate(ancestors([entry]) - chosen)
        heapq.heappush(heap, (-rates[entry], order[entry], entry))

    for entry in order:
        offer(entry)
    while heap:
        rate, _, entry = heapq.heappop(heap)
        if entry in chosen or rate != -rates[entry]:
            continue
        package = sorted(ancestors([entry]) - chosen, key=order.__getitem__)
        weight = sum(each.transaction.weight for each in package)
        sigops = sum(each.sigop_cost for each in package)
        if weight > room_weight or sigops > room_sigops:
            continue
        room_weight -= weight
        room_sigops -= sigops
        chosen.update(package)
        result += package
        for each in descendants(package) - chosen:
            offer(each)
    return result


def _package_rate(package: Iterable[PoolEntry]) -> float:
    entries = list(package)
    return sum(each.fee for each in entries) / sum(each.vsize for each in entries)


def build_block(
    previous: bytes,
    height: int,
    time: int,
    transactions: Sequence[Transaction],
    *,
    value: int,
    script: bytes,
    text: bytes,
    extra_nonce: int,
) -> Block:
    """A block with proof of work. `value`: what the coinbase pays to `script`.

    `extra_nonce` sets apart what would else be the same block. ValueError for a text too long.
    """
    coinbase = _coinbase(height, value, script, text, extra_nonce, transactions)
    everything = [coinbase, *transactions]
    root = merkle_root([transaction.txid for transaction in everything])
    header = BlockHeader(_VERSION, previous, root, time, _BITS, 0)
    while int.from_bytes(header.hash, "little") > header.target:
        header = header._replace(nonce=header.nonce + 1)
    return Block(header, everything)


def _coinbase(
    height: int,
    value: int,
    script: bytes,
    text: bytes,
    extra_nonce: int,
    transactions: Sequence[Transaction],
) -> Transaction:
    # BIP34, then four bytes of ours; the shortest push is what the engine compares with.
    start = push_number(height) + push(pack("<I", extra_nonce))
    script_sig = start + (push(text) if text else b"")
    if len(script_sig) > _MAX_COINBASE_SCRIPT:
        most = _MAX_COINBASE_SCRIPT - len(start) - 2
        raise ValueError(f"the coinbase text has {len(text)} bytes, at most {most} fit")
    witness_root = merkle_root([bytes(32), *(each.wtxid for each in transactions)])
    commitment = op_return(_COMMITMENT_TAG + hash256(witness_root + _RESERVED_VALUE))
    return Transaction(
        version=2,
        inputs=[TxInput(*_NULL_OUTPOINT, script_sig, _FINAL_SEQUENCE, (_RESERVED_VALUE,))],
        outputs=[TxOutput(value, script), TxOutput(0, commitment)],
    )
