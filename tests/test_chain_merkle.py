"""Merkle roots, branches and proofs, against a real block and each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.encoding import hash256, parse_block
from indexer.chain.merkle import fold, merkle_block, merkle_branch, merkle_root
from tests.chain_files import BLOCK_FILES, network_of
from tests.esplora_reference import partial_root

hashes = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


@given(hashes, st.data())
def test_every_leaf_proves_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = fold(leaves[index], index, merkle_branch(leaves, index))
    assert proof.root == merkle_root(leaves)
    known = leaves[index]
    for step in proof.steps:
        assert known == (step.left if step.known_is_left else step.right)
        assert step.parent == hash256(step.left + step.right)
        known = step.parent


def test_proof_in_a_real_block() -> None:
    file = next(file for file in BLOCK_FILES if "413567" in file.name)
    block = parse_block(file.read_bytes(), network_of(file))
    txids = [transaction.txid for transaction in block.transactions]
    for index in (0, 1, 777, len(txids) - 1):
        proof = fold(txids[index], index, merkle_branch(txids, index))
        assert proof.root == block.header.merkle_root
        assert len(proof.steps) == 11


def test_one_leaf_is_the_root() -> None:
    assert merkle_root([b"leaf"]) == b"leaf"
    assert merkle_branch([b"leaf"], 0) == []
    assert fold(b"leaf", 0, []).root == b"leaf"


def test_no_leaf() -> None:
    with pytest.raises(ValueError, match="empty tree"):
        merkle_root([])
    for index in (-1, 1):
        with pytest.raises(ValueError, match="no leaf"):
            merkle_branch([b"leaf"], index)


@given(hashes, st.data())
def test_a_merkleblock_proves_its_leaf_alone(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle_block(bytes(80), leaves, index)
    assert proof[:84] == bytes(80) + len(leaves).to_bytes(4, "little")
    assert partial_root(proof[84:], len(leaves)) == (merkle_root(leaves), [(index, leaves[index])])
