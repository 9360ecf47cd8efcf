"""Proofs of headers over many segments of a chain, and through reorganisations of it."""

from hashlib import sha256

import pytest
from sqlalchemy import Connection, Table, delete, insert

from indexer.chain.merkle import merkle_branch, merkle_root
from indexer.database import Database
from indexer.queries.headers import SEGMENT, HeaderTree, last_common_height
from indexer.schema import block, stale_block

COUNT = 2 * SEGMENT + 700


def fake_hash(height: int, branch: str = "") -> bytes:
    return sha256(f"{branch}{height}".encode()).digest()


def zeros(table: Table) -> dict[str, int]:
    """Of the columns that do not matter here."""
    set_below = {"height", "hash", "header", "coinbase_script"}
    return {column.name: 0 for column in table.columns if column.name not in set_below}


def fill(connection: Connection, hashes: list[bytes]) -> None:
    rest = zeros(block)
    connection.execute(delete(block))
    connection.execute(
        insert(block),
        [
            rest | {"height": height, "hash": each, "header": bytes(80), "coinbase_script": b""}
            for height, each in enumerate(hashes)
        ],
    )


def test_proofs_are_those_of_the_whole_tree(sqlite_database: Database) -> None:
    hashes = [fake_hash(height) for height in range(COUNT)]
    tree = HeaderTree()
    with sqlite_database.write() as connection:
        fill(connection, hashes)
    with sqlite_database.read() as connection:
        for checkpoint in (
            *(0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT - 1, 2 * SEGMENT),
            *(2 * SEGMENT + 1, COUNT - 1),
        ):
            leaves = hashes[: checkpoint + 1]
            root = merkle_root(leaves)
            for height in {0, checkpoint // 3, checkpoint // 2, checkpoint - 1, checkpoint}:
                if height >= 0:
                    proof = tree.prove(connection, height, checkpoint)
                    assert proof.root == root
                    assert list(proof.branch) == merkle_branch(leaves, height)
        for height, checkpoint in ((5, 4), (3, COUNT), (-1, 4)):
            with pytest.raises(ValueError, match="there is no header"):
                tree.prove(connection, height, checkpoint)


def test_what_is_remembered_does_not_outlive_a_reorganisation(sqlite_database: Database) -> None:
    hashes = [fake_hash(height) for height in range(COUNT)]
    tree = HeaderTree()
    with sqlite_database.write() as connection:
        fill(connection, hashes)
    for change in (SEGMENT + 5, 3):
        with sqlite_database.read() as connection:
            assert tree.prove(connection, 7, COUNT - 1).root == merkle_root(hashes)
        hashes[change:] = [fake_hash(height, f"{change}/") for height in range(change, COUNT)]
        with sqlite_database.write() as connection:
            fill(connection, hashes)
        with sqlite_database.read() as connection:
            assert tree.prove(connection, 7, COUNT - 1).root == merkle_root(hashes)


def test_the_last_common_height(sqlite_database: Database) -> None:
    hashes = [fake_hash(height) for height in range(10)]
    old = [*hashes[:6], *(fake_hash(height, "old") for height in range(6, 9))]
    rest = zeros(stale_block)
    with sqlite_database.write() as connection:
        fill(connection, hashes)
        for height in range(6, 9):
            header = bytes(4) + old[height - 1] + bytes(44)
            row = {"height": height, "hash": old[height], "header": header, "coinbase_script": b""}
            connection.execute(insert(stale_block), rest | row)
    with sqlite_database.read() as connection:
        assert last_common_height(connection, 9, hashes[9]) == 9
        assert last_common_height(connection, 4, hashes[4]) == 4
        assert last_common_height(connection, 8, old[8]) == 5
        assert last_common_height(connection, 6, old[6]) == 5
        assert last_common_height(connection, 8, fake_hash(8, "unknown")) == -1
