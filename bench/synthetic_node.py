"""A node that serves a made-up chain of bench.chain from its file; it stands still.

The file is read as a node reads its own, so that nothing of the chain is in memory.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.chain import PLACE, TOTALS, ChainFile
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


class SyntheticChain:
    """Its tip is `height`, which may be set: the blocks above are not there yet."""

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
        self._heights = {place[0]: height for height, place in enumerate(self._places)}
        self._file = os.open(chain.raw, os.O_RDONLY)
        self.transactions: int = TOTALS.unpack(places[-TOTALS.size :])[0]
        self.size = chain.raw.stat().st_size
        self.height = len(self._places) - 1
        self.network: Network = replace(
            get_network("bitcoin-regtest"), genesis_hash=self._places[0][0]
        )

    def info(self) -> NodeInfo:
        return NodeInfo(
            version="synthetic chain",
            network=self.network.name,
            height=self.height,
            headers=self.height,
            initial_download=False,
            progress=1.0,
            pruned_height=None,
            size_on_disk=self.size,
            relay_fee=1000,
            interfaces=("file",),
        )

    def tip(self) -> BlockRef:
        return BlockRef(self.height, self._places[self.height][0])

    def block_hash(self, height: int) -> bytes:
        if not 0 <= height <= self.height:
            raise BlockUnavailableError(f"There is no block at height {height}")
        return bytes(self._places[height][0])

    def block(self, block_hash: bytes) -> bytes:
        if block_hash not in self._heights:
            raise BlockUnavailableError("The block is unknown")
        _, start, size = self._places[self._heights[block_hash]]
        return os.pread(self._file, size, start)

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
        os.close(self._file)
