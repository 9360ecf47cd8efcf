"""What the embedded node must not lose, in one SQLite file: blocks, coins and its mempool.

The engine forgets what it accepted since it was opened when the process is killed; this file
forgets nothing, so the engine's directory can always be rebuilt from it.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from indexer.chain.encoding import Block
from indexer.chain.script import is_unspendable
from indexer.node.base import BlockRef, NodeUnavailableError

_SCHEMA = """
CREATE TABLE block (
    sequence INTEGER PRIMARY KEY,  -- order of arrival, parents before children
    hash BLOB NOT NULL UNIQUE,
    height INTEGER NOT NULL,
    active INTEGER NOT NULL,  -- 1: of the best chain, 0: stale
    raw BLOB NOT NULL
);
CREATE UNIQUE INDEX block_active ON block (height) WHERE active;
CREATE TABLE coin (  -- of the best chain, spent ones too so that a block can be disconnected
    txid BLOB NOT NULL,
    vout INTEGER NOT NULL,
    value INTEGER NOT NULL,
    script BLOB NOT NULL,
    height INTEGER NOT NULL,
    coinbase INTEGER NOT NULL,
    spent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (txid, vout)
) WITHOUT ROWID;
CREATE TABLE mempool (
    sequence INTEGER PRIMARY KEY,  -- parents before children
    txid BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL,
    time INTEGER NOT NULL
);
"""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Coin:
    """An unspent output. `height` is that of its block, one above the tip if unconfirmed."""

    value: int
    script: bytes
    height: int
    coinbase: bool


class EmbeddedStore:
    """Not thread-safe. Writes belong into `with store.transaction():`.

    NodeUnavailableError when the file is damaged or by another version, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except (sqlite3.Error, NodeUnavailableError) as error:
            self._sql.close()
            raise NodeUnavailableError(
                f"{path} cannot be used: {error}. Without its directory a new chain begins."
            ) from error

    def _prepare(self) -> None:
        self._sql.execute("PRAGMA journal_mode = WAL")
        self._sql.execute("PRAGMA synchronous = NORMAL")
        version = self._sql.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._sql.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise NodeUnavailableError(f"it has version {version}, this program's is {_VERSION}")

    def close(self) -> None:
        self._sql.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside."""
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sql.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise NodeUnavailableError(f"The embedded node cannot write: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._sql.in_transaction:
            self._sql.execute("ROLLBACK")

    # Blocks

    def tip(self) -> BlockRef | None:
        """The best chain's last block, None in a new store."""
        row = self._sql.execute(
            "SELECT height, hash FROM block WHERE active ORDER BY height DESC LIMIT 1"
        ).fetchone()
        return BlockRef(*row) if row else None

    def block_count(self) -> int:
        """Of all blocks, stale ones too."""
        count: int = self._sql.execute("SELECT max(sequence) FROM block").fetchone()[0] or 0
        return count

    def hash_at(self, height: int) -> bytes | None:
        row = self._sql.execute(
            "SELECT hash FROM block WHERE active AND height = ?", (height,)
        ).fetchone()
        return row[0] if row else None

    def raw_block(self, block_hash: bytes) -> bytes | None:
        row = self._sql.execute("SELECT raw FROM block WHERE hash = ?", (block_hash,)).fetchone()
        return row[0] if row else None

    def height_of(self, block_hash: bytes) -> int | None:
        row = self._sql.execute("SELECT height FROM block WHERE hash = ?", (block_hash,)).fetchone()
        return row[0] if row else None

    def is_active(self, block_hash: bytes) -> bool:
        row = self._sql.execute("SELECT active FROM block WHERE hash = ?", (block_hash,)).fetchone()
        return bool(row and row[0])

    def hashes(self) -> list[bytes]:
        """Of all blocks in order of arrival, which is an order to submit them in."""
        return [row[0] for row in self._sql.execute("SELECT hash FROM block ORDER BY sequence")]

    def header(self, block_hash: bytes) -> bytes | None:
        """The 80 bytes in front of a block, stale ones too."""
        query = "SELECT substr(raw, 1, 80) FROM block WHERE hash = ?"
        row = self._sql.execute(query, (block_hash,)).fetchone()
        return row[0] if row else None

    def add_block(self, block_hash: bytes, height: int, raw: bytes) -> None:
        """Keep a block, not yet of the best chain."""
        self._sql.execute(
            "INSERT INTO block (hash, height, active, raw) VALUES (?, ?, 0, ?)",
            (block_hash, height, raw),
        )

    def connect(self, block: Block, height: int) -> None:
        """Put a block that was added on top of the best chain."""
        self._sql.execute("UPDATE block SET active = 1 WHERE hash = ?", (block.hash,))
        if height == 0:
            return  # the genesis coinbase was never spendable
        self._sql.executemany(
            "INSERT INTO coin (txid, vout, value, script, height, coinbase)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (transaction.txid, vout, output.value, output.script, height, position == 0)
                for position, transaction in enumerate(block.transactions)
                for vout, output in enumerate(transaction.outputs)
                if not is_unspendable(output.script)
            ],
        )
        self._mark_spent(block, 1)

    def disconnect(self, block: Block) -> None:
        """Undo connect() of the best chain's last block."""
        self._sql.execute("UPDATE block SET active = 0 WHERE hash = ?", (block.hash,))
        self._mark_spent(block, 0)
        self._sql.executemany(
            "DELETE FROM coin WHERE txid = ?", [(each.txid,) for each in block.transactions]
        )

    def _mark_spent(self, block: Block, spent: int) -> None:
        self._sql.executemany(
            "UPDATE coin SET spent = ? WHERE txid = ? AND vout = ?",
            [
                (spent, each.prev_txid, each.prev_vout)
                for transaction in block.transactions[1:]
                for each in transaction.inputs
            ],
        )

    def coin(self, txid: bytes, vout: int) -> Coin | None:
        """An output of the best chain that is not spent in it."""
        row = self._sql.execute(
            "SELECT value, script, height, coinbase FROM coin"
            " WHERE txid = ? AND vout = ? AND NOT spent",
            (txid, vout),
        ).fetchone()
        return Coin(row[0], row[1], row[2], bool(row[3])) if row else None

    def value_of(self, txid: bytes, vout: int) -> int | None:
        """Of an output of the best chain, spent or not."""
        query = "SELECT value FROM coin WHERE txid = ? AND vout = ?"
        row = self._sql.execute(query, (txid, vout)).fetchone()
        return row[0] if row else None

    def has_coins_of(self, txid: bytes) -> bool:
        """Whether a transaction is confirmed and something of it is unspent."""
        query = "SELECT 1 FROM coin WHERE txid = ? AND NOT spent LIMIT 1"
        return self._sql.execute(query, (txid,)).fetchone() is not None

    # Mempool

    def mempool(self) -> list[tuple[bytes, int]]:
        """Raw transactions and the time each was first seen, parents before children."""
        return self._sql.execute("SELECT raw, time FROM mempool ORDER BY sequence").fetchall()

    def add_to_mempool(self, txid: bytes, raw: bytes, time: int) -> None:
        self._sql.execute(
            "INSERT INTO mempool (txid, raw, time) VALUES (?, ?, ?)", (txid, raw, time)
        )

    def remove_from_mempool(self, txids: Iterable[bytes]) -> None:
        self._sql.executemany("DELETE FROM mempool WHERE txid = ?", [(txid,) for txid in txids])

    def clear_mempool(self) -> None:
        self._sql.execute("DELETE FROM mempool")
