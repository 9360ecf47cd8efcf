"""Merkle trees: roots, branches, proofs step by step, and the witness commitment."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from indexer.chain.block import Block
from indexer.chain.wire import encode_varint, hash256

_COMMITMENT_HEAD: Final = bytes.fromhex("6a24aa21a9ed")


class MerkleStep(NamedTuple):
    """Two neighbours and the hash of both."""

    left: bytes
    right: bytes
    parent: bytes
    known_is_left: bool  # which of the two came from the step below


class MerkleFold(NamedTuple):
    """A proof from a leaf up to the root."""

    leaf: bytes
    steps: tuple[MerkleStep, ...]
    root: bytes


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes in wire order; ValueError without any."""
    if not hashes:
        raise ValueError("an empty tree has no root")
    level = list(hashes)
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def merkle_branch(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """What must be known beside the leaf at `index` to compute the root, from the leaf up."""
    if not 0 <= index < len(hashes):
        raise ValueError(f"there is no leaf {index} among {len(hashes)}")
    branch = []
    level = list(hashes)
    while len(level) > 1:
        sibling = index ^ 1
        branch.append(level[sibling if sibling < len(level) else index])
        level = _level_above(level)
        index >>= 1
    return branch


def merkle_block(header: bytes, hashes: Sequence[bytes], index: int) -> bytes:
    """A BIP37 merkleblock that proves one leaf, as gettxoutproof gives it.

    `header` is the block's as serialised, `hashes` are all its txids.
    """
    levels = [list(hashes)]
    while len(levels[-1]) > 1:
        levels.append(_level_above(levels[-1]))
    bits: list[bool] = []
    kept: list[bytes] = []

    def walk(height: int, position: int) -> None:
        above_leaf = index >> height == position
        bits.append(above_leaf)
        if height == 0 or not above_leaf:
            kept.append(levels[height][position])
            return
        for child in (2 * position, 2 * position + 1):
            if child < len(levels[height - 1]):
                walk(height - 1, child)

    walk(len(levels) - 1, 0)
    flags = bytearray(-(-len(bits) // 8))
    for number, bit in enumerate(bits):
        flags[number >> 3] |= bit << (number & 7)
    count = len(hashes).to_bytes(4, "little")
    return b"".join(
        (header, count, encode_varint(len(kept)), *kept, encode_varint(len(flags)), bytes(flags))
    )


def fold(leaf: bytes, index: int, branch: Sequence[bytes]) -> MerkleFold:
    """Walk from a leaf up its branch, keeping each step."""
    steps = []
    known = leaf
    for level, sibling in enumerate(branch):
        is_left = not index >> level & 1
        left, right = (known, sibling) if is_left else (sibling, known)
        known = hash256(left + right)
        steps.append(MerkleStep(left, right, known, is_left))
    return MerkleFold(leaf, tuple(steps), known)


def witness_commitment(block: Block) -> bytes | None:
    """What the coinbase commits to (BIP141), None where it commits to nothing."""
    for output in reversed(block.transactions[0].outputs):
        if output.script.startswith(_COMMITMENT_HEAD) and len(output.script) >= 38:
            return output.script[6:38]
    return None


def expected_witness_commitment(block: Block) -> bytes | None:
    """What it has to commit to, None where the coinbase carries no reserved value."""
    coinbase = block.transactions[0].inputs[0]
    if len(coinbase.witness) != 1:
        return None
    wtxids = [bytes(32), *(transaction.wtxid for transaction in block.transactions[1:])]
    return hash256(merkle_root(wtxids) + coinbase.witness[0])


def _level_above(level: list[bytes]) -> list[bytes]:
    if len(level) & 1:
        level = [*level, level[-1]]
    return [hash256(level[index] + level[index + 1]) for index in range(0, len(level), 2)]
