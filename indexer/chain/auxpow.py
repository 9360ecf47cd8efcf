"""Merge mining: the proof that a block of another chain did this block's work."""

from typing import NamedTuple

from indexer.chain.block import BlockHeader
from indexer.chain.transaction import Transaction


class AuxPow(NamedTuple):
    """The parent chain's block, and the way from its coinbase to it and to our block's hash."""

    coinbase: Transaction  # of the parent; commits to the tree of merged chains
    parent_hash: bytes  # as the miner gave it; nobody checks it
    coinbase_branch: list[bytes]  # from the coinbase to the parent's Merkle root
    coinbase_index: int
    chain_branch: list[bytes]  # from our block's hash to the root of the merged chains
    chain_index: int
    parent: BlockHeader
