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
    """The node refused a transaction; the message holds its reason.

    `reason` is the node's own word for it and `code` that of Core's sendrawtransaction.
    """

    NOT_A_TRANSACTION = -22
    INPUTS_MISSING = -25
    AGAINST_A_RULE = -26
    IN_A_BLOCK_ALREADY = -27

    def __init__(self, message: str, *, code: int = AGAINST_A_RULE, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or message


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the node says of one transaction of several. `allowed` is None where it did not judge
    it, since another one failed; `reason` is its own word for why not."""

    txid: bytes
    wtxid: bytes
    allowed: bool | None
    reason: str | None = None
    vsize: int | None = None
    fee: int | None = None
    effective_rate: int | None = None  # per 1000 vbytes, of those that it was judged with
    effective_includes: tuple[bytes, ...] = ()  # their wtxids
    other_wtxid: bytes | None = None  # waits already with this witness; the new one was ignored


@dataclass(frozen=True, slots=True)
class PackageResult:
    """What became of a package. `message` is "success" or the node's own word for why not."""

    message: str
    verdicts: tuple[Verdict, ...]  # in the order of the package
    replaced: tuple[bytes, ...] = ()  # txids


class Broadcaster(Protocol):
    """Takes transactions for the network. Every method may raise NodeError, and sends only once:
    after a NodeUnavailableError a transaction may or may not have arrived."""

    def submit(self, raw: bytes) -> bytes:
        """Broadcast a transaction and return its txid; TransactionRejectedError says why not."""

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        """What submit would say; the fee rate per 1000 vbytes. TransactionRejectedError where the
        node does not even judge them."""

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        """Broadcast a child behind its parents, which may pay too little by themselves.

        Limits: the fee rate per 1000 vbytes, and what each output may burn.
        TransactionRejectedError where they are no such package.
        """


class Node(Broadcaster, Protocol):
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

    def wait(self, timeout: float) -> None:
        """Return after `timeout` seconds, or earlier when the tip or mempool may have moved."""

    def close(self) -> None: ...
