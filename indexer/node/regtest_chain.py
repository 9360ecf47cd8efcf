"""A regtest chain that survives kills: the engine judges blocks, the store remembers them."""

import fcntl
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from indexer.chain.encoding import Block, parse_block, parse_header
from indexer.chain.network import get_network
from indexer.node.base import BlockRef, BlockUnavailableError, NodeUnavailableError, SpentOutput
from indexer.node.embedded_store import Coin, EmbeddedStore
from indexer.node.engine import BlockRejectedError, Engine, EngineDamagedError

REGTEST = get_network("bitcoin-regtest")

# What the engine keeps in memory only; 40 ms to write out, and as much to resubmit.
_BLOCKS_BETWEEN_FLUSHES = 100
_MEDIAN_TIME_SPAN = 11


@dataclass(slots=True)
class ChainChange:
    """What a submitted block did to the best chain."""

    disconnected: list[Block] = field(default_factory=list)  # from the old tip down
    connected: list[Block] = field(default_factory=list)  # upwards to the new tip
    refused: BlockRejectedError | None = None


class RegtestChain:
    """Owns its directory. Not thread-safe. submit() belongs into a transaction of the store."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock_file = _lock(directory / "lock")
        self._engine_directory = directory / "engine"
        self._unflushed = 0
        with ExitStack() as undo:
            undo.callback(os.close, self._lock_file)
            self.store = EmbeddedStore(directory / "node.sqlite")
            undo.callback(self.store.close)
            self._engine = self._recover()
            undo.pop_all()
        self._load_tip()

    def close(self) -> None:
        self._engine.close()
        self.store.close()
        os.close(self._lock_file)

    def _recover(self) -> Engine:
        """Open the engine with all blocks of the store, rebuilding it where it is damaged."""
        try:
            return self._open_engine()
        except EngineDamagedError:
            shutil.rmtree(self._engine_directory)
        try:
            return self._open_engine()
        except EngineDamagedError as error:
            raise NodeUnavailableError(str(error)) from error

    def _open_engine(self) -> Engine:
        engine = Engine(self._engine_directory)
        try:
            self._resubmit(engine)
        except BaseException:
            engine.close()
            raise
        return engine

    def _resubmit(self, engine: Engine) -> None:
        tip = self.store.tip()
        if tip is None:
            genesis = engine.genesis()
            with self.store.transaction():
                self.store.add_block(REGTEST.genesis_hash, 0, genesis)
                self.store.connect(parse_block(genesis, REGTEST), 0)
            tip = BlockRef(0, REGTEST.genesis_hash)
        for block_hash in self.store.hashes():
            if not engine.knows(block_hash):
                try:
                    engine.submit(self.raw_block(block_hash), block_hash)
                except BlockRejectedError as error:
                    raise EngineDamagedError(f"A stored block is refused: {error}") from error
        if engine.tip() != tip:
            raise EngineDamagedError("The engine follows another chain than the one stored.")

    def _load_tip(self) -> None:
        tip = self.store.tip()
        assert tip is not None
        self.tip = tip
        self.median_time = self.median_time_past(tip.hash)

    def raw_block(self, block_hash: bytes) -> bytes:
        """Any block ever accepted; BlockUnavailableError."""
        raw = self.store.raw_block(block_hash)
        if raw is None:
            raise BlockUnavailableError(f"No block {block_hash[::-1].hex()} is known.")
        return raw

    def block(self, block_hash: bytes) -> Block:
        return parse_block(self.raw_block(block_hash), REGTEST)

    def hash_at(self, height: int) -> bytes:
        block_hash = self.store.hash_at(height)
        if block_hash is None:
            raise BlockUnavailableError(
                f"Height {height} is not between 0 and the tip, {self.tip.height}."
            )
        return block_hash

    def spent_outputs(self, block_hash: bytes) -> list[list[SpentOutput]] | None:
        return self._engine.spent_outputs(block_hash)

    def coin(self, txid: bytes, vout: int) -> Coin | None:
        return self.store.coin(txid, vout)

    def median_time_past(self, block_hash: bytes) -> int:
        """Median of the times of this block and the ten before."""
        times: list[int] = []
        while len(times) < _MEDIAN_TIME_SPAN and (header := self.store.header(block_hash)):
            parsed = parse_header(header)
            times.append(parsed.time)
            block_hash = parsed.prev_hash
        return sorted(times)[len(times) // 2]

    def submit(self, block: Block) -> ChainChange:
        """Have the engine judge a block, and follow where that leads the best chain."""
        if self.store.height_of(block.hash) is not None:
            return ChainChange()
        refused = None
        raw = block.serialize()
        try:
            self._engine.submit(raw, block.hash)
        except BlockRejectedError as error:
            refused = error
        else:
            parent = self.store.height_of(block.header.prev_hash)
            assert parent is not None, "the engine takes no orphans"
            self.store.add_block(block.hash, parent + 1, raw)
        # Even a refused block may move the tip: the valid part of its branch may be the better.
        change = self._follow_engine()
        change.refused = refused
        return change

    def _follow_engine(self) -> ChainChange:
        change = ChainChange()
        goal = self._engine.tip()
        above_fork: list[Block] = []
        block_hash = goal.hash
        while not self.store.is_active(block_hash):
            block = self.block(block_hash)
            above_fork.append(block)
            block_hash = block.header.prev_hash
        while self.tip.hash != block_hash:
            block = self.block(self.tip.hash)
            self.store.disconnect(block)
            self.tip = BlockRef(self.tip.height - 1, block.header.prev_hash)
            change.disconnected.append(block)
        for block in reversed(above_fork):
            self.tip = BlockRef(self.tip.height + 1, block.hash)
            self.store.connect(block, self.tip.height)
            change.connected.append(block)
        if change.connected:
            self.median_time = self.median_time_past(self.tip.hash)
        return change

    def flush_if_due(self) -> None:
        """Call it between blocks, outside transactions."""
        self._unflushed += 1
        if self._unflushed >= _BLOCKS_BETWEEN_FLUSHES:
            self._engine.reopen()
            self._unflushed = 0


def _lock(path: Path) -> int:
    """Hold a file locked until it is closed, so that only one process has the directory open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise NodeUnavailableError(
            f"{path.parent} is in use by another process; stop that one first."
        ) from error
    return descriptor
