"""A Bitcoin, Litecoin or Dogecoin Core node: binary REST where it is on, JSON-RPC else."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from indexer.chain.encoding import EncodingError, hash_hex, parse_block, parse_transaction
from indexer.chain.merkle import merkle_root
from indexer.chain.network import NETWORKS, Network
from indexer.node import core_broadcast
from indexer.node.answers import Record, as_bytes, as_hash
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    MempoolChange,
    NodeError,
    NodeInfo,
    PackageResult,
    SpentOutput,
    Verdict,
    WrongNetworkError,
)
from indexer.node.core_info import first_height, read_fee_estimates, read_info, taken
from indexer.node.core_mempool import CoreMempool
from indexer.node.http import NodeHttp
from indexer.node.notify import Notifications
from indexer.node.rest import Endpoints, Rest
from indexer.node.rpc import JsonRpc, Login, RpcError

log = logging.getLogger(__name__)

METHOD_NOT_FOUND: Final = -32601
POLL_INTERVAL: Final = 1.0  # seconds


class CoreNode:
    """Implements `Node`. The node is reached at the first use; threads may share all but wait.

    `timeout` is in seconds, for each wait on the network.
    """

    def __init__(
        self,
        network: Network,
        url: str = "http://127.0.0.1:18443",
        *,
        user: str | None = None,
        password: str | None = None,
        cookie_file: Path | None = None,
        zmq_block: str | None = None,
        zmq_tx: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.network = network
        self._http = NodeHttp(url, timeout)
        self._rest = Rest(self._http)
        self._rpc = JsonRpc(self._http, Login(user, password, cookie_file))
        self._mempool = CoreMempool(self._rpc, network)
        self._zmq = Notifications(zmq_block, zmq_tx) if zmq_block or zmq_tx else None
        self._endpoints: Endpoints | None = None
        self._checked_connections = 0
        self._check_lock = threading.Lock()
        self._pulse: tuple[bytes, list[int]] | None = None
        self._has_waitfornewblock = True
        self._closed = threading.Event()

    def info(self) -> NodeInfo:
        with self._on_chain() as endpoints:
            interfaces = (
                *(("REST",) if endpoints.blocks else ()),
                *(("REST spenttxouts",) if endpoints.spent_outputs else ()),
                "JSON-RPC",
                *(("ZMQ",) if self._zmq else ()),
            )
            return read_info(self._rpc, self.network, interfaces)

    def tip(self) -> BlockRef:
        with self._on_chain():
            chain = Record("getblockchaininfo", self._rpc.call("getblockchaininfo"))
            return BlockRef(chain.integer("blocks"), chain.hash("bestblockhash"))

    def block_hash(self, height: int) -> bytes:
        with self._on_chain() as endpoints:
            if height >= 0 and endpoints.hash_by_height:
                block_hash = self._rest.block_hash(height)
                if block_hash is not None:
                    return block_hash
            try:
                return as_hash("getblockhash", self._rpc.call("getblockhash", height))
            except RpcError as error:
                raise BlockUnavailableError(
                    f"The node has no block at height {height}: {error.reason}."
                ) from None

    def block(self, block_hash: bytes) -> bytes:
        with self._on_chain() as endpoints:
            raw = self._rest.block(block_hash) if endpoints.blocks else None
            if raw is None:
                raw = self._block_by_rpc(block_hash)
            self._check_block(raw, block_hash)
            return raw

    def spent_outputs(self, block_hash: bytes) -> Sequence[Sequence[SpentOutput]] | None:
        with self._on_chain() as endpoints:
            return self._rest.spent_outputs(block_hash) if endpoints.spent_outputs else None

    def transaction(self, txid: bytes, block_hash: bytes) -> bytes:
        with self._on_chain():
            try:
                answer = self._rpc.call(
                    "getrawtransaction", hash_hex(txid), False, hash_hex(block_hash)
                )
            except RpcError:
                # Dogecoin Core 1.14 knows no block here, others say less clearly what is wrong.
                return self._transaction_in_block(txid, block_hash)
            raw = as_bytes("getrawtransaction", answer)
            try:
                found = parse_transaction(raw, self.network).txid
            except EncodingError as error:
                raise NodeError(f"The node sent a damaged transaction: {error}.") from None
            if found != txid:
                raise NodeError(
                    f"The node sent transaction {hash_hex(found)} when asked for {hash_hex(txid)}."
                )
            return raw

    def mempool(self, known: frozenset[bytes]) -> MempoolChange:
        with self._on_chain():
            return self._mempool.change(known)

    def fee_estimates(self) -> dict[int, int]:
        with self._on_chain():
            return read_fee_estimates(self._rpc, self.network)

    def submit(self, raw: bytes) -> bytes:
        with self._on_chain():
            return core_broadcast.submit(self._rpc, raw)

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        with self._on_chain():
            return core_broadcast.test_accept(self._rpc, self.network, raws, max_fee_rate)

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        with self._on_chain():
            return core_broadcast.submit_package(
                self._rpc, self.network, raws, max_fee_rate, max_burn
            )

    def wait(self, timeout: float) -> None:
        """A new tip wakes at once; a moving mempool every POLL_INTERVAL, by ZMQ somewhat sooner."""
        deadline = time.monotonic() + timeout
        tip_moved, pool_moved = self._moved()
        while not (tip_moved or self._mempool.incomplete or self._closed.is_set()):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            self._pause(min(remaining, POLL_INTERVAL))
            tip_moved, pool_moved_since = self._moved()
            if pool_moved or pool_moved_since:
                return

    def close(self) -> None:
        self._closed.set()
        if self._zmq is not None:
            self._zmq.close()
        self._http.close()

    @contextmanager
    def _on_chain(self) -> Iterator[Endpoints]:
        """Makes sure, before and after, that who answers follows the configured network."""
        yield self._connected()
        self._connected()

    def _connected(self) -> Endpoints:
        with self._check_lock:
            if self._endpoints is None or self._http.connections != self._checked_connections:
                self._endpoints = self._connect()
            return self._endpoints

    def _connect(self) -> Endpoints:
        genesis_answer, chain_answer = self._rpc.batch(
            [("getblockhash", (0,)), ("getblockchaininfo", ())]
        )
        connections = self._http.connections
        genesis = as_hash("getblockhash", taken(genesis_answer))
        chain = Record("getblockchaininfo", taken(chain_answer)).text("chain")
        if genesis != self.network.genesis_hash or chain != self.network.core_chain:
            raise WrongNetworkError(self._wrong_network(genesis, chain))
        endpoints = self._rest.endpoints(genesis)
        if endpoints != self._endpoints:
            self._log_endpoints(endpoints)
        self._checked_connections = connections
        return endpoints

    def _wrong_network(self, genesis: bytes, chain: str) -> str:
        actual = next((n for n in NETWORKS.values() if n.genesis_hash == genesis), None)
        follows = f"{actual.title} ({actual.name})" if actual else f'an unknown chain "{chain}"'
        return (
            f"The node at {self._http.address} follows {follows}, but this index is for "
            f"{self.network.title} ({self.network.name}): correct node_url or network."
        )

    def _log_endpoints(self, endpoints: Endpoints) -> None:
        if not endpoints.blocks:
            log.warning(
                "The node at %s has no REST: blocks come by JSON-RPC, which is slower. "
                "Start it with rest=1.",
                self._http.address,
            )
        elif not endpoints.spent_outputs:
            log.info(
                "The node at %s has no REST spenttxouts: spent outputs are looked up in the index.",
                self._http.address,
            )

    def _block_by_rpc(self, block_hash: bytes) -> bytes:
        try:
            answer = self._rpc.call("getblock", hash_hex(block_hash), False)
        except RpcError as error:
            raise BlockUnavailableError(self._why_no_block(block_hash, error)) from None
        return as_bytes("getblock", answer)

    def _why_no_block(self, block_hash: bytes, error: RpcError) -> str:
        chain = Record("getblockchaininfo", self._rpc.call("getblockchaininfo"))
        if "pruned" in error.reason and chain.has("pruned") and chain.flag("pruned"):
            return (
                f"The node has pruned block {hash_hex(block_hash)}: it has blocks from height "
                f"{first_height(chain)} on. Use a node without prune, or set prune=0 and let it "
                "download the chain again."
            )
        return f"The node cannot give block {hash_hex(block_hash)}: {error.reason}."

    def _check_block(self, raw: bytes, block_hash: bytes) -> None:
        """NodeError unless these are the block's bytes: header, and transactions by their root."""
        name = hash_hex(block_hash)
        try:
            block = parse_block(raw, self.network)
        except EncodingError as error:
            raise NodeError(f"The node sent block {name} damaged: {error}.") from None
        if block.hash != block_hash:
            raise NodeError(f"The node sent block {hash_hex(block.hash)} when asked for {name}.")
        txids = [transaction.txid for transaction in block.transactions]
        # A repeated tail of transactions has the same root (CVE-2012-2459).
        if len(set(txids)) != len(txids) or merkle_root(txids) != block.header.merkle_root:
            raise NodeError(f"The node sent block {name} with transactions that are not its own.")

    def _transaction_in_block(self, txid: bytes, block_hash: bytes) -> bytes:
        for transaction in parse_block(self.block(block_hash), self.network).transactions:
            if transaction.txid == txid:
                return transaction.serialize()
        raise NodeError(
            f"The node's block {hash_hex(block_hash)} has no transaction {hash_hex(txid)}."
        )

    def _moved(self) -> tuple[bool, bool]:
        """Whether tip and mempool differ from when this was last asked."""
        with self._on_chain():
            tip_answer, pool_answer = self._rpc.batch(
                [("getbestblockhash", ()), ("getmempoolinfo", ())]
            )
        tip = as_hash("getbestblockhash", taken(tip_answer))
        record = Record("getmempoolinfo", taken(pool_answer))
        pool = [record.integer("size"), record.integer("bytes")]
        if record.has("total_fee"):  # Bitcoin Core 22+: moves with a replacement of equal size
            pool.append(record.amount("total_fee", self.network.decimals))
        before, self._pulse = self._pulse, (tip, pool)
        return (False, False) if before is None else (tip != before[0], pool != before[1])

    def _pause(self, seconds: float) -> None:
        """For so long, or until the node tells news: of a block always, of the rest by ZMQ."""
        if self._zmq is not None:
            self._zmq.wait(seconds)
            return
        if self._has_waitfornewblock:
            try:
                self._rpc.call("waitfornewblock", max(1, round(seconds * 1000)), patience=seconds)
            except RpcError as error:
                if error.code != METHOD_NOT_FOUND:
                    raise
                self._has_waitfornewblock = False
            else:
                return
        self._closed.wait(seconds)
