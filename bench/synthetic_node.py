"""Nodes that serve blocks made for a measurement, and do nothing else."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.chain import PLACE, TOTALS, ChainFile
from indexer.chain.encoding import hash256
from indexer.chain.network import Network, get_network
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    MempoolChange,
    NodeInfo,
    PackageResult,
    SpentOutput,
    TransactionRejectedError,
    Verdict,
)


class StandingNode:
    """A node of blocks that are all there from the start. `height` may be set: what lies above is
    not there yet, or not any more."""

    def __init__(self, network: Network, hashes: Sequence[bytes]) -> None:
        self.network = network
        self._hashes = hashes
        self._heights = {block_hash: height for height, block_hash in enumerate(hashes)}
        self.height = len(hashes) - 1

    def read(self, height: int) -> bytes:
        """The raw block at a height."""
        raise NotImplementedError

    def info(self) -> NodeInfo:
        return NodeInfo(
            version="synthetic chain",
            network=self.network.name,
            height=self.height,
            headers=self.height,
            initial_download=False,
            progress=1.0,
            pruned_height=None,
            size_on_disk=0,
            relay_fee=1000,
            interfaces=("file",),
        )

    def tip(self) -> BlockRef:
        return BlockRef(self.height, self._hashes[self.height])

    def block_hash(self, height: int) -> bytes:
        if not 0 <= height <= self.height:
            raise BlockUnavailableError(f"There is no block at height {height}")
        return self._hashes[height]

    def block(self, block_hash: bytes) -> bytes:
        if block_hash not in self._heights:
            raise BlockUnavailableError("The block is unknown")
        return self.read(self._heights[block_hash])

    def spent_outputs(self, block_hash: bytes) -> Sequence[Sequence[SpentOutput]] | None:
        return None  # as most nodes: the index has to know its own outputs

    def transaction(self, txid: bytes, block_hash: bytes) -> bytes:
        raise BlockUnavailableError("A synthetic chain gives whole blocks only")

    def mempool(self, known: frozenset[bytes]) -> MempoolChange:
        return MempoolChange(removed=known)

    def fee_estimates(self) -> dict[int, int]:
        return {}

    def submit(self, raw: bytes) -> bytes:
        raise TransactionRejectedError("A synthetic chain takes no transactions")

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        raise TransactionRejectedError("A synthetic chain takes no transactions")

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        raise TransactionRejectedError("A synthetic chain takes no transactions")

    def wait(self, timeout: float) -> None:
        """Nothing ever happens here."""

    def close(self) -> None:
        """There is nothing to close."""


class SyntheticChain(StandingNode):
    """A made-up chain from its file, which is read as a node reads its own."""

    def __init__(
        self,
        blocks: int,
        transactions_per_block: int,
        *,
        seed: int = 1,
        directory: Path | None = None,
    ) -> None:
        directory = directory or Path(tempfile.gettempdir()) / "satchel-bench"
        chain = ChainFile(blocks, transactions_per_block, seed=seed, directory=directory)
        chain.make()
        places = chain.places.read_bytes()
        self._places = list(PLACE.iter_unpack(places[: -TOTALS.size]))
        hashes = [bytes(place[0]) for place in self._places]
        super().__init__(replace(get_network("bitcoin-regtest"), genesis_hash=hashes[0]), hashes)
        self._file = os.open(chain.raw, os.O_RDONLY)
        self.transactions: int = TOTALS.unpack(places[-TOTALS.size :])[0]
        self.size = chain.raw.stat().st_size

    def read(self, height: int) -> bytes:
        _, start, size = self._places[height]
        return os.pread(self._file, size, start)

    def close(self) -> None:
        os.close(self._file)


class MemoryChain(StandingNode):
    """Blocks in memory."""

    def __init__(self, blocks: Sequence[bytes]) -> None:
        hashes = [hash256(raw[:80]) for raw in blocks]
        super().__init__(get_network("bitcoin-regtest"), hashes)
        self._blocks = blocks

    def read(self, height: int) -> bytes:
        return self._blocks[height]
