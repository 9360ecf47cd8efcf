"""The indexer: keeps one database in line with one node, whatever happens to either."""

import logging
import threading
import time

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from indexer import schema
from indexer.database import Database, DatabaseError
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    Node,
    NodeError,
    NodeInfo,
    NodeUnavailableError,
    WrongNetworkError,
)
from indexer.sync import state
from indexer.sync.bulk import Bulk
from indexer.sync.connect import connect_block, disconnect_block, read_position
from indexer.sync.election import LostElectionError
from indexer.sync.feed import read_drafts
from indexer.sync.mempool import MempoolSync
from indexer.sync.prevouts import Prevouts
from indexer.sync.rows import BlockDraft
from indexer.sync.state import BULK, State, WrongDatabaseError

logger = logging.getLogger(__name__)

NEAR = 100  # blocks behind the tip: near enough to build the indexes and follow
POLL = 2.0  # seconds, where the node does not wake us
NODE_INTERVAL = 10.0  # seconds between two looks at what the node says of itself
FIRST_RETRY, LAST_RETRY = 1.0, 30.0  # seconds


class Indexer:
    """Copies the node's chain, and its mempool, into the tables.

    For one thread, which alone uses it; another may set `stop`.
    """

    def __init__(
        self,
        database: Database,
        node: Node,
        *,
        keep_raw_blocks: bool,
        mempool: bool = True,
        stop: threading.Event,
        progress: bool = True,
    ) -> None:
        self._database = database
        self._node = node
        self._keep_raw_blocks = keep_raw_blocks
        self._stop = stop
        self._prevouts = Prevouts()
        self._mempool = MempoolSync(database, node) if mempool else None
        self._bulk = Bulk(
            database,
            node,
            keep_raw_blocks=keep_raw_blocks,
            stop=stop,
            progress=progress,
        )
        self._info: NodeInfo | None = None
        self._asked_at = 0.0  # monotonic, of _info
        self._known_chain = False  # the node's chain and the database's are the same network's

    def run(self) -> None:
        """Work until `stop` is set, through every fault of the node or the database server.

        Raises WrongDatabaseError where the database is another network's, and LostElectionError:
        what this object knows of the tables may then be true no more.
        """
        delay = FIRST_RETRY
        while not self._stop.is_set():
            try:
                if not self.step():
                    self._node.wait(POLL)
                delay = FIRST_RETRY
            except (WrongDatabaseError, LostElectionError):
                raise
            except (NodeError, DatabaseError, DBAPIError) as error:
                self._note(error)
                self._stop.wait(delay)
                delay = min(2 * delay, LAST_RETRY)

    def step(self) -> bool:
        """One round: the chain up to the node's tip, then the mempool; whether anything changed.

        Raises NodeError, and DatabaseError or SQLAlchemy's DBAPIError.
        """
        self._require_same_chain()
        self._ask_node()
        changed = self._sync_chain()
        if self._mempool is not None and self._read_state().phase != BULK:
            changed |= self._mempool.sync()
        return changed

    def _require_same_chain(self) -> None:
        if self._known_chain:
            return
        network = self._node.network
        with self._database.write() as connection:
            state.ensure_state(connection, network)
        if self._node.block_hash(0) != network.genesis_hash:
            raise WrongNetworkError(f"The node's genesis block is not that of {network.title}")
        self._known_chain = True

    def _ask_node(self, *, again: bool = False) -> NodeInfo:
        """What the node says of itself, also written down, at most every NODE_INTERVAL."""
        now = time.monotonic()
        if self._info is None or again or now - self._asked_at >= NODE_INTERVAL:
            info = self._node.info()
            if info.network != self._node.network.name:
                raise WrongNetworkError(
                    f"The node follows {info.network}, not {self._node.network.name}"
                )
            fee_estimates = self._node.fee_estimates()
            with self._database.write() as connection:
                state.write_node(connection, info, fee_estimates)
            self._info, self._asked_at = info, now
        return self._info

    def _sync_chain(self) -> bool:
        current = self._read_state()
        if current.phase == BULK and current.progress > 0:
            self._bulk.build()
            return True
        tip = self._node.tip()
        if current.tip_hash == tip.hash and current.phase != BULK:
            return False
        info = self._ask_node(again=True)
        changed = self._rewind(current, tip, info)
        self._require_block(info, tip)
        if current.phase == BULK:
            return self._load(tip) or changed
        return self._follow(tip) or changed

    def _rewind(self, current: State, tip: BlockRef, info: NodeInfo) -> bool:
        """Take off the blocks that are not in the node's best chain; whether there were any."""
        height = current.tip_height
        fork = min(height, tip.height)
        with self._database.read() as connection:
            if info.initial_download and fork < height and _hash_at(connection, fork) == tip.hash:
                raise NodeUnavailableError(
                    f"The node is at block {tip.height} and still catching up; "
                    f"the index is at {height} and waits for it"
                )
            while fork >= 0 and _hash_at(connection, fork) != self._node.block_hash(fork):
                fork -= 1
        if fork < 0 <= height:
            raise WrongNetworkError("The node's chain has no block in common with the index")
        depth = height - fork
        if depth > 0:
            logger.warning("Reorganisation: %d blocks above height %d are stale", depth, fork)
        for _ in range(depth):
            self._disconnect(depth, with_aggregates=current.phase != BULK)
            if self._stop.is_set():
                break
        return depth > 0

    def _disconnect(self, depth: int, *, with_aggregates: bool) -> None:
        self._prevouts.forget()
        with self._database.write() as connection:
            disconnect_block(connection, with_aggregates=with_aggregates)
            state.write_reorg(connection, depth)

    def _require_block(self, info: NodeInfo, tip: BlockRef) -> None:
        """Say early and clearly that a pruned node cannot give what comes next."""
        needed = self._read_state().tip_height + 1
        if info.pruned_height is not None and needed < min(info.pruned_height, tip.height + 1):
            raise BlockUnavailableError(
                f"The node is pruned: it has kept blocks from height {info.pruned_height} on, "
                f"and the index needs block {needed} next. Connect a node that has it"
            )

    def _load(self, tip: BlockRef) -> bool:
        """Append in bulk; near the tip build what follow needs."""
        loaded = self._bulk.load(tip.height)
        if self._stop.is_set():
            return loaded
        info = self._ask_node(again=True)
        target = info.headers if info.initial_download else info.height
        if target - self._read_state().tip_height > NEAR:
            return loaded
        self._bulk.build()
        return True

    def _follow(self, tip: BlockRef) -> bool:
        with self._database.read() as connection:
            position = read_position(connection)
        connected = False
        for draft in read_drafts(self._node, position, tip.height):
            self._connect(draft)
            connected = True
            if self._stop.is_set():
                break
        return connected

    def _connect(self, draft: BlockDraft) -> None:
        with self._prevouts.kept(), self._database.write() as connection:
            rows = self._prevouts.complete(connection, draft)
            connect_block(connection, rows, keep_raw_blocks=self._keep_raw_blocks)
            if self._mempool is not None:
                txids = [row[1] for row in draft.transactions]
                self._mempool.connect(connection, txids, draft.spent)

    def _read_state(self) -> State:
        with self._database.read() as connection:
            return state.read_state(connection)

    def _note(self, error: Exception) -> None:
        """Tell the log, and the pages what concerns the node."""
        self._info = None
        if not isinstance(error, NodeError):
            logger.error("The index database: %s", getattr(error, "orig", error))
            return
        logger.warning("The node: %s", error)
        try:
            with self._database.write() as connection:
                state.write_node_error(connection, str(error))
        except (DatabaseError, DBAPIError) as failure:
            logger.error("The index database: %s", getattr(failure, "orig", failure))


def _hash_at(connection: Connection, height: int) -> bytes | None:
    found: bytes | None = connection.scalar(
        select(schema.block.c.hash).where(schema.block.c.height == height)
    )
    return found
