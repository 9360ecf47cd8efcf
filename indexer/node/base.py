"""What the indexer needs of a chain node, whatever speaks for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from indexer.chain.network import Network


class NodeError(Exception):
    """The node did not answer as it should. The message is shown to people."""


class NodeUnavailableError(NodeError):
    """Down, starting, reindexing or too slow: worth trying again."""


class WrongNetworkError(NodeError):
    """The node follows another chain than the one configured."""


class BlockUnavailableError(NodeError):
    """The node does not have this block's data: pruned, or unknown to it."""


class TransactionRejectedError(NodeError):
    """The node refused a transaction; the message holds its reason."""


@dataclass(frozen=True, slots=True)
class Peer:
    address: str
    version: str
    inbound: bool
    height: int


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What the node tells of itself."""

    version: str  # for people, "Litecoin Core 0.21.2.1"
    network: str  # Network.name
    height: int
    headers: int
    initial_download: bool
    progress: float  # of the node's own validation, 0..1
    pruned_height: int | None  # first block it still has, None if it has all
    size_on_disk: int | None
    relay_fee: int  # minimum, smallest unit per 1000 vbytes
    interfaces: tuple[str, ...]  # for people, ("REST", "JSON-RPC", "ZMQ")
    peers: tuple[Peer, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockRef:
    height: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class SpentOutput:
    value: int
    script: bytes


@dataclass(frozen=True, slots=True)
class MempoolEntry:
    """A transaction waiting in the node. `time` is when the node saw it first."""

    raw: bytes
    time: int
    fee: int


@dataclass(frozen=True, slots=True)
class MempoolChange:
    """What differs between the node's mempool and the txids the caller already knows."""

    added: dict[bytes, MempoolEntry] = field(default_factory=dict)
    removed: frozenset[bytes] = frozenset()


class Node(Protocol):
    """Every method may raise NodeError. Hashes are 32 bytes in wire order."""

    network: Network

    def info(self) -> NodeInfo: ...

    def tip(self) -> BlockRef: ...

    def block_hash(self, height: int) -> bytes:
        """The hash at a height of the node's best chain; BlockUnavailableError above its tip."""

    def block(self, block_hash: bytes) -> bytes:
        """The block as serialised on the wire, stale ones too where the node still has them."""

    def spent_outputs(self, block_hash: bytes) -> Sequence[Sequence[SpentOutput]] | None:
        """For each transaction but the coinbase, what its inputs spend; None: cannot tell."""

    def transaction(self, txid: bytes, block_hash: bytes) -> bytes:
        """A confirmed transaction, given its block."""

    def mempool(self, known: frozenset[bytes]) -> MempoolChange: ...

    def fee_estimates(self) -> dict[int, int]:
        """Blocks to wait -> smallest unit per 1000 vbytes; empty if the node has no idea."""

    def submit(self, raw: bytes) -> bytes:
        """Broadcast a transaction and return its txid; TransactionRejectedError says why not."""

    def wait(self, timeout: float) -> None:
        """Return after `timeout` seconds, or earlier when the tip or mempool may have moved."""

    def close(self) -> None: ...
