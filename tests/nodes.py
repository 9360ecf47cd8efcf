"""A node that serves given blocks from memory, and fails when told to."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from indexer.chain.encoding import hash256, parse_block
from indexer.chain.network import Network
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    MempoolChange,
    NodeInfo,
    NodeUnavailableError,
    PackageResult,
    SpentOutput,
    Verdict,
)


class BlockNode:
    """A Node whose best chain is `path`, hashes from the genesis block on, of blocks in `raw`.

    `fail_in` calls from now it is out of reach, once.
    """

    def __init__(self, network: Network, raw_blocks: Sequence[bytes]) -> None:
        self.network = network
        self.path = [hash256(raw[:80]) for raw in raw_blocks]
        self.raw = dict(zip(self.path, raw_blocks, strict=True))
        self.fail_in: int | None = None
        self.pruned_height: int | None = None
        self.initial_download = False
        self.headers = 0

    def info(self) -> NodeInfo:
        self._answer()
        height = len(self.path) - 1
        return NodeInfo(
            version="blocks in memory",
            network=self.network.name,
            height=height,
            headers=max(height, self.headers),
            initial_download=self.initial_download,
            progress=1.0,
            pruned_height=self.pruned_height,
            size_on_disk=None,
            relay_fee=1000,
            interfaces=("memory",),
        )

    def tip(self) -> BlockRef:
        self._answer()
        return BlockRef(len(self.path) - 1, self.path[-1])

    def block_hash(self, height: int) -> bytes:
        self._answer()
        if height >= len(self.path):
            raise BlockUnavailableError(f"There is no block at height {height}")
        return self.path[height]

    def block(self, block_hash: bytes) -> bytes:
        self._answer()
        return self.raw[block_hash]

    def spent_outputs(self, block_hash: bytes) -> Sequence[Sequence[SpentOutput]] | None:
        return None

    def transaction(self, txid: bytes, block_hash: bytes) -> bytes:
        for transaction in parse_block(self.raw[block_hash], self.network).transactions:
            if transaction.txid == txid:
                return transaction.serialize()
        raise BlockUnavailableError("The block does not hold this transaction")

    def mempool(self, known: frozenset[bytes]) -> MempoolChange:
        self._answer()
        return MempoolChange(removed=known)

    def fee_estimates(self) -> dict[int, int]:
        self._answer()
        return {}

    def submit(self, raw: bytes) -> bytes:
        raise NodeUnavailableError("This node takes no transactions")

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        raise NodeUnavailableError("This node takes no transactions")

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        raise NodeUnavailableError("This node takes no transactions")

    def wait(self, timeout: float) -> None:
        self._answer()

    def close(self) -> None:
        """There is nothing to close."""

    def _answer(self) -> None:
        if self.fail_in is None:
            return
        self.fail_in -= 1
        if self.fail_in < 0:
            self.fail_in = None
            raise NodeUnavailableError("The node is out of reach, as told")


def read_block_file(path: Path) -> Iterator[bytes]:
    """The blocks of a file of records as Core keeps them: magic, length, block."""
    data = path.read_bytes()
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position + 8 : position + 8 + size]
        position += 8 + size
