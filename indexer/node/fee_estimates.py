"""What to pay for a place near the front of a queue of transactions."""

from collections.abc import Iterable

from indexer.node.mempool_graph import MIN_RELAY_FEE, PoolEntry

_BLOCK_VSIZE = 1_000_000
# Blocks to wait -> the share of the queue to stay ahead of, where all of it fits into a block.
_SHARES = {1: 0.25, 2: 0.5, 3: 0.75, 6: 1.0, 12: 1.0, 24: 1.0, 144: 1.0}


def estimate_fees(entries: Iterable[PoolEntry]) -> dict[int, int]:
    """Blocks to wait -> smallest units per 1000 vbytes, at least what is relayed."""
    queue = sorted(((entry.fee / entry.vsize, entry.vsize) for entry in entries), reverse=True)
    total = sum(vsize for _, vsize in queue)
    estimates = {}
    for blocks, share in _SHARES.items():
        place = min(blocks * _BLOCK_VSIZE, share * total)
        estimates[blocks] = max(MIN_RELAY_FEE, round(1000 * _rate_at(queue, place)))
    return estimates


def _rate_at(queue: list[tuple[float, int]], place: float) -> float:
    for rate, vsize in queue:
        place -= vsize
        if place < 0:
            return rate
    return 0.0
